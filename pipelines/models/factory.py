"""Loads each of the selected models: recogniser, segmentation and embedding, from verified weights onto its device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.models.hub import fetch, fetch_whisper
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, SPEECH, require
from pipelines.models.selection import ModelRef, is_pinned

if TYPE_CHECKING:
    from pipelines.asr.recogniser import Recogniser
    from pipelines.asr.whisper import WhisperRecogniser

log = logging.getLogger(__name__)

MAX_RTF = 0.35
"""Seconds of computing per second of speech that a recogniser may need; partials and diarization take the rest"""
MIN_SLOWDOWN = 2.0
"""How much slower the next larger Whisper is, at least: no need to fetch it to know"""


def largest_that_keeps_pace(
    candidates: Sequence[str], measure: Callable[[str], float], max_rtf: float = MAX_RTF
) -> str:
    """The largest model whose real-time factor is `max_rtf` at most, as `measure` finds it for a name.

    Candidates are in order of size; the smallest is taken when none keeps pace. The first one that does not ends the
    search, as does one so slow that the next cannot.
    """
    best = candidates[0]
    for name in candidates:
        rtf = measure(name)
        if rtf > max_rtf:
            break
        best = name
        if rtf * MIN_SLOWDOWN > max_rtf:
            break
    return best


def load_recogniser(ref: ModelRef, threads: int = 1, token: str | None = None) -> Recogniser:
    """The recogniser of a reference, with so many CPU threads; its `info.name` says which was taken.

    `token` is for gated models of a hub. Raises ModelMissing, ModelCorrupt or ModelError.
    """
    if ref.kind == "moonshine":
        from pipelines.asr.moonshine import MoonshineRecogniser

        return MoonshineRecogniser(next(require(file) for file in SPEECH).parent, threads)
    return load_whisper(ref, threads, token)


def load_whisper(ref: ModelRef, threads: int = 1, token: str | None = None) -> WhisperRecogniser:
    """The recogniser of a "faster-whisper" reference, measuring first where the choice was left to the machine's speed.

    Its `name` is the model that was taken: give it to `ModelSelection.with_recogniser`. Raises ModelMissing,
    ModelCorrupt or ModelError.
    """
    from pipelines.asr.whisper import load_folder

    def load(name: str) -> WhisperRecogniser:
        folder = ref.path or fetch_whisper(name, token, ref.local_only)
        shown = folder.name if ref.path else name
        return load_folder(
            folder, shown, device=ref.device, compute_type=ref.compute_type, threads=threads, max_batch=ref.max_batch
        )

    loaded: dict[str, WhisperRecogniser] = {}

    def measure(name: str) -> float:
        loaded[name] = load(name)
        rtf = loaded[name].measure_rtf()
        log.info("Whisper %s needs %.2f s per second of speech here", name, rtf)
        return rtf

    if len(ref.candidates) < 2:
        return load(ref.name)
    return loaded[largest_that_keeps_pace(ref.candidates, measure)]


def load_segmentation(ref: ModelRef, token: str | None = None) -> Any:
    """The segmentation as a torch module: audio (batch, 1, samples) to probabilities (batch, frames, speakers).

    It has `specifications` and `receptive_field`. Raises ModelMissing or ModelCorrupt.
    """
    from pipelines.models.checkpoints import MultilabelSegmentation, build_pyannote, to_device

    path = require(SEGMENTATION, ref.path.parent) if is_pinned(ref, SEGMENTATION) and ref.path else _file(ref, token)
    model = build_pyannote(path)
    _hasten(model, ref.device)
    return to_device(MultilabelSegmentation(model).eval(), ref.device)


def load_embedding(ref: ModelRef, token: str | None = None) -> Any:
    """The voice embedding as a torch module.

    "ge2e" is a `ge2e.VoiceEncoder`; "pyannote-embedding" takes audio (batch, 1, samples) and weights
    (batch, frames) and gives (batch, dimension). Raises ModelMissing or ModelCorrupt.
    """
    from pipelines.models.checkpoints import WeightedEmbedding, build_ge2e, build_pyannote, to_device

    if ref.kind == "ge2e":
        encoder = build_ge2e(require(EMBEDDING, ref.path.parent if ref.path else None))
        # not the first layer: spectrograms are linear, and what is quiet in them would be rounded to nothing
        _hasten(encoder, ref.device, rounded_from=1)
        return to_device(encoder, ref.device)
    return to_device(WeightedEmbedding(build_pyannote(_file(ref, token))).eval(), ref.device)


def _hasten(model: Any, device: str, rounded_from: int | None = None) -> None:
    """Put a model's recurrent layers into ONNX Runtime, where it will compute on a processor and has such layers."""
    import torch

    if device == "cpu" and isinstance(getattr(model, "lstm", None), torch.nn.LSTM):
        from pipelines.diarization.lstm import RuntimeLSTM

        model.lstm = RuntimeLSTM(model.lstm, rounded_from)


def _file(ref: ModelRef, token: str | None) -> Path:
    if ref.path is not None:
        return ref.path
    return fetch(ref.name, "pytorch_model.bin", token, ref.local_only)
