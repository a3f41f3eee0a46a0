"""Which models serve: a pure choice between the sets, model by model, from what a probe has found."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.errors import ModelError, ModelMissing, SettingsError
from pipelines.models.gpu_memory import WhisperFit, first_that_fits, min_gb, shape_of, whisper_budget
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, SPEECH, PinnedFile, locate
from pipelines.options import DEVICE, DEVICES, MODEL_SETS, EngineOptions
from pipelines.types import ModelInfo

GPU_WHISPER = "large-v3-turbo"
CPU_WHISPERS = ("tiny", "base", "small")
"""Whisper models that a CPU may keep pace with, in order of size"""
WHISPERS = (*CPU_WHISPERS, "medium", GPU_WHISPER)
"""Whisper models that `auto` knows, in order of size"""

CACHED = "cached"
"""The weights are on this machine: in a hub's cache or at the path given"""
ON_HUB = "hub"
"""A hub answered that we may have the weights"""
GATED = "gated"
"""A hub answered that we may not have the weights with the token we have, or without one"""
NOT_FOUND = "absent"
"""A hub answered that it has no such model, or there is nothing at the path given"""
UNREACHABLE = "silent"
"""Not on this machine, and no hub answered in time"""


@dataclass(frozen=True, slots=True)
class Availability:
    """What this machine has and can have, as found by a probe."""

    cuda: int
    """CUDA devices"""
    weights: Mapping[str, str]
    """Name or path from the settings to CACHED, HUB, GATED, ABSENT or SILENT"""

    def has(self, name: str) -> bool:
        """Whether the weights are here or can be fetched."""
        return self.weights.get(name, UNREACHABLE) in (CACHED, ON_HUB)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One model: enough to load it."""

    role: str
    """"speech", "segmentation" or "embedding" """
    kind: str
    """"moonshine", "faster-whisper", "pyannote-segmentation", "pyannote-embedding" or "ge2e" """
    name: str
    path: Path | None
    """File or folder with the weights; None when the hub's cache knows"""
    device: str
    compute_type: str
    """"float32", "float16", "int8_float16" or "int8" """
    local_only: bool = True
    """Whether loading must not ask a hub"""
    candidates: tuple[str, ...] = ()
    """Whisper models to choose from by measuring when `name` is "auto", in order of size"""
    max_batch: int | None = None
    """Slices that a Whisper reads together at most; None where its device decides"""


@dataclass(frozen=True, slots=True)
class ModelSelection:
    """The three models that serve, and why."""

    speech: ModelRef
    segmentation: ModelRef
    embedding: ModelRef
    why: str
    """One sentence for the log, the page and exports"""
    languages: tuple[str, ...] | None
    """Languages that are recognised; None means many"""
    hub_token: str | None = field(default=None, repr=False, compare=False)
    devices: tuple[str, ...] = ("cpu",)
    """Where a copy of each model goes; the first is that of the references"""

    def on_device(self, device: str) -> ModelSelection:
        """The same choice for another GPU."""
        speech, segmentation, embedding = (
            ref if ref.device == "cpu" else replace(ref, device=device)
            for ref in (self.speech, self.segmentation, self.embedding)
        )
        return replace(self, speech=speech, segmentation=segmentation, embedding=embedding)

    @property
    def device(self) -> str:
        """The device of the recogniser."""
        return self.speech.device

    def with_recogniser(self, name: str) -> ModelSelection:
        """The same choice once measuring has picked the recogniser."""
        if name == self.speech.name:
            return self
        tried = ", ".join(self.speech.candidates)
        why = f"Whisper {name} serves, the largest of {tried} that keeps pace on this machine"
        return replace(
            self,
            speech=replace(self.speech, name=name, candidates=()),
            why=self.why.replace(_measured_note(self.speech), why),
        )

    @property
    def info(self) -> ModelInfo:
        """As sent to clients and written into exports."""
        return {
            "speech": _short_name(self.speech.name),
            "segmentation": _short_name(self.segmentation.name),
            "embedding": _short_name(self.embedding.name),
            "why": self.why,
            "languages": list(self.languages) if self.languages else None,
            "device": self.device,
        }


def select_models(settings: EngineOptions, available: Availability) -> ModelSelection:
    """Decide model by model; pure.

    Raises SettingsError for an impossible setting, ModelError when the device or a demanded model cannot be had.
    """
    if settings.set not in MODEL_SETS:
        raise SettingsError(f"models.set must be one of {', '.join(MODEL_SETS)}, not {settings.set!r}")
    devices = _devices(settings, available)
    choice = _models(settings, available, devices[0])
    # where the recogniser has no GPU, one copy of it has all of the processor
    return replace(choice, devices=devices if choice.speech.device != "cpu" else devices[:1])


def _models(settings: EngineOptions, available: Availability, device: str) -> ModelSelection:
    if settings.set == "embedded":
        return _selection(
            settings,
            _embedded_recogniser(settings),
            _embedded_segmentation(settings, device),
            _embedded_embedding(settings, device),
        )
    for name in (settings.whisper, settings.segmentation, settings.embedding):
        if is_path(name) and not available.has(name):
            raise ModelMissing(f"the settings name the model {name}, but there is nothing at that path")
    return _selection(
        settings,
        _speech(settings, available, device),
        _segmentation(settings, available, device),
        _embedding(settings, available, device),
        available,
    )


def is_path(name: str) -> bool:
    """Whether a model's name in the settings means a place on this machine."""
    return (
        name.startswith(("/", "./", "../", "~", ".\\"))
        or Path(name).suffix in (".bin", ".onnx", ".ckpt", ".pt")
        or "\\" in name
        or ("/" in name and os.path.exists(name))
    )


def is_pinned(ref: ModelRef, pinned: PinnedFile) -> bool:
    """Whether a model is one of the embedded files."""
    return ref.path is not None and ref.path.name == pinned.file


def _devices(settings: EngineOptions, available: Availability) -> tuple[str, ...]:
    wanted, cards = settings.device, int(available.cuda)
    if not re.fullmatch(DEVICE, wanted):
        raise SettingsError(f"models.device must be one of {', '.join(DEVICES)}, not {wanted!r}")
    if wanted == "cpu" or (wanted == "auto" and not cards):
        return ("cpu",)
    if not cards:
        raise ModelError(
            f"models.device is {wanted}, but no CUDA device was found: check the driver, or set it to auto"
        )
    if wanted in ("auto", "cuda"):
        return tuple(f"cuda:{card}" for card in range(cards)) if cards > 1 else ("cuda",)
    if int(wanted.partition(":")[2]) >= cards:
        raise ModelError(f"models.device is {wanted}, but the last of the {cards} CUDA devices is cuda:{cards - 1}")
    return (wanted,)


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda")


def _embedded_recogniser(settings: EngineOptions) -> ModelRef:
    path = locate(SPEECH[0])
    return ModelRef("speech", "moonshine", "moonshine-tiny-en", path.parent if path else None, "cpu", "float32")


def _embedded_segmentation(settings: EngineOptions, device: str) -> ModelRef:
    path = locate(SEGMENTATION, settings.cache_dir)
    return ModelRef("segmentation", "pyannote-segmentation", "pyannote-segmentation", path, device, "float32")


def _embedded_embedding(settings: EngineOptions, device: str) -> ModelRef:
    return ModelRef("embedding", "ge2e", "ge2e", locate(EMBEDDING, settings.cache_dir), device, "float32")


def _speech(settings: EngineOptions, available: Availability, device: str) -> ModelRef:
    compute = "float16" if _is_gpu(device) else "int8"
    if settings.whisper != "auto":
        found = [settings.whisper] if available.has(settings.whisper) else []
    elif _is_gpu(device):
        found = [name for name in (GPU_WHISPER, *reversed(WHISPERS)) if available.has(name)]
    else:
        found = [name for name in CPU_WHISPERS if available.has(name)]
    if not found and settings.set == "auto":
        return _embedded_recogniser(settings)
    if not found:
        wanted = f"Whisper {settings.whisper}" if settings.whisper != "auto" else "any Whisper model"
        raise ModelMissing(_unavailable(wanted, _speech_state(settings, available, device)))
    at_once = None
    if _is_gpu(device):
        fit = _fit_to_memory(settings, found)
        found = [fit.name] if fit else found[:1]
        compute, at_once = (fit.compute_type, fit.max_batch) if fit else (compute, None)
    name = found[0] if len(found) == 1 else "auto"
    path = Path(name).expanduser() if is_path(name) else None
    local = all(available.weights.get(each) == CACHED for each in found)
    candidates = tuple(found) if path is None else ()
    return ModelRef("speech", "faster-whisper", name, path, device, compute, local, candidates, at_once)


def _fit_to_memory(settings: EngineOptions, found: list[str]) -> WhisperFit | None:
    """How the first of them that fits the budget is to be loaded; None where that is nobody's business."""
    known = [name for name in found if shape_of(name)]
    if settings.gpu_memory is None or not known:
        return None
    left = whisper_budget(settings.gpu_memory)
    fit = first_that_fits(known, left)
    if fit is None:
        smallest = min(known, key=lambda name: min_gb(name) or 0.0)
        raise ModelError(
            f"models.gpu_memory is {settings.gpu_memory:g} GB, of which {left:g} are left for Whisper, but {smallest} "
            f"needs {min_gb(smallest) or 0.0:.1f}: raise it, name a smaller model in models.whisper, or set it to null"
        )
    return fit


def _segmentation(settings: EngineOptions, available: Availability, device: str) -> ModelRef:
    name = settings.segmentation
    if available.has(name):
        return _hub_ref("segmentation", "pyannote-segmentation", name, available, device)
    state = available.weights.get(name, UNREACHABLE)
    if settings.set == "whisper" and state != GATED:
        raise ModelMissing(_unavailable(name, state))
    return _embedded_segmentation(settings, device)


def _embedding(settings: EngineOptions, available: Availability, device: str) -> ModelRef:
    name = settings.embedding
    if available.has(name):
        return _hub_ref("embedding", "pyannote-embedding", name, available, device)
    if settings.set == "whisper":
        raise ModelMissing(_unavailable(name, available.weights.get(name, UNREACHABLE)))
    return _embedded_embedding(settings, device)


def _hub_ref(role: str, kind: str, name: str, available: Availability, device: str) -> ModelRef:
    path = Path(name).expanduser() if is_path(name) else None
    return ModelRef(role, kind, name, path, device, "float32", available.weights.get(name) == CACHED)


def _speech_state(settings: EngineOptions, available: Availability, device: str) -> str:
    wanted = GPU_WHISPER if _is_gpu(device) else CPU_WHISPERS[0]
    return available.weights.get(wanted if settings.whisper == "auto" else settings.whisper, UNREACHABLE)


def _unavailable(wanted: str, state: str) -> str:
    return f"models.set is whisper, but {wanted} {_REASONS[state]}: {_CURES[state]}"


_REASONS = {
    GATED: "needs a token that its hub accepts",
    NOT_FOUND: "is not known to the hub",
    UNREACHABLE: "is not on this machine and no model hub answered",
}
_CURES = {
    GATED: "set MEETING_MODELS_HUB_TOKEN, or set models.set to auto",
    NOT_FOUND: "check the name in the settings, or set models.set to auto",
    UNREACHABLE: "go online once, give a path, or set models.set to auto",
}


def _selection(
    settings: EngineOptions,
    speech: ModelRef,
    segmentation: ModelRef,
    embedding: ModelRef,
    available: Availability | None = None,
) -> ModelSelection:
    why = _why(settings, speech, segmentation, embedding, available)
    languages = ("en",) if speech.kind == "moonshine" or speech.name.endswith(".en") else None
    return ModelSelection(speech, segmentation, embedding, why, languages, settings.hub_token)


def _why(
    settings: EngineOptions,
    speech: ModelRef,
    segmentation: ModelRef,
    embedding: ModelRef,
    available: Availability | None,
) -> str:
    if available is None:
        return "The embedded models serve because models.set is embedded; they read English only."
    if speech.kind == "moonshine":
        reason = _REASONS[_speech_state(settings, available, "cuda" if available.cuda else "cpu")]
        lead = f"The embedded recogniser serves, which reads English only, because Whisper {reason}"
    elif speech.name == "auto":
        lead = _measured_note(speech)
    else:
        origin = "from this machine" if speech.local_only else "from the model hub"
        lead = f"Whisper {_short_name(speech.name)} serves, {origin}{_memory_note(settings, speech)}"
    plain = [
        f"the embedded {ref.role}, because {_short_name(name)} {_REASONS[available.weights.get(name, UNREACHABLE)]}"
        for ref, name in ((segmentation, settings.segmentation), (embedding, settings.embedding))
        if ref.kind == "ge2e" or is_pinned(ref, SEGMENTATION)
    ]
    if len(plain) == 2 and speech.kind == "moonshine":
        return f"{lead}; so do the embedded segmentation and embedding."
    return "; ".join([lead, *plain]) + "."


def _memory_note(settings: EngineOptions, speech: ModelRef) -> str:
    """What a budget has made of it."""
    if not _is_gpu(speech.device) or settings.gpu_memory is None:
        return ""
    budget = f"{settings.gpu_memory:g} GB of the GPU's memory"
    if speech.max_batch is None:
        return f"; whether it fits {budget} is not known, for its size is not"
    chosen = "the largest here that fits" if settings.whisper == "auto" else "so that it fits"
    return f", {chosen} {budget} beside the other models ({speech.compute_type}, {speech.max_batch} slices at once)"


def _measured_note(speech: ModelRef) -> str:
    return f"Whisper serves with the largest of {', '.join(speech.candidates)} that keeps pace on this machine"


def _short_name(name: str) -> str:
    """A path says too much about a machine: its last part is enough."""
    return Path(name).name if is_path(name) else name
