"""On a CUDA device: the engine with all that it computes there, beside what the processor computes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from meeting.doctor import throughput_table
from pipelines.diarization.embedding import ge2e_embedder, pyannote_embedder
from pipelines.diarization.local_speakers import LocalSpeakerFinder
from pipelines.engine import loader
from pipelines.engine.engine import Engine
from pipelines.engine.loader import limit_torch_memory, load_engine, load_engines
from pipelines.engine.pool import EnginePool
from pipelines.models.checkpoints import (
    MultilabelSegmentation,
    WeightedEmbedding,
    build_ge2e,
    build_pyannote,
    to_device,
    warnings_ignored,
)
from pipelines.models.gpu_memory import DIARIZATION_GB, GB
from pipelines.models.pinned_files import EMBEDDING, SEGMENTATION, locate, require
from pipelines.models.probe import probe_and_select
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE, WINDOW, LocalSpeakers, Span, Utterance, Window
from tests.conftest import Sample
from tests.fakes.tiny_whisper import build

pytestmark = pytest.mark.gpu

PATIENCE = 120
"""Seconds after which a test gives up waiting for a model"""


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """No limit of one test reaches the next."""
    yield
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0)


def options(whisper: Path, **more: Any) -> EngineOptions:
    """Whisper that reads nonsense, and the embedded models that find voices."""
    if not all(locate(file) for file in (SEGMENTATION, EMBEDDING)):
        pytest.skip("the embedded segmentation and embedding are not on this machine: run `make setup`")
    return EngineOptions(whisper=str(whisper), hub_timeout=0.1, **more)


def cuts(sample: Sample, count: int) -> list[Window]:
    """Windows of the sample meeting, one for each two seconds."""
    audio = sample.samples()
    starts = [2 * SAMPLE_RATE * number for number in range(count)]
    return [Window(number, start, audio[start : start + WINDOW]) for number, start in enumerate(starts)]


def finder(device: str) -> LocalSpeakerFinder:
    if not all(locate(file) for file in (SEGMENTATION, EMBEDDING)):
        pytest.skip("the embedded segmentation and embedding are not on this machine: run `make setup`")
    segmentation = to_device(MultilabelSegmentation(build_pyannote(require(SEGMENTATION))).eval(), device)
    embedding = to_device(build_ge2e(require(EMBEDDING)), device)
    return LocalSpeakerFinder(segmentation, ge2e_embedder(embedding), device)


def test_voices_are_found_as_on_the_processor(sample: Sample) -> None:
    windows = cuts(sample, 12)
    for there, here in zip(finder("cuda")(windows), finder("cpu")(windows), strict=True):
        assert np.abs(there.activity.astype(int) - here.activity.astype(int)).mean() < 1
        assert ((there.activity >= 128) != (here.activity >= 128)).mean() < 0.01
        both = np.isfinite(there.embeddings).all(axis=1) & np.isfinite(here.embeddings).all(axis=1)
        assert both.any()
        assert (there.embeddings[both] * here.embeddings[both]).sum(axis=1).min() > 0.99


def test_voices_found_together_are_found_as_alone(sample: Sample) -> None:
    windows, found = cuts(sample, 8), finder("cuda")
    for together, window in zip(found(windows), windows, strict=True):
        (one,) = found([window])
        assert np.abs(together.activity.astype(int) - one.activity.astype(int)).max() <= 3
        assert np.allclose(together.embeddings, one.embeddings, atol=1e-2, equal_nan=True)


def asked(engine: Engine, sample: Sample, owners: int) -> list[Future[Any]]:
    """Slices and windows of several meetings at once."""
    audio = sample.samples()
    made: list[Future[Any]] = []
    for owner in range(owners):
        start = owner * SAMPLE_RATE
        piece = Utterance(0, Span(start, start + 3 * SAMPLE_RATE), audio[start : start + 3 * SAMPLE_RATE], True)
        made += [
            engine.recognise(piece, owner),
            engine.find_speakers(Window(0, start, audio[start : start + WINDOW]), owner),
        ]
    return made


def test_an_engine_loads_and_serves_many_meetings_at_once(whisper: Path, sample: Sample) -> None:
    engine = load_engine(options(whisper, device="cuda"), lambda _: None)
    try:
        assert engine.models["device"] == "cuda"
        assert engine.throughput is not None
        assert (engine.throughput.windows_on_gpu, engine.throughput.speech_on_gpu) == (True, True)
        assert engine.throughput.capacity >= 1
        assert "on cuda" in throughput_table(engine)
        found = [future.result(PATIENCE) for future in asked(engine, sample, 24)]
        assert all(one is not None for one in found)
        assert any(np.isfinite(one.embeddings).any() for one in found if isinstance(one, LocalSpeakers))
    finally:
        engine.close()


def test_several_cards_have_an_engine_each(whisper: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = options(whisper, device="cuda:0")
    choice = replace(probe_and_select(settings), devices=("cuda:0", "cuda:0"))  # the same card stands for two
    monkeypatch.setattr(loader, "probe_and_select", lambda _: choice)
    fleet = load_engines(settings, lambda _: None)
    assert isinstance(fleet, EnginePool)
    try:
        assert fleet.models["device"] == "cuda"
        assert fleet.capacity == sum(engine.capacity or 0 for engine in fleet.engines) >= 2
        asked_of = [future for engine in fleet.engines for future in asked(engine, sample, 3)]
        assert all(future.result(PATIENCE) is not None for future in asked_of)
    finally:
        fleet.close()


def test_what_torch_may_not_take_it_is_refused_and_what_it_may_it_gets() -> None:
    torch.cuda.empty_cache()
    limit_torch_memory("cuda")
    half = torch.empty(int(DIARIZATION_GB / 2 * GB), dtype=torch.uint8, device="cuda")
    with pytest.raises(torch.cuda.OutOfMemoryError):
        torch.empty(int(1.1 * DIARIZATION_GB * GB), dtype=torch.uint8, device="cuda")
    assert half.numel() == int(DIARIZATION_GB / 2 * GB)


def test_a_budget_leaves_the_voices_what_they_need(sample: Sample, whisper: Path) -> None:
    torch.cuda.empty_cache()
    engine = load_engine(options(whisper, device="cuda", gpu_memory=4.0), lambda _: None)
    try:
        found = [engine.find_speakers(window, window.index) for window in cuts(sample, 16)]
        assert all(future.result(PATIENCE) is not None for future in found)
        assert torch.cuda.max_memory_reserved() <= DIARIZATION_GB * GB
    finally:
        engine.close()


def test_a_large_embedding_fits_the_part_of_a_budget_that_is_for_voices() -> None:
    with warnings_ignored():
        from pyannote.audio.models.embedding import WeSpeakerResNet34

        model = WeSpeakerResNet34()
        model.setup()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    limit_torch_memory("cuda")
    embed = pyannote_embedder(WeightedEmbedding(model).eval().cuda())
    audio = torch.randn(8, 1, WINDOW, generator=torch.Generator().manual_seed(0)) * 0.1
    alone = torch.ones(8, 589, 3, dtype=torch.bool)
    with warnings_ignored():
        vectors = embed(audio, alone)
    assert vectors.shape[:2] == (8, 3)
    assert np.isfinite(vectors).all()
    assert torch.cuda.max_memory_reserved() <= DIARIZATION_GB * GB
