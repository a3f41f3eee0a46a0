"""Splitting words between speakers, in numbers written by hand."""

from __future__ import annotations

import pytest

from pipelines.stream.split import (
    SpeakerRun,
    SplitOptions,
    is_overlapped,
    split_by_speaker,
)
from pipelines.types import UNKNOWN, Span, Turn, TurnsRevised, Word, samples

ANN, BEN = "spk1", "spk2"
OPTIONS = SplitOptions()
GUARDS_ALONE = SplitOptions(min_own_share=2.0)
"""No run is ever clear: only its length, share and words count"""


def span(start: float, end: float) -> Span:
    """A span in seconds."""
    return Span(samples(start), samples(end))


def said(text: str, start: float, each: float = 0.5) -> tuple[Word, ...]:
    """Words of equal length, one after the other."""
    return tuple(Word(word, span(start + i * each, start + (i + 1) * each)) for i, word in enumerate(text.split()))


def turns(*parts: tuple[str, float, float], reason: str = "live", within: Span | None = None) -> TurnsRevised:
    """Who speaks when."""
    own = tuple(Turn(span(start, end), speaker) for speaker, start, end in parts)
    cover = within or Span(min(turn.span.start for turn in own), max(turn.span.end for turn in own))
    return TurnsRevised(cover, own, reason)


@pytest.mark.parametrize(
    ("second", "pieces"),
    [
        ((BEN, 2.0, 4.0), [("one two three four", ANN), ("five six seven eight", BEN)]),
        ((BEN, 3.0, 4.0), [("one two three four five six", ANN), ("seven eight", BEN)]),  # just long enough
        ((BEN, 3.5, 4.0), [("one two three four five six seven eight", ANN)]),  # one word, half a second
    ],
)
def test_a_change_of_speaker_is_believed_from_a_second_and_two_words_on(
    second: tuple[str, float, float], pieces: list[tuple[str, str]]
) -> None:
    words = said("one two three four five six seven eight", 0)
    found = split_by_speaker(words, turns((ANN, 0, second[1]), second).turns, GUARDS_ALONE)
    assert [(" ".join(word.text for word in piece.words), piece.speaker) for piece in found] == pieces


def test_a_piece_of_many_words_in_less_than_a_second_is_not_believed() -> None:
    words = (*said("one two three", 0), *said("a b c d", 1.5, 0.2))
    assert [
        piece.speaker for piece in split_by_speaker(words, turns((ANN, 0, 1.5), (BEN, 1.5, 2.3)).turns, GUARDS_ALONE)
    ] == [ANN]


def test_a_long_word_alone_is_no_piece() -> None:
    words = (*said("one two three", 0), *said("well", 1.5, 1.2))
    assert [
        piece.speaker for piece in split_by_speaker(words, turns((ANN, 0, 1.5), (BEN, 1.5, 2.7)).turns, GUARDS_ALONE)
    ] == [ANN]


@pytest.mark.parametrize(("length", "believed"), [(1.9, False), (2.0, True)])
def test_a_piece_is_at_least_a_fifth_of_the_line(length: float, believed: bool) -> None:
    ann, ben = said("a b c d e f g h", 0, (10 - length) / 8), said("i j", 10 - length, length / 2)
    found = split_by_speaker((*ann, *ben), turns((ANN, 0, 10 - length), (BEN, 10 - length, 10)).turns, GUARDS_ALONE)
    assert [piece.speaker for piece in found] == ([ANN, BEN] if believed else [ANN])


def test_a_word_between_two_pieces_of_one_speaker_does_not_part_them() -> None:
    words = said("one two three four five six", 0)
    found = split_by_speaker(words, turns((ANN, 0, 1), (BEN, 1, 1.5), (ANN, 1.5, 3)).turns, GUARDS_ALONE)
    assert found == [SpeakerRun(ANN, words)]


def test_a_short_answer_in_between_is_kept_where_nobody_else_is_heard() -> None:
    words = said("one two right four five six", 0)
    found = split_by_speaker(words, turns((ANN, 0, 1), (BEN, 1, 1.5), (ANN, 1.5, 3)).turns, OPTIONS)
    assert [(" ".join(word.text for word in piece.words), piece.speaker) for piece in found] == [
        ("one two", ANN),
        ("right", BEN),
        ("four five six", ANN),
    ]


def test_a_short_answer_under_another_voice_is_not_cut_out() -> None:
    words = said("one two right four five six", 0)
    assert split_by_speaker(words, turns((ANN, 0, 3), (BEN, 1, 1.5)).turns, OPTIONS) == [SpeakerRun(ANN, words)]


@pytest.mark.parametrize(
    ("text", "turn", "pieces"),
    [
        ("one two three four five six.", (BEN, 2.5, 3), ["one two three four five six."]),
        ("one two three four five six.", (BEN, 0, 0.5), ["one two three four five six."]),
        ("one two three four five. six.", (BEN, 2.5, 3), ["one two three four five.", "six."]),
        ('one two three four "five?" six', (BEN, 2.5, 3), ['one two three four "five?"', "six"]),
        ("one. two three four five six.", (BEN, 0, 0.5), ["one.", "two three four five six."]),
        ("one two three four. five six.", (BEN, 1, 3), ["one two", "three four. five six."]),
        ("one two. three four five six.", (BEN, 1.5, 3), ["one two.", "three four five six."]),
    ],
)
def test_a_sentence_does_not_lose_its_first_or_last_words_to_the_line_beside_it(
    text: str, turn: tuple[str, float, float], pieces: list[str]
) -> None:
    found = split_by_speaker(said(text, 0), turns(*around(turn)).turns, OPTIONS)
    assert [" ".join(word.text for word in piece.words) for piece in found] == pieces


def around(turn: tuple[str, float, float]) -> list[tuple[str, float, float]]:
    """Ann's turns before and after it, up to 3 s."""
    _, start, end = turn
    return [part for part in ((ANN, 0, start), turn, (ANN, end, 3)) if part[1] < part[2]]


def test_words_of_nobody_at_an_edge_go_with_the_speaker_beside_them() -> None:
    words = said("one two three four five six seven eight", 0)
    assert [run.speaker for run in split_by_speaker(words, turns((ANN, 1, 4)).turns, OPTIONS)] == [ANN]


def test_no_words_make_no_pieces() -> None:
    assert split_by_speaker((), turns((ANN, 0, 1)).turns, OPTIONS) == []


@pytest.mark.parametrize(
    ("others", "overlap"),
    [
        ((), False),
        (((BEN, 1.0, 2.0),), True),  # two of four words
        (((BEN, 1.25, 2.0),), True),  # half of the third word, and the fourth
        (((BEN, 1.3, 2.0),), False),  # less than half of the third
        (((BEN, 0.0, 0.2), (BEN, 0.5, 0.7), (BEN, 1.0, 1.2), (BEN, 1.5, 1.7)), False),  # less than half of each
        (((BEN, 0.0, 0.25), (UNKNOWN, 0.5, 1.0)), True),  # whoever it is
        (((ANN, 0.0, 2.0),), False),  # the same voice twice
    ],
)
def test_a_line_is_spoken_over_when_half_of_its_words_are(
    others: tuple[tuple[str, float, float], ...], overlap: bool
) -> None:
    heard = turns((ANN, 0, 2), *others).turns
    assert is_overlapped(said("shall we meet now", 0), heard) is overlap


def test_words_in_another_speakers_turn_alone_are_not_spoken_over() -> None:
    assert not is_overlapped(said("shall we", 0), turns((BEN, 0, 1)).turns)
    assert not is_overlapped((), turns((BEN, 0, 1)).turns)
