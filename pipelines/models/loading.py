"""Which weights, from where, verified, on which device: the door to all models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.models.hub import count_cuda, fetch, fetch_whisper, look
from pipelines.models.pinned_files import (
    EMBEDDED,
    EMBEDDING,
    SEGMENTATION,
    SPEECH,
    FileStatus,
    PinnedFile,
    default_cache_dir,
    locate,
    pull,
    require,
    resolve_cache_dir,
    status,
    terminal_progress,
)
from pipelines.models.selection import Available, Choice, ModelRef, choose, is_pinned
from pipelines.options import EngineOptions

if TYPE_CHECKING:
    from pipelines.asr.whisper import WhisperRecogniser

__all__ = [
    "EMBEDDED",
    "EMBEDDING",
    "SEGMENTATION",
    "SPEECH",
    "Available",
    "Choice",
    "EngineOptions",
    "FileStatus",
    "ModelRef",
    "PinnedFile",
    "choose",
    "count_cuda",
    "decide",
    "default_cache_dir",
    "fastest_that_keeps_pace",
    "load_embedding",
    "load_segmentation",
    "load_whisper",
    "locate",
    "look",
    "pull",
    "require",
    "resolve_cache_dir",
    "status",
    "terminal_progress",
]

log = logging.getLogger(__name__)

PACE = 0.35
"""Seconds of computing per second of speech that a recogniser may need; partials and diarization take the rest"""
GROWTH = 2.0
"""How much slower the next larger Whisper is, at least: no need to fetch it to know"""


def decide(settings: EngineOptions) -> Choice:
    """Look what there is and choose; takes at most `hub_timeout` seconds and a little. Raises ModelError."""
    return choose(settings, look(settings))


def fastest_that_keeps_pace(candidates: Sequence[str], measure: Callable[[str], float], pace: float = PACE) -> str:
    """The largest model that keeps pace; `measure` gives a model's seconds of computing per second of speech.

    Candidates are in order of size; the smallest is taken when none keeps pace.
    """
    best = candidates[0]
    for name in candidates:
        factor = measure(name)
        if factor > pace:
            break
        best = name
        if factor * GROWTH > pace:
            break
    return best


def load_whisper(ref: ModelRef, threads: int = 1, token: str | None = None) -> WhisperRecogniser:
    """The recogniser of a "faster-whisper" reference, measuring first where the choice was left to the machine's speed.

    Its `name` is the model that was taken: give it to `Choice.with_speech`. Raises ModelMissing, ModelCorrupt or
    ModelError.
    """
    from pipelines.asr.whisper import load_folder

    def load(name: str) -> WhisperRecogniser:
        folder = ref.path or fetch_whisper(name, token, ref.local_only)
        shown = folder.name if ref.path else name
        return load_folder(
            folder, shown, device=ref.device, compute_type=ref.compute_type, threads=threads, at_once=ref.at_once
        )

    loaded: dict[str, WhisperRecogniser] = {}

    def measure(name: str) -> float:
        loaded[name] = load(name)
        factor = loaded[name].pace()
        log.info("Whisper %s needs %.2f s per second of speech here", name, factor)
        return factor

    if len(ref.candidates) < 2:
        return load(ref.name)
    return loaded[fastest_that_keeps_pace(ref.candidates, measure)]


def load_segmentation(ref: ModelRef, token: str | None = None) -> Any:
    """The segmentation as a torch module: audio (batch, 1, samples) to probabilities (batch, frames, speakers).

    It has `specifications` and `receptive_field`. Raises ModelMissing or ModelCorrupt.
    """
    from pipelines.models.checkpoints import Multilabel, build_pyannote, place

    path = require(SEGMENTATION, ref.path.parent) if is_pinned(ref, SEGMENTATION) and ref.path else _file(ref, token)
    return place(Multilabel(build_pyannote(path)).eval(), ref.device)


def load_embedding(ref: ModelRef, token: str | None = None) -> Any:
    """The voice embedding as a torch module.

    "ge2e" is a `ge2e.VoiceEncoder`; "pyannote-embedding" takes audio (batch, 1, samples) and weights
    (batch, frames) and gives (batch, dimension). Raises ModelMissing or ModelCorrupt.
    """
    from pipelines.models.checkpoints import WeightedVoice, build_ge2e, build_pyannote, place

    if ref.kind == "ge2e":
        return place(build_ge2e(require(EMBEDDING, ref.path.parent if ref.path else None)), ref.device)
    return place(WeightedVoice(build_pyannote(_file(ref, token))).eval(), ref.device)


def _file(ref: ModelRef, token: str | None) -> Path:
    if ref.path is not None:
        return ref.path
    return fetch(ref.name, "pytorch_model.bin", token, ref.local_only)
