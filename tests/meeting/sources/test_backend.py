"""The backend of pipelines: the settings of this installation fit what they are for."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from meeting.config.settings import Config, Models, Speakers, Speech
from meeting.sources.backend import LocalBackend


def test_the_settings_fit_the_real_engine_and_pipeline() -> None:
    from pipelines.options import EngineOptions, PipelineOptions

    assert asdict(Models()) == asdict(EngineOptions())
    assert {**asdict(Speech()), **asdict(Speakers())} == asdict(PipelineOptions())
    assert Config().pipeline == PipelineOptions()
    assert [spec.name for spec in fields(EngineOptions) if not spec.repr] == ["hub_token"]


def test_the_language_of_the_settings_is_one_that_the_models_must_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, object]] = []

    def load_engines(models: Models, on_progress: object, language: str | None) -> None:
        told.append((models, language))

    monkeypatch.setattr("pipelines.engine.loader.load_engines", load_engines)
    config = replace(Config(), speech=Speech(language="de"))
    LocalBackend(config).load_engine(config.models, lambda message: None)
    assert told == [(config.models, "de")]
