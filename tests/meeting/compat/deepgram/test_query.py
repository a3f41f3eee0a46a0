"""Parameters of `/v1/listen`: read, refused, or named in the answer."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from meeting.compat.deepgram.query import Query, parse_query
from meeting.compat.parameters import Parameters
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo


def asked(query: str) -> Query:
    return parse_query(Parameters(parse_qsl(query, keep_blank_values=True)))


def named(query: str) -> list[str]:
    return [str(warning["parameter"]) for warning in asked(query).warnings]


@pytest.mark.parametrize(
    ("query", "audio"),
    [
        ("encoding=linear16&sample_rate=16000", AudioInfo("pcm_s16le", 16000, 1)),
        ("encoding=linear16&sample_rate=48000&channels=2", AudioInfo("pcm_s16le", 48000, 2)),
        ("encoding=linear32&sample_rate=44100", AudioInfo("pcm_f32le", 44100, 1)),
        ("encoding=mulaw&sample_rate=8000", AudioInfo("pcm_s16le", 8000, 1)),
        ("encoding=alaw&sample_rate=8000", AudioInfo("pcm_s16le", 8000, 1)),
    ],
)
def test_raw_audio_is_what_it_is_said_to_be(query: str, audio: AudioInfo) -> None:
    assert asked(query).audio == audio


@pytest.mark.parametrize("encoding", ["", "opus", "webm", "flac", "OGG-OPUS"])
def test_a_container_says_so_itself(encoding: str) -> None:
    assert asked(f"encoding={encoding}&sample_rate=48000").encoding == ""


def test_telephone_audio_is_decoded_and_other_audio_is_not() -> None:
    assert asked("encoding=mulaw&sample_rate=8000").decoded(b"\xff\xff") == bytes(4)
    assert asked("encoding=linear16&sample_rate=8000").decoded(b"\xff\xff") == b"\xff\xff"


def test_the_meeting_is_the_one_that_is_asked_for() -> None:
    query = asked(
        "encoding=linear16&sample_rate=16000&language=en-US&diarize=true&keyterm=Okapi&keyterm=Zebra+crossing"
        "&keywords=Wombat:2.5&keywords=Ann:Lee&keep=true&title=A+call"
    )
    request = query.request(query.audio)
    assert (request.language, request.diarize, request.keep, request.title) == ("en", True, True, "A call")
    assert request.hotwords == ("Okapi", "Zebra crossing", "Wombat", "Ann:Lee")
    assert query.warnings == ()


def test_without_anything_it_is_as_there() -> None:
    query = asked("")
    assert (query.diarize, query.keep, query.interim_results, query.punctuate, query.vad_events) == (False,) * 5
    assert (query.endpointing, query.utterance_end, query.language, query.warnings) == (True, None, None, ())


@pytest.mark.parametrize(
    ("query", "endpointing", "pause"),
    [
        ("endpointing=false", False, None),
        ("endpointing=true", True, None),
        ("endpointing=300", True, 0.3),
        ("endpointing=0", True, 0.0),
    ],
)
def test_the_end_of_an_utterance_is_told_after_the_silence_that_is_asked_for(
    query: str, endpointing: bool, pause: float | None
) -> None:
    found = asked(f"encoding=linear16&sample_rate=16000&{query}")
    assert (found.endpointing, found.pause, found.request(found.audio).pause) == (endpointing, pause, pause)


def test_punctuation_is_there_where_it_is_asked_for() -> None:
    assert [asked(q).punctuate for q in ("punctuate=true", "smart_format=true", "paragraphs=true", "")] == [
        True,
        True,
        True,
        False,
    ]
    assert asked("diarize_model=latest").diarize
    assert asked("utterance_end_ms=1500").utterance_end == 1.5


def test_what_means_nothing_here_is_taken_and_named() -> None:
    assert named("model=nova-3&version=latest&profanity_filter=true&tag=a&tag=b") == [
        "model",
        "version",
        "profanity_filter",
        "tag",
    ]
    assert named("endpointing=300&multichannel=true&channels=2&diarize_model=v1") == [
        "diarize_model",
        "multichannel",
    ]
    assert named("multichannel=false&endpointing=false&diarize=true&utterances=true") == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("encoding=linear16", "sample_rate must be given"),
        ("encoding=amr-nb&sample_rate=8000", "encoding must be one of"),
        ("encoding=linear16&sample_rate=1", "sample_rate must be"),
        ("encoding=linear16&sample_rate=fast", "sample_rate must be"),
        ("channels=0", "channels must be"),
        ("channels=33", "channels must be"),
        ("interim_results=perhaps", "true or false"),
        ("diarize=2", "true or false"),
        ("multichannel=x", "true or false"),
        ("utterance_end_ms=10", "from 1000 to 5000"),
        ("endpointing=soon", "endpointing must be"),
        ("endpointing=60001", "endpointing must be a whole number from 0 to 60000"),
        ("language=klingon", "language code"),
        ("language=en&language=de", "2 times"),
        ("redact=pci", "redact cannot be had"),
        ("callback=https://example.org", "callback cannot be had"),
        ("keep=perhaps", "true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(query: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why) as refused:
        asked(query)
    assert refused.value.code == ErrorCode.BAD_REQUEST


def test_the_container_that_is_named_is_remembered() -> None:
    assert asked("encoding=flac").container == "flac"
