"""Figures by hand: words, latency, flicker. Those of the libraries need the extra `eval`."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from meeting.evaluation.scores import (
    Accuracy,
    Flicker,
    Latencies,
    Share,
    accuracy,
    bare,
    flicker,
    latencies,
    normalise,
    require_extra,
    word_errors,
)
from pipelines.errors import MeetingError
from pipelines.types import Span, Turn

WITHOUT = next((n for n in ("meeteval", "whisper_normalizer") if importlib.util.find_spec(n) is None), None)
needs_extra = pytest.mark.skipif(WITHOUT is not None, reason=f"the extra eval is not installed: no {WITHOUT}")


def said(speaker: str | None, start: float, words: str) -> dict[str, Any]:
    return {"session_id": "x", "speaker": speaker, "start_time": start, "end_time": start + 1, "words": words}


def event(wall: float, text: str, final: bool = False, id: str = "s1", stable: int = 0, start: float = 0) -> Any:
    """A segment as a client gets it, each word a second long."""
    texts = text.split()
    words = [{"text": word, "start": start + at, "end": start + at + 1} for at, word in enumerate(texts)]
    body = {"type": "segment", "id": id, "final": final, "start": start, "end": start + len(texts), "words": words}
    return {"wall": wall, "event": {**body, "stable_chars": len(text) if final else stable}}


def test_what_is_missing_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "meeteval" else object())
    with pytest.raises(MeetingError, match=r'pip install -c constraints.txt -e "\.\[eval\]"; missing: meeteval$'):
        require_extra()


def test_a_share_of_nothing_is_no_number() -> None:
    assert Share(0, 0).rate is None
    assert (Share(1, 2) + Share(0, 2)).rate == 0.25


def test_accuracies_add_up() -> None:
    one = Accuracy(Share(1, 10), Share(2, 10), Share(1, 20), Share(2, 20), Share(3, 20), 2, 3)
    assert one.der == Share(6, 20)
    both = one + one
    assert (both.wer, both.der, both.speakers, both.reference_speakers) == (Share(2, 20), Share(12, 40), 4, 6)


@needs_extra
def test_latency_runs_from_the_end_of_what_was_said() -> None:
    found = latencies([event(1.5, "one"), event(2.5, "one too"), event(3.0, "one two", final=True)])
    assert found == Latencies(first=[0.5, 0.5], stable=[0.5, 1.0], final=[1.0])


@needs_extra
def test_a_word_is_stable_only_once_all_before_it_are() -> None:
    found = latencies([event(1.0, "a b"), event(2.0, "x b"), event(3.0, "a b", final=True)])
    assert found.first == [0.0, -1.0]
    assert found.stable == [2.0, 1.0]


@needs_extra
def test_what_comes_after_the_final_text_changes_no_latency() -> None:
    log = [event(1.0, "a", final=True), event(9.0, "b", final=True), {"wall": 9.5, "event": {"type": "ack"}}]
    assert latencies(log) == Latencies([0.0], [0.0], [0.0])


def test_segments_that_never_became_final_have_no_latency() -> None:
    assert latencies([event(1.0, "a")]) == Latencies()


def test_words_that_were_called_stable_and_changed_are_counted() -> None:
    log = [event(1, "one two", stable=3), event(2, "won two", stable=7), event(3, "won two", final=True)]
    assert flicker(log).stable == Share(1, 2)


def test_case_and_punctuation_are_no_change() -> None:
    assert flicker([event(1, "Hello. you", stable=10), event(2, "hello, you", final=True)]).stable == Share(0, 2)
    assert bare("Don’t!") == bare("DONT")


def test_a_word_is_stable_only_with_all_its_characters() -> None:
    assert flicker([event(1, "one two", stable=6), event(2, "one ten", final=True)]).stable == Share(0, 1)


def test_stable_words_that_vanish_have_changed() -> None:
    assert flicker([event(1, "one two", stable=7), event(2, "one", final=True)]).stable == Share(1, 2)


def test_words_that_move_to_another_segment_of_their_line_have_not_changed() -> None:
    log = [event(1, "a b c d", stable=7), event(2, "a b", stable=3), event(2, "c d", id="s1.2", stable=3, start=2)]
    log += [event(3, "a b", final=True), event(3, "c d", id="s1.2", final=True, start=2)]
    assert flicker(log) == Flicker(Share(0, 4), Share(0, 8))


def test_partial_words_that_are_not_in_the_final_text_are_counted() -> None:
    assert flicker([event(1, "b"), event(2, "a x c"), event(3, "a b c", final=True)]).partial == Share(1, 4)


def test_lines_without_a_final_text_say_nothing_of_flicker() -> None:
    assert flicker([event(1, "a b")]) == Flicker()


@needs_extra
def test_text_is_normalised_before_it_is_compared() -> None:
    assert normalise("Um, the COLOUR, m_p_three") == "the color m p 3"


@needs_extra
def test_words_under_the_wrong_speaker_are_wrong_in_one_of_two_figures() -> None:
    reference = [said("a", 0, "one apple and"), said("b", 1, "some pears"), said("a", 2, "they are ripe")]
    wrong = [said("x", 0, "one apple and"), said("x", 1, "some pears"), said("x", 2, "they were ripe")]
    assert word_errors(reference, wrong) == (Share(1, 8), Share(5, 8))


@needs_extra
def test_silence_is_all_words_missing_and_invention_has_no_rate() -> None:
    reference = [said("a", 0, "one apple")]
    assert word_errors(reference, [said(None, 0, "...")]) == (Share(2, 2), Share(2, 2))
    assert word_errors([], reference) == (Share(2, 0), Share(2, 0))


@needs_extra
def test_an_unknown_speaker_is_a_speaker_too() -> None:
    reference = [said("a", 0, "one apple")]
    assert word_errors(reference, [said(None, 0, "one apple")]) == (Share(0, 2), Share(0, 2))


@needs_extra
def test_all_errors_of_a_recording_at_once() -> None:
    turns = [Turn(Span(0, 32_000), "a"), Turn(Span(16_000, 48_000), "b")]
    heard = [Turn(Span(0, 24_000), "x"), Turn(Span(16_000, 64_000), "y")]
    found = accuracy([said("a", 0, "one")], turns, [said("x", 0, "one")], heard)
    assert (found.miss, found.false_alarm, found.confusion) == (Share(0.5, 4), Share(1.0, 4), Share(0.0, 4))
    assert (found.wer, found.speakers, found.reference_speakers) == (Share(0, 1), 2, 2)
