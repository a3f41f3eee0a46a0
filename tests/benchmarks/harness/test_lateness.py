"""Why lines are late: the causes, told from what was shown on the way."""

from __future__ import annotations

import pytest

from benchmarks.harness.lateness import (
    CORRECTED,
    ENDED,
    NO_SENTENCE,
    UNREAD,
    UNSURE,
    WAITED,
    Lateness,
    lateness,
)
from pipelines.types import Segment, Span, Word, samples


def segment(id: str, text: str, final: bool = False, start: float = 0.0, confidence: float = 0.9) -> Segment:
    """A word each half second."""
    words = tuple(
        Word(word, Span(samples(start + at / 2), samples(start + at / 2 + 0.5)), confidence)
        for at, word in enumerate(text.split())
    )
    return Segment(id, 1, final, "src", Span(words[0].span.start, words[-1].span.end), "spk1", words)


def told(*shown: tuple[float, Segment]) -> Lateness:
    return lateness((samples(heard), one) for heard, one in shown)


def test_a_line_that_is_final_soon_is_not_late() -> None:
    found = told((1.0, segment("s1", "we met")), (1.4, segment("s1", "we met", True)))
    assert found == Lateness([pytest.approx(0.4)], [])


@pytest.mark.parametrize(
    ("between", "cause"),
    [
        ([(2.5, segment("s1", "we met so then what"))], NO_SENTENCE),
        ([(2.5, segment("s1", "we met. So then what"))], WAITED),
        ([(2.5, segment("s1", "we met. So then what", confidence=0.6))], UNSURE),
        ([(2.5, segment("s1", "we met"))], ENDED),
        ([(1.2, segment("s1", "we met. So"))], UNREAD),
        ([], UNREAD),
    ],
)
def test_what_a_late_line_waited_for_is_told_by_what_was_shown_since_its_end(
    between: list[tuple[float, Segment]], cause: str
) -> None:
    found = told(*between, (3.0, segment("s1", "we met.", True)), (3.0, segment("s1.2", "So then what", True, 1.0)))
    assert found.late == [(cause, pytest.approx(2.0))]
    assert found.shown == [pytest.approx(2.0), pytest.approx(0.5)]


def test_what_a_correction_of_labels_cuts_off_was_shown_before() -> None:
    whole = segment("s1", "we met so then", True)
    pieces = [segment("s1", "we met", True), segment("s1.2", "so then", True, 1.0)]
    found = told((2.1, whole), *((9.0, piece) for piece in pieces))
    assert found.late == [(CORRECTED, pytest.approx(7.0))]
    assert found.shown == [pytest.approx(0.1), pytest.approx(0.1)]


def test_recordings_are_added_up_and_told_by_cause() -> None:
    both = Lateness([0.5, 2.0], [(UNSURE, 2.0)]) + Lateness([1.0, 5.0], [(UNSURE, 5.0)])
    assert both.rows() == [[UNSURE, 2, 0.5, 3.5, 1]]
    assert both.figures()["shown_in_time"] == 0.5
    assert Lateness().rows() == []
    assert Lateness().figures()["shown_p95"] is None
