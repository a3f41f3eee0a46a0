"""A recording through the live path, and how its transcript looked at earlier moments; models are fakes here."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from meeting.core.records import Meeting, Record, State
from meeting.evaluation.evaluate_run import Listening, cut_at_refine, first_shown, live, run_recording
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    Output,
    Samples,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config
from tests.meeting.recordings.test_replay import recording

KEPT = Record(Meeting("m", "m", State.ENDED, datetime.now(timezone.utc)), (), (), (), ())


def span(start: float, end: float) -> Span:
    return Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))


def segment(id: str, rev: int, start: int, text: str, speaker: str | None = None, final: bool = True) -> Segment:
    """A segment whose words last a second each."""
    words = tuple(Word(word, span(start + at, start + at + 1)) for at, word in enumerate(text.split()))
    return Segment(id, rev, final, "a", span(start, start + len(words)), speaker, words)


def told(start: int, end: int, reason: str, *turns: tuple[int, int, str]) -> TurnsRevised:
    return TurnsRevised(span(start, end), tuple(Turn(span(a, b), who) for a, b, who in turns), reason)


def labels(record: Record) -> list[tuple[str, str | None]]:
    return [(segment.text, segment.speaker) for segment in record.segments]


BEFORE: list[Output] = [
    segment("s1", 1, 0, "one", final=False),
    told(0, 2, "live", (0, 2, "?")),
    segment("s1", 2, 0, "one two"),
    Speaker("spk1"),
    told(0, 3, "recluster", (0, 3, "spk1")),
    SpeakersRevised((LabelChange("s1", 3, None, "spk1"),), "recluster"),
    told(1, 4, "live", (1, 4, "spk1")),
    segment("s2", 1, 2, "three four", "spk1"),
]
AFTER: list[Output] = [
    Speaker("spk2"),
    told(0, 6, "refine", (0, 2, "spk1"), (2, 6, "spk2")),
    SpeakersRevised((LabelChange("s2", 2, "spk1", "spk2"),), "refine"),
    segment("s3", 1, 4, "five six", "spk2"),
]


def test_the_last_pass_begins_with_the_voices_that_it_finds() -> None:
    assert cut_at_refine([*BEFORE, *AFTER]) == (BEFORE, AFTER)
    assert cut_at_refine(BEFORE) == (BEFORE, [])


def test_live_labels_are_those_before_the_last_pass() -> None:
    record = live(KEPT, BEFORE, AFTER)
    assert labels(record)[:2] == [("one two", "spk1"), ("three four", "spk1")]
    assert record.turns == (Turn(span(0, 4), "spk1"),)


def test_text_that_came_late_gets_the_labels_of_before_all_the_same() -> None:
    before = [*BEFORE, told(3, 6, "live", (3, 6, "spk1"))]
    assert labels(live(KEPT, before, AFTER))[2] == ("five six", "spk1")


def test_lines_that_the_last_pass_cuts_are_not_counted_twice() -> None:
    pieces = [segment("s2", 2, 2, "three", "spk1"), segment("s2.2", 1, 3, "four", "spk2")]
    assert labels(live(KEPT, BEFORE, [AFTER[1], *pieces])) == [("one two", "spk1"), ("three four", "spk1")]


def test_merged_voices_are_one() -> None:
    merged = [*BEFORE, Speaker("spk1", merged_into="spk0")]
    assert {speaker for _, speaker in labels(live(KEPT, merged, []))} == {"spk0"}


def test_first_shown_is_what_nobody_had_corrected_yet() -> None:
    record = first_shown(KEPT, [*BEFORE, segment("s1", 4, 0, "one", "spk1"), segment("s1.2", 1, 1, "two", "spk1")])
    assert labels(record) == [("one two", None), ("three four", "spk1")]
    assert record.turns == (Turn(span(0, 2), "?"), Turn(span(2, 4), "spk1"))


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
    listening = Listening(backend)
    run = run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), None, tmp_path, listening)
    assert [labels(record) for record in (run.first, run.live, run.refined)] == [
        [("one", None)],
        [("one", "spk1")],
        [("one", "spk2")],
    ]
    assert run.live.turns == (Turn(Span(0, SAMPLE_RATE), "spk1"),)
    assert run.refined.turns == (Turn(Span(0, SAMPLE_RATE), "spk2"),)
    assert (run.seconds, run.events[-1]["event"]["type"]) == (1.0, "ended")
    assert not (tmp_path / "data").exists()


def test_at_full_speed_the_models_catch_up_before_the_end_and_at_the_pace_of_speech_nobody_waits(
    tmp_path: Path,
) -> None:
    backend = FakeBackend(pipeline=RefiningPipeline)
    listening = Listening(backend)
    for speed in (None, 50.0):
        run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), speed, tmp_path, listening)
    made = [pipeline for pipeline in backend.pipelines if isinstance(pipeline, RefiningPipeline)]
    assert [pipeline.busy_at_the_end for pipeline in made] == [False, True]


def test_models_are_loaded_once_and_freed_at_the_end(tmp_path: Path) -> None:
    class Counting(FakeBackend):
        """Keeps the engines that it loads."""

        def load_engine(self, models: Any, on_progress: Any) -> Any:
            """One more."""
            engines.append(super().load_engine(models, on_progress))
            return engines[-1]

    engines: list[Any] = []
    listening = Listening(Counting())
    for _ in range(2):
        run_recording(config(tmp_path / "data"), recording(tmp_path, 1.0), None, tmp_path, listening)
    assert [engine.closed for engine in engines] == [False]
    listening.close()
    assert engines[0].closed


def test_segments_are_in_order_of_time() -> None:
    swapped = [replace(BEFORE[7], id="s0"), *BEFORE[:7]]
    assert [text for text, _ in labels(live(KEPT, swapped, []))] == ["one two", "three four"]
