"""OpenAI's realtime protocol, without a socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from meeting.compat.client_audio import FLUSH_SECONDS
from meeting.compat.exchange import Action, Close, Feed, Tell
from meeting.compat.openai.realtime.items import SETTLE_SECONDS
from meeting.compat.openai.realtime.settings import first_settings
from meeting.compat.openai.realtime.translator import EMPTY, IDLE_SECONDS, Translator
from meeting.compat.parameters import Parameters
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage
from tests.meeting.compat.openai.spoken import line

SECOND = bytes(48_000)
MANUAL = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}}


def append(audio: bytes = SECOND) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


COMMIT, CLEAR = {"type": "input_audio_buffer.commit"}, {"type": "input_audio_buffer.clear"}


def made(*given: tuple[str, str], older: bool = False) -> Translator:
    settings, warnings = first_settings(Parameters(given), older)
    return Translator(settings, warnings, "x", 0.0)


def send(one: Translator, event: object, now: float = 0.0) -> list[Action]:
    return one.from_client(json.dumps(event), now)


def told(actions: list[Action]) -> list[dict[str, Any]]:
    return [json.loads(action.text) for action in actions if isinstance(action, Tell)]


def kinds(actions: list[Action]) -> list[str]:
    return [one["type"] for one in told(actions)]


def error_of(actions: list[Action]) -> dict[str, Any]:
    (event,) = told(actions)
    assert event["type"] == "error"
    error: dict[str, Any] = event["error"]
    return error


def test_a_session_is_told_first_with_what_means_nothing() -> None:
    (event,) = told(made(("model", "gpt-4o-transcribe")).greeting())
    assert (event["type"], event["event_id"], event["session"]["id"]) == ("session.created", "event_x_1", "x")
    assert [one["parameter"] for one in event["warnings"]] == ["model"]
    assert kinds(made(older=True).greeting()) == ["transcription_session.created"]


def test_a_session_that_is_set_is_told_as_it_is_now() -> None:
    one = made()
    (event,) = told(send(one, MANUAL))
    assert (event["type"], event["session"]["audio"]["input"]["turn_detection"]) == ("session.updated", None)
    (event,) = told(send(one, {"type": "transcription_session.update", "session": {"turn_detection": None}}))
    assert (event["type"], event["session"]["input_audio_format"]) == ("transcription_session.updated", "pcm16")


def test_audio_goes_to_the_meeting_as_it_is_taken_there() -> None:
    one = made()
    assert send(one, append()) == [Feed(SECOND)]
    one = made()
    send(one, {"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}})
    assert one.request.audio.sample_rate == 8000
    assert send(one, append(b"\xff" * 10)) == [Feed(bytes(20))]


def test_what_a_meeting_is_made_of_cannot_change_once_audio_has_come() -> None:
    one = made()
    send(one, append())
    language = {"audio": {"input": {"transcription": {"language": "de"}}}}
    error = error_of(send(one, {"type": "session.update", "event_id": "e1", "session": language}))
    assert (error["event_id"], error["param"]) == ("e1", "session")
    assert "before the first audio" in error["message"]
    assert one.request.language is None
    assert kinds(send(one, MANUAL)) == ["session.updated"], "what is told, and when, can change at any time"


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ("rubbish", None),
        ([], None),
        ({"type": "response.create"}, "type"),
        ({"type": ["x"]}, "type"),
        ({}, "type"),
        ({"type": "input_audio_buffer.append"}, "audio"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "audio"),
        ({"type": "input_audio_buffer.append", "audio": "no base64!"}, "audio"),
        ({"type": "input_audio_buffer.append", "audio": "größe"}, "audio"),
        ({"type": "\ud800"}, None),
        ({**COMMIT, "event_id": "\udfff"}, None),
        ({"type": "session.update", "session": {"\ud800": 1}}, None),
        ({"type": "session.update", "session": {"audio": {"input": {"transcription": {"prompt": "\ud800"}}}}}, None),
        ({"type": "session.update", "session": {"type": "realtime"}}, "session.type"),
        ({"type": "session.update", "session": 1}, "session"),
    ],
)
def test_an_event_that_makes_no_sense_is_told_and_the_session_goes_on(event: object, param: str | None) -> None:
    one = made()
    error = error_of(send(one, event))
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "bad_request", param)
    assert send(one, append()) == [Feed(SECOND)]


def test_letters_beyond_the_first_plane_may_be_escaped() -> None:
    keywords = {"audio": {"input": {"transcription": {"keywords": ["🦩"]}}}}
    one = made()
    send(one, {"type": "session.update", "session": keywords})
    assert one.request.hotwords == ("🦩",)


@pytest.mark.parametrize("data", [b"\0\0", "[" * 100_000, "{"])
def test_what_is_no_event_at_all_is_told_as_well(data: str | bytes) -> None:
    assert error_of(made().from_client(data, 0.0))["type"] == "invalid_request_error"


def test_a_client_that_ends_an_item_gets_its_text_once_the_models_are_past_it() -> None:
    one, behind = made(), [5.0]
    send(one, MANUAL)
    send(one, append())
    one.opened("m1", lambda: behind[0])
    actions = send(one, COMMIT, 1.0)
    silence = actions[-1]
    assert isinstance(silence, Feed)
    assert len(silence.data) == FLUSH_SECONDS * 48_000
    assert kinds(actions)[0] == "input_audio_buffer.committed"
    one.from_meeting(Ack(0, 1.0 + FLUSH_SECONDS), 1.1)
    one.from_meeting(line("s1", "Good."), 1.2)
    assert one.tick(9.0) == [], "the models are behind"
    behind[0] = 0.0
    one.tick(10.0)
    (event,) = told(one.tick(10.0 + SETTLE_SECONDS))
    assert (event["transcript"], event["usage"]["seconds"]) == ("Good.", 1.0)
    assert one.tick(20.0) == []


def test_the_next_item_begins_behind_the_silence_however_long_that_is() -> None:
    settings, warnings = first_settings(Parameters([("intent", "transcription")]), older=False)
    one = Translator(settings, warnings, "x", 0.0, 3.6)
    send(one, append())
    silence = send(one, COMMIT, 1.0)[-1]
    assert isinstance(silence, Feed)
    assert len(silence.data) == 3.6 * 48_000
    assert error_of(send(one, COMMIT, 1.1))["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("end", [COMMIT, CLEAR])
def test_half_a_sample_goes_with_the_item_in_whose_buffer_it_was(end: dict[str, Any]) -> None:
    one = made()
    assert send(one, append(SECOND + b"\1")) == [Feed(SECOND)]
    silence = send(one, end, 1.0)[-1]
    assert isinstance(silence, Feed)
    assert not len(silence.data) % 2
    assert send(one, append(b"\2\3")) == [Feed(b"\2\3")]
    send(one, CLEAR)
    send(one, append(b"\4"))
    send(one, CLEAR)
    assert send(one, append(b"\5\6")) == [Feed(b"\5\6")]


def test_times_go_on_as_if_the_silence_were_not_there() -> None:
    one = made()
    send(one, append())
    send(one, COMMIT)
    send(one, append())
    (started, *_) = told(one.from_meeting(line("s2", "Yes.", 2.5), 0.0))
    assert started["audio_start_ms"] == 1500


def test_there_must_be_something_to_commit() -> None:
    one = made()
    error = error_of(send(one, {**COMMIT, "event_id": "e7"}))
    assert (error["code"], error["event_id"]) == (EMPTY, "e7")
    send(one, append(bytes(4798)))
    assert error_of(send(one, COMMIT))["code"] == EMPTY
    send(one, append(bytes(2)))
    assert kinds(send(one, COMMIT))[0] == "input_audio_buffer.committed"
    assert error_of(send(one, COMMIT))["code"] == EMPTY


def test_the_least_that_can_be_committed_can_be_committed_again_and_again() -> None:
    one = made()
    for _ in range(20):
        send(one, append(bytes(4800)))
        assert kinds(send(one, COMMIT))[0] == "input_audio_buffer.committed"
        assert len(send(one, CLEAR)) == 1, "nothing is left to be cleared"


def test_what_is_cleared_is_not_told() -> None:
    one = made()
    send(one, append())
    actions = send(one, CLEAR)
    assert (isinstance(actions[-1], Feed), kinds(actions)) == (True, ["input_audio_buffer.cleared"])
    assert one.from_meeting(line("s1", "Secret."), 0.0) == []
    assert error_of(send(one, COMMIT))["code"] == EMPTY


def test_where_there_is_nothing_to_clear_nothing_is_sent_to_the_meeting() -> None:
    one = made()
    assert (kinds(send(one, CLEAR)), len(send(one, CLEAR))) == (["input_audio_buffer.cleared"], 1)
    send(one, append())
    send(one, COMMIT)
    assert len(send(one, CLEAR)) == 1


def test_a_meeting_that_is_kept_is_named_once_there_is_one() -> None:
    assert made().opened("m1", lambda: 0.0) == []
    (event,) = told(made(("keep", "true")).opened("m1", lambda: 0.0))
    assert (event["type"], event["session"]["meeting_id"]) == ("session.updated", "m1")


def test_all_is_told_when_the_meeting_ends() -> None:
    one = made()
    one.from_meeting(line("s1", "Good."), 0.0)
    assert kinds(one.from_meeting(Ended(1), 0.1))[-1].endswith("completed")
    assert one.wake_at is None


def test_a_client_that_sends_nothing_for_long_is_sent_away() -> None:
    one = made()
    send(one, append(), 5.0)
    one.fed(8.0)
    assert one.wake_at == 8.0 + IDLE_SECONDS
    assert one.tick(7.0 + IDLE_SECONDS) == []
    actions = one.tick(8.0 + IDLE_SECONDS)
    assert (error_of(actions[:1])["code"], actions[1:]) == ("session_expired", [Close(1000, "idle")])
    assert one.tick(9.0 + IDLE_SECONDS) == []


def test_errors_are_told_and_end_what_was_promised() -> None:
    one = made()
    assert one.from_meeting(ErrorMessage(ErrorCode.LOADING, "wait", False), 0.0) == []
    assert error_of(one.from_meeting(ErrorMessage(ErrorCode.STORAGE, "no disk", False), 0.0))["type"] == "server_error"
    send(one, append())
    send(one, COMMIT)
    actions = one.from_meeting(ErrorMessage(ErrorCode.STORAGE, "no disk", True), 0.0)
    assert [kind.rpartition(".")[2] for kind in kinds(actions)] == ["failed", "error"]
    assert actions[-1] == Close(1011, "storage")
    assert made().from_meeting(ErrorMessage(ErrorCode.BAD_AUDIO, "no", True), 0.0)[-1] == Close(1008, "bad_audio")


@pytest.mark.parametrize(
    ("code", "kind", "close"),
    [
        (ErrorCode.TOO_MANY, "rate_limit_error", 1013),
        (ErrorCode.STORAGE, "server_error", 1011),
        (ErrorCode.BAD_REQUEST, "invalid_request_error", 1008),
    ],
)
def test_a_meeting_that_cannot_be_had_ends_the_session(code: ErrorCode, kind: str, close: int) -> None:
    actions = made().failed(ProtocolError("no", code), 0.0)
    assert (error_of(actions[:1])["type"], actions[1:]) == (kind, [Close(close, code)])


def test_speakers_are_told_where_the_model_says_so() -> None:
    one = made(("model", "gpt-4o-transcribe-diarize"))
    assert one.request.diarize
    events = told(one.from_meeting(line("s1", "Good.", speaker="spk1"), 0.0))
    assert [event["speaker"] for event in events if "speaker" in event] == ["A"]
