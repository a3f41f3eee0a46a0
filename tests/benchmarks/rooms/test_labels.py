"""Labels of words over time: when the first one stood, what it became, which voices were known."""

from __future__ import annotations

import pytest

from benchmarks.rooms.labels import LabelTimes, label_times
from pipelines.types import LabelChange, Output, Segment, Span, Speaker, SpeakersRevised, Word, samples

Told = list[tuple[int, Output]]


def line(id: str, start: float, speaker: str | None, words: int = 1, final: bool = True, rev: int = 1) -> Segment:
    """Words of half a second each."""
    spans = [Span(samples(start + at / 2), samples(start + at / 2 + 0.5)) for at in range(words)]
    said = tuple(Word(f"w{at}", span) for at, span in enumerate(spans))
    return Segment(id, rev, final, "source", spans[0] | spans[-1], speaker, said)


def at(seconds: float, output: Output) -> tuple[int, Output]:
    return samples(seconds), output


def revised(id: str, before: str | None, after: str | None) -> Output:
    return SpeakersRevised((LabelChange(id, 2, before, after),), "live")


KNOWN = at(1.0, line("s1", 0.0, "spk1"))
"""From here on the first voice is known"""


def test_the_delay_is_from_the_end_of_a_word_to_any_label_on_its_place() -> None:
    told: Told = [
        KNOWN,
        at(5.6, line("s2", 5.0, None, final=False)),
        at(6.3, line("s2", 5.0, "spk1", 2, final=False, rev=2)),
        at(7.0, line("s2", 5.0, "spk1", 2, rev=3)),
    ]
    found = label_times(told)
    assert found.delays == pytest.approx([0.8, 0.3])
    assert (found.agreeing, found.flips, found.words) == (2, 0, 3)


def test_a_label_that_stood_before_the_word_was_over_is_no_delay() -> None:
    told: Told = [KNOWN, at(5.3, line("s2", 5.0, "spk1", final=False)), at(6.0, line("s2", 5.0, "spk1", rev=2))]
    assert label_times(told).delays == [0.0]


def test_a_label_that_changes_is_a_flip_and_its_first_one_disagrees() -> None:
    told: Told = [
        KNOWN,
        at(1.0, line("s2", 0.6, "spk2")),
        at(6.0, line("s3", 5.0, "spk2", 2)),
        at(9.0, revised("s3", "spk2", None)),  # no label is no other label
        at(12.0, revised("s3", None, "spk1")),
    ]
    assert label_times(told) == LabelTimes([0.5, 0.0], 0, 2, 4)


def test_words_of_voices_that_were_not_known_for_a_second_are_left_out() -> None:
    told: Told = [
        KNOWN,
        at(2.5, line("s2", 1.9, "spk1")),
        at(4.0, line("s3", 3.0, "spk2")),
        at(9.0, line("s4", 8, None)),
    ]
    found = label_times(told)
    assert (len(found.delays), found.words) == (0, 4)


def test_voices_that_turn_out_to_be_one_agree_but_the_label_changed() -> None:
    told: Told = [
        KNOWN,
        at(6.0, line("s2", 5.0, "spk2")),
        at(9.0, Speaker("spk2", merged_into="spk1")),
        at(9.0, revised("s2", "spk2", "spk1")),
    ]
    assert label_times(told) == LabelTimes([0.5], 1, 1, 2)


def test_a_line_that_is_cut_moves_its_words_to_another_label() -> None:
    told: Told = [KNOWN, at(2.0, line("s2", 1.0, "spk2")), at(6.0, line("s3", 5.0, "spk1", 2))]
    told += [at(8.0, line("s3", 5.0, "spk1", 1, rev=2)), at(8.0, line("s3.2", 5.5, "spk2", 1))]
    found = label_times(told)
    assert found == LabelTimes([0.5, 0.0], 1, 1, 4)


def test_words_that_were_withdrawn_are_no_words() -> None:
    gone = Segment("s2", 2, True, "source", Span(samples(5.0), samples(5.5)), None, ())
    assert label_times([KNOWN, at(5.6, line("s2", 5.0, "spk1", final=False)), at(7.0, gone)]).words == 1


def test_several_recordings_are_one() -> None:
    both = LabelTimes([0.5], 1, 0, 2) + LabelTimes([2.5], 0, 2, 3)
    assert both == LabelTimes([0.5, 2.5], 1, 2, 5)
    figures = both.figures()
    assert (figures["label_p50"], figures["in_time"], figures["agreement"], figures["flips"]) == (1.5, 0.5, 0.5, 1.0)
    assert LabelTimes().figures()["agreement"] is None
