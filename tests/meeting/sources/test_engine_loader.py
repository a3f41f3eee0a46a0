"""Loading the one engine of a process; models are fakes."""

from __future__ import annotations

import logging
import threading

import pytest

from meeting.config.settings import Models
from meeting.sources.engine_loader import EngineLoader
from pipelines.errors import ModelError, ModelMissing
from tests.fakes.server_fakes import FAKE_MODELS, FakeBackend


def test_a_loaded_engine_tells_its_models() -> None:
    loader = EngineLoader(FakeBackend(), Models())
    loader.load()
    assert loader.wait().models == FAKE_MODELS
    assert (loader.models, loader.failure) == (FAKE_MODELS, None)


def test_until_it_is_loaded_there_are_no_models() -> None:
    backend = FakeBackend(gate=threading.Event())
    loader = EngineLoader(backend, Models())
    loader.load()
    assert (loader.models, loader.failure) == (None, None)
    assert backend.gate is not None
    backend.gate.set()
    assert loader.wait().models == FAKE_MODELS


def test_how_long_models_elsewhere_were_silent_is_known_once_there_are_any() -> None:
    backend = FakeBackend(gate=threading.Event())
    loader = EngineLoader(backend, Models())
    loader.load()
    assert loader.stalled_seconds == 0
    assert backend.gate is not None
    backend.gate.set()
    loader.wait().stalled_seconds = 2.5  # type: ignore[misc]
    assert loader.stalled_seconds == 2.5


@pytest.mark.parametrize("error", [None, ModelMissing("no")])
def test_whoever_wants_to_know_learns_that_loading_is_over(error: Exception | None) -> None:
    backend = FakeBackend(gate=threading.Event(), error=error)
    loader, told = EngineLoader(backend, Models()), threading.Event()
    loader.load()
    loader.call_when_done(told.set)
    assert not loader.done
    assert not told.is_set()
    assert backend.gate is not None
    backend.gate.set()
    assert told.wait(20)
    assert loader.done
    loader.call_when_done((again := threading.Event()).set)
    assert again.is_set()


def test_loading_twice_loads_once() -> None:
    loader = EngineLoader(FakeBackend(), Models())
    loader.load()
    engine = loader.wait()
    loader.load()
    assert loader.wait() is engine


def test_an_explained_failure_keeps_its_sentence() -> None:
    done = threading.Event()
    loader = EngineLoader(FakeBackend(error=ModelMissing("run models pull")), Models())
    loader.load(done.set)
    with pytest.raises(ModelMissing, match="run models pull"):
        loader.wait()
    assert done.wait(5)
    assert isinstance(loader.failure, ModelMissing)
    assert loader.models is None


def test_an_unforeseen_failure_becomes_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    loader = EngineLoader(FakeBackend(error=RuntimeError("inside")), Models())
    loader.load()
    with pytest.raises(ModelError, match="RuntimeError"):
        loader.wait()


def test_closing_frees_the_engine_once_it_is_there() -> None:
    loader = EngineLoader(FakeBackend(), Models())
    loader.close()
    loader.load()
    engine = loader.wait()
    loader.close()
    assert engine.closed  # type: ignore[attr-defined]
