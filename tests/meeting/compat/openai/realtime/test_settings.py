"""What is set of a session, in both forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from meeting.compat.openai.realtime.settings import Settings, first_settings, updated
from meeting.compat.parameters import Parameters
from meeting.core.errors import ProtocolError
from meeting.core.messages import AudioInfo, JsonObject


def first(query: str = "intent=transcription", older: bool = False) -> tuple[Settings, list[JsonObject]]:
    return first_settings(Parameters(parse_qsl(query)), older)


def set_(**session: Any) -> tuple[Settings, list[JsonObject]]:
    return updated(first()[0], {"type": "transcription", **session}, older=False)


def heard(**audio: Any) -> Settings:
    return set_(audio={"input": audio})[0]


def names(warnings: list[JsonObject]) -> list[str]:
    return [str(one["parameter"]) for one in warnings]


def test_the_address_says_the_model_and_whether_the_meeting_stays() -> None:
    settings, warnings = first("model=gpt-4o-transcribe&keep=true&title=A+call&foo=1")
    assert (settings.keep, settings.title, settings.diarize, settings.silence) == (True, "A call", False, 0.5)
    assert names(warnings) == ["model", "foo"]
    assert first("model=gpt-4o-transcribe-diarize")[0].diarize
    assert first("diarize=true")[0].diarize


@pytest.mark.parametrize("query", ["intent=translation", "call_id=rtc_1", "keep=perhaps"])
def test_an_address_that_makes_no_sense_is_refused(query: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{query.partition('=')[0]} "):
        first(query)


def test_a_session_is_set_field_by_field_and_shown_as_it_is() -> None:
    settings = heard(
        format={"type": "audio/pcm", "rate": 24000},
        transcription={"model": "gpt-4o-transcribe", "language": "de-AT", "prompt": "Okapi, Zebu", "keywords": ["Gnu"]},
        turn_detection={"type": "server_vad", "silence_duration_ms": 800, "threshold": 0.3},
    )
    request = settings.request
    assert (request.language, request.hotwords) == ("de", ("Gnu", "Okapi", "Zebu"))
    assert (settings.silence, settings.audio) == (0.8, AudioInfo("pcm_s16le", 24000, 1))
    shown = settings.body("s1")
    assert (shown["type"], shown["id"], shown["object"]) == ("transcription", "s1", "realtime.transcription_session")
    assert shown["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert shown["audio"]["input"]["transcription"]["language"] == "de-AT"
    assert shown["audio"]["input"]["turn_detection"]["threshold"] == 0.3
    again, _ = updated(settings, {"audio": {"input": {"transcription": {"language": "en"}}}}, older=False)
    assert (again.language, again.terms, again.silence) == ("en", (), 0.8)


def test_the_form_before_todays_says_the_same() -> None:
    session = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "Okapi"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 700},
        "input_audio_noise_reduction": {"type": "near_field"},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    settings, warnings = updated(first()[0], session, older=True)
    assert (settings.language, settings.terms, settings.silence, settings.older) == ("en", ("Okapi",), 0.7, True)
    assert settings.body("s1")["input_audio_format"] == "g711_ulaw"
    assert set(names(warnings)) == {
        "session.include",
        "session.input_audio_noise_reduction",
        "session.input_audio_transcription.model",
    }


def test_telephone_audio_is_decoded() -> None:
    settings = heard(format={"type": "audio/pcmu"})
    assert settings.audio == AudioInfo("pcm_s16le", 8000, 1)
    assert settings.decoded(b"\xff") == bytes(2)
    assert settings.body("s1")["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert heard(format={"type": "audio/pcma"}).decoded(b"\xd5") == (8).to_bytes(2, "little")
    assert heard().decoded(b"ab") == b"ab"


def test_turn_detection_can_be_switched_off_and_on() -> None:
    off = heard(turn_detection=None)
    assert (off.silence, off.body("s1")["audio"]["input"]["turn_detection"]) == (None, None)
    on, warnings = updated(off, {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}, older=False)
    assert (on.silence, names(warnings)) == (0.5, ["session.audio.input.turn_detection.type"])


def test_of_several_languages_the_recogniser_chooses() -> None:
    assert heard(transcription={"languages": ["de"]}).language == "de"
    assert heard(transcription={"languages": ["de", "en-GB"]}).language == "de,en"


def test_what_means_nothing_here_is_named() -> None:
    _, warnings = set_(
        include=["item.input_audio_transcription.logprobs"],
        voice="marin",
        audio={"input": {"noise_reduction": {"type": "far_field"}, "transcription": {"delay": "low"}}, "output": {}},
    )
    assert names(warnings) == [
        "session.include",
        "session.voice",
        "session.audio.input.noise_reduction",
        "session.audio.input.transcription.delay",
    ]


@pytest.mark.parametrize(
    ("session", "told"),
    [
        ("no object", "session must be an object"),
        ({"type": "realtime"}, "session.type must be transcription"),
        ({"type": ["transcription"]}, "session.type must be transcription"),
        ({"audio": 1}, "session.audio must be an object"),
        ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "session.audio.input.format.type must be one of"),
        ({"audio": {"input": {"format": {"rate": 16000}}}}, "session.audio.input.format.rate must be 24000"),
        (
            {"audio": {"input": {"transcription": {"language": "klingon"}}}},
            "session.audio.input.transcription.language must be a language code",
        ),
        (
            {"audio": {"input": {"transcription": {"keywords": ["x" * 101]}}}},
            "session.audio.input.transcription.keywords must have at most 100 characters",
        ),
        (
            {"audio": {"input": {"turn_detection": {"silence_duration_ms": -1}}}},
            "session.audio.input.turn_detection.silence_duration_ms must be a number from 0 to 10000",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "none"}}}},
            "session.audio.input.turn_detection.type must be server_vad or semantic_vad",
        ),
    ],
)
def test_wrong_values_are_refused_with_the_name_of_their_field(session: Any, told: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{told}"):
        updated(first()[0], session, older=False)
