"""Outputs of several microphones in order of time through a joiner, and what is shown of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from benchmarks.microphones.hearing import Heard
from benchmarks.microphones.joined import Shown, alone, join, renumbered
from benchmarks.microphones.scenes import Microphone
from meeting.core.records import Source
from meeting.evaluation.scores import Share
from pipelines.types import (
    SAMPLE_RATE,
    LabelChange,
    LevelsHeard,
    Output,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
)

SECOND = SAMPLE_RATE


def microphone(name: str, begins: float = 0.0, ppm: float = 0.0) -> Microphone:
    return Microphone(name, "room", "table", begins, ppm, 0.1, 0.01, 0.2, 1)


def line(id_: str, start: float, end: float, text: str, source: str = "mic1", rev: int = 1) -> Segment:
    span = Span(round(start * SECOND), round(end * SECOND))
    return Segment(id_, rev, True, source, span, "spk1", tuple(Word(word, span) for word in text.split()))


def heard(one: Microphone, *told: tuple[float, Output], seconds: float = 10.0) -> Heard:
    return Heard(one, round(seconds * SECOND), tuple((round(at * SECOND), output) for at, output in told))


class Noting:
    """A joiner that passes everything on and notes what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, object]] = []

    def add(self, source: Source) -> Iterable[Output]:
        self.told.append(("add", source.id, source.number))
        return ()

    def observe(self, source_id: str, samples: int, at: float) -> bool:
        self.told.append(("observe", source_id, (samples, at)))
        return False

    def take(self, source_id: str, output: Output) -> Iterable[Output]:
        self.told.append(("take", source_id, output))
        return [] if isinstance(output, LevelsHeard) else [output]

    def finish(self, source_id: str) -> Iterable[Output]:
        self.told.append(("finish", source_id, None))
        return [line(f"{source_id}-last", 9, 9.5, "goodbye")] if source_id == "mic2" else []

    def place(self, source_id: str, sample: int) -> int:
        return sample + (SECOND // 4 if source_id == "mic2" else 0)

    def anchors(self, source_id: str) -> tuple[tuple[int, int], ...]:
        return ((0, self.place(source_id, 0)),)


def played(*sources: Heard) -> tuple[Noting, Shown]:
    joiner = Noting()
    sounds = [np.zeros(one.samples, np.float32) for one in sources]
    return joiner, join(sources, sounds, lambda: joiner)


FIRST = heard(microphone("mic1"), (3.0, line("s1", 1, 2, "hello")), (10.0, line("s2", 8, 9, "bye now")))
SECOND_ONE = heard(microphone("mic2", begins=2.0), (2.0, line("s1", 0, 1, "there", "mic2")), seconds=8.0)


def test_everything_comes_in_order_of_time_and_each_source_begins_and_ends_once() -> None:
    joiner, _ = played(FIRST, SECOND_ONE)
    assert [one for one in joiner.told if one[0] in ("add", "finish")] == [
        ("add", "mic1", 1),
        ("add", "mic2", 2),
        ("finish", "mic2", None),
        ("finish", "mic1", None),
    ]
    for name in ("mic1", "mic2"):
        mine = [one for one in joiner.told if one[1] == name]
        assert (mine[0][0], mine[-1][0]) == ("add", "finish")
    said = [(source, output.id) for kind, source, output in joiner.told if isinstance(output, Segment)]
    assert said == [("mic1", "s1"), ("mic2", "m2s1"), ("mic1", "s2")]
    times = [told[1] for kind, _, told in joiner.told if kind == "observe" and isinstance(told, tuple)]
    assert times == sorted(times)


def test_a_line_comes_after_the_audio_that_it_was_heard_in() -> None:
    joiner, _ = played(FIRST)
    at = next(place for place, one in enumerate(joiner.told) if isinstance(one[2], Segment))
    observed = [told[0] for kind, _, told in joiner.told[:at] if kind == "observe" and isinstance(told, tuple)]
    assert max(observed) >= 3.0 * SECOND
    levels = [told for kind, _, told in joiner.told if isinstance(told, LevelsHeard)]
    assert levels[-1].span.end == 10 * SECOND


def test_what_is_shown_is_what_the_joiner_gave_and_when() -> None:
    _, shown = played(FIRST, SECOND_ONE)
    assert [one.text for one in shown.lines] == ["there", "hello", "bye now", "goodbye"]
    assert 3.3 <= shown.ready["s1"] < 3.5
    assert 4.3 <= shown.ready["m2s1"] < 4.5
    assert shown.ready["s2"] > 11  # of the pass that ends it


def test_changes_of_the_source_that_is_shown_are_counted() -> None:
    gone = replace(line("s1", 1, 2, "", "mic2"), rev=2)
    second = heard(microphone("mic2"), (2.0, line("s1", 1, 2, "there", "mic2")), (3.0, gone))
    assert played(FIRST, second)[1].changed == Share(1, 4)


def test_it_is_told_how_far_from_its_place_a_source_stands() -> None:
    assert played(FIRST)[1].misplaced == 0.0
    assert played(FIRST, SECOND_ONE)[1].misplaced == 1.75  # it began two seconds later, and stands at 0.25


def test_merged_speakers_are_one_and_turns_are_kept_by_source() -> None:
    turns = TurnsRevised(Span(0, 3 * SECOND), (Turn(Span(0, SECOND), "spk1"),))
    others = TurnsRevised(Span(0, 3 * SECOND), (Turn(Span(SECOND, 2 * SECOND), "spk2"),))
    one = heard(microphone("mic1"), (3.0, line("s1", 0, 1, "hello")), (3.0, turns), (3.0, Speaker("spk1")))
    two = heard(microphone("mic2"), (3.0, others), (4.0, Speaker("spk2", merged_into="spk1")))
    _, shown = played(one, two)
    assert shown.turns == (Turn(Span(0, 2 * SECOND), "spk1"),)
    assert {each.speaker for each in shown.lines if each.source_id == "mic1"} == {"spk1"}


def test_a_microphone_alone_is_shown_in_the_time_of_the_first() -> None:
    second = microphone("mic2", begins=2.0, ppm=100_000.0)
    turns = TurnsRevised(Span(0, 3 * SECOND), (Turn(Span(0, 22 * SECOND // 10), "spk1"),))
    shown = alone(heard(second, (3.0, line("s1", 1.1, 2.2, "hello", "mic2")), (3.0, turns)), microphone("mic1"))
    assert shown.lines[0].span == Span(3 * SECOND, 4 * SECOND)
    assert shown.lines[0].words[0].span == Span(3 * SECOND, 4 * SECOND)
    assert shown.turns[0].span == Span(2 * SECOND, 4 * SECOND)
    assert 4.9 < shown.ready["s1"] < 5.2


def test_a_headset_alone_is_measured_as_if_it_were_for_everybody() -> None:
    one = replace(heard(microphone("mic1")), as_room=((3 * SECOND, line("s1", 1, 2, "hello")),))
    assert [each.text for each in alone(one, one.microphone).lines] == ["hello"]
    assert join([one], [np.zeros(one.samples, np.float32)], Noting).lines == ()


def test_lines_of_two_sources_have_two_names() -> None:
    one = line("s1", 0, 1, "hello")
    change = SpeakersRevised((LabelChange("s1", 2, None, "spk1"),), "live")
    assert renumbered(one, 1) is one
    assert renumbered(one, 3).id == "m3s1"
    assert renumbered(change, 3).changes[0].id == "m3s1"
    assert renumbered(Speaker("spk1"), 3) == Speaker("spk1")
