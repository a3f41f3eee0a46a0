"""Loading the models: the real ones, what they say while they load, and what is said when they are not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from pipelines.asr.recogniser import RecogniserInfo, RecognitionRequest, RecognitionResult
from pipelines.diarization.clustering import PRESETS
from pipelines.engine import loader
from pipelines.engine.loader import limit_torch_memory, load_engine, load_engines
from pipelines.engine.pool import EnginePool
from pipelines.errors import BlockError, ModelError, ModelMissing, SettingsError
from pipelines.models.gpu_memory import DIARIZATION_GB
from pipelines.models.selection import Availability, ModelSelection, select_models
from pipelines.options import EngineOptions
from pipelines.types import SAMPLE_RATE, WINDOW, LocalSpeakers, Span, Utterance, Window
from tests.conftest import Sample
from tests.fakes.recogniser_fakes import FakeRecogniser
from tests.fakes.server_fakes import FakeEngine
from tests.pipelines.engine.test_engine import find

PATIENCE = 60
"""Seconds after which a test gives up waiting for a model"""

EMBEDDED = EngineOptions(set="embedded", cache_dir=os.environ.get("MEETING_MODELS_CACHE_DIR"), device="cpu")


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_models_load_say_why_and_hear(sample: Sample) -> None:
    said: list[str] = []
    engine = load_engine(EMBEDDED, said.append)
    try:
        assert {"speech", "segmentation", "embedding", "device", "why", "languages"} <= set(engine.models)
        assert "embedded" in engine.models["why"]
        assert list(engine.models["languages"]) == ["en"]
        assert engine.thresholds == PRESETS["ge2e"]
        assert said[0] == "looking for models"
        assert said[-1] == "models are ready"
        audio = sample.samples()
        turn = Utterance(0, Span(0, 4 * SAMPLE_RATE), audio[8_000 : 8_000 + 4 * SAMPLE_RATE], True)
        reading, window = engine.recognise(turn, "test"), engine.find_speakers(Window(0, 0, audio[:WINDOW]))
        assert "plan" in (reading.result(PATIENCE) or RecognitionResult()).text
        local = window.result(PATIENCE)
        assert local is not None
        assert local.single_speaker_seconds.max() > 1
        assert engine.open_vad()(audio[:512]) < 0.5
    finally:
        engine.close()


@pytest.mark.slow
def test_an_engine_without_its_models_says_which_are_missing(tmp_path: Any) -> None:
    with pytest.raises(ModelMissing, match=r"make setup|models pull"):
        load_engine(EngineOptions(set="embedded", cache_dir=str(tmp_path), device="cpu"), lambda _: None)


class FakeCard:
    """torch.cuda of a machine with one card of 16 GB."""

    total_memory = 16_000_000_000

    def __init__(self) -> None:
        self.limits: list[tuple[float, int]] = []

    def get_device_properties(self, device: int) -> FakeCard:
        """Itself."""
        return self

    def set_per_process_memory_fraction(self, fraction: float, device: int) -> None:
        """Noted."""
        self.limits.append((fraction, device))


def test_torch_may_take_no_more_than_its_part_of_a_cards_budget() -> None:
    card = FakeCard()
    limit_torch_memory("cuda:1", card)
    assert card.limits == [(DIARIZATION_GB / 16, 1)]
    card.total_memory = 1_000_000_000
    limit_torch_memory("cuda", card)
    assert card.limits[1] == (1.0, 0)


@pytest.mark.parametrize(("devices", "copies"), [(("cpu",), 1), (("cuda:0", "cuda:1"), 2)])
def test_each_gpu_gets_an_engine_and_a_single_one_stands_for_itself(
    monkeypatch: pytest.MonkeyPatch, devices: tuple[str, ...], copies: int
) -> None:
    weights = dict.fromkeys(("large-v3-turbo", "tiny", "base", "small"), "cached")
    choice = select_models(EngineOptions(), Availability(len(devices) if copies > 1 else 0, weights))
    loaded: list[tuple[str, int]] = []

    def load(one: ModelSelection, options: EngineOptions, on_progress: object, among: int, *_: object) -> FakeEngine:
        loaded.append((one.speech.device, among))
        return FakeEngine()

    monkeypatch.setattr(loader, "probe_and_select", lambda options: choice)
    monkeypatch.setattr(loader, "_load_one", load)
    found = load_engines(EngineOptions(), lambda message: None)
    assert loaded == [(device, copies) for device in devices]
    assert isinstance(found, EnginePool) == (copies > 1)


def test_when_one_gpu_cannot_be_loaded_the_others_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {"large-v3-turbo": "cached"}
    monkeypatch.setattr(
        loader, "probe_and_select", lambda options: select_models(EngineOptions(), Availability(2, weights))
    )
    first = FakeEngine()

    def load(one: ModelSelection, *_: object) -> FakeEngine:
        if one.speech.device == "cuda:1":
            raise ModelError("the card is full")
        return first

    monkeypatch.setattr(loader, "_load_one", load)
    with pytest.raises(ModelError, match="full"):
        load_engines(EngineOptions(), lambda message: None)
    assert first.closed


@pytest.mark.parametrize("load", [load_engine, load_engines])
def test_a_language_that_the_chosen_models_do_not_read_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, load: Callable[..., object]
) -> None:
    def load_one(*_: object) -> FakeEngine:
        raise AssertionError("nothing may be loaded")

    monkeypatch.setattr(
        loader, "probe_and_select", lambda options: select_models(options, Availability(0, {"tiny": "cached"}))
    )
    monkeypatch.setattr(loader, "_load_one", load_one)
    with pytest.raises(SettingsError, match=r"speech\.language is de, but moonshine\S* reads en only: set"):
        load(EngineOptions(set="embedded"), lambda message: None, "de")


@pytest.mark.parametrize(
    ("models", "language"), [("embedded", "en"), ("embedded", "de,en"), ("embedded", None), ("auto", "de")]
)
def test_a_language_that_the_chosen_models_read_is_not(
    monkeypatch: pytest.MonkeyPatch, models: str, language: str | None
) -> None:
    monkeypatch.setattr(
        loader, "probe_and_select", lambda options: select_models(options, Availability(0, {"tiny": "cached"}))
    )
    monkeypatch.setattr(loader, "_load_one", lambda *_: FakeEngine())
    assert isinstance(load_engines(EngineOptions(set=models), lambda message: None, language), FakeEngine)


@dataclass
class FakeFinder:
    """Faster with every thread."""

    trials: int = 0

    def __call__(self, windows: list[Window]) -> list[LocalSpeakers]:
        """Nobody."""
        return find(windows)

    def trial(self, windows: int) -> None:
        """Counted."""
        self.trials += 1


@pytest.mark.parametrize(
    ("threads", "there", "available", "tried"),
    [
        (None, 8, Availability(0, {}), [1, 2, 4]),
        (None, 2, Availability(0, {}), []),
        (3, 8, Availability(0, {}), []),
        (None, 8, Availability(1, {}), []),
    ],
)
def test_threads_are_tried_where_the_processor_computes_and_leaves_a_choice(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, there: int, available: Availability, tried: list[int]
) -> None:
    recognisers: list[int] = []
    used: list[int] = []

    def load_recogniser(choice: ModelSelection, options: EngineOptions, threads: int, on_progress: object) -> Any:
        recognisers.append(threads)
        return FakeRecogniser(RecognitionResult())

    monkeypatch.setattr("pipelines.engine.capacity.available_cores", lambda: there)
    monkeypatch.setattr(loader, "probe_and_select", lambda options: select_models(EngineOptions(), available))
    monkeypatch.setattr(loader, "load_speaker_finder", lambda *_: (FakeFinder(), PRESETS["ge2e"]))
    monkeypatch.setattr(loader, "_load_recogniser", load_recogniser)
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    monkeypatch.setattr("pipelines.engine.capacity.best_of", lambda work: 1.0 / used[-1])
    engine = load_engine(EngineOptions(threads=threads), lambda message: None)
    engine.close()
    chosen = max(tried) if tried else threads or 1
    assert sorted(engine.thread_trials) == tried
    assert engine.throughput is not None
    assert (engine.throughput.threads, used[-1], recognisers) == (chosen, chosen, [chosen])


@pytest.mark.parametrize(("concurrent", "workers"), [(True, 4), (False, 1)])
def test_several_threads_recognise_where_there_are_cores_and_the_recogniser_may_be_shared(
    monkeypatch: pytest.MonkeyPatch, concurrent: bool, workers: int
) -> None:
    recogniser = FakeRecogniser(RecognitionResult())
    recogniser.info = RecogniserInfo("fake", concurrent=concurrent)
    monkeypatch.setattr("pipelines.engine.capacity.available_cores", lambda: 8)
    monkeypatch.setattr(loader, "probe_and_select", lambda options: select_models(EngineOptions(), Availability(0, {})))
    monkeypatch.setattr(loader, "load_speaker_finder", lambda *_: (FakeFinder(), PRESETS["ge2e"]))
    monkeypatch.setattr(loader, "_load_recogniser", lambda *_: recogniser)
    engine = load_engine(EngineOptions(threads=1), lambda message: None)
    engine.close()
    assert engine.throughput is not None
    assert (engine.speech_queue.workers, engine.throughput.speech_workers) == (workers, workers)


@pytest.mark.parametrize(("cards", "advice"), [(1, "set models.device to cpu"), (0, "no kernel image$")])
def test_models_that_load_but_cannot_compute_say_so_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, cards: int, advice: str
) -> None:
    class FakeFailing(FakeRecogniser):
        """Its libraries are not there."""

        def recognise(self, request: RecognitionRequest) -> RecognitionResult:
            """Never."""
            raise BlockError("speech", "no kernel image")

    monkeypatch.setattr(
        loader, "probe_and_select", lambda options: select_models(EngineOptions(), Availability(cards, {}))
    )
    monkeypatch.setattr(loader, "load_speaker_finder", lambda *_: (FakeFinder(), PRESETS["ge2e"]))
    monkeypatch.setattr(loader, "_load_recogniser", lambda *_: FakeFailing(RecognitionResult()))
    with pytest.raises(ModelError, match=f"cannot compute: speech failed: .*{advice}"):
        load_engine(EngineOptions(threads=1), lambda _: None)
