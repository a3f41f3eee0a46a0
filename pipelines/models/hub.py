"""A model hub and its cache: where models are kept, whether they can be had, and fetching them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipelines.errors import ModelMissing
from pipelines.models.selection import GATED, NOT_FOUND, ON_HUB, UNREACHABLE

_WHISPER_REPOSITORIES = {
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}


def whisper_repository(name: str) -> str:
    """The repository of a faster-whisper model, as that library maps its short names."""
    if "/" in name:
        return name
    if name.startswith("distil-") and name not in _WHISPER_REPOSITORIES:
        return f"Systran/faster-distil-whisper-{name.removeprefix('distil-')}"
    return _WHISPER_REPOSITORIES.get(name, f"Systran/faster-whisper-{name}")


TRANSFORMERS_FILES = (
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""What a Whisper of the library transformers is made of"""


def whispercpp_source(name: str) -> tuple[str, tuple[str, ...]]:
    """The repository of a whisper.cpp model by its short name, such as "base.en", and its file there."""
    return "ggerganov/whisper.cpp", (f"ggml-{name}.bin",)


def weights_source(kind: str, name: str) -> tuple[str, tuple[str, ...]] | None:
    """The repository of weights for a recogniser of this program and the files that loading needs; None for others."""
    if kind == "whisper":
        return whisper_repository(name), ("model.bin", "config.json", "tokenizer.json")
    if kind == "whispercpp":
        return whispercpp_source(name)
    return (name, TRANSFORMERS_FILES) if kind == "transformers" else None


def fetch(repository: str, file: str, token: str | None, local_only: bool) -> Path:
    """The path of a hub's file, downloaded with a progress bar unless `local_only`; raises ModelMissing."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, file, token=token or None, local_files_only=local_only))
    except Exception as error:  # the hub client has one error per status, transport and cache state
        raise ModelMissing(_fetch_failed(f"model {repository}", error)) from error


def fetch_whisper(name: str, token: str | None, local_only: bool) -> Path:
    """The folder of a faster-whisper model, downloaded with progress bars unless `local_only`; raises ModelMissing."""
    files = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
    return fetch_folder(whisper_repository(name), files, token, local_only)


def fetch_folder(repository: str, files: tuple[str, ...], token: str | None, local_only: bool) -> Path:
    """The folder of some of a repository's files, downloaded with progress bars unless `local_only`.

    Files may be patterns. Raises ModelMissing.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(repository, token=token or None, local_files_only=local_only, allow_patterns=list(files))
        )
    except Exception as error:
        raise ModelMissing(_fetch_failed(f"model {repository}", error)) from error


def _fetch_failed(what: str, error: Exception) -> str:
    return (
        f"the {what} could not be had ({type(error).__name__}): go online once, accept its terms at its hub and set "
        "MEETING_MODELS_HUB_TOKEN, give a path, or set models.set to auto"
    )


def is_cached(repository: str, files: tuple[str, ...]) -> bool:
    """Whether all of these files of a repository are in the cache of this machine."""
    from huggingface_hub import try_to_load_from_cache

    try:
        return all(isinstance(try_to_load_from_cache(repository, file), str) for file in files)
    except ValueError:
        return False


def ask(repository: str, file: str, token: str | None, timeout: float) -> str:
    """Whether a hub would give a file: ON_HUB, GATED, NOT_FOUND or UNREACHABLE, after `timeout` seconds at most."""
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
        return UNREACHABLE
    if response.status_code in (401, 403):
        return GATED
    if response.status_code == 404:
        return NOT_FOUND
    # A hotel's log-in page answers as well; only a hub names the commit of a file.
    return ON_HUB if response.status_code < 400 and "x-repo-commit" in response.headers else UNREACHABLE


def is_offline() -> bool:
    """Whether the hub's client was told to ask nobody (`HF_HUB_OFFLINE`)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
