"""What OpenAI's clients read."""

from __future__ import annotations

import math

import pytest

from meeting.compat.lines import Lines
from meeting.compat.openai.form import parse_form
from meeting.compat.openai.shapes import diarized, error_body, label, models_of, status_of, text_only, to_json, verbose
from meeting.compat.parameters import Parameters, refused
from meeting.core.errors import ErrorCode, ProtocolError
from pipelines.errors import MeetingError, NotFound, StoreError
from tests.meeting.compat.openai.spoken import line, talk

TEXT = "Good morning. <Hello> & welcome. Hm."


def test_text_is_sent_as_it_is() -> None:
    assert to_json({"a": "ü"}) == '{"a":"ü"}'


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (refused("language must be one"), 400, "invalid_request_error"),
        (ProtocolError("no audio", ErrorCode.BAD_AUDIO), 400, "invalid_request_error"),
        (ProtocolError("full", ErrorCode.TOO_MANY), 429, "rate_limit_error"),
        (ProtocolError("broken", ErrorCode.MODELS), 503, "server_error"),
        (ProtocolError("broken", ErrorCode.INTERNAL), 500, "server_error"),
        (StoreError("the disk is full"), 503, "server_error"),
        (NotFound("no such model"), 404, "invalid_request_error"),
    ],
)
def test_an_error_has_a_status_and_a_kind(error: MeetingError, status: int, kind: str) -> None:
    assert status_of(error) == status
    assert error_body(error, str(error))["error"]["type"] == kind


def test_an_error_names_the_field_that_it_is_about() -> None:
    assert error_body(refused("language must be one"), "language must be one") == {
        "error": {
            "message": "language must be one",
            "type": "invalid_request_error",
            "param": "language",
            "code": "bad_request",
        }
    }
    assert error_body(refused("no"), "no audio")["error"]["param"] is None


def test_the_models_are_the_recogniser_and_a_name_that_fits_always() -> None:
    assert [one["id"] for one in models_of(None)] == ["whisper-1"]
    assert [one["id"] for one in models_of({"speech": "base"})] == ["base", "whisper-1"]
    assert [one["id"] for one in models_of({"speech": "whisper-1"})] == ["whisper-1"]


def test_speakers_are_letters() -> None:
    numbers = (0, 1, 25, 26, 27, 51, 52, 701, 702)
    assert [label(number) for number in numbers] == ["A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]
    assert label(None) == "?"


def test_plain_is_the_text() -> None:
    assert text_only(talk(), 5.0) == {"text": TEXT, "usage": {"type": "duration", "seconds": 5.0}}
    assert text_only(Lines(), 0.0)["text"] == ""


def test_diarized_says_who_says_what() -> None:
    body = diarized(talk(), 5.0, parse_form(Parameters([])))
    assert (body["task"], body["duration"], body["text"]) == ("transcribe", 5.0, TEXT)
    assert [(one["speaker"], one["start"], one["end"], one["text"]) for one in body["segments"]] == [
        ("A", 0.0, 1.0, "Good morning."),
        ("B", 2.0, 3.5, "<Hello> & welcome."),
        ("?", 4.0, 4.5, "Hm."),
    ]


def test_verbose_has_what_is_asked_for() -> None:
    asked = [("response_format", "verbose_json")]
    word = ("timestamp_granularities[]", "word")
    body = verbose(talk(), 5.0, parse_form(Parameters(asked)), {"languages": ["en"]})
    assert (body["language"], body["duration"], "words" in body) == ("en", 5.0, False)
    assert [(one["id"], one["start"], one["text"]) for one in body["segments"]][1] == (1, 2.0, "<Hello> & welcome.")
    assert body["segments"][0]["avg_logprob"] == pytest.approx(math.log(0.5), abs=1e-3)
    assert "speaker" not in body["segments"][0]
    body = verbose(talk(), 5.0, parse_form(Parameters([*asked, word, ("diarize", "1"), ("language", "de")])), {})
    assert (body["language"], "segments" in body) == ("de", False)
    assert body["words"][2] == {"word": "<Hello>", "start": 2.0, "end": 2.5, "speaker": "B"}


def test_a_translation_says_that_it_is_one_and_in_english() -> None:
    form = parse_form(Parameters([("response_format", "verbose_json"), ("language", "de")]), translate=True)
    body = verbose(talk(), 5.0, form, {"languages": None})
    assert (body["task"], body["language"], body["text"]) == ("translate", "english", TEXT)
    assert diarized(talk(), 5.0, form)["task"] == "translate"


def test_text_that_repeats_itself_can_be_told_by_its_compression() -> None:
    lines = Lines()
    lines.apply(line("1", "no " * 100))
    body = verbose(lines, 50.0, parse_form(Parameters([("response_format", "verbose_json")])), {})
    assert body["segments"][0]["compression_ratio"] > 2.4
