"""The socket `/v1/realtime` on a real server with pipelines that say "one" each second."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from meeting.compat.client_audio import flush_seconds
from meeting.compat.openai.realtime import socket as realtime
from meeting.compat.openai.realtime import translator
from meeting.config.settings import Speech
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.server_fakes import Serving, config, kill, left, rest, serving, tone
from tests.patient_clients import connect

INTENT = "intent=transcription"
MANUAL = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}}
COMMIT = {"type": "input_audio_buffer.commit"}
COMPLETED = "conversation.item.input_audio_transcription.completed"


@contextmanager
def client(running: Serving, query: str = INTENT, token: str | None = None, **options: Any) -> Iterator[Realtime]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    url = f"ws://127.0.0.1:{running.port}/v1/realtime?{query}"
    with connect(url, compression=None, additional_headers=headers, **options) as socket:
        yield Realtime(socket)


class Realtime:
    """A client."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, event: object) -> None:
        self.socket.send(json.dumps(event))

    def append(self, audio: bytes) -> None:
        self.send({"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()})

    def next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(timeout=30))
        return event

    def until(self, kind: str) -> list[dict[str, Any]]:
        """All events up to the first of a type."""
        events = [self.next()]
        while events[-1]["type"] != kind:
            events.append(self.next())
        return events

    def rest(self) -> tuple[list[dict[str, Any]], int]:
        """All events up to the end, and the code of the close."""
        texts, code = rest(self.socket)
        return [json.loads(text) for text in texts], code


def sound(seconds: float) -> bytes:
    """Sound at 24 kHz."""
    return tone(seconds * 1.5)


def silence(seconds: float) -> bytes:
    return bytes(round(48_000 * seconds))


@pytest.mark.slow
def test_text_and_speakers_come_while_audio_is_sent_and_nothing_stays(open_server: Serving) -> None:
    with client(open_server, f"{INTENT}&diarize=true") as session:
        assert session.next()["type"] == "session.created"
        session.append(sound(2.5))
        deltas = [one["delta"] for one in session.until("conversation.item.input_audio_transcription.segment")[1:-1]]
        assert deltas[0] == "one"
        session.append(silence(2.0))
        events = session.until(COMPLETED)
        assert events[-1]["transcript"] in ("one one", "one one one")
        session.append(sound(1.5))
        assert session.next()["type"] == "input_audio_buffer.speech_started"
    assert left(open_server) == []


def test_an_item_that_is_ended_by_hand_is_told_whole(open_server: Serving) -> None:
    with client(open_server) as session:
        session.send(MANUAL)
        session.append(sound(1.9))
        session.send(COMMIT)
        events = session.until(COMPLETED)
        assert "input_audio_buffer.speech_started" not in [one["type"] for one in events]
        assert (events[-1]["transcript"], events[-1]["usage"]["seconds"]) == ("one one", 1.9)
        session.append(sound(1.0))
        session.send(COMMIT)
        assert session.until(COMPLETED)[-1]["transcript"] == "one one"


def test_the_form_before_todays_is_spoken_to_those_who_say_so(open_server: Serving) -> None:
    with client(open_server, headers={"OpenAI-Beta": "realtime=v1"}) as session:
        assert session.next()["type"] == "transcription_session.created"
    protocols: Any = ["realtime", "openai-beta.realtime-v1"]
    with client(open_server, subprotocols=protocols) as session:
        assert session.socket.subprotocol == "realtime"
        assert session.next()["type"] == "transcription_session.created"


def test_a_session_without_audio_makes_no_meeting(open_server: Serving) -> None:
    with client(open_server) as session:
        session.send(COMMIT)
        assert session.until("error")[-1]["error"]["code"] == "input_audio_buffer_commit_empty"
        assert open_server.app.state.rooms.live == 0
    assert left(open_server) == []


@pytest.mark.parametrize(
    ("query", "param"), [("intent=chat", "intent"), ("call_id=rtc_1", "call_id"), ("keep=x", "keep")]
)
def test_what_makes_no_sense_is_refused_before_the_socket_is_opened(
    open_server: Serving, query: str, param: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, client(open_server, query):
        pass
    assert refused.value.response.status_code == 400
    error = json.loads(refused.value.response.body or b"")["error"]
    assert (error["type"], error["message"].split()[0]) == ("invalid_request_error", param)


def test_wrong_events_are_told_and_the_session_goes_on(open_server: Serving) -> None:
    with client(open_server) as session:
        for wrong in ("rubbish", b"\0\1", '{"type":"response.create"}', '{"type":"input_audio_buffer.append"}'):
            session.socket.send(wrong)
            assert session.until("error")[-1]["error"]["type"] == "invalid_request_error"
        session.append(sound(1.0))
        session.socket.send("rubbish")
        session.send(COMMIT)
        assert "error" in [one["type"] for one in session.until(COMPLETED)]


def test_a_client_that_falls_silent_is_sent_away(open_server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(realtime, "IDLE_SECONDS", 0.3)
    for audio in (b"", sound(1.0)):
        with client(open_server) as session:
            if audio:
                session.append(audio)
            events, code = session.rest()
        assert (events[-1]["error"]["code"], code) == ("session_expired", 1000)
    assert left(open_server) == []


def test_a_client_that_goes_leaves_nothing(open_server: Serving) -> None:
    with client(open_server) as session:
        session.append(sound(1.5))
        session.until("input_audio_buffer.speech_started")
        kill(session.socket)
    assert left(open_server) == []


@pytest.mark.slow
def test_a_meeting_that_is_kept_says_where_it_is(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as running:
        with client(running, f"{INTENT}&keep=true&title=A+call") as session:
            session.append(sound(1.9))
            meeting = session.until("session.updated")[-1]["session"]["meeting_id"]
            session.send(COMMIT)
            session.until(COMPLETED)
        for _ in range(100):
            found = running.http.get(f"/api/meetings/{meeting}").json()
            if found["state"] == "ended":
                break
            time.sleep(0.05)
        assert (found["title"], found["state"], found["segments"]) == ("A call", "ended", 2)


@pytest.mark.slow
def test_the_silence_behind_an_item_is_as_long_as_the_settings_ask_for(tmp_path: Path) -> None:
    with serving(replace(config(tmp_path), speech=Speech(endpoint_silence=3.0))) as running:
        with client(running, f"{INTENT}&keep=true&title=A+call") as session:
            session.append(sound(0.9))
            session.send(COMMIT)
            session.until(COMPLETED)
        for _ in range(100):
            (found,) = running.http.get("/api/meetings").json()["meetings"]
            if found["state"] == "ended":
                break
            time.sleep(0.05)
        assert found["duration"] == pytest.approx(0.9 + flush_seconds(3.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "answered"),
    [({"token": TOKEN}, None), ({"subprotocols": ["realtime", f"openai-insecure-api-key.{TOKEN}"]}, "realtime")],
)
def test_a_token_comes_as_there(server: Locked, options: dict[str, Any], answered: str | None) -> None:
    with client(server.serving, **options) as session:
        assert session.socket.subprotocol == answered
        session.append(sound(0.9))
        session.send(COMMIT)
        assert session.until(COMPLETED)[-1]["transcript"] == "one"


@pytest.mark.parametrize("token", [None, "wrong", "link"])
def test_without_the_right_token_the_socket_is_not_opened(server: Locked, token: str | None) -> None:
    server.forget_guesses()
    shown = server.create().host if token == "link" else token
    with pytest.raises(InvalidStatus) as refused, client(server.serving, INTENT, shown):
        pass
    assert refused.value.response.status_code == (403 if token == "link" else 401)
    body = refused.value.response.body or b""
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert TOKEN.encode() not in body


def test_a_full_server_says_so(tmp_path: Path) -> None:
    with serving(config(tmp_path, meetings=1)) as running, client(running) as late, client(running) as session:
        session.append(sound(1.1))
        session.until("input_audio_buffer.speech_started")
        with pytest.raises(InvalidStatus) as refused, client(running):
            pass
        assert refused.value.response.status_code == 429
        late.append(sound(1.0))
        events, code = late.rest()
        assert (events[-1]["error"]["type"], code) == ("rate_limit_error", 1013)


@pytest.mark.slow
def test_fifty_clients_at_once_each_get_their_own_words_and_leave_nothing(tmp_path: Path) -> None:
    results: list[str] = []

    def talk(number: int) -> None:
        with client(running) as session:
            for _ in range(4):
                session.append(sound(0.475))
            if number % 5 == 0:
                kill(session.socket)
                return
            session.send(COMMIT)
            results.append(session.until(COMPLETED)[-1]["transcript"])

    with serving(config(tmp_path, meetings=50)) as running:
        threads = [threading.Thread(target=talk, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert results == ["one one"] * 40
        assert left(running) == []
