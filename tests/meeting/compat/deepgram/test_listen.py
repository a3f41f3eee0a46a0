"""The socket `/v1/listen` on a real server with pipelines that say "one" each second."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from meeting.compat.client_audio import flush_seconds
from meeting.compat.deepgram import listen, translator
from meeting.config.settings import Speech
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.containers import ENCODERS, encoded
from tests.fakes.server_fakes import Serving, config, kill, left, rest, serving, tone
from tests.meeting.compat.deepgram.streams import RAW
from tests.patient_clients import connect

CLOSE = '{"type":"CloseStream"}'


@contextmanager
def client(running: Serving, query: str = RAW, token: str | None = None, **options: Any) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Token {token}"} if token else {}
    url = f"ws://127.0.0.1:{running.port}/v1/listen?{query}"
    with connect(url, compression=None, additional_headers=headers, **options) as socket:
        yield socket


def all_of(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """All messages up to the end, and the code of the close."""
    texts, code = rest(socket)
    return [json.loads(text) for text in texts], code


def words(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    finals = [one for one in messages if one["type"] == "Results" and one["is_final"]]
    return [word for one in finals for word in one["channel"]["alternatives"][0]["words"]]


def flac(seconds: float) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, np.frombuffer(tone(seconds), "<i2"), 16000, format="FLAC")
    return held.getvalue()


@pytest.mark.slow
def test_words_with_speakers_come_while_audio_is_sent_and_nothing_stays(open_server: Serving) -> None:
    with client(open_server, f"{RAW}&diarize=true&punctuate=true&model=nova-3") as socket:
        assert socket.response is not None
        request_id = socket.response.headers["dg-request-id"]
        socket.send(tone(1.5))
        first = json.loads(socket.recv(timeout=30))
        socket.send(tone(1.5))
        socket.send(CLOSE)
        messages, code = all_of(socket)
    assert first["channel"]["alternatives"][0]["words"] == [
        {"word": "one", "start": 0.0, "end": 1.0, "confidence": 0.5, "punctuated_word": "one", "speaker": 0}
    ]
    assert [(word["start"], word["speaker"]) for word in words([first, *messages])] == [(0.0, 0), (1.0, 0), (2.0, 0)]
    metadata = messages[-1]
    assert (metadata["type"], metadata["request_id"], metadata["duration"], code) == ("Metadata", request_id, 3.0, 1000)
    assert metadata["sha256"] == hashlib.sha256(tone(1.5) * 2).hexdigest()
    assert [warning["parameter"] for warning in metadata["warnings"]] == ["model"]
    assert left(open_server) == []


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "encoding=flac&sample_rate=16000"])
def test_a_container_needs_no_description(open_server: Serving, query: str) -> None:
    whole = flac(2.0)
    with client(open_server, query) as socket:
        socket.send('{"type":"KeepAlive"}')
        for start in range(0, len(whole), 5):
            socket.send(whole[start : start + 5] if start < 50 else whole[start:])
            if start >= 50:
                break
        socket.send(CLOSE)
        messages, code = all_of(socket)
    assert len(words(messages)) == 2
    assert messages[-1]["sha256"] == hashlib.sha256(whole).hexdigest()
    assert code == 1000


@pytest.mark.parametrize("query", [f"{RAW}&model=flux-general-en&eot_threshold=0.7", "model=flux-general-en"])
def test_the_second_version_tells_turns(open_server: Serving, query: str) -> None:
    with connect(f"ws://127.0.0.1:{open_server.port}/v2/listen?{query}", compression=None) as socket:
        assert socket.response is not None
        assert socket.response.headers["dg-warnings"].startswith("model")
        assert json.loads(socket.recv(timeout=30))["type"] == "Connected"
        socket.send(tone(1.5) if "encoding" in query else flac(1.5))
        socket.send(CLOSE)
        messages, code = all_of(socket)
    turns = [(one["event"], one["turn_index"]) for one in messages if one["event"] != "Update"]
    assert turns == [("StartOfTurn", 0), ("EndOfTurn", 0), ("StartOfTurn", 1)]
    assert {one["transcript"] for one in messages} == {"one"}
    assert (messages[-1]["event"], messages[-1]["turn_index"]) == ("Update", 1), "the end of the audio is none"
    assert [one["sequence_id"] for one in messages] == list(range(1, len(messages) + 1))
    assert code == 1000
    assert left(open_server) == []


@pytest.mark.slow
@pytest.mark.parametrize("container", sorted(ENCODERS))
def test_every_container_is_known_by_itself_and_heard_to_its_end(open_server: Serving, container: str) -> None:
    with client(open_server, "") as socket:
        socket.send(encoded(container, 2.0))
        socket.send(CLOSE)
        messages, code = all_of(socket)
    assert (len(words(messages)) >= 2, code) == (True, 1000)
    assert messages[-1]["duration"] == pytest.approx(2.0, abs=0.1)


def test_telephone_audio_is_heard(open_server: Serving) -> None:
    with client(open_server, "encoding=mulaw&sample_rate=8000") as socket:
        socket.send(bytes(range(250)) * 64)
        socket.send(CLOSE)
        messages, _ = all_of(socket)
    assert len(words(messages)) == 2


def test_an_end_that_is_asked_for_is_told(open_server: Serving) -> None:
    with client(open_server) as socket:
        socket.send(tone(0.7))
        socket.send('{"type":"Finalize"}')
        first = json.loads(socket.recv(timeout=30))
        while not first["from_finalize"]:
            first = json.loads(socket.recv(timeout=30))
        assert first["is_final"]
        socket.send(CLOSE)
        assert all_of(socket)[0][-1]["duration"] == 0.7


def test_a_stream_without_audio_ends_with_its_metadata(open_server: Serving) -> None:
    for query in ("", RAW):
        with client(open_server, query) as socket:
            socket.send(CLOSE)
            messages, code = all_of(socket)
        assert ([one["type"] for one in messages], messages[0]["duration"], code) == (["Metadata"], 0.0, 1000)
    assert left(open_server) == []


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("encoding=linear16", 400, "sample_rate"),
        ("encoding=speex&sample_rate=8000", 400, "encoding must be one of"),
        (f"{RAW}&utterance_end_ms=1", 400, "utterance_end_ms"),
        (f"{RAW}&redact=pci", 400, "redact"),
        (f"{RAW}&keyterm={'x' * 101}", 400, "hotwords"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_socket_is_opened(
    open_server: Serving, query: str, status: int, told: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, client(open_server, query):
        pass
    assert refused.value.response.status_code == status
    body = json.loads(refused.value.response.body or b"")
    assert told in body["err_msg"]
    assert refused.value.response.headers["dg-request-id"] == body["request_id"]
    assert left(open_server) == []


def test_a_refusal_is_no_error_in_the_log(open_server: Serving, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):  # what is logged of the first one is there when the second is answered
        with pytest.raises(InvalidStatus), client(open_server, "encoding=nonsense"):
            pass
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_is_no_audio_is_told(open_server: Serving) -> None:
    with client(open_server, "") as socket:
        socket.send(b"this is no audio at all")
        messages, code = all_of(socket)
    assert (messages[-1]["type"], code) == ("Error", 1008)
    with client(open_server, "") as socket:
        socket.send(b"fLaC" + b"\1" * 5000)
        socket.send(CLOSE)
        messages, code = all_of(socket)
    assert messages[-1]["type"] in ("Error", "Metadata")
    assert left(open_server) == []


def test_other_messages_are_told_to_be_wrong_and_the_stream_goes_on(open_server: Serving) -> None:
    with client(open_server) as socket:
        socket.send("rubbish")
        assert json.loads(socket.recv(timeout=30))["variant"] == "SchemaError"
        socket.send(tone(1.0))
        socket.send(CLOSE)
        assert len(words(all_of(socket)[0])) == 1


def test_a_client_that_stops_in_the_middle_is_sent_away(open_server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(listen, "IDLE_SECONDS", 0.3)
    for query in ("", RAW):
        with client(open_server, query) as socket:
            messages, code = all_of(socket)
        assert messages[-1]["type"] == "Error"
        assert code in (1008, 1011)
    assert left(open_server) == []


def test_a_client_that_goes_leaves_nothing(open_server: Serving) -> None:
    with client(open_server) as socket:
        socket.send(tone(1.5))
        socket.recv(timeout=30)
        kill(socket)
    assert left(open_server) == []


@pytest.mark.slow
def test_a_meeting_that_is_kept_says_where_it_is(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as running:
        with client(running, f"{RAW}&keep=true&title=A+call") as socket:
            socket.send(tone(1.5))
            socket.send(CLOSE)
            metadata = all_of(socket)[0][-1]
        found = running.http.get(f"/api/meetings/{metadata['meeting_id']}").json()
        assert (found["title"], found["state"], found["segments"]) == ("A call", "ended", 2)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "end"), [("v1", "Finalize"), ("v2", "ForceEndTurn")])
def test_the_silence_that_ends_an_utterance_is_as_long_as_the_settings_ask_for(
    tmp_path: Path, version: str, end: str
) -> None:
    settings = replace(config(tmp_path), speech=Speech(endpoint_silence=3.0))
    with serving(settings) as running:
        url = f"ws://127.0.0.1:{running.port}/{version}/listen?{RAW}&keep=true&title=A+call"
        with connect(url, compression=None) as socket:
            socket.send(tone(1.0))
            socket.send(json.dumps({"type": end}))
            socket.send(CLOSE)
            all_of(socket)
        (found,) = running.http.get("/api/meetings").json()["meetings"]
        assert found["duration"] == pytest.approx(1.0 + flush_seconds(3.0))


@pytest.mark.parametrize("how", ["token", "bearer", "subprotocol", "subprotocol bearer"])
def test_a_token_comes_as_there(server: Locked, how: str) -> None:
    options: Any = {
        "token": {"token": TOKEN},
        "bearer": {"additional": {"Authorization": f"Bearer {TOKEN}"}},
        "subprotocol": {"subprotocols": ["token", TOKEN]},
        "subprotocol bearer": {"subprotocols": ["bearer", TOKEN]},
    }[how]
    if "additional" in options:
        opened = connect(
            f"ws://127.0.0.1:{server.serving.port}/v1/listen?{RAW}", additional_headers=options["additional"]
        )
    else:
        opened = client(server.serving, **options)  # type: ignore[assignment]
    with opened as socket:
        assert socket.subprotocol == (options["subprotocols"][0] if "subprotocols" in options else None)
        socket.send(tone(1.0))
        socket.send(CLOSE)
        assert len(words(all_of(socket)[0])) == 1


@pytest.mark.parametrize("token", [None, "wrong", "link"])
def test_without_the_right_token_the_socket_is_not_opened(server: Locked, token: str | None) -> None:
    server.forget_guesses()
    shown = server.create().host if token == "link" else token
    with pytest.raises(InvalidStatus) as refused, client(server.serving, RAW, shown):
        pass
    assert refused.value.response.status_code == (403 if token == "link" else 401)
    assert TOKEN.encode() not in (refused.value.response.body or b"")


def test_too_many_wrong_tokens_are_refused_for_a_while(server: Locked) -> None:
    server.forget_guesses()
    statuses = []
    for _ in range(21):
        with pytest.raises(InvalidStatus) as refused, client(server.serving, RAW, "wrong"):
            pass
        statuses.append(refused.value.response.status_code)
    server.forget_guesses()
    assert statuses == [401] * 20 + [429]


def test_a_full_server_says_so_before_the_socket_is_opened(tmp_path: Path) -> None:
    with serving(config(tmp_path, meetings=1)) as running, client(running):
        with pytest.raises(InvalidStatus) as refused, client(running):
            pass
        assert refused.value.response.status_code == 429
        assert b"as many live meetings" in (refused.value.response.body or b"")


@pytest.mark.slow
def test_fifty_clients_at_once_each_get_their_own_words_and_leave_nothing(tmp_path: Path) -> None:
    results: list[int] = []

    def talk(number: int) -> None:
        with client(running, RAW if number % 2 else "") as socket:
            for piece in [tone(0.5)] * 4 if number % 2 else [flac(2.0)]:
                socket.send(piece)
                time.sleep(0.01)
            if number % 5 == 0:
                kill(socket)
                return
            socket.send(CLOSE)
            results.append(len(words(all_of(socket)[0])))

    with serving(config(tmp_path, meetings=50)) as running:
        threads = [threading.Thread(target=talk, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert results == [2] * 40
        assert left(running) == []
