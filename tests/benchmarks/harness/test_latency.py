"""Latencies against a reference, on numbers that can be checked by eye."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.latency import Delays, Text, delays, texts_of
from benchmarks.harness.recordings import Said

SAID = (Said("Good", 1.0, 1.2), Said("morning,", 1.2, 1.7), Said("everyone.", 1.7, 2.3), Said("yes", 9.0, 9.3))


def text(wall: float, words: str, final: bool = False, end: float = 2.2, line: str = "s0") -> Text:
    return Text(wall, line, 1.0, end, tuple(words.split()), final)


def test_a_word_is_shown_with_the_first_text_that_has_it() -> None:
    found = delays(SAID, [text(1.5, "good"), text(2.0, "Good mourning"), text(2.6, "Good morning everyone", True)])
    assert found.words == pytest.approx([0.3, 0.9, 0.3])
    assert found.finals == pytest.approx([0.3])
    assert found.words_at == [1.2, 1.7, 2.3]


def test_words_that_the_last_text_has_wrong_do_not_count() -> None:
    found = delays(SAID, [text(1.5, "good"), text(2.6, "Could morning", True)])
    assert found.words == pytest.approx([0.9])


def test_no_word_is_shown_before_it_is_spoken() -> None:
    found = delays(SAID, [text(1.1, "good everyone"), text(2.6, "good morning everyone", True)])
    assert found.words == pytest.approx([1.1 - 1.2, 0.9, 0.3])


def test_a_misread_last_word_does_not_move_the_end_of_the_line() -> None:
    assert delays(SAID, [text(2.6, "Good morning every", True)]).finals == pytest.approx([0.3])
    assert delays(SAID, [text(2.6, "Good morning every", True, end=1.8)]).finals == pytest.approx([0.9])


def test_lines_that_never_become_final_and_empty_ones_tell_nothing() -> None:
    assert delays(SAID, [text(1.5, "good"), text(2.0, "", True, line="s1")]) == Delays()
    assert delays((), [text(2.0, "good", True)]) == Delays()


def test_a_line_in_pieces_is_there_with_the_last_of_them() -> None:
    found = delays(
        SAID,
        [text(2.5, "Good", True), text(2.6, "Good morning everyone", True), text(8, "Good morning everyone", True)],
    )
    assert found.finals == pytest.approx([0.3])


def test_delays_are_told_apart_by_where_they_were() -> None:
    both = Delays([1, 2], [5.0, 50.0], [3], [50.0]) + Delays([4], [6.0])
    assert both.between(0, 10) == Delays([1, 4], [5.0, 6.0], [], [])
    assert both.between(10, 60) == Delays([2], [50.0], [3], [50.0])


def event(id: str, start: float, words: str, final: bool) -> dict[str, Any]:
    timed = [{"text": word, "start": start, "end": start + 1} for word in words.split()]
    return {"type": "segment", "id": id, "start": start, "end": start + 1, "words": timed, "final": final}


def test_the_pieces_of_our_lines_are_put_together() -> None:
    log = [
        {"wall": 1.0, "event": event("s0", 0.0, "a b c", False)},
        {"wall": 1.5, "event": {"type": "stats"}},
        {"wall": 2.0, "event": event("s0", 0.0, "a", True)},
        {"wall": 2.0, "event": event("s0.2", 1.0, "b c", True)},
        {"wall": 2.5, "event": event("s1", 4.0, "", False)},
    ]
    texts = texts_of(log)
    assert [(one.wall, one.line, one.words, one.final) for one in texts] == [
        (1.0, "s0", ("a", "b", "c"), False),
        (2.0, "s0", ("a",), True),
        (2.0, "s0", ("a", "b", "c"), True),
        (2.5, "s1", (), False),
    ]
    assert (texts[2].start, texts[2].end) == (0.0, 2.0)
