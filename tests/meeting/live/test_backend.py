"""The backend of pipelines: the settings of this installation fit what they are for."""

from __future__ import annotations

from dataclasses import asdict, fields

from meeting.config.settings import Config, Models, Speakers, Speech


def test_the_settings_fit_the_real_engine_and_pipeline() -> None:
    from pipelines.options import EngineOptions, PipelineOptions

    assert asdict(Models()) == asdict(EngineOptions())
    assert {**asdict(Speech()), **asdict(Speakers())} == asdict(PipelineOptions())
    assert Config().pipeline == PipelineOptions()
    assert [spec.name for spec in fields(EngineOptions) if not spec.repr] == ["hub_token"]
