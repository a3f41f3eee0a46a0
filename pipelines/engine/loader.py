"""From settings to a loaded engine: one copy of each chosen model, warmed up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from pipelines.asr.recogniser import Recogniser
from pipelines.audio.vad import VoiceModel
from pipelines.diarization.clustering import preset
from pipelines.diarization.segmentation import LocalVoiceFinder
from pipelines.engine.capacity import calibrate, candidates
from pipelines.engine.engine import Engine
from pipelines.engine.job_queue import Lane
from pipelines.engine.pool import Fleet
from pipelines.errors import BlockError, ModelError
from pipelines.models.gpu_memory import GB, VOICES
from pipelines.models.lean_imports import import_diarization
from pipelines.models.loading import SPEECH, Choice, decide, load_embedding, load_segmentation, load_whisper, require
from pipelines.options import EngineOptions
from pipelines.timing import cores
from pipelines.types import SAMPLE_RATE, Slice, Window

log = logging.getLogger(__name__)


def load_engine(options: EngineOptions, on_progress: Callable[[str], None] = log.info) -> Engine:
    """Decide on the models, load one copy of each and warm them up; slow. Raises ModelError.

    `on_progress` is told in a sentence what is being done.
    """
    choice = _decide(options, on_progress)
    engine = _load(choice.on(choice.devices[0]), options, on_progress)
    on_progress("models are ready")
    return engine


def load_fleet(options: EngineOptions, on_progress: Callable[[str], None] = log.info) -> Engine | Fleet:
    """The same with a copy of each model on every GPU that the settings allow: an engine for each, if several."""
    choice = _decide(options, on_progress)
    engines: list[Engine] = []
    try:
        for device in choice.devices:
            engines.append(_load(choice.on(device), options, on_progress, len(choice.devices)))
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    on_progress("models are ready")
    return engines[0] if len(engines) == 1 else Fleet(engines)


def _decide(options: EngineOptions, on_progress: Callable[[str], None]) -> Choice:
    on_progress("looking for models")
    choice = decide(options)
    on_progress(choice.why)
    return choice


def _load(choice: Choice, options: EngineOptions, on_progress: Callable[[str], None], among: int = 1) -> Engine:
    """One engine of `among` so many on this machine."""
    on_gpu = choice.segmentation.device.startswith("cuda")
    tries = [options.threads or 1] if options.threads or on_gpu else candidates(max(1, cores() // among))
    beside = Lane("loading")
    try:
        reading = None
        if len(tries) == 1:
            reading = beside.submit(lambda: _load_recogniser(choice, options, tries[0], on_progress))
            if choice.speech.candidates:
                wait([reading])  # which one keeps pace is measured: nothing else may take the processor meanwhile
        on_progress(f"loading {choice.segmentation.name} and {choice.embedding.name}")
        finder = load_finder(choice, options, tries[0])
        threads, tried = _calibrate(finder, tries)
        recogniser = reading.result() if reading else _load_recogniser(choice, options, threads, on_progress)
    finally:
        beside.close()
    assert recogniser is not None
    choice = choice.with_speech(recogniser.name)
    engine = Engine(recogniser, finder, VoiceModel(), preset(choice.embedding.name), choice.as_dict())
    try:
        _warm_up(engine)
    except (BlockError, RuntimeError) as error:
        engine.close()
        raise ModelError(_cannot_compute(choice, error)) from error
    engine.tried = tried
    pace = engine.measure(finder.trial, on_gpu, threads, among)
    log.info("this machine carries about %d live meetings", pace.capacity)
    return engine


def _calibrate(finder: LocalVoiceFinder, tries: list[int]) -> tuple[int, dict[int, float]]:
    """Set torch's threads to the number that is worth it."""
    import torch

    return calibrate(lambda: finder.trial(1), torch.set_num_threads, tries)


def _load_recogniser(
    choice: Choice, options: EngineOptions, threads: int, on_progress: Callable[[str], None]
) -> Recogniser:
    on_progress(f"loading {choice.speech.name}")
    if choice.speech.kind == "moonshine":
        from pipelines.asr.moonshine import MoonshineRecogniser

        return MoonshineRecogniser(next(require(file) for file in SPEECH).parent, threads)
    return load_whisper(choice.speech, threads, options.hub_token)


def load_finder(choice: Choice, options: EngineOptions, threads: int) -> LocalVoiceFinder:
    """What finds local voices in windows, with so many CPU threads; raises ModelError."""
    import torch

    torch.set_num_threads(threads)
    from pipelines.models.checkpoints import quietly

    with quietly():
        import_diarization()
    if options.gpu_memory is not None and choice.segmentation.device.startswith("cuda"):
        limit_torch(choice.segmentation.device)
    segmentation = load_segmentation(choice.segmentation, options.hub_token)
    embedding = load_embedding(choice.embedding, options.hub_token)
    from pipelines.diarization.embedding import embed_with_pyannote, pieces_with_ge2e

    embed = pieces_with_ge2e(embedding) if choice.embedding.kind == "ge2e" else embed_with_pyannote(embedding)
    with quietly():
        return LocalVoiceFinder(segmentation, embed, choice.segmentation.device)


def limit_torch(device: str, cuda: Any = None) -> None:
    """Keep torch to its part of a GPU's budget; what it needs beyond is refused, and fails one window.

    `cuda` is torch.cuda, or what stands in for it.
    """
    if cuda is None:
        import torch

        cuda = torch.cuda
    card = int(device.partition(":")[2] or 0)
    total = cuda.get_device_properties(card).total_memory
    cuda.set_per_process_memory_fraction(min(1.0, VOICES * GB / total), card)


def _cannot_compute(choice: Choice, error: Exception) -> str:
    said = f"the models are loaded, but cannot compute: {str(error)[:300]}"
    if choice.segmentation.device == choice.speech.device == "cpu":
        return said
    return f"{said}; check CUDA's libraries (CTranslate2 takes cuBLAS 12 from PyTorch), or set models.device to cpu"


def _warm_up(engine: Engine) -> None:
    """The first run of each model is slow; nobody should wait for it in a meeting."""
    import numpy as np

    from pipelines.types import WINDOW, Span

    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    engine.read(Slice(0, Span(0, SAMPLE_RATE), noise, True), "warm-up").result()
    engine.find(Window(0, 0, np.zeros(WINDOW, np.float32))).result()
