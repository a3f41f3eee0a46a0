"""Which sentences of growing speech are final, and from where on the rest of it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.asr.committing import LOOK_AHEAD, MAX_REREAD, MIN_LENGTH, Committed, complete_sentences
from pipelines.asr.recogniser import RecognisedWord
from pipelines.types import samples


def words(text: str, start: float = 0.0, each: float = 0.5) -> tuple[RecognisedWord, ...]:
    """Words of `each` seconds with a tenth of silence behind each."""
    return tuple(
        RecognisedWord(word, samples(start + at * each), samples(start + at * each + each - 0.1))
        for at, word in enumerate(text.split())
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("We met. Then we left", 2),
        ("We met. They left. Then", 4),
        ("“We met!” he said", 2),
        ("We met then", 0),
        ("We met then.", 0),
        ("", 0),
    ],
)
def test_sentences_are_complete_where_others_follow(text: str, count: int) -> None:
    assert complete_sentences(words(text), samples(100)) == count


def test_a_sentence_that_has_just_ended_may_still_change() -> None:
    said = words("We met. Then we left")
    assert complete_sentences(said, said[1].end) == 2
    assert complete_sentences(said, said[1].end - 1) == 0


def test_what_is_committed_ends_between_two_words_and_grows_by_sentences() -> None:
    first = Committed(3).extend(words("So we met there. Then"), samples(5))
    assert [word.text for word in first.words] == ["So", "we", "met", "there."]
    assert first.end == samples(1.95)
    second = first.extend(words("Then we went home. And", start=2.0), samples(8))
    assert [word.text for word in second.words[4:]] == ["Then", "we", "went", "home."]
    assert second.ends == (samples(1.95), samples(3.95))
    assert second.index == 3


def test_little_audio_and_what_was_only_just_heard_are_not_committed() -> None:
    nothing = Committed(0)
    assert nothing.extend(words("Yes. We", each=0.9), samples(5)) is nothing
    long_enough = words("Oh yes. We", each=MIN_LENGTH / samples(1))
    assert nothing.extend(long_enough, samples(9)).words == long_enough[:2]
    assert nothing.extend(long_enough, long_enough[1].end + LOOK_AHEAD - 1) is nothing


@pytest.mark.parametrize(("confidence", "count"), [(0.65, 0), (0.75, 4), (None, 4)])
def test_guesses_are_not_committed(confidence: float | None, count: int) -> None:
    said = tuple(replace(word, confidence=confidence) for word in words("So we met there. Then"))
    assert len(Committed(0).extend(said, samples(5)).words) == count


def test_what_is_open_is_read_with_whole_stretches_of_five_seconds_before_it_at_most() -> None:
    assert Committed(0).reread_from(0) == 0
    assert Committed(0).reread_from(samples(2)) == -samples(2)
    assert Committed(0, ends=(samples(2),)).reread_from(samples(2)) == -samples(2)
    assert Committed(0, ends=(samples(4),)).reread_from(samples(2)) == 0
    assert Committed(0, ends=(samples(4), samples(6))).reread_from(0) == samples(4)
    assert Committed(0, ends=(samples(4), samples(12))).reread_from(0) == samples(12)
    assert samples(4) <= MAX_REREAD < samples(6)
