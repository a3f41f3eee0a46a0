"""What this machine has of each model and what a hub would give, found within a time limit and without a download."""

from __future__ import annotations

import ctypes
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from pipelines.models.gpus import Gpu
from pipelines.models.hub import ask, is_cached, is_offline, weights_source
from pipelines.models.naming import NamedModel, is_path, resolve_names
from pipelines.models.plugins import GROUPS, names_offered
from pipelines.models.selection import (
    CACHED,
    GPU_WHISPER,
    NOT_FOUND,
    NOT_INSTALLED,
    UNREACHABLE,
    WHISPERS,
    Availability,
    ModelSelection,
    select_models,
)
from pipelines.options import EngineOptions

PACKAGES = {"whispercpp": "pywhispercpp", "transformers": "transformers"}
"""Packages without which a recogniser of this program cannot be loaded, and which are extras"""

CUBLAS = "libcublas.so.12"
"""What CTranslate2 loads by this name when it first multiplies on a GPU, and does not bring; PyTorch's does"""

Sources = dict[str, tuple[str, tuple[str, ...]]]
"""Name in the settings to its repository and the files that loading needs"""


def probe_and_select(options: EngineOptions) -> ModelSelection:
    """Look what there is and choose; takes at most `hub_timeout` seconds and a little. Raises ModelError."""
    return select_models(options, probe_models(options))


def probe_models(options: EngineOptions) -> Availability:
    """What this machine has and what a hub would give, within `hub_timeout` seconds.

    Raises SettingsError where the settings name a model that is not installed.
    """
    deadline = time.monotonic() + options.hub_timeout
    cuda = count_cuda() if options.device != "cpu" else 0
    plugins = {role: names_offered(role) for role in GROUPS}
    resolved, named = resolve_names(options, plugins)
    weights: dict[str, str] = {}
    unsettled: Sources = {}
    for name, source in _wanted(resolved, named, cuda).items():
        _settle_locally(name, source, weights, unsettled)
    speech = named.get("speech")
    if speech is not None and not is_installed(speech.kind):
        weights[speech.weights] = NOT_INSTALLED
        unsettled.pop(speech.weights, None)
    weights.update(_ask_hub(unsettled, options, deadline))
    card = options.device.partition(":")[2]  # the memory of other cards is not touched where one is named
    gpus = {number: ask_gpu(number) for number in range(cuda) if card in ("", str(number))}
    return Availability(cuda, weights, plugins, gpus)


def _wanted(options: EngineOptions, named: dict[str, NamedModel], cuda: int) -> Sources:
    """What may serve of the weights that this project knows where to find."""
    wanted: Sources = {}
    embedded = options.set == "embedded"
    for role, name in (("segmentation", options.segmentation), ("embedding", options.embedding)):
        if role not in named and not embedded:
            wanted[name] = (name, ("pytorch_model.bin",))
    speech = named.get("speech", NamedModel("moonshine" if embedded else "whisper", None))
    for name in whisper_candidates(options.whisper, cuda) if speech.kind == "whisper" else (speech.weights,):
        source = weights_source(speech.kind, name)
        if source is not None:
            wanted[name] = source
    return wanted


def is_installed(kind: str) -> bool:
    """Whether the package that a recogniser of that name needs is there."""
    return kind not in PACKAGES or importlib.util.find_spec(PACKAGES[kind]) is not None


def count_cuda() -> int:
    """CUDA devices that there are; asks CTranslate2, which is quicker to import than torch."""
    try:
        import ctranslate2

        return int(ctranslate2.get_cuda_device_count())
    except (ImportError, RuntimeError):
        return 0


def ask_gpu(number: int) -> Gpu:
    """What one CUDA device can do, found by computing a little on it; takes a second or two."""
    try:
        import ctranslate2
        import torch
    except ImportError as error:
        return Gpu(problem=str(error))
    return examine_gpu(number, torch, ctranslate2, ctypes.CDLL)


def examine_gpu(number: int, torch: Any, ctranslate2: Any, load: Callable[[str], object]) -> Gpu:
    """The same with these libraries, or what stands in for them; `load` opens a shared library by its name."""
    if torch.version.cuda is None:
        return Gpu(problem="PyTorch is installed without CUDA")
    try:
        _compute_a_little(torch, number)
    except (OSError, RuntimeError, AssertionError) as error:
        return Gpu(problem=_first_line(error))
    try:
        load(CUBLAS)
        return Gpu(frozenset(ctranslate2.get_supported_compute_types("cuda", number)))
    except (OSError, RuntimeError, ValueError) as error:
        return Gpu(whisper_problem=_first_line(error))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _compute_a_little(torch: Any, number: int) -> None:
    """Raises where PyTorch has no code for a GPU, or cannot load cuDNN or cuBLAS."""
    with torch.inference_mode():
        sound = torch.ones(4, 4, 64, device=f"cuda:{number}")
        found = torch.nn.functional.conv1d(sound, sound[:, :, :8])
        (found[0] @ found[0].mT).cpu()  # only reading a result waits for it, and for what failed


def whisper_candidates(name: str, cuda: int) -> tuple[str, ...]:
    """The Whisper models that a setting may come to."""
    if name != "auto":
        return (name,)
    return WHISPERS if cuda else tuple(each for each in WHISPERS if each not in ("medium", GPU_WHISPER))


def _settle_locally(
    name: str, source: tuple[str, tuple[str, ...]], weights: dict[str, str], unsettled: Sources
) -> None:
    """Settle what this machine knows alone; what only a hub knows is left in `unsettled`."""
    if is_path(name):
        weights[name] = CACHED if Path(name).expanduser().exists() else NOT_FOUND
    elif is_cached(*source):
        weights[name] = CACHED
    else:
        weights[name] = UNREACHABLE
        unsettled[name] = source


def _ask_hub(unsettled: Sources, options: EngineOptions, deadline: float) -> dict[str, str]:
    """One question per model, all at once; what has not answered in time counts as unreachable.

    The threads are left behind when time is up: a name server that hangs cannot be interrupted.
    """
    if not unsettled or options.hub_timeout <= 0 or is_offline():
        return {}
    answers: dict[str, str] = {}

    def ask_one(name: str, repository: str, file: str) -> None:
        answers[name] = ask(repository, file, options.hub_token, options.hub_timeout)

    threads = [
        Thread(target=ask_one, args=(name, repository, files[0]), daemon=True, name="hub")
        for name, (repository, files) in unsettled.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(answers)
