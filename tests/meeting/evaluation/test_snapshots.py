"""How a transcript looked at earlier moments."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from meeting.core.records import Meeting, Record, State
from meeting.evaluation.snapshots import before_refine, first_shown, split_at_refine
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)

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
    assert split_at_refine([*BEFORE, *AFTER]) == (BEFORE, AFTER)
    assert split_at_refine(BEFORE) == (BEFORE, [])


def test_live_labels_are_those_before_the_last_pass() -> None:
    record = before_refine(KEPT, BEFORE, AFTER)
    assert labels(record)[:2] == [("one two", "spk1"), ("three four", "spk1")]
    assert record.turns == (Turn(span(0, 4), "spk1"),)


def test_text_that_came_late_gets_the_labels_of_before_all_the_same() -> None:
    before = [*BEFORE, told(3, 6, "live", (3, 6, "spk1"))]
    assert labels(before_refine(KEPT, before, AFTER))[2] == ("five six", "spk1")


def test_lines_that_the_last_pass_cuts_are_not_counted_twice() -> None:
    pieces = [segment("s2", 2, 2, "three", "spk1"), segment("s2.2", 1, 3, "four", "spk2")]
    assert labels(before_refine(KEPT, BEFORE, [AFTER[1], *pieces])) == [("one two", "spk1"), ("three four", "spk1")]


def test_merged_voices_are_one() -> None:
    merged = [*BEFORE, Speaker("spk1", merged_into="spk0")]
    assert {speaker for _, speaker in labels(before_refine(KEPT, merged, []))} == {"spk0"}


def test_first_shown_is_what_nobody_had_corrected_yet() -> None:
    record = first_shown(KEPT, [*BEFORE, segment("s1", 4, 0, "one", "spk1"), segment("s1.2", 1, 1, "two", "spk1")])
    assert labels(record) == [("one two", None), ("three four", "spk1")]
    assert record.turns == (Turn(span(0, 2), "?"), Turn(span(2, 4), "spk1"))


def test_segments_are_in_order_of_time() -> None:
    swapped = [replace(BEFORE[7], id="s0"), *BEFORE[:7]]
    assert [text for text, _ in labels(before_refine(KEPT, swapped, []))] == ["one two", "three four"]
