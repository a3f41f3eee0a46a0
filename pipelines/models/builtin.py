"""The models that come with this project, as functions behind its entry points: verified weights onto their device."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.models.hub import TRANSFORMERS_FILES, fetch, fetch_folder, fetch_whisper, whispercpp_source
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, SPEECH, require
from pipelines.models.selection import ModelRef, is_pinned

if TYPE_CHECKING:
    from pipelines.asr.recogniser import Recogniser
    from pipelines.asr.whisper import WhisperRecogniser
    from pipelines.diarization.embedding import ModuleEmbedding
    from pipelines.diarization.local_speakers import Segmentation

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


def load_moonshine(ref: ModelRef) -> Recogniser:
    """The embedded recogniser. Raises ModelMissing or ModelCorrupt."""
    from pipelines.asr.moonshine import MoonshineRecogniser

    return MoonshineRecogniser(next(require(file) for file in SPEECH).parent, ref.threads)


def load_whisper(ref: ModelRef) -> WhisperRecogniser:
    """Whisper through faster-whisper, measuring first where the choice was left to the machine's speed.

    Raises ModelMissing, ModelCorrupt or ModelError.
    """
    from pipelines.asr.whisper import load_folder

    def load(name: str) -> WhisperRecogniser:
        folder = ref.path or fetch_whisper(name, ref.token, ref.local_only)
        return load_folder(
            folder,
            folder.name if ref.path else name,
            device=ref.device,
            compute_type=ref.compute_type,
            threads=ref.threads,
            max_batch=ref.max_batch,
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


def load_whispercpp(ref: ModelRef) -> Recogniser:
    """Whisper through whisper.cpp, with the package pywhispercpp. Raises ModelMissing or ModelCorrupt."""
    from pipelines.asr.whispercpp import load_file

    repository, (file,) = whispercpp_source(ref.name)
    path = ref.path or fetch(repository, file, ref.token, ref.local_only)
    return load_file(path, path.stem if ref.path else ref.name, ref.threads)


def load_transformers(ref: ModelRef) -> Recogniser:
    """Whisper through the package transformers. Raises ModelMissing, ModelCorrupt or ModelError."""
    import torch

    from pipelines.asr.whisper_transformers import load_folder

    torch.set_num_threads(ref.threads)
    folder = ref.path or fetch_folder(ref.name, TRANSFORMERS_FILES, ref.token, ref.local_only)
    name = folder.name if ref.path else ref.name
    return load_folder(folder, name, ref.device, ref.compute_type, ref.max_batch)


def load_pyannote_segmentation(ref: ModelRef) -> Segmentation:
    """A segmentation of pyannote.audio. Raises ModelMissing or ModelCorrupt."""
    from pipelines.models.checkpoints import MultilabelSegmentation, build_pyannote, to_device

    path = require(SEGMENTATION, ref.path.parent) if is_pinned(ref, SEGMENTATION) and ref.path else _file(ref)
    model = build_pyannote(path)
    _hasten(model, ref.device)
    segmentation: Segmentation = to_device(MultilabelSegmentation(model).eval(), ref.device)
    return segmentation


def load_ge2e(ref: ModelRef) -> ModuleEmbedding:
    """The embedded voice embedding: a `ge2e.VoiceEncoder`. Raises ModelMissing or ModelCorrupt."""
    from pipelines.diarization.clustering import preset
    from pipelines.diarization.embedding import ModuleEmbedding, ge2e_embedder
    from pipelines.models.checkpoints import build_ge2e, to_device

    encoder = build_ge2e(require(EMBEDDING, ref.path.parent if ref.path else None))
    # not the first layer: spectrograms are linear, and what is quiet in them would be rounded to nothing
    _hasten(encoder, ref.device, rounded_from=1)
    module = to_device(encoder, ref.device)
    return ModuleEmbedding(module, ge2e_embedder(module), preset("ge2e"))


def load_pyannote_embedding(ref: ModelRef) -> ModuleEmbedding:
    """A voice embedding of pyannote.audio, such as WeSpeaker's. Raises ModelMissing or ModelCorrupt.

    Its module takes audio (batch, 1, samples) and weights (batch, frames) and gives (batch, dimension).
    """
    from pipelines.diarization.clustering import preset
    from pipelines.diarization.embedding import ModuleEmbedding, pyannote_embedder
    from pipelines.models.checkpoints import WeightedEmbedding, build_pyannote, to_device

    module = to_device(WeightedEmbedding(build_pyannote(_file(ref))).eval(), ref.device)
    return ModuleEmbedding(module, pyannote_embedder(module), preset(ref.name))


def _hasten(model: Any, device: str, rounded_from: int | None = None) -> None:
    """Put a model's recurrent layers into ONNX Runtime, where it will compute on a processor and has such layers."""
    import torch

    if device == "cpu" and isinstance(getattr(model, "lstm", None), torch.nn.LSTM):
        from pipelines.diarization.lstm import RuntimeLSTM

        model.lstm = RuntimeLSTM(model.lstm, rounded_from)


def _file(ref: ModelRef) -> Path:
    if ref.path is not None:
        return ref.path
    return fetch(ref.name, "pytorch_model.bin", ref.token, ref.local_only)
