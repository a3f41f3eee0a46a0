"""Which models serve: a pure selection between the sets, model by model, from what a probe has found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.asr.recogniser import RecogniserInfo
from pipelines.errors import ModelError, ModelMissing, SettingsError
from pipelines.models.gpu_memory import WhisperFit, first_that_fits, min_gb, shape_of, whisper_budget
from pipelines.models.gpus import COMPUTE_TYPES, Gpu, GpuChoice, choose_gpus
from pipelines.models.naming import DEFAULT_MODELS, NamedModel, is_path, resolve_names
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
ON_HUB = "on hub"
"""A hub answered that we may have the weights"""
GATED = "gated"
"""A hub answered that we may not have the weights with the token we have, or without one"""
NOT_FOUND = "not found"
"""A hub answered that it has no such model, or there is nothing at the path given"""
UNREACHABLE = "unreachable"
"""Not on this machine, and no hub answered in time"""
NOT_INSTALLED = "not installed"
"""The package that reads such weights is not installed"""


@dataclass(frozen=True, slots=True)
class Availability:
    """What this machine has and can have, as found by a probe."""

    cuda: int
    """CUDA devices"""
    weights: Mapping[str, str]
    """Name or path from the settings to CACHED, ON_HUB, GATED, NOT_FOUND, UNREACHABLE or NOT_INSTALLED"""
    plugins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """"speech", "segmentation" and "embedding" to the names that installed packages offer"""
    gpus: Mapping[int, Gpu] = field(default_factory=dict)
    """Number of a CUDA device to what it can do; one that is not in it can do all"""

    def has(self, name: str) -> bool:
        """Whether the weights are here or can be fetched."""
        return self.state(name) in (CACHED, ON_HUB)

    def state(self, name: str) -> str:
        """CACHED and so on; UNREACHABLE for what was not looked for."""
        return self.weights.get(name, UNREACHABLE)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One model: enough to load it."""

    role: str
    """"speech", "segmentation" or "embedding" """
    kind: str
    """Name of the entry point that loads it (`plugins.py`), such as "moonshine" or "whisper" """
    name: str
    """Which one of that kind, as the settings name it; `kind` again where they name none"""
    path: Path | None
    """File or folder with the weights; None when `name` is no path"""
    device: str
    """"cpu", "cuda" or "cuda:N" """
    compute_type: str
    """"float32", "float16", "int8_float16", "int8_float32" or "int8" """
    local_only: bool = True
    """Whether loading must not ask a hub"""
    candidates: tuple[str, ...] = ()
    """Whisper models to choose from by measuring when `name` is "auto", in order of size"""
    max_batch: int | None = None
    """Utterances that a Whisper recognises together at most; None where its device decides"""
    threads: int = 1
    """CPU threads that it may take"""
    token: str | None = field(default=None, repr=False)
    """For a hub's gated models"""


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
    devices: tuple[str, ...] = ("cpu",)
    """Where a copy of each model goes; the first is that of the references"""
    translates: bool = False
    """Whether the recogniser can translate into English, known once it is loaded"""

    def on_device(self, device: str) -> ModelSelection:
        """The same selection on another GPU; what is on the CPU stays there."""
        speech, segmentation, embedding = (
            ref if ref.device == "cpu" else replace(ref, device=device)
            for ref in (self.speech, self.segmentation, self.embedding)
        )
        return replace(self, speech=speech, segmentation=segmentation, embedding=embedding)

    @property
    def device(self) -> str:
        """The device of the recogniser."""
        return self.speech.device

    def with_recogniser(self, info: RecogniserInfo) -> ModelSelection:
        """The same selection once the recogniser is loaded, which says what it is and what it can."""
        selection = replace(self, languages=info.languages or self.languages, translates=info.translates)
        if info.name == self.speech.name:
            return selection
        tried = ", ".join(self.speech.candidates)
        why = f"Whisper {info.name} serves, the largest of {tried} that keeps pace on this machine"
        return replace(
            selection,
            speech=replace(self.speech, name=info.name, candidates=()),
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
            "translates": self.translates,
            "device": self.device,
        }


def select_models(options: EngineOptions, available: Availability) -> ModelSelection:
    """Decide model by model; pure.

    Raises SettingsError for an impossible setting, ModelError when the device or a demanded model cannot be had.
    """
    if options.set not in MODEL_SETS:
        raise SettingsError(f"models.set must be one of {', '.join(MODEL_SETS)}, not {options.set!r}")
    gpus = _gpus(options, available)
    options, named = resolve_names(options, available.plugins)
    speech = _speech(options, named.get("speech"), available, gpus)
    segmentation = _segmentation(options, named.get("segmentation"), available, gpus.devices[0])
    embedding = _embedding(options, named.get("embedding"), available, gpus.devices[0])
    languages = ("en",) if speech.kind == "moonshine" or speech.name.endswith(".en") else None
    why = _why(options, (speech, segmentation, embedding), named, available, gpus)
    # where the recogniser has no GPU, one copy of it gets all of the CPU
    used = gpus.devices if speech.device != "cpu" else gpus.devices[:1]
    return ModelSelection(speech, segmentation, embedding, why, languages, used)


def is_pinned(ref: ModelRef, pinned: PinnedFile) -> bool:
    """Whether a model is one of the embedded files."""
    return ref.path is not None and ref.path.name == pinned.file


def _gpus(options: EngineOptions, available: Availability) -> GpuChoice:
    if not re.fullmatch(DEVICE, options.device):
        raise SettingsError(f"models.device must be one of {', '.join(DEVICES)}, not {options.device!r}")
    return choose_gpus(options.device, int(available.cuda), available.gpus)


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda")


def _embedded_recogniser(options: EngineOptions) -> ModelRef:
    path = locate(SPEECH[0])
    return ModelRef("speech", "moonshine", "moonshine-tiny-en", path.parent if path else None, "cpu", "float32")


def _embedded_segmentation(options: EngineOptions, device: str) -> ModelRef:
    path = locate(SEGMENTATION, options.cache_dir)
    return ModelRef("segmentation", "pyannote", "pyannote-segmentation", path, device, "float32")


def _embedded_embedding(options: EngineOptions, device: str) -> ModelRef:
    return ModelRef("embedding", "ge2e", "ge2e", locate(EMBEDDING, options.cache_dir), device, "float32")


def _speech(options: EngineOptions, named: NamedModel | None, available: Availability, gpus: GpuChoice) -> ModelRef:
    if named is None:
        return _embedded_recogniser(options) if options.set == "embedded" else _whisper(options, None, available, gpus)
    if named.kind == "moonshine":
        return _embedded_recogniser(options)
    if named.kind == "whisper":
        return _whisper(options, named, available, gpus)
    name = named.weights
    if named.kind in DEFAULT_MODELS:
        _check_path(name, available)
        if not available.has(name):
            raise ModelMissing(_unavailable(f"models.recognizer is {named}", name, available.state(name)))
    # the wheels of whisper.cpp are built for nothing but the CPU
    device = "cpu" if named.kind == "whispercpp" else gpus.devices[0]
    half = _is_gpu(device) and "float16" in gpus.compute_types
    return _ref("speech", named.kind, name, available, device, "float16" if half else "float32")


def _whisper(options: EngineOptions, named: NamedModel | None, available: Availability, gpus: GpuChoice) -> ModelRef:
    _check_path(options.whisper, available)
    device = _whisper_device(options, gpus)
    compute = gpus.compute_types[0] if _is_gpu(device) else "int8"
    if options.whisper != "auto":
        found = [options.whisper] if available.has(options.whisper) else []
    elif _is_gpu(device):
        found = [name for name in (GPU_WHISPER, *reversed(WHISPERS)) if available.has(name)]
    else:
        found = [name for name in CPU_WHISPERS if available.has(name)]
    if not found and options.set == "auto" and named is None:
        return _embedded_recogniser(options)
    if not found:
        wanted = f"Whisper {options.whisper}" if options.whisper != "auto" else "any Whisper model"
        demand = "models.set is whisper" if named is None else f"models.recognizer is {named}"
        raise ModelMissing(_unavailable(demand, wanted, _speech_state(options, available, device)))
    max_batch = None
    if _is_gpu(device):
        fit = _fit_to_memory(options, found, gpus.compute_types)
        found = [fit.name] if fit else found[:1]
        compute, max_batch = (fit.compute_type, fit.max_batch) if fit else (compute, None)
    name = found[0] if len(found) == 1 else "auto"
    path = _path(name)
    local = all(available.state(each) == CACHED for each in found)
    candidates = tuple(found) if path is None else ()
    return ModelRef("speech", "whisper", name, path, device, compute, local, candidates, max_batch)


def _whisper_device(options: EngineOptions, gpus: GpuChoice) -> str:
    if gpus.whisper_problem and options.device != "auto":
        raise ModelError(
            f"models.device is {options.device}, but {gpus.whisper_problem}: install PyTorch for CUDA 12, which brings "
            "cuBLAS 12, or set models.device to auto or cpu"
        )
    return "cpu" if gpus.whisper_problem else gpus.devices[0]


def _fit_to_memory(options: EngineOptions, found: list[str], compute_types: tuple[str, ...]) -> WhisperFit | None:
    """How the first of them that fits the memory is to be loaded; None where none is set, or no size is known."""
    known = [name for name in found if shape_of(name)]
    if options.gpu_memory is None or not known:
        return None
    left = whisper_budget(options.gpu_memory)
    fit = first_that_fits(known, left, compute_types)
    if fit is None:
        needed, smallest = min((min_gb(name, compute_types) or 0.0, name) for name in known)
        raise ModelError(
            f"models.gpu_memory is {options.gpu_memory:g} GB, of which {left:g} are left for Whisper, but {smallest} "
            f"needs {needed:.1f}: raise it, name a smaller model in models.whisper, or set it to null"
        )
    return fit


def _check_path(name: str, available: Availability) -> None:
    if is_path(name) and available.state(name) in (NOT_FOUND, UNREACHABLE):
        raise ModelMissing(f"the settings name the model {name}, but there is nothing at that path")


def _segmentation(options: EngineOptions, named: NamedModel | None, available: Availability, device: str) -> ModelRef:
    name = options.segmentation
    if named is not None and named.kind != "pyannote":
        return _ref("segmentation", named.kind, named.model or named.kind, available, device)
    if named is not None or options.set == "embedded":
        return _embedded_segmentation(options, device)
    _check_path(name, available)
    if available.has(name):
        return _ref("segmentation", "pyannote", name, available, device)
    if options.set == "whisper" and available.state(name) != GATED:
        raise ModelMissing(_unavailable("models.set is whisper", name, available.state(name)))
    return _embedded_segmentation(options, device)


def _embedding(options: EngineOptions, named: NamedModel | None, available: Availability, device: str) -> ModelRef:
    name = options.embedding
    if named is not None and named.kind != "ge2e":
        return _ref("embedding", named.kind, named.model or named.kind, available, device)
    if named is not None or options.set == "embedded":
        return _embedded_embedding(options, device)
    _check_path(name, available)
    if available.has(name):
        return _ref("embedding", "pyannote", name, available, device)
    if options.set == "whisper":
        raise ModelMissing(_unavailable("models.set is whisper", name, available.state(name)))
    return _embedded_embedding(options, device)


def _ref(role: str, kind: str, name: str, available: Availability, device: str, compute: str = "float32") -> ModelRef:
    return ModelRef(role, kind, name, _path(name), device, compute, available.state(name) == CACHED)


def _path(name: str) -> Path | None:
    return Path(name).expanduser() if is_path(name) else None


def _speech_state(options: EngineOptions, available: Availability, device: str) -> str:
    wanted = GPU_WHISPER if _is_gpu(device) else CPU_WHISPERS[0]
    return available.state(wanted if options.whisper == "auto" else options.whisper)


def _unavailable(demand: str, wanted: str, state: str) -> str:
    return f"{demand}, but {wanted} {_REASONS[state]}: {_CURES[state].format(setting=demand.split()[0])}"


_REASONS = {
    GATED: "needs a token that its hub accepts",
    NOT_FOUND: "is not known to the hub",
    UNREACHABLE: "is not on this machine and no model hub answered",
    NOT_INSTALLED: "needs a package that is not installed",
}
_CURES = {
    GATED: "set MEETING_MODELS_HUB_TOKEN, or set {setting} to auto",
    NOT_FOUND: "check the name in the settings, or set {setting} to auto",
    UNREACHABLE: "go online once, give a path, or set {setting} to auto",
    NOT_INSTALLED: "install it as docs/extending.md says, or set {setting} to auto",
}


def _why(
    options: EngineOptions,
    refs: Sequence[ModelRef],
    named: Mapping[str, NamedModel],
    available: Availability,
    gpus: GpuChoice,
) -> str:
    """One sentence on all of them, and on what a GPU cannot do."""
    said = _why_models(options, refs, named, available, gpus.devices[0])
    speech, wanted, clauses = refs[0], COMPUTE_TYPES[0], [gpus.note]
    if _is_gpu(speech.device) and wanted not in gpus.compute_types:
        clauses.insert(0, f"it computes in {speech.compute_type}, because the GPU does not in {wanted}")
    elif speech.kind == "whisper" and gpus.whisper_problem:
        clauses.insert(0, f"Whisper computes on the CPU, because {gpus.whisper_problem}")
    return "; ".join([said.removesuffix("."), *filter(None, clauses)]) + "."


def _why_models(
    options: EngineOptions,
    refs: Sequence[ModelRef],
    named: Mapping[str, NamedModel],
    available: Availability,
    device: str,
) -> str:
    if options.set == "embedded" and not named:
        return "The embedded models serve because models.set is embedded; they read English only."
    lead = _why_speech(options, refs[0], named.get("speech"), available, device)
    rest = [
        clause
        for ref, name in zip(refs[1:], (options.segmentation, options.embedding), strict=True)
        if (clause := _why_other(options, ref, name, named.get(ref.role), available))
    ]
    if len(rest) == 2 and refs[0].kind == "moonshine" and not named and options.set != "embedded":
        return f"{lead}; so do the embedded segmentation and embedding."
    return "; ".join([lead, *rest]) + "."


def _why_speech(
    options: EngineOptions, speech: ModelRef, named: NamedModel | None, available: Availability, device: str
) -> str:
    demanded = "because models.recognizer names it"
    origin = "from this machine" if speech.local_only else "from the model hub"
    if speech.kind == "moonshine":
        if named is None and options.set == "embedded":
            demanded = "because models.set is embedded"
        elif named is None:
            reason = _REASONS[_speech_state(options, available, device)]
            demanded = f"because Whisper {reason}"
        return f"The embedded recogniser serves, which reads English only, {demanded}"
    if speech.kind == "whisper" and speech.name == "auto":
        return _measured_note(speech)
    if speech.kind == "whisper":
        return f"Whisper {_short_name(speech.name)} serves, {origin}{_memory_note(options, speech)}"
    shown = speech.kind if speech.name == speech.kind else f"{speech.kind} with {_short_name(speech.name)}"
    known = f"{origin}, " if speech.kind in DEFAULT_MODELS else ""
    return f"The recogniser {shown} serves, {known}{demanded}{_memory_note(options, speech)}"


def _why_other(
    options: EngineOptions, ref: ModelRef, name: str, named: NamedModel | None, available: Availability
) -> str:
    """A clause on a segmentation or an embedding that is not the one of the whisper set."""
    if named is not None:
        return f"the {ref.role} {ref.kind}, because models.{ref.role} names it"
    if ref.kind != "ge2e" and not is_pinned(ref, SEGMENTATION):
        return ""
    if options.set == "embedded":
        return f"the embedded {ref.role}, because models.set is embedded"
    return f"the embedded {ref.role}, because {_short_name(name)} {_REASONS[available.state(name)]}"


def _memory_note(options: EngineOptions, speech: ModelRef) -> str:
    """A clause on how the GPU's memory decided, where it did."""
    if not _is_gpu(speech.device) or options.gpu_memory is None:
        return ""
    budget = f"{options.gpu_memory:g} GB of the GPU's memory"
    if speech.max_batch is None:
        return f"; whether it fits {budget} is not known, for its size is not"
    chosen = "the largest here that fits" if options.whisper == "auto" else "so that it fits"
    return f", {chosen} {budget} beside the other models ({speech.compute_type}, {speech.max_batch} slices at once)"


def _measured_note(speech: ModelRef) -> str:
    return f"Whisper serves with the largest of {', '.join(speech.candidates)} that keeps pace on this machine"


def _short_name(name: str) -> str:
    """A path says too much about a machine: its last part is enough."""
    return Path(name).name if is_path(name) else name
