"""Loading the one engine of a process; models are fakes, and the settings must fit the real pipelines."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, fields

import pytest

from meeting.config.settings import Config, Models, Speakers, Speech
from meeting.live.backend import EngineRoom
from pipelines.errors import ModelError, ModelMissing
from tests.fakes.server_fakes import FAKE_MODELS, FakeMachinery


def test_a_loaded_engine_tells_its_models() -> None:
    room = EngineRoom(FakeMachinery(), Models())
    room.load()
    assert room.wait().models == FAKE_MODELS
    assert (room.models, room.failure) == (FAKE_MODELS, None)


def test_until_it_is_loaded_there_are_no_models() -> None:
    machinery = FakeMachinery(gate=threading.Event())
    room = EngineRoom(machinery, Models())
    room.load()
    assert (room.models, room.failure) == (None, None)
    assert machinery.gate is not None
    machinery.gate.set()
    assert room.wait().models == FAKE_MODELS


@pytest.mark.parametrize("error", [None, ModelMissing("no")])
def test_whoever_wants_to_know_learns_that_loading_is_over(error: Exception | None) -> None:
    machinery = FakeMachinery(gate=threading.Event(), error=error)
    room, told = EngineRoom(machinery, Models()), threading.Event()
    room.load()
    room.call_when_settled(told.set)
    assert not room.settled
    assert not told.is_set()
    assert machinery.gate is not None
    machinery.gate.set()
    assert told.wait(20)
    assert room.settled
    room.call_when_settled((again := threading.Event()).set)
    assert again.is_set()


def test_loading_twice_loads_once() -> None:
    room = EngineRoom(FakeMachinery(), Models())
    room.load()
    engine = room.wait()
    room.load()
    assert room.wait() is engine


def test_an_explained_failure_keeps_its_sentence() -> None:
    done = threading.Event()
    room = EngineRoom(FakeMachinery(error=ModelMissing("run models pull")), Models())
    room.load(done.set)
    with pytest.raises(ModelMissing, match="run models pull"):
        room.wait()
    assert done.wait(5)
    assert isinstance(room.failure, ModelMissing)
    assert room.models is None


def test_an_unforeseen_failure_becomes_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    room = EngineRoom(FakeMachinery(error=RuntimeError("inside")), Models())
    room.load()
    with pytest.raises(ModelError, match="RuntimeError"):
        room.wait()


def test_closing_frees_the_engine_once_it_is_there() -> None:
    room = EngineRoom(FakeMachinery(), Models())
    room.close()
    room.load()
    engine = room.wait()
    room.close()
    assert engine.closed  # type: ignore[attr-defined]


def test_the_settings_fit_the_real_engine_and_pipeline() -> None:
    from pipelines.options import EngineOptions, PipelineOptions

    assert asdict(Models()) == asdict(EngineOptions())
    assert {**asdict(Speech()), **asdict(Speakers())} == asdict(PipelineOptions())
    assert Config().pipeline == PipelineOptions()
    assert [spec.name for spec in fields(EngineOptions) if not spec.repr] == ["hub_token"]
