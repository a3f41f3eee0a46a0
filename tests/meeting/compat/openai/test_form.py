"""The fields of OpenAI's form."""

from __future__ import annotations

import pytest

from meeting.compat.openai.form import FORMATS, Form, parse_form
from meeting.compat.parameters import Parameters
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import MAX_HOTWORDS, AudioInfo
from tests.meeting.compat.openai.spoken import data_url


def form(*given: tuple[str, str]) -> Form:
    return parse_form(Parameters([("model", "whisper-1"), *given]))


SAMPLE = data_url(b"RIFF")
DIARIZED = ("response_format", "diarized_json")
FIVE = [("known_speaker_names", str(number)) for number in range(5)]


def test_nothing_asked_for_is_text_that_is_not_kept_without_speakers() -> None:
    assert form() == Form("json", False, False, True, None, (), False, False, "")


@pytest.mark.parametrize("name", FORMATS)
def test_speakers_are_told_apart_where_the_format_has_them_or_they_are_asked_for(name: str) -> None:
    assert form(("response_format", name)).diarize == (name == "diarized_json")
    assert form(("response_format", name), ("diarize", "true")).diarize


@pytest.mark.parametrize("name", ["timestamp_granularities[]", "timestamp_granularities"])
def test_granularities_are_those_that_are_named_and_segments_without(name: str) -> None:
    verbose = ("response_format", "verbose_json")
    found = [form(verbose, *((name, value) for value in values)) for values in ((), ("word",), ("word", "segment"))]
    assert [(one.words, one.segments) for one in found] == [(False, True), (True, False), (True, True)]


def test_a_meeting_is_made_of_it() -> None:
    request = form(("language", "en-GB"), ("keep", "true"), ("title", "Monday"), ("prompt", "Okapi")).request(
        AudioInfo("flac", 0, 0)
    )
    assert (request.audio, request.language, request.keep) == (AudioInfo("flac", 0, 0), "en", True)
    assert (request.title, request.hotwords, request.diarize) == ("Monday", ("Okapi",), False)


@pytest.mark.parametrize("translate", [True, False])
def test_a_translation_is_asked_of_the_meeting(translate: bool) -> None:
    assert parse_form(Parameters([]), translate).request(AudioInfo("flac", 0, 0)).translate is translate


def test_speakers_are_named_with_a_sample_of_each() -> None:
    names = [("known_speaker_names[]", "Ann"), ("known_speaker_names[]", " Ben  Doe ")]
    made = form(*names, ("known_speaker_references[]", SAMPLE), ("known_speaker_references", SAMPLE), DIARIZED)
    assert (made.known_names, made.known_samples) == (("Ann", "Ben Doe"), (b"RIFF", b"RIFF"))
    assert "RIFF" not in repr(made)


def test_of_several_languages_the_recogniser_chooses() -> None:
    assert form(("languages[]", "de")).language == "de"
    assert form(("languages[]", "de"), ("languages[]", "fr")).language == "de,fr"
    assert form(("languages[]", "de"), ("languages[]", "fr"), ("language", "it")).language == "it"


def test_a_prompt_gives_its_terms_and_its_sentences_have_no_effect() -> None:
    prompt = "ZyntriQix, Digique Plus;  VortiQore\tV8.\nThe talk is about a thing that is like Okapi, ZyntriQix"
    assert form(("prompt", prompt)).terms == ("ZyntriQix", "Digique Plus", "VortiQore V8")
    assert form(("prompt", "Okapi"), ("keywords[]", "a, b"), ("keywords[]", "c")).terms == ("a, b", "c", "Okapi")
    assert form(("prompt", "x" * 101)).terms == ()
    assert len(form(("prompt", ",".join(map(str, range(1000))))).terms) == MAX_HOTWORDS


@pytest.mark.parametrize(
    "given",
    [
        [("temperature", "0.8"), ("chunking_strategy", "auto"), ("user", "me")],
        [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5")],
        [("chunking_strategy", '{"type":"server_vad"}')],
    ],
)
def test_what_has_no_effect_here_is_taken(given: list[tuple[str, str]]) -> None:
    assert form(*given) == form()


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("response_format", "docx", []),
        ("stream", "perhaps", []),
        ("stream", "true", [("response_format", "srt")]),
        ("timestamp_granularities", "word", []),
        ("timestamp_granularities[]", "phoneme", [("response_format", "verbose_json")]),
        ("temperature", "warm", []),
        ("temperature", "nan", []),
        ("temperature", "1.5", []),
        ("chunking_strategy", "none", []),
        ("chunking_strategy", "{", []),
        ("chunking_strategy", "[" * 100_000, []),
        ("chunking_strategy", '{"type":"other"}', []),
        ("chunking_strategy[type]", "other", []),
        ("language", "klingon", []),
        ("languages[]", "klingon", []),
        ("include[]", "logprobs", []),
        ("known_speaker_references[]", SAMPLE, []),
        ("known_speaker_references[]", SAMPLE, [*FIVE[:2], DIARIZED]),
        ("known_speaker_references[]", "https://example.org/a.wav", [("known_speaker_names[]", "Ann"), DIARIZED]),
        ("known_speaker_references[]", "data:audio/wav;base64,A?A", [("known_speaker_names[]", "Ann"), DIARIZED]),
        ("known_speaker_names[]", "Ann", [("known_speaker_references[]", SAMPLE)]),
        ("known_speaker_names[]", "Ann", [("known_speaker_references[]", SAMPLE), DIARIZED, ("keep", "true")]),
        ("known_speaker_names[]", " ", [("known_speaker_references[]", SAMPLE), DIARIZED]),
        ("known_speaker_names[]", "x" * 201, [("known_speaker_references[]", SAMPLE), DIARIZED]),
        ("known_speaker_names", "0", [FIVE[0], *[("known_speaker_references", SAMPLE)] * 2, DIARIZED]),
        ("known_speaker_names", "0", [*FIVE[1:], *[("known_speaker_references", SAMPLE)] * 5, DIARIZED]),
        ("keep", "maybe", []),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(name: str, value: str, more: list[tuple[str, str]]) -> None:
    with pytest.raises(ProtocolError, match=f"^{name.partition('[')[0]} ") as refused:
        form((name, value), *more)
    assert refused.value.code == ErrorCode.BAD_REQUEST
