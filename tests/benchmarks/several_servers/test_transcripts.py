"""Two transcripts of one recording, word by word."""

from __future__ import annotations

from typing import Any

from benchmarks.several_servers.transcripts import Heard, compare, words_of


def line(words: str, start: float = 0.0, speaker: str = "spk1") -> dict[str, Any]:
    """A line whose words take a second each."""
    timed = [{"text": text, "start": start + at, "end": start + at + 1} for at, text in enumerate(words.split())]
    return {"speaker": speaker, "words": timed}


def test_words_have_the_label_of_their_line() -> None:
    assert words_of([line("Good morning"), line("Yes.", 4.0, "spk2")]) == [
        Heard("Good", 0.0, 1.0, "spk1"),
        Heard("morning", 1.0, 2.0, "spk1"),
        Heard("Yes.", 4.0, 5.0, "spk2"),
    ]


def test_the_same_transcript_is_equal_in_all() -> None:
    found = compare([line("Good morning"), line("Yes.", 4.0)], [line("Good morning"), line("Yes.", 4.0)])
    assert found.same
    assert found.cells() == ["2", "3", "equal", "equal", "equal"]


def test_another_word_says_where_and_leaves_the_others_to_be_compared() -> None:
    found = compare([line("one two three four")], [line("one too three four")])
    assert not found.same
    assert found.other_words == (2, 1.0)
    assert found.other_times == found.other_labels == (0, None)
    assert found.cells() == ["1", "4", "2 differ, first at 1.0 s", "equal", "equal"]


def test_other_times_and_labels_are_counted_by_words() -> None:
    found = compare([line("a b"), line("c d", 2.0)], [line("a b"), line("c d", 2.5, "spk2")])
    assert found.other_words == (0, None)
    assert found.other_times == (2, 2.0)
    assert found.other_labels == (2, 2.0)
    assert not found.same


def test_lines_that_are_cut_elsewhere_are_not_the_same_although_all_words_are() -> None:
    found = compare([line("a b")], [line("a"), line("b", 1.0)])
    assert found.cells() == ["1 / 2", "2", "equal", "equal", "equal"]
    assert not found.same


def test_a_word_more_is_one_that_differs() -> None:
    found = compare([line("a b")], [line("a b c")])
    assert found.words == (2, 3)
    assert found.other_words == (1, 2.0)


def test_a_difference_at_the_very_beginning_is_one() -> None:
    assert compare([line("a")], [line("b")]).cells()[2] == "2 differ, first at 0.0 s"
