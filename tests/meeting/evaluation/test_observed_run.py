"""A recording through the live path, all of it noted; models are fakes here."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from meeting.core.records import Record
from meeting.evaluation.observed_run import ObservedBackend, run_recording
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    Samples,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
)
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config
from tests.meeting.recordings.test_replay import recording


def labels(record: Record) -> list[tuple[str, str | None]]:
    return [(segment.text, segment.speaker) for segment in record.segments]


class RefiningPipeline(FakePipeline):
    """A fake that takes back its only voice at the end; remembers whether something waited when that came."""

    def __init__(self, emit: Any, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.busy = self.busy_at_the_end = False

    def feed(self, audio: Samples) -> None:
        """Take a while for the last of it."""
        super().feed(audio)
        self.busy = True
        self.on_backlog(0.5)
        threading.Timer(0.2, self.rest).start()

    def rest(self) -> None:
        """Have nothing more to do."""
        self.busy = False
        self.on_backlog(0.0)

    def finish(self) -> None:
        """Find another voice."""
        self.busy_at_the_end = self.busy
        super().finish()
        whole = Span(0, len(self._audio))
        self._emit(Speaker("spk2"))
        self._emit(TurnsRevised(whole, (Turn(whole, "spk2"),), "refine"))
        self._emit(SpeakersRevised((LabelChange("s0", 4, "spk1", "spk2"),), "refine"))


def test_a_recording_gives_its_transcript_at_three_moments(tmp_path: Path) -> None:
    backend = FakeBackend(pipeline=RefiningPipeline)
    observed = ObservedBackend(backend)
    run = run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), None, tmp_path, observed)
    assert [labels(record) for record in (run.first, run.live, run.refined)] == [
        [("one", None)],
        [("one", "spk1")],
        [("one", "spk2")],
    ]
    assert run.live.turns == (Turn(Span(0, SAMPLE_RATE), "spk1"),)
    assert run.refined.turns == (Turn(Span(0, SAMPLE_RATE), "spk2"),)
    assert (run.seconds, run.events[-1]["event"]["type"]) == (1.0, "ended")
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_at_full_speed_the_models_catch_up_before_the_end_and_at_the_pace_of_speech_nobody_waits(
    tmp_path: Path,
) -> None:
    backend = FakeBackend(pipeline=RefiningPipeline)
    observed = ObservedBackend(backend)
    for speed in (None, 50.0):
        run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), speed, tmp_path, observed)
    made = [pipeline for pipeline in backend.pipelines if isinstance(pipeline, RefiningPipeline)]
    assert [pipeline.busy_at_the_end for pipeline in made] == [False, True]


@pytest.mark.slow
def test_models_are_loaded_once_and_freed_at_the_end(tmp_path: Path) -> None:
    class Counting(FakeBackend):
        """Keeps the engines that it loads."""

        def load_engine(self, models: Any, on_progress: Any) -> Any:
            """One more."""
            engines.append(super().load_engine(models, on_progress))
            return engines[-1]

    engines: list[Any] = []
    observed = ObservedBackend(Counting())
    for _ in range(2):
        run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), None, tmp_path, observed)
    assert [engine.closed for engine in engines] == [False]
    observed.close()
    assert engines[0].closed
