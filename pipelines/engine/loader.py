"""From options to a loaded engine: one copy of each selected model on a device, warmed up and measured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.asr.recogniser import Recogniser
from pipelines.audio.vad import VadModel
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.local_speakers import LocalSpeakerFinder
from pipelines.engine.capacity import calibrate, cores_for_each, speech_workers, thread_candidates
from pipelines.engine.engine import Engine, Engines
from pipelines.engine.job_queue import JobQueue, call_each
from pipelines.engine.pool import EnginePool
from pipelines.errors import ModelError, SettingsError
from pipelines.models.factory import load_embedding, load_recogniser, load_segmentation
from pipelines.models.gpu_memory import DIARIZATION_GB, GB
from pipelines.models.lean_imports import import_diarization
from pipelines.models.probe import probe_and_select
from pipelines.models.selection import ModelSelection
from pipelines.options import EngineOptions, language_codes
from pipelines.types import SAMPLE_RATE, WINDOW, Span, Utterance, Window

log = logging.getLogger(__name__)


def load_engine(
    options: EngineOptions, on_progress: Callable[[str], None] = log.info, language: str | None = None
) -> Engine:
    """Select the models, load one copy of each and warm them up; slow. The engine is started.

    `on_progress` gets a sentence for each thing that is being done. Raises ModelError, and SettingsError where the
    selected recogniser does not know `language`, which is that of all sources that ask for no other.
    """
    selection = _select(options, on_progress, language)
    engine = _load_one(selection.on_device(selection.devices[0]), options, on_progress, 1, language)
    on_progress("models are ready")
    return engine


def load_engines(
    options: EngineOptions, on_progress: Callable[[str], None] = log.info, language: str | None = None
) -> Engines:
    """The same with a copy of each model on every GPU that the options allow: an engine for each, if several."""
    selection = _select(options, on_progress, language)
    engines: list[Engine] = []
    try:
        for device in selection.devices:
            on_device, count = selection.on_device(device), len(selection.devices)
            engines.append(_load_one(on_device, options, on_progress, count, language))
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    on_progress("models are ready")
    return engines[0] if len(engines) == 1 else EnginePool(engines)


def _select(options: EngineOptions, on_progress: Callable[[str], None], language: str | None) -> ModelSelection:
    on_progress("looking for models")
    selection = probe_and_select(options)
    on_progress(selection.why)
    _check_language(selection, language)
    return selection


def _check_language(selection: ModelSelection, language: str | None) -> None:
    check_language(language, selection.speech.name, selection.languages)


def check_language(language: str | None, recogniser: str, languages: Sequence[str] | None) -> None:
    """Raises SettingsError where a recogniser that reads `languages`, None for many, does not know the one asked."""
    if language and languages and set(languages).isdisjoint(language_codes(language)):
        raise SettingsError(
            f"speech.language is {language}, but {recogniser} reads {', '.join(languages)} only: "
            "set speech.language to null, or let the section models choose another recogniser"
        )


def _load_one(
    selection: ModelSelection,
    options: EngineOptions,
    on_progress: Callable[[str], None],
    engine_count: int,
    language: str | None,
) -> Engine:
    """A started engine, one of `engine_count` on this machine."""
    on_gpu = selection.segmentation.device.startswith("cuda")
    cores = cores_for_each(engine_count)
    threads = [options.threads or 1]
    if not options.threads and not on_gpu:
        threads = thread_candidates(cores)
    models = _load_models(selection, options, threads, on_progress)
    recogniser, finder, chosen = models.recogniser, models.finder, models.threads
    selection = selection.with_recogniser(recogniser.info)
    _check_language(selection, language)  # what an installed recogniser reads is known only now
    workers = speech_workers(cores, chosen) if recogniser.info.concurrent else 1
    engine = Engine(recogniser, finder, VadModel(), models.thresholds, selection.info, workers)
    engine.start()
    try:
        _warm_up(engine)
        throughput = engine.measure(finder.trial, on_gpu, chosen, engine_count)
    except Exception as error:  # an installed model may raise anything
        engine.close()
        raise ModelError(_computing_failed(selection, error)) from error
    engine.thread_trials = models.trials
    log.info("this machine carries about %d live meetings", throughput.capacity)
    return engine


@dataclass(frozen=True, slots=True)
class _LoadedModels:
    recogniser: Recogniser
    finder: LocalSpeakerFinder
    thresholds: Thresholds
    threads: int
    trials: dict[int, float]
    """Seconds with each number of threads that was tried"""


def _load_models(
    selection: ModelSelection, options: EngineOptions, threads: Sequence[int], on_progress: Callable[[str], None]
) -> _LoadedModels:
    """All models.

    Where there is no choice of threads the recogniser is loaded in a thread of its own, beside the others.
    """
    with JobQueue[Callable[[], Recogniser], Recogniser]("loading", call_each) as loading:
        pending = None
        if len(threads) == 1:
            pending = loading.submit(lambda: _load_recogniser(selection, options, threads[0], on_progress))
            if selection.speech.candidates:
                wait([pending])  # which one keeps pace is measured: nothing else may take the processor meanwhile
        on_progress(f"loading {selection.segmentation.name} and {selection.embedding.name}")
        finder, thresholds = load_speaker_finder(selection, options, threads[0])
        try:
            chosen, trials = _calibrate(finder, threads)
        except Exception as error:
            raise ModelError(_computing_failed(selection, error)) from error
        recogniser = pending.result() if pending else _load_recogniser(selection, options, chosen, on_progress)
    assert recogniser is not None
    return _LoadedModels(recogniser, finder, thresholds, chosen, trials)


def _calibrate(finder: LocalSpeakerFinder, threads: Sequence[int]) -> tuple[int, dict[int, float]]:
    """Set torch's threads to the number that is worth it."""
    import torch

    return calibrate(lambda: finder.trial(1), torch.set_num_threads, threads)


def _load_recogniser(
    selection: ModelSelection, options: EngineOptions, threads: int, on_progress: Callable[[str], None]
) -> Recogniser:
    on_progress(f"loading {selection.speech.name}")
    return load_recogniser(selection.speech, threads, options.hub_token)


def load_speaker_finder(
    selection: ModelSelection, options: EngineOptions, threads: int
) -> tuple[LocalSpeakerFinder, Thresholds]:
    """What finds local speakers in windows, with so many CPU threads, and the distances of its embeddings.

    Raises ModelError.
    """
    import torch

    torch.set_num_threads(threads)
    from pipelines.models.checkpoints import warnings_ignored

    with warnings_ignored():
        import_diarization()
    if options.gpu_memory is not None and selection.segmentation.device.startswith("cuda"):
        limit_torch_memory(selection.segmentation.device)
    segmentation = load_segmentation(selection.segmentation, options.hub_token)
    embedding = load_embedding(selection.embedding, options.hub_token)
    with warnings_ignored():
        return LocalSpeakerFinder(segmentation, embedding, selection.segmentation.device), embedding.thresholds


def limit_torch_memory(device: str, cuda: Any = None) -> None:
    """Keep torch to its part of a GPU's memory; what it needs beyond is refused, and fails one batch of windows.

    `cuda` is torch.cuda, or what stands in for it.
    """
    if cuda is None:
        import torch

        cuda = torch.cuda
    card = int(device.partition(":")[2] or 0)
    total = cuda.get_device_properties(card).total_memory
    cuda.set_per_process_memory_fraction(min(1.0, DIARIZATION_GB * GB / total), card)


def _computing_failed(selection: ModelSelection, error: Exception) -> str:
    said = f"the models are loaded, but cannot compute: {str(error)[:300] or type(error).__name__}"
    if selection.segmentation.device == selection.speech.device == "cpu":
        return said
    return f"{said}; check CUDA's libraries (CTranslate2 takes cuBLAS 12 from PyTorch), or set models.device to cpu"


def _warm_up(engine: Engine) -> None:
    """Run each model once: the first run is slow, and nobody should wait for it in a meeting."""
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    engine.recognise(Utterance(0, Span(0, SAMPLE_RATE), noise, True), "warm-up").result()
    engine.find_speakers(Window(0, 0, np.zeros(WINDOW, np.float32))).result()
