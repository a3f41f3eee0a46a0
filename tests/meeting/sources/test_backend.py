"""The backend of pipelines: the settings of this installation fit what they are for."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from meeting.config.settings import Config, Models, Speakers, Speech
from meeting.sources.backend import LocalBackend, PipelineRequest
from pipelines.options import PipelineOptions
from pipelines.types import SpeakerCount
from tests.fakes.server_fakes import FakeEngine


def test_the_settings_fit_the_real_engine_and_pipeline() -> None:
    from pipelines.options import EngineOptions

    shared = {"engine": "local", "ray_address": "127.0.0.1:9000", "ray_calls": 4, "ray_patience": 300.0}
    assert asdict(Models()) == {**asdict(EngineOptions()), **shared}
    of_a_source = {"speakers": None, "translate": False, "solo": False, "pause": None}
    assert {**asdict(Speech()), **asdict(Speakers()), **of_a_source} == asdict(PipelineOptions())
    assert Config().pipeline == PipelineOptions()
    assert [spec.name for spec in fields(EngineOptions) if not spec.repr] == ["hub_token"]


@pytest.mark.slow
def test_the_language_of_the_settings_is_one_that_the_models_must_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, object]] = []

    def load_engines(models: Models, on_progress: object, language: str | None) -> None:
        told.append((models, language))

    monkeypatch.setattr("pipelines.engine.loader.load_engines", load_engines)
    config = replace(Config(), speech=Speech(language="de"))
    LocalBackend(config).load_engine(config.models, lambda message: None)
    assert told == [(config.models, "de")]


def test_models_of_other_machines_are_found_instead_of_loaded_where_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[object, object]] = []

    def connect_engine(models: Models, on_progress: object, language: str | None) -> None:
        told.append((models, language))

    monkeypatch.setattr("meeting.cluster.shared_models.connecting.connect_engine", connect_engine)
    monkeypatch.setattr("pipelines.engine.loader.load_engines", None)
    config = replace(Config(), models=Models(engine="ray"), speech=Speech(language="de"))
    LocalBackend(config).load_engine(config.models, lambda message: None)
    assert told == [(config.models, "de")]


def test_a_pipeline_gets_what_its_source_and_its_meeting_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Stream:
        """Notes its options."""

        def __init__(self, engine: object, options: PipelineOptions, *_: object, **__: object) -> None:
            made.append(options)

    monkeypatch.setattr("pipelines.stream.stream.Pipeline", Stream)
    backend, engine = LocalBackend(Config(speech=Speech(language="de"))), FakeEngine()
    other = PipelineRequest("b", None, (), translate=True, pause=0.7)
    for request in (PipelineRequest("a", "fr", (), SpeakerCount(2, 5)), other):
        backend.open_pipeline(engine, request, lambda output: None, lambda seconds: None)
    assert [(options.language, options.speakers) for options in made] == [("fr", SpeakerCount(2, 5)), ("de", None)]
    assert [(options.translate, options.pause) for options in made] == [(False, None), (True, 0.7)]
