"""What a source has said before: prompts, its language, its partial utterances, audio as context."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from pipelines.asr.recogniser import RecognisedWord, RecogniserInfo, RecognitionResult
from pipelines.engine.contextual import MAX_SOURCES, SURE, ContextualRecogniser, UtteranceJob, sure_of_language
from pipelines.types import SAMPLE_RATE, Span, Turn, Utterance
from tests.fakes.recogniser_fakes import FakeRecogniser, heard, utterance


def recognise(
    contextual: ContextualRecogniser,
    said: Utterance,
    source: Hashable = "me",
    language: str | None = None,
    hotwords: tuple[str, ...] = (),
) -> RecognitionResult:
    """One utterance of a source."""
    (result,) = contextual.recognise([UtteranceJob(said, contextual.context(source), language, hotwords)])
    return result


def test_language_and_hotwords_reach_the_recogniser() -> None:
    recogniser = FakeRecogniser(heard("gut"), heard("gu"))
    recognise(ContextualRecogniser(recogniser), utterance(0, True, 3200), "me", "de", ("Zebra",))
    assert recogniser.asked == [(3200, "de", ("Zebra",), False)]
    recognise(ContextualRecogniser(recogniser), utterance(0, False, 3200), "me", "de", ("Gnu",))
    assert recogniser.asked[1:] == [(3200, "de", ("Gnu",), True)]


def test_only_a_recogniser_that_can_is_asked_to_translate() -> None:
    for able in (False, True):
        recogniser = FakeRecogniser(heard("gut"), heard("gu"))
        recogniser.info = RecogniserInfo("fake", translates=able)
        contextual = ContextualRecogniser(recogniser)
        for final in (True, False):
            contextual.recognise(
                [UtteranceJob(utterance(0, final), contextual.context("me"), "de", (), translate=True)]
            )
        assert recogniser.translate == [able, able]


def test_the_last_final_text_is_the_next_prompt_of_the_same_source() -> None:
    recogniser = FakeRecogniser(heard("one"), heard("on"), heard("two"), heard("other"))
    contextual = ContextualRecogniser(recogniser)
    for index, final, source in ((0, True, "me"), (1, False, "me"), (1, True, "me"), (0, True, "you")):
        recognise(contextual, utterance(index, final), source)
    assert recogniser.prompts == [None, "one", "one", None]


def test_text_that_was_not_plausible_is_no_prompt() -> None:
    recogniser = FakeRecogniser(heard("one"), heard("la " * 30), heard("two"))
    contextual = ContextualRecogniser(recogniser)
    for index in range(3):
        recognise(contextual, utterance(index, True))
    assert recogniser.prompts == [None, "one", None]


def test_a_language_that_was_surely_detected_is_kept_for_the_source() -> None:
    def spoken(language: str, probability: float) -> RecognitionResult:
        return replace(heard("so"), language=language, language_probability=probability)

    recogniser = FakeRecogniser(
        spoken("cy", 0.9), spoken("nl", 0.3), spoken("de", 0.8), spoken("fr", 0.9), spoken("fr", 0.9)
    )
    contextual = ContextualRecogniser(recogniser)
    for index, length in enumerate([16000, 48000, 48000, 48000]):
        recognise(contextual, utterance(index, True, length))
    recognise(contextual, utterance(4, True), "me", "it")
    assert [language for _, language, _, _ in recogniser.asked] == [None, None, None, "de", "it"]


def test_of_a_language_one_is_sure_in_an_utterance_that_is_long_enough_and_has_words() -> None:
    result = replace(heard("so"), language="de", language_probability=0.5)
    assert sure_of_language(result, 2 * SAMPLE_RATE)
    assert not sure_of_language(result, 2 * SAMPLE_RATE - 1)
    assert not sure_of_language(replace(result, language_probability=0.49), 2 * SAMPLE_RATE)
    assert not sure_of_language(replace(result, language_probability=None), 2 * SAMPLE_RATE)
    assert not sure_of_language(replace(result, words=()), 2 * SAMPLE_RATE)


def test_of_several_languages_the_recogniser_chooses_until_it_is_sure_of_one_of_them() -> None:
    def spoken(language: str) -> RecognitionResult:
        return replace(heard("so"), language=language, language_probability=0.9)

    recogniser = FakeRecogniser(spoken("fr"), spoken("de"), heard("so"), heard("so"))
    contextual = ContextualRecogniser(recogniser)
    recognise(contextual, utterance(0, True, 48000), "him", "en,de")  # one that cannot choose
    for index in range(2):
        recognise(contextual, utterance(index, True, 48000), "me", "en,de")
    recognise(contextual, utterance(1, True, 48000), "him", "en,de")
    assert [language for _, language, _, _ in recogniser.asked] == [None, None, "de", None]
    assert recogniser.among == [("en", "de"), ("en", "de"), (), ("en", "de")]


def test_the_context_of_the_source_used_longest_ago_is_forgotten_first() -> None:
    contextual = ContextualRecogniser(FakeRecogniser())
    first, second = contextual.context(0), contextual.context(1)
    for source in range(2, MAX_SOURCES):
        contextual.context(source)
    assert contextual.context(0) is first
    contextual.context("one more")
    assert contextual.context(0) is first
    assert contextual.context(1) is not second


def test_the_beginning_of_a_long_partial_utterance_is_kept_and_its_end_recognised_again() -> None:
    def words(*starts: float) -> RecognitionResult:
        found = tuple(RecognisedWord(f"at{at}", int(at * 16000), int(at * 16000) + 8000) for at in starts)
        return RecognitionResult(found, "en")

    recogniser = FakeRecogniser(words(0, 1, 2, 3, 4), words(0.3, 1.3, 2.3, 3.3), words(0, 1))
    contextual = ContextualRecogniser(recogniser)
    whole = recognise(contextual, utterance(0, False, 5 * SAMPLE_RATE))
    grown = recognise(contextual, utterance(0, False, 6 * SAMPLE_RATE))
    recognise(contextual, utterance(1, False, 6 * SAMPLE_RATE))
    lengths = [length for length, *_ in recogniser.asked]
    assert (lengths[0], lengths[2]) == (5 * SAMPLE_RATE, 6 * SAMPLE_RATE)
    assert lengths[1] < 4 * SAMPLE_RATE
    kept = len(grown.words) - 4
    assert grown.words[:kept] == whole.words[:kept] != ()
    assert all(a.end <= b.start for a, b in zip(grown.words[kept:], grown.words[kept + 1 :], strict=False))
    assert grown.words[kept].start == 6 * SAMPLE_RATE - lengths[1] + int(0.3 * 16000)


class Listening(FakeRecogniser):
    """One that is given the audio before an utterance."""

    info = RecogniserInfo("fake", takes_context=True)


def following(final: bool = True) -> Utterance:
    """An utterance of a second, and two seconds before it."""
    before = np.ones(2 * SAMPLE_RATE, np.float32)
    return replace(utterance(0, final), context=before)


def test_a_recogniser_that_takes_context_hears_it_and_its_words_are_left_out() -> None:
    said = RecognitionResult((RecognisedWord("before", 100, 30000), RecognisedWord("now", 34000, 40000)), "en")
    recogniser = Listening(said)
    result = recognise(ContextualRecogniser(recogniser), following())
    assert result.words == (RecognisedWord("now", 2000, 8000),)
    assert [length for length, *_ in recogniser.asked] == [3 * SAMPLE_RATE]


def test_where_context_leaves_no_words_the_utterance_is_recognised_alone() -> None:
    recogniser = Listening(RecognitionResult((RecognisedWord("before", 100, 30000),), "en"), heard("now"))
    result = recognise(ContextualRecogniser(recogniser), following())
    assert result.text == "now"
    assert [length for length, *_ in recogniser.asked] == [3 * SAMPLE_RATE, SAMPLE_RATE]


def test_a_partial_utterance_is_recognised_alone_and_is_unstable_where_its_final_one_will_have_context() -> None:
    recogniser = Listening(heard("so far"), heard("so far"))
    contextual = ContextualRecogniser(recogniser)
    result = recognise(contextual, following(final=False))
    first = recognise(contextual, utterance(1, False))
    assert result == replace(heard("so far"), unstable=True)
    assert first == heard("so far")  # nothing was said right before it
    assert [length for length, *_ in recogniser.asked] == [SAMPLE_RATE, SAMPLE_RATE]


def test_the_last_word_of_the_utterance_before_is_where_an_utterance_begins() -> None:
    said = RecognitionResult(
        (RecognisedWord("I", 100, 8000), RecognisedWord("say.", 8000, 33000), RecognisedWord("now", 34000, 40000)), "en"
    )
    contextual = ContextualRecogniser(Listening(heard("I say"), said))
    recognise(contextual, utterance(0, True))
    assert recognise(contextual, replace(following(), index=1)).text == "now"


def test_an_utterance_without_audio_is_not_recognised_and_context_goes_only_where_it_is_taken() -> None:
    taking, other = Listening(), FakeRecogniser(heard("now"))
    empty = replace(following(), index=1, audio=np.zeros(0, np.float32))
    assert recognise(ContextualRecogniser(taking), empty) == RecognitionResult()
    assert recognise(ContextualRecogniser(other), following()).text == "now"
    assert [length for length, *_ in [*taking.asked, *other.asked]] == [SAMPLE_RATE]


def sentences(text: str) -> RecognitionResult:
    """Words of half a second each, one after the other."""
    half = SAMPLE_RATE // 2
    words = tuple(RecognisedWord(word, at * half, at * half + 7000) for at, word in enumerate(text.split()))
    return RecognitionResult(words, "en")


def growing(seconds: int, commits: bool = True, final: bool = False) -> Utterance:
    """An utterance that has so many seconds by now."""
    return replace(utterance(0, final, seconds * SAMPLE_RATE), commits=commits)


def test_complete_sentences_become_final_while_the_utterance_grows_and_are_read_as_context_from_then_on() -> None:
    recogniser = Listening(
        sentences("So we met there. Then"), sentences("So we met there. Then we went home"), sentences("Then we went")
    )
    contextual = ContextualRecogniser(recogniser)
    first = recognise(contextual, growing(4))
    assert (first.text, first.committed, first.unstable) == ("So we met there. Then", 4, True)
    last = recognise(contextual, growing(5, False, True))
    assert last.text == "So we met there. Then we went home"
    assert last.words[:4] == first.words[:4]
    assert [length for length, *_ in recogniser.asked] == [4 * SAMPLE_RATE, 5 * SAMPLE_RATE]


def test_words_that_another_voice_follows_become_final_while_the_utterance_grows() -> None:
    start = 3 * SAMPLE_RATE
    turns = tuple(
        Turn(Span(start + at, start + at + 3 * SAMPLE_RATE // 2), speaker)
        for at, speaker in ((0, "spk1"), (3 * SAMPLE_RATE // 2, "spk2"))
    )
    said = sentences("so we met oh no why not")
    later = replace(growing(4), span=Span(start, start + 4 * SAMPLE_RATE))
    contextual = ContextualRecogniser(Listening(said, said))
    assert recognise(contextual, later).committed == 0
    assert recognise(contextual, replace(later, turns=turns)).committed == 3


def test_a_sentence_whose_voice_is_told_late_keeps_its_first_words() -> None:
    half = SAMPLE_RATE // 2
    turns = (Turn(Span(0, 5 * half), "spk1"), Turn(Span(5 * half, 9 * half), "spk2"))
    contextual = ContextualRecogniser(Listening(sentences("so we met there. Why did you go there now")))
    assert recognise(contextual, replace(growing(6), turns=turns)).committed == 4


def test_the_voices_of_words_that_are_final_already_do_not_count_again() -> None:
    turns = (Turn(Span(0, SAMPLE_RATE * 3 // 2), "spk1"), Turn(Span(SAMPLE_RATE * 3 // 2, SAMPLE_RATE * 9), "spk2"))
    contextual = ContextualRecogniser(
        Listening(sentences("so we met oh no why not"), sentences("so we met oh no why not now"))
    )
    assert recognise(contextual, replace(growing(4), turns=turns)).committed == 3
    assert recognise(contextual, replace(growing(5), turns=turns)).committed == 3


def test_growing_text_shows_a_phrase_that_goes_round_once_and_final_text_as_it_is() -> None:
    said = "and ask what they think and ask what they think and ask what they think"
    contextual = ContextualRecogniser(Listening(sentences(said), sentences(said)))
    assert recognise(contextual, growing(6, commits=False)).text == "and ask what they think"
    assert recognise(contextual, growing(7, False, True)).text == said


def test_final_words_stay_whatever_the_recogniser_makes_of_them_later() -> None:
    recogniser = Listening(sentences("So we met there. Then"), sentences("Sow he met hair. Then we"))
    contextual = ContextualRecogniser(recogniser)
    recognise(contextual, growing(4))
    assert recognise(contextual, growing(5, False, True)).text == "So we met there. Then we"


def test_partial_results_go_on_behind_what_is_final() -> None:
    recogniser = Listening(sentences("So we met there. Then"), sentences("then we went"))
    contextual = ContextualRecogniser(recogniser)
    recognise(contextual, growing(4))
    partial = recognise(contextual, growing(5, commits=False))
    assert partial.text == "So we met there. Then we went"
    assert partial.unstable
    assert partial.committed is None
    assert recogniser.asked[1][0] < 4 * SAMPLE_RATE


def test_final_sentences_of_one_utterance_are_none_of_the_next() -> None:
    recogniser = Listening(sentences("So we met there. Then"), sentences("And you"))
    contextual = ContextualRecogniser(recogniser)
    recognise(contextual, growing(4))
    assert recognise(contextual, replace(growing(2, False, True), index=1)).text == "And you"
    assert recogniser.asked[1][0] == 2 * SAMPLE_RATE


def test_an_utterance_that_ends_before_its_final_words_do_has_these_and_no_more() -> None:
    recogniser = Listening(sentences("So we met there. Then"), sentences("So we met"), sentences(""))
    contextual = ContextualRecogniser(recogniser)
    recognise(contextual, growing(4))
    assert recognise(contextual, growing(1, False, True)).text == "So we met there."


class Careful(Listening):
    """One that reads better where it is asked to."""

    info = RecogniserInfo("fake", takes_context=True, reads_carefully=True)


def test_final_utterances_are_read_carefully_where_the_recogniser_can() -> None:
    able, other = Careful(heard("so"), heard("so")), FakeRecogniser(heard("so"))
    contextual = ContextualRecogniser(able)
    recognise(contextual, utterance(0, False))
    recognise(contextual, utterance(0, True))
    recognise(ContextualRecogniser(other), utterance(0, True))
    assert able.careful == [False, True]
    assert other.careful == [False]


def test_of_what_is_read_while_it_grows_only_what_becomes_final_is_read_carefully() -> None:
    recogniser = Careful(sentences("So we met"), sentences("So we met there. Then"), sentences("So he met there. Then"))
    contextual = ContextualRecogniser(recogniser)
    assert recognise(contextual, growing(3)).committed == 0
    committed = recognise(contextual, growing(4))
    assert (committed.text, committed.committed) == ("So he met there. Then", 4)
    assert recogniser.careful == [False, False, True]
    assert [length for length, *_ in recogniser.asked] == [3 * SAMPLE_RATE, 4 * SAMPLE_RATE, 4 * SAMPLE_RATE]


def test_words_are_final_in_time_whether_or_not_a_careful_reading_ends_a_sentence_there() -> None:
    recogniser = Careful(
        sentences("So we met there. Then"), sentences("So he met there then"), sentences("He met there then we")
    )
    contextual = ContextualRecogniser(recogniser)
    committed = recognise(contextual, growing(4))
    assert (committed.text, committed.committed) == ("So he met there then", 4)
    last = recognise(contextual, growing(5, False, True))
    assert last.words[:4] == committed.words[:4]


def test_where_a_careful_reading_finds_nothing_the_plain_one_stands() -> None:
    contextual = ContextualRecogniser(Careful(sentences("So we met there. Then"), sentences("")))
    committed = recognise(contextual, growing(4))
    assert (committed.text, committed.committed) == ("So we met there. Then", 4)


def test_what_a_plain_reading_is_sure_of_is_not_read_again() -> None:
    for logprob, readings in ((SURE + 0.01, 1), (SURE - 0.01, 2)):
        recogniser = Careful(
            replace(sentences("So we met there. Then"), avg_logprob=logprob), sentences("So he met there. Then")
        )
        assert recognise(ContextualRecogniser(recogniser), growing(4)).committed == 4
        assert len(recogniser.asked) == readings
