"""Diarization error on the grid: by hand, and against pyannote.metrics."""

from __future__ import annotations

import random

import pytest

from meeting.evaluation.der import CELL, cells_of, error, match_speakers, rasterise
from pipelines.types import SAMPLE_RATE, Span, Turn


def turn(start: float, end: float, speaker: str) -> Turn:
    return Turn(Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)), speaker)


def parts(reference: list[Turn], other: list[Turn]) -> tuple[float, float, float, float]:
    cells = cells_of(reference, other)
    found = error(rasterise(reference, cells).on, rasterise(other, cells).on)
    return found.miss, found.false_alarm, found.confusion, found.speech


def test_names_do_not_matter() -> None:
    assert parts([turn(0, 2, "a"), turn(2, 3, "b")], [turn(0, 2, "b"), turn(2, 3, "x")]) == (0, 0, 0, 3)


def test_each_part_of_the_error_is_counted_in_seconds() -> None:
    reference = [turn(0, 2, "a"), turn(2, 4, "b")]
    assert parts(reference, [turn(0.5, 2, "x"), turn(2, 4.25, "y")]) == (0.5, 0.25, 0, 4)
    assert parts(reference, [turn(0, 3, "x"), turn(3, 4, "y")]) == (0, 0, 1, 4)


def test_speech_at_once_counts_for_each_voice() -> None:
    both = [turn(0, 2, "a"), turn(1, 2, "b")]
    assert parts(both, [turn(0, 2, "x")]) == (1, 0, 0, 3)
    assert parts([turn(0, 2, "x")], both) == (0, 1, 0, 2)


def test_one_voice_cannot_stand_for_two_people() -> None:
    assert parts([turn(0, 2, "a"), turn(2, 3, "b")], [turn(0, 3, "x")]) == (0, 0, 1, 3)


def test_without_anybody_there_is_no_error_and_no_speech() -> None:
    assert parts([], []) == (0, 0, 0, 0)
    assert parts([], [turn(0, 1, "x")]) == (0, 1, 0, 0)
    assert parts([turn(0, 1, "a")], []) == (1, 0, 0, 1)


def test_a_rate_is_the_errors_by_the_speech() -> None:
    cells = 400
    found = error(rasterise([turn(0, 4, "a")], cells).on, rasterise([turn(1, 4, "x")], cells).on)
    assert found.rate == 0.25


def test_voices_are_paired_by_the_speech_they_share() -> None:
    reference = rasterise([turn(0, 2, "a"), turn(2, 3, "b")], 400)
    other = rasterise([turn(0, 1.5, "x"), turn(1.5, 3, "y"), turn(3.5, 4, "z")], 400)
    assert match_speakers(reference, other) == {"x": "a", "y": "b"}


def test_what_reaches_past_the_grid_is_cut_off() -> None:
    assert rasterise([turn(0, 9, "a")], 100).on.sum() == 100
    assert cells_of([Turn(Span(0, CELL + 1), "a")], []) == 2


@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_pyannote_metrics_finds(seed: int) -> None:
    scores = pytest.importorskip("meeting.evaluation.scores")
    pytest.importorskip("pyannote.metrics", reason="the extra eval is not installed")
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    dice = random.Random(seed)

    def turns(names: str) -> list[Turn]:
        found: list[Turn] = []
        for name in names:
            at = dice.randrange(100)
            while at < 900:
                end = at + dice.randrange(5, 300)
                found.append(turn(at / 100, end / 100, name))
                at = end + dice.randrange(5, 300)
        return found

    reference, other = turns("abcd"[: dice.randrange(1, 5)]), turns("uvwxyz"[: dice.randrange(1, 7)])
    expected = DiarizationErrorRate(collar=0.0, skip_overlap=False)(
        scores._annotation(reference), scores._annotation(other), uem=Timeline([Segment(0, 20)]), detailed=True
    )
    names = ("missed detection", "false alarm", "confusion", "total")
    assert parts(reference, other) == pytest.approx([expected[name] for name in names], abs=1e-6)
