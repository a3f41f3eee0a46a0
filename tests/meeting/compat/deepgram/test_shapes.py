"""The JSON that Deepgram's clients read."""

from __future__ import annotations

import json

import pytest

from meeting.compat.deepgram.shapes import error_body, mean_confidence, recording, status_of, to_json, word_of
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError, Unauthorized
from meeting.core.messages import WordMessage
from pipelines.errors import StoreError
from tests.meeting.compat.deepgram.streams import heading, line


def test_a_word_is_bare_and_as_written_where_that_is_asked_for() -> None:
    word = WordMessage("“Hello,", 1.0, 1.5, 0.75)
    assert word_of(word, 2, True) == {
        "word": "hello",
        "start": 1.0,
        "end": 1.5,
        "confidence": 0.75,
        "punctuated_word": "“Hello,",
        "speaker": 2,
    }
    assert word_of(word, None, False) == {"word": "hello", "start": 1.0, "end": 1.5, "confidence": 0.75}
    assert word_of(WordMessage("x", 0, 1, None), None, False)["confidence"] == 0.0


def test_no_words_have_no_confidence() -> None:
    assert mean_confidence([]) == 0.0


def test_text_is_sent_as_it_is() -> None:
    assert to_json({"a": "ü"}) == '{"a":"ü"}'


def test_the_whole_says_what_it_was_made_of() -> None:
    told = heading().of_end(1.23456, "abc")
    assert (told["duration"], told["sha256"], told["created"]) == (1.235, "abc", "2026-05-04T12:00:00.000Z")
    (model,) = told["models"]
    assert told["model_info"][model]["name"] == "fake"
    assert "meeting_id" not in told
    kept = heading()
    kept.meeting_id = "m1"
    assert kept.of_end(1, "")["meeting_id"] == "m1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProtocolError("no", ErrorCode.BAD_REQUEST), 400, "BAD_REQUEST"),
        (ProtocolError("full", ErrorCode.TOO_MANY, CloseCode.TOO_MANY), 429, "TOO_MANY"),
        (Unauthorized("no"), 401, "UNAUTHORIZED"),
        (StoreError("no"), 503, "STORAGE"),
    ],
)
def test_an_error_has_its_status_and_its_code(error: ProtocolError, status: int, code: str) -> None:
    assert status_of(error) == status
    assert error_body(error, "no", "r1") == {"err_code": code, "err_msg": "no", "request_id": "r1"}


def test_a_recording_is_told_as_words_utterances_and_paragraphs() -> None:
    spoken = [
        (line("s1", 1, "Good morning."), 0),
        (line("s2", 1, "Shall we?", 2.0), 0),
        (line("s3", 1, "Yes.", 4.0), 1),
    ]
    body = recording(heading(), spoken, 5.0, "abc", True, True, True)
    json.dumps(body)
    (channel,) = body["results"]["channels"]
    (found,) = channel["alternatives"]
    assert found["transcript"] == "Good morning. Shall we? Yes."
    assert [word["speaker"] for word in found["words"]] == [0, 0, 0, 0, 1]
    assert [one["text"] for turn in found["paragraphs"]["paragraphs"] for one in turn["sentences"]] == [
        "Good morning.",
        "Shall we?",
        "Yes.",
    ]
    assert found["paragraphs"]["transcript"] == "Speaker 0: Good morning. Shall we?\n\nSpeaker 1: Yes."
    assert [(one["speaker"], one["start"], one["end"]) for one in body["results"]["utterances"]] == [
        (0, 0.0, 1.0),
        (0, 2.0, 3.0),
        (1, 4.0, 4.5),
    ]
    plain = recording(heading(), [(line("s1", 1, "Good morning."), None)], 5.0, "abc", False, False, False)
    assert "utterances" not in plain["results"]
    assert plain["results"]["channels"][0]["alternatives"][0]["transcript"] == "good morning"
    silence = recording(heading(), [], 5.0, "abc", True, True, True)
    assert silence["results"]["channels"][0]["alternatives"][0]["transcript"] == ""
