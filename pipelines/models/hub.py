"""What a model hub has for us: asked once, within a time limit, without downloading anything."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Thread
from typing import Any

from pipelines.errors import ModelMissing
from pipelines.models.selection import (
    ABSENT,
    CACHED,
    GATED,
    GPU_WHISPER,
    HUB,
    SILENT,
    WHISPERS,
    Available,
    is_path,
)
from pipelines.options import EngineOptions

_WHISPER_OWNERS = {
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}

Wanted = dict[str, tuple[str, tuple[str, ...]]]
"""Name in the settings to its repository and the files that loading needs"""


def look(settings: EngineOptions) -> Available:
    """Find out what is cached and what a hub would give, within `hub_timeout` seconds."""
    deadline = time.monotonic() + settings.hub_timeout
    cuda = count_cuda() if settings.device != "cpu" else 0
    if settings.set == "embedded":
        return Available(cuda, {})
    weights: dict[str, str] = {}
    wanted: Wanted = {}
    for name in (settings.segmentation, settings.embedding):
        _sort(name, (name, ("pytorch_model.bin",)), weights, wanted)
    for name in whisper_candidates(settings.whisper, cuda):
        _sort(name, (whisper_repository(name), ("model.bin", "config.json", "tokenizer.json")), weights, wanted)
    weights.update(_ask(wanted, settings, deadline))
    return Available(cuda, weights)


def count_cuda() -> int:
    """CUDA devices that there are; asks CTranslate2, which is quicker to import than torch."""
    try:
        import ctranslate2

        return int(ctranslate2.get_cuda_device_count())
    except (ImportError, RuntimeError):
        return 0


def whisper_candidates(name: str, cuda: int) -> tuple[str, ...]:
    """The Whisper models that a setting may come to."""
    if name != "auto":
        return (name,)
    return WHISPERS if cuda else tuple(each for each in WHISPERS if each not in ("medium", GPU_WHISPER))


def whisper_repository(name: str) -> str:
    """The repository of a faster-whisper model, as that library maps its short names."""
    if "/" in name:
        return name
    if name.startswith("distil-") and name not in _WHISPER_OWNERS:
        return f"Systran/faster-distil-whisper-{name.removeprefix('distil-')}"
    return _WHISPER_OWNERS.get(name, f"Systran/faster-whisper-{name}")


def fetch(repository: str, file: str, token: str | None, local_only: bool) -> Path:
    """The path of a hub's file, downloaded with a progress bar unless `local_only`; raises ModelMissing."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, file, token=token or None, local_files_only=local_only))
    except Exception as error:  # the hub client has one error per status, transport and cache state
        raise ModelMissing(_not_had(f"model {repository}", error)) from error


def fetch_whisper(name: str, token: str | None, local_only: bool) -> Path:
    """The folder of a faster-whisper model, downloaded with progress bars unless `local_only`; raises ModelMissing."""
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                whisper_repository(name),
                token=token or None,
                local_files_only=local_only,
                allow_patterns=[
                    "config.json",
                    "preprocessor_config.json",
                    "model.bin",
                    "tokenizer.json",
                    "vocabulary.*",
                ],
            )
        )
    except Exception as error:
        raise ModelMissing(_not_had(f"Whisper model {name}", error)) from error


def _not_had(what: str, error: Exception) -> str:
    return (
        f"the {what} could not be had ({type(error).__name__}): go online once, accept its terms at its hub and set "
        "MEETING_MODELS_HUB_TOKEN, give a path, or set models.set to auto"
    )


def _sort(name: str, source: tuple[str, tuple[str, ...]], weights: dict[str, str], wanted: Wanted) -> None:
    """Settle what this machine knows alone; what is left over is `wanted`."""
    if is_path(name):
        weights[name] = CACHED if Path(name).expanduser().exists() else ABSENT
    elif _cached(*source):
        weights[name] = CACHED
    else:
        weights[name] = SILENT
        wanted[name] = source


def _cached(repository: str, files: tuple[str, ...]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    try:
        return all(isinstance(try_to_load_from_cache(repository, file), str) for file in files)
    except ValueError:
        return False


def _ask(wanted: Wanted, settings: EngineOptions, deadline: float) -> dict[str, str]:
    """One question per model, all at once; what has not answered in time stays silent.

    The threads are left behind when time is up: a name server that hangs cannot be interrupted.
    """
    if not wanted or settings.hub_timeout <= 0 or _offline():
        return {}
    answers: dict[str, str] = {}

    def ask(name: str, repository: str, file: str) -> None:
        answers[name] = _head(repository, file, settings.hub_token, settings.hub_timeout)

    threads = [
        Thread(target=ask, args=(name, repository, files[0]), daemon=True, name="hub")
        for name, (repository, files) in wanted.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(answers)


def _head(repository: str, file: str, token: str | None, timeout: float) -> str:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session

    try:
        response: Any = get_session().head(
            hf_hub_url(repository, file, endpoint=os.environ.get("HF_ENDPOINT") or None),
            headers=build_hf_headers(token=token or None),
            timeout=timeout,
            allow_redirects=False,
        )
    except (OSError, ValueError):
        return SILENT
    if response.status_code in (401, 403):
        return GATED
    if response.status_code == 404:
        return ABSENT
    # A hotel's log-in page answers as well; only a hub names the commit of a file.
    return HUB if response.status_code < 400 and "x-repo-commit" in response.headers else SILENT


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
