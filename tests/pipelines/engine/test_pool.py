"""Several engines as one: meetings are spread, and each hears what it would from a single engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from meeting.config.settings import Config
from meeting.sources.backend import LocalBackend, PipelineRequest
from pipelines.diarization.clustering import Thresholds
from pipelines.engine.engine import Engine
from pipelines.engine.pool import EnginePool
from tests.fakes.recogniser_fakes import FakeRecogniser
from tests.pipelines.engine.test_engine import FakeVadModel, find

MODELS = {"speech": "tiny", "device": "cuda:0", "why": "Whisper tiny serves, from this machine."}
DISTANCES = Thresholds(0.1, 0.2, 0.3)


@dataclass
class FakeCard:
    """The outside of an engine."""

    capacity: int | None = 4
    sources: int = 0
    load: float = 0.0
    stalled_seconds: float = 0.0
    closed: bool = False
    models: dict[str, Any] = field(default_factory=lambda: dict(MODELS))
    thresholds: Thresholds = DISTANCES

    def close(self) -> None:
        """Remembered."""
        self.closed = True


def pool(*cards: FakeCard) -> EnginePool:
    return EnginePool(cards)  # type: ignore[arg-type]


def test_models_elsewhere_are_silent_for_as_long_as_for_the_engine_that_waited_longest() -> None:
    assert pool(FakeCard(stalled_seconds=3), FakeCard(stalled_seconds=5), FakeCard()).stalled_seconds == 5


def test_a_new_pipeline_goes_where_the_fewest_are() -> None:
    busy, free = FakeCard(sources=2), FakeCard(sources=1, load=0.9)
    assert pool(busy, free).assign() is free


def test_of_equally_many_the_least_loaded_takes_it() -> None:
    busy, free = FakeCard(sources=1, load=0.5), FakeCard(sources=1, load=0.1)
    assert pool(busy, free).assign() is free


def test_pipelines_are_spread_evenly_and_fill_what_others_leave() -> None:
    cards = [FakeCard(), FakeCard()]
    both = pool(*cards)
    for _ in range(6):
        both.assign().sources += 1  # type: ignore[misc]
    assert [card.sources for card in cards] == [3, 3]
    cards[0].sources -= 2
    assert both.assign() is cards[0]


@pytest.mark.parametrize(("each", "all_of_them"), [((4, 3), 7), ((4, None), None)])
def test_together_they_carry_what_each_does(each: tuple[int | None, ...], all_of_them: int | None) -> None:
    assert pool(*(FakeCard(capacity=capacity) for capacity in each)).capacity == all_of_them


def test_the_models_are_those_of_each_and_it_is_said_how_often() -> None:
    assert pool(FakeCard(), FakeCard()).models == {
        "speech": "tiny",
        "device": "cuda",
        "why": "Whisper tiny serves, from this machine; a copy on each of 2 GPUs.",
    }
    assert pool(FakeCard(), FakeCard()).thresholds == DISTANCES


def test_closing_closes_all() -> None:
    cards = [FakeCard(), FakeCard()]
    pool(*cards).close()
    assert all(card.closed for card in cards)


def test_sources_of_a_server_are_spread_over_real_engines_and_leave_them_again() -> None:
    engines = [
        Engine(FakeRecogniser(), find, FakeVadModel(), DISTANCES, dict(MODELS))  # type: ignore[arg-type]
        for _ in range(2)
    ]
    both, backend = EnginePool(engines), LocalBackend(Config())
    pipelines = [
        backend.open_pipeline(both, PipelineRequest(str(n), None, ()), lambda _: None, lambda _: None) for n in range(4)
    ]
    assert [engine.sources for engine in engines] == [2, 2]
    for pipeline in pipelines:
        pipeline.close()
    assert [engine.sources for engine in engines] == [0, 0]
    both.close()
