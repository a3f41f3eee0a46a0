"""What of growing speech is final, and from where on the rest of it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.asr.committing import (
    LOOK_AHEAD,
    MAX_REREAD,
    MIN_LENGTH,
    Committed,
    before_change_of_voice,
    complete_sentences,
)
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


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        ("aaabb", 3),
        ("aa??", 2),  # to a voice that is not known yet
        ("???aa", 3),  # and from one
        ("aaabbbaa", 6),  # the last change counts
        ("aaabbba", 3),  # where the voice behind it has two words
        ("aaab", 0),
        ("abbb", 0),  # and the voice before it
        ("abbbaa", 4),
        ("aaaa", 0),
        ("", 0),
    ],
)
def test_a_change_of_voice_has_two_words_on_either_side(labels: str, count: int) -> None:
    said = words("one two three four five six seven eight", each=0.6)
    assert before_change_of_voice(said, [None if one == "?" else one for one in labels], samples(100)) == count


@pytest.mark.parametrize(
    ("before", "behind", "count"), [(0.6, 0.3, 2), (0.5, 0.3, 0), (0.6, 0.2, 2), (0.6, 0.15, 0)]
)  # of two words with a tenth of a second between them
def test_a_change_of_voice_has_a_second_of_speech_before_it_and_three_tenths_behind(
    before: float, behind: float, count: int
) -> None:
    said = (*words("go on", each=before), *words("oh no", start=2 * before, each=behind))
    assert before_change_of_voice(said, "aabb", samples(9)) == count


def test_a_change_of_voice_that_has_just_been_may_still_move() -> None:
    said = words("so we went oh no", each=0.6)
    assert before_change_of_voice(said, "aaabb", said[2].end) == 3
    assert before_change_of_voice(said, "aaabb", said[2].end - 1) == 0


def test_what_another_voice_follows_is_committed_without_the_end_of_a_sentence() -> None:
    said = words("so we went oh no", each=0.6)
    assert Committed(0).extend(said, samples(5)).words == ()
    assert Committed(0).extend(said, samples(5), "aaabb").words == said[:3]
    assert Committed(0).extend(said, said[2].end + LOOK_AHEAD - 1, "aaabb").words == ()


def test_of_a_sentence_and_a_change_of_voice_the_later_one_is_committed() -> None:
    said = words("We met. So we went oh no", each=0.6)
    assert Committed(0).extend(said, samples(9), "aaaaabb").words == said[:5]
    said = words("so we went oh no. And", each=0.6)
    assert Committed(0).extend(said, samples(9), "aaabbb").words == said[:5]


@pytest.mark.parametrize(("confidence", "count"), [(0.45, 0), (0.55, 3), (None, 3)])
def test_guesses_before_a_change_of_voice_are_not_committed(confidence: float | None, count: int) -> None:
    said = tuple(replace(word, confidence=confidence) for word in words("so we went oh no", each=0.6))
    assert len(Committed(0).extend(said, samples(9), "aaabb").words) == count


def test_where_the_words_before_a_change_of_voice_are_guesses_a_sure_sentence_is_still_committed() -> None:
    said = words("We met. So we went oh no", each=0.6)
    said = tuple(replace(word, confidence=0.9 if at < 2 else 0.1) for at, word in enumerate(said))
    assert Committed(0).extend(said, samples(9), "aaaaabb").words == said[:2]


def test_another_reading_of_a_stretch_gives_its_words_and_leaves_its_place() -> None:
    before = Committed(0)
    committed = before.extend(words("So we met there. Then"), samples(5))
    again = committed.read_again(before, words("Sow he met hair then"))
    assert again.ends == committed.ends
    assert [word.text for word in again.words] == ["Sow", "he", "met", "hair"]
    assert committed.read_again(before, ()) is committed


def test_another_reading_leaves_what_was_final_before_as_it_is() -> None:
    first = Committed(0).extend(words("So we met there. Then"), samples(5))
    second = first.extend(words("Then we went home. And", start=2.0), samples(8))
    again = second.read_again(first, words("Den he vent hum and", start=2.0))
    assert again.words[:4] == first.words
    assert [word.text for word in again.words[4:]] == ["Den", "he", "vent", "hum"]
    assert again.ends == second.ends
