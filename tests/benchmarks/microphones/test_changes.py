"""Changes of the source that is shown are counted for each word that is shown in the end."""

from __future__ import annotations

import pytest

from benchmarks.microphones.changes import changes
from meeting.evaluation.scores import Share
from pipelines.types import Segment, Span, Word, samples


def line(source: str, text: str, start: float = 1.0) -> Segment:
    """Words of half a second."""
    words = tuple(
        Word(word, Span(samples(start + at / 2), samples(start + at / 2 + 0.4))) for at, word in enumerate(text.split())
    )
    span = Span(words[0].span.start, words[-1].span.end) if words else Span(0, 0)
    return Segment(f"{source}1", 1, True, source, span, None, words)


A, B = line("a", "so it is"), line("b", "so it was", 1.05)
NO_A, NO_B = line("a", ""), line("b", "")


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ([[A]], 0),
        ([[line("a", "so")], [A]], 0),
        ([[A], [NO_A, B]], 3),
        ([[A], [B, NO_A], [A, NO_B], [NO_A, B]], 9),
        ([[A], [NO_A], [B]], 3),
        ([[B], [NO_B], [B]], 0),  # nothing is shown for a while
        ([[B], [A], [NO_A]], 0),  # both are, for a while
        ([[line("a", "so")], [NO_A, B]], 1),
        ([[line("a", "before that it was something else", 10.0)], [B]], 0),
    ],
)
def test_changes_are_counted_where_words_are_in_the_end(told: list[list[Segment]], count: int) -> None:
    assert changes(told, [B]) == Share(count, 3)


def test_without_words_nothing_has_changed() -> None:
    assert changes([[A], [NO_A]], []).rate is None
