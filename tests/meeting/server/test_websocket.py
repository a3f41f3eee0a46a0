"""Real sockets on a real server with fake models: the wire protocol from outside, good input and bad."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.exceptions import InvalidStatus

from meeting.core.access import FULL_ACCESS, Role
from meeting.core.errors import CloseCode
from meeting.core.messages import FRAME_HEADER, MAX_TEXT, AudioFrame, Ended, encode
from meeting.delivery import archive, history
from meeting.delivery.outbox import MAX_MESSAGES, Outbox
from meeting.server import websocket
from meeting.server.security.auth import Authenticator
from meeting.server.websocket import _join
from meeting.session.audience import EXTRA_SEATS
from meeting.storage.store import DATABASE, Store
from meeting.storage.transcript_store import TranscriptStore
from meeting.transport.connections import ConnectionRegistry
from meeting.transport.websocket_connection import WebSocketConnection
from pipelines.errors import StoreError
from pipelines.types import SAMPLE_RATE, LabelChange, Segment, Span, SpeakersRevised, Word
from tests.fakes.access_fakes import TOKEN, locked
from tests.fakes.server_fakes import (
    FAKE_MODELS,
    NO_AUDIO,
    Client,
    FakeBackend,
    FakePipeline,
    Serving,
    config,
    serving,
    tone,
    wait_ready,
)
from tests.patient_clients import connect

FRAME_BYTES = 64_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"), frame_bytes=FRAME_BYTES, viewers=3)) as running:
        wait_ready(running)
        yield running


def transcript(served: Serving, meeting_id: str) -> list[dict[str, Any]]:
    answer = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()
    segments: list[dict[str, Any]] = answer["segments"]
    return segments


def test_a_meeting_from_start_to_end(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as viewer, served.connect(meeting_id) as host:
        assert host.receive()["type"] == "snapshot"
        session = host.start()
        assert (session["meeting_id"], session["next_seq"]) == (meeting_id, 0)
        for seq in range(4):
            host.frame(seq, tone(0.5))
        host.send("stop")
        assert host.until("ended") == {"type": "ended", "segments": 2}
        assert host.close_code() == 1000
        viewer.close_code()
    acks = [message for message in host.seen if message["type"] == "ack"]
    assert acks[-1] == {"type": "ack", "seq": 3, "audio": 2.0}
    kinds = [message["type"] for message in viewer.seen]
    assert (kinds[0], kinds[-1]) == ("snapshot", "ended")
    assert {"segment", "speaker", "speaker_revision", "stats", "state"} <= set(kinds)
    assert "ack" not in kinds
    assert [(s["text"], s["speaker"]) for s in transcript(served, meeting_id)] == [
        ("one", "spk1"),
        ("one", "spk1"),
    ]
    details = served.http.get(f"/api/meetings/{meeting_id}").json()
    assert (details["state"], details["duration"], details["segments"]) == ("ended", 2.0, 2)


def test_who_reads_a_meeting_that_is_over_counts_as_let_in_however_long_it_takes(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone())
        host.send("stop")
        host.close_code()
    go_on, read_part = threading.Event(), archive.read_part
    admitted: list[bool] = []

    def slow(*given: Any) -> archive.Part:
        assert go_on.wait(20)
        return read_part(*given)

    monkeypatch.setattr(archive, "read_part", slow)
    with served.connect(meeting_id) as late:
        while True not in admitted:
            found = list(served.server.server_state.connections)
            admitted += [one._connection.admitted for one in found if isinstance(one, WebSocketConnection)]
            threading.Event().wait(0.01)
        go_on.set()
        assert late.close_code() == 1000


def test_who_comes_after_the_end_gets_everything_from_the_store(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone())
        host.send("stop")
        host.close_code()
    with served.connect(meeting_id) as late:
        snapshot = late.receive()
        assert (snapshot["state"], [s["text"] for s in snapshot["segments"]]) == ("ended", ["one"])
        assert snapshot["speakers"][0]["id"] == "spk1"
        assert late.receive() == {"type": "ended", "segments": 1}
        assert late.close_code() == 1000


class LongLines(FakePipeline):
    """Hears a long line in each tenth of a second, and afterwards who said it; takes one back."""

    def _second(self, start: int, end: int) -> None:
        length = SAMPLE_RATE // 10
        self._done = end
        for at in range(start, end, length):
            span, number = Span(at, at + length), at // length
            words = tuple(Word(f"w{i}", span, 0.5) for i in range(20))
            self._emit(Segment(f"s{number}", 1, True, self._source_id, span, None, words))
            self._emit(SpeakersRevised((LabelChange(f"s{number // 2}", 2 + number, None, "spk1"),), "live"))
        self._emit(Segment(f"s{start // length}", 10_000, True, self._source_id, Span(start, end), None, ()))


def lines_of(messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a client shows that applies everything by `rev`."""
    lines: dict[str, dict[str, Any]] = {}
    for message in messages:
        for segment in message["segments"] if message["type"] in ("snapshot", "earlier") else [message]:
            if segment["type"] == "segment" and segment["rev"] > lines.get(segment["id"], {"rev": 0})["rev"]:
                lines[segment["id"]] = {**segment, "stable_chars": None}  # all of what is stored is stable
        for change in message["changes"] if message["type"] == "speaker_revision" else []:
            known = lines.get(change["id"], {"rev": 10**9})
            if change["rev"] > known["rev"]:
                known.update(rev=change["rev"], speaker=change["to"])
    return {id_: line for id_, line in lines.items() if line["text"]}


@pytest.mark.slow
def test_readers_of_a_long_meeting_get_the_newest_lines_first_and_in_the_end_what_all_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (history, archive):
        monkeypatch.setattr(module, "SNAPSHOT_BYTES", 20_000)
        monkeypatch.setattr(module, "PART_BYTES", 5_000)
    backend = FakeBackend(pipeline=lambda emit, source_id: LongLines(emit, source_id))
    with serving(config(tmp_path), backend) as running, ExitStack() as open_:
        wait_ready(running)
        meeting_id = running.create()
        host = open_.enter_context(running.connect(meeting_id))
        host.start()
        readers = []
        for seq in range(8):
            host.frame(seq, tone())
            host.until("ack")
            readers.append(open_.enter_context(running.connect(meeting_id)))
        host.send("stop")
        assert host.close_code() == 1000
        assert [reader.close_code() for reader in readers] == [1000] * 8
        with running.connect(meeting_id) as late:
            assert late.close_code() == 1000
            readers.append(late)
        expected = lines_of(host.seen)
        assert len(expected) == 72
        stored = transcript(running, meeting_id)
        assert {line["id"]: (line["text"], line["speaker"]) for line in stored} == {
            id_: (line["text"], line["speaker"]) for id_, line in expected.items()
        }
        for reader in readers:
            assert lines_of(reader.seen) == expected
            assert [message["type"] for message in reader.seen].count("ended") == 1
            assert reader.seen[-1]["type"] == "ended"
        parts = [message for message in readers[-1].seen if message["type"] == "earlier"]
        assert readers[-1].seen[0]["earlier"] > parts[0]["left"] > 0 == parts[-1]["left"]
        assert any(message["type"] == "earlier" for reader in readers[:-1] for message in reader.seen)


def test_a_late_joiner_of_a_live_meeting_gets_a_snapshot(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone())
        host.until("ack")
        with served.connect(meeting_id) as late:
            snapshot = late.receive()
        assert (snapshot["state"], len(snapshot["segments"]), snapshot["audio"]) == ("live", 1, 1.0)
        host.send("stop")
        host.close_code()


def test_audio_that_never_arrived_is_shown_to_everyone_and_kept(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
        source_id = host.start()["source_id"]
        host.frame(0, tone())
        host.socket.send(AudioFrame(1, 4_000_000, tone()).encode())
        reason = "sound that never arrived"
        gap = {"type": "gap", "start": 1.0, "end": 4.0, "reason": reason, "source_id": source_id}
        assert viewer.until("gap") == gap
        assert host.until("ack")["audio"] in (1.0, 5.0)
        with served.connect(meeting_id) as late:
            assert late.receive()["gaps"] == [gap]
        host.send("stop")
        host.until("ended")
    body = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()
    assert [(found["start"], found["end"]) for found in body["gaps"]] == [(1.0, 4.0)]
    assert [(segment["start"], segment["end"]) for segment in body["segments"]] == [(0.0, 1.0), (4.0, 5.0)]


def test_a_broken_connection_is_resumed_without_loss(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        session = host.start()
        host.frame(0, tone())
        host.until("ack")
        host.socket.socket.close()  # as a network does: without a word
    resume = {"source_id": session["source_id"], "token": session["resume_token"]}
    with served.connect(meeting_id) as host:
        again = host.start(resume=resume)
        assert (again["type"], again["next_seq"]) == ("session", 1)
        host.frame(0, tone())
        host.frame(1, tone())
        host.send("stop")
        assert host.until("ended")["segments"] == 2
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["duration"] == 2.0


def test_the_older_of_two_connections_of_a_source_is_closed(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host, served.connect(meeting_id) as newer:
        session = host.start()
        newer.start(resume={"source_id": session["source_id"], "token": session["resume_token"]})
        assert host.close_code() == 4409
        newer.send("stop")
        assert newer.until("ended")["segments"] == 0


def refused(served: Serving, meeting_id: str, *messages: Any, start: bool = True) -> tuple[str, int]:
    """Send messages one by one; the code of the error that they lead to, and the close code."""
    with served.connect(meeting_id) as client:
        client.receive()
        if start:
            assert client.start()["type"] == "session"
        for message in messages:
            client.socket.send(message)
        error = client.until("error")
        assert error["fatal"]
        assert len(error["message"]) < 300
        return str(error["code"]), client.close_code()


HEAD = struct.pack("<IQ", 0, 0)
START = {"type": "start", "version": 1, "audio": {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1}}


def start_with(**audio: Any) -> str:
    return json.dumps({**START, "audio": {**START["audio"], **audio}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        pytest.param("hello", "bad_message", 4400, id="text that is no JSON"),
        pytest.param("[1]", "bad_message", 4400, id="JSON that is no object"),
        pytest.param('{"type":"dance"}', "bad_message", 4400, id="an unknown type"),
        pytest.param('{"type":"start"}', "bad_message", 4400, id="start without its fields"),
        pytest.param('{"type":"stop"}', "bad_message", 4400, id="stop before start"),
        pytest.param("[" * 50_000, "bad_message", 4400, id="deep nesting"),
        pytest.param(json.dumps({**START, "language": "xx"}), "bad_message", 4400, id="an unknown language"),
        pytest.param(b"", "bad_message", 4400, id="an empty frame"),
        pytest.param(b"abc", "bad_message", 4400, id="a frame shorter than its head"),
        pytest.param(HEAD + b"ab", "bad_message", 4400, id="audio before start"),
        pytest.param(start_with(sample_rate=0), "bad_audio", 4400, id="a sample rate of 0"),
        pytest.param(start_with(sample_rate=-1), "bad_audio", 4400, id="a negative sample rate"),
        pytest.param(start_with(channels=0), "bad_audio", 4400, id="no channels"),
        pytest.param(start_with(sample_rate=2**63), "bad_audio", 4400, id="a sample rate beyond all numbers"),
        pytest.param(start_with(encoding="wav", sample_rate=2**63), "bad_audio", 4400, id="the same of a container"),
        pytest.param(start_with(encoding="wav", channels=2**63), "bad_audio", 4400, id="channels beyond all numbers"),
        pytest.param(start_with(encoding="mpeg7"), "bad_audio", 4400, id="an unknown encoding"),
        pytest.param(start_with(sample_rate="fast"), "bad_message", 4400, id="a sample rate in words"),
        pytest.param(json.dumps({**START, "version": 2}), "bad_message", 4400, id="a later protocol"),
        pytest.param(
            json.dumps({**START, "resume": {"source_id": "x", "token": "y"}}), "unauthorized", 4401, id="a stranger"
        ),
    ],
)
def test_bad_input_before_the_meeting_is_live(served: Serving, message: Any, code: str, close: int) -> None:
    meeting_id = served.create()
    assert refused(served, meeting_id, message, start=False) == (code, close)
    with served.connect(meeting_id) as client:  # and the meeting is as good as new
        assert client.start()["type"] == "session"
        client.send("stop")
        client.close_code()


def test_a_long_text_closes_the_connection_that_sent_it(tmp_path: Path) -> None:
    long = '{"type":"stop","x":"' + "x" * MAX_TEXT + '"}'
    with serving(config(tmp_path)) as served:
        assert refused(served, served.create(), long, start=False) == ("too_large", 4413)


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        pytest.param(json.dumps(START), "bad_message", 4400, id="start twice"),
        pytest.param("text where audio should be", "bad_message", 4400, id="text where audio should be"),
        pytest.param('{"type":"dance"}', "bad_message", 4400, id="an unknown type"),
        pytest.param(FRAME_HEADER.pack(7, 0) + b"ab", "bad_message", 4400, id="a hole in the numbers"),
        pytest.param(FRAME_HEADER.pack(1, 0) + bytes(FRAME_BYTES + 2), "too_large", 4413, id="a frame too large"),
    ],
)
def test_bad_input_while_live_loses_nothing_heard(served: Serving, message: Any, code: str, close: int) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        session = host.start()
        host.frame(0, tone())
        host.until("ack")
        host.socket.send(message)
        assert host.until("error")["code"] == code
        assert host.close_code() == close
    with served.connect(meeting_id) as host:
        resume = {"source_id": session["source_id"], "token": session["resume_token"]}
        assert host.start(resume=resume)["next_seq"] == 1
        host.frame(1, tone())
        host.send("stop")
        assert host.until("ended")["segments"] == 2


@pytest.mark.parametrize(
    ("encoding", "payload"),
    [
        pytest.param("pcm_s16le", NO_AUDIO, id="what is no audio after some that was"),
        pytest.param("wav", b"this is not a container at all", id="a container that is not audio"),
        pytest.param("webm_opus", bytes(500), id="zeros for a container"),
    ],
)
def test_what_is_not_audio_ends_its_source_and_keeps_what_was_heard(
    served: Serving, encoding: str, payload: bytes
) -> None:
    meeting_id = served.create()
    heard = 1 if encoding == "pcm_s16le" else 0
    with served.connect(meeting_id) as viewer, served.connect(meeting_id) as host:
        host.start(encoding)
        if heard:
            host.frame(0, tone())
        host.frame(heard, payload)
        assert host.until("error")["code"] == "bad_audio"
        assert host.close_code() == 4400
        assert viewer.until("ended")["segments"] == heard
    assert len(transcript(served, meeting_id)) == heard


@pytest.mark.parametrize("size", [1001, 1])
def test_raw_audio_may_be_cut_within_a_sample(served: Serving, size: int) -> None:
    meeting_id, sent = served.create(), tone(1.0)
    cuts = [sent[at : at + size] for at in range(0, len(sent), size)] if size > 1 else [sent[:1], sent[1:]]
    with served.connect(meeting_id) as host:
        host.start()
        for seq, payload in enumerate(cuts):
            host.frame(seq, payload)
        host.send("stop")
        assert host.until("ended")["segments"] == 1
    assert [line["end"] for line in transcript(served, meeting_id)] == [1.0]


def test_a_frame_far_beyond_the_limit_is_not_even_read(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        # The head of a frame of 2 GB: the server closes when it has read the length.
        host.socket.socket.sendall(bytes([0x82, 0xFF]) + struct.pack(">Q", 2 << 30) + bytes(4))
        assert host.close_code() == 1009


def test_another_meeting_is_not_disturbed(served: Serving) -> None:
    good, bad = served.create(), served.create()
    with served.connect(good) as host:
        host.start()
        host.frame(0, tone())
        assert refused(served, bad, b"x")[1] == 4400
        host.frame(1, tone())
        host.send("stop")
        assert host.until("ended")["segments"] == 2


def test_an_unknown_meeting_is_told_apart_from_a_broken_server(served: Serving) -> None:
    with served.connect("nosuchmeeting") as client:
        assert client.receive()["code"] == "not_found"
        assert client.close_code() == 4404


def test_clients_are_not_told_where_on_this_machine_meetings_are_kept_the_log_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data of ours"
    with serving(config(folder)) as served:
        meeting_id = served.create()

        def refuse(store: Store, *_: Any) -> Any:
            raise StoreError(f"{store.data_dir / DATABASE} is in use by another program: stop that one")

        monkeypatch.setattr(Store, "meeting", refuse)
        monkeypatch.setattr(TranscriptStore, "record", lambda transcripts, _: refuse(transcripts._store))
        with served.connect(meeting_id) as client:
            told = client.receive()
            assert client.close_code() == 1011
        answers = [
            served.http.get(f"/api/meetings/{meeting_id}/transcript"),
            served.http.post(f"/api/meetings/{meeting_id}/end"),
        ]
    assert (told["code"], told["message"]) == ("storage", f"{DATABASE} is in use by another program: stop that one")
    assert [answer.status_code for answer in answers] == [503, 503]
    assert {answer.json()["error"]["message"] for answer in answers} == {told["message"]}
    assert caplog.text.count(str(folder)) == 3


def test_viewers_beyond_the_limit_are_turned_away_and_take_no_seat_of_others(tmp_path: Path) -> None:
    with locked(tmp_path, viewers=3) as server, ExitStack() as stack:
        meeting = server.create()

        def come(token: str) -> Client:
            return stack.enter_context(server.connect(meeting.id, token))

        source = come(meeting.speak)
        session = source.start()
        source.frame(0, tone())
        source.until("ack")
        readers = [come(meeting.view) for _ in range(3)]
        assert [one.receive()["type"] for one in readers] == ["snapshot"] * 3
        late = come(meeting.view)
        assert late.receive()["code"] == "too_many"
        assert late.close_code() == 4429
        for token in (meeting.host, TOKEN, meeting.speak):
            assert come(token).receive()["type"] == "snapshot"
        # Its older connection still counts as there.
        again = come(meeting.speak)
        resume = {"source_id": session["source_id"], "token": session["resume_token"]}
        assert again.start(resume=resume)["next_seq"] == 1
        assert source.close_code() == 4409
        again.send("stop")
        assert again.until("ended")["segments"] == 1


def test_where_everybody_may_speak_the_last_to_come_to_a_full_meeting_find_a_seat(tmp_path: Path) -> None:
    with serving(config(tmp_path, viewers=1)) as served, ExitStack() as stack:
        meeting_id = served.create()
        there = []
        for _ in range(1 + EXTRA_SEATS):
            there.append(stack.enter_context(served.connect(meeting_id)))
            assert there[-1].receive()["type"] == "snapshot"  # it has its seat before the next one comes
        source = stack.enter_context(served.connect(meeting_id))
        assert source.start()["type"] == "session"
        assert there[1].close_code() == 4429
        assert there[1].seen[-1]["code"] == "too_many"
        source.send("stop")
        assert there[0].until("ended")["type"] == "ended"


def test_a_host_ends_a_meeting_on_the_socket_and_others_cannot(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        meeting = server.create()
        with server.connect(meeting.id, meeting.speak) as source:
            source.start()
            source.frame(0, tone())
            source.until("ack")
        for token in (meeting.view, meeting.speak):
            with server.connect(meeting.id, token) as client:
                client.send("stop")
                assert client.until("error")["code"] == "bad_message"
                assert client.close_code() == 4400
        with server.connect(meeting.id, meeting.host) as host:
            host.send("stop")
            assert host.until("ended")["segments"] == 1
            assert host.close_code() == 1000
        facts = server.call("GET", f"/api/meetings/{meeting.id}", meeting.view).json()
        assert (facts["state"], facts["duration"], facts["segments"]) == ("ended", 1.0, 1)


def test_who_finds_the_server_full_is_told_so(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = served.create()
    monkeypatch.setattr(ConnectionRegistry, "admit", lambda self, connection, reserved: False)
    with served.connect(meeting) as reader:
        message = reader.receive()
        assert (message["code"], message["fatal"]) == ("too_many", True)
        assert reader.close_code() == 4429


def test_live_meetings_beyond_the_limit_are_turned_away(tmp_path: Path) -> None:
    with serving(config(tmp_path, meetings=1)) as served, served.connect(served.create()) as host:
        host.start()
        assert refused(served, served.create(), json.dumps(START), start=False) == ("too_many", 4429)
        host.send("stop")
        host.close_code()
        with served.connect(served.create()) as another:
            assert another.start()["type"] == "session"


def test_pages_of_other_sites_cannot_open_a_socket(served: Serving) -> None:
    with pytest.raises(InvalidStatus) as caught, served.connect(served.create(), origin="https://evil.example"):
        pass
    assert caught.value.response.status_code == 403
    error = json.loads(caught.value.response.body)["error"]
    assert (error["code"], "server.public_url" in error["message"]) == ("wrong_origin", True)
    assert caught.value.response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("path", "place"), [("/ws/meetings/none", ["error", "message"]), ("/v1/listen", ["err_msg"])])
def test_a_socket_for_another_host_is_refused_with_a_reason(served: Serving, path: str, place: list[str]) -> None:
    sock = socket.create_connection(("127.0.0.1", served.port))
    with pytest.raises(InvalidStatus) as caught, connect(f"ws://evil.example:{served.port}{path}", sock=sock):
        pass
    assert caught.value.response.status_code == 421
    told = json.loads(caught.value.response.body)
    for name in place:
        told = told[name]
    assert "server.allowed_hosts" in told


def test_our_own_page_can(served: Serving) -> None:
    with served.connect(served.create(), origin=f"http://127.0.0.1:{served.port}") as client:
        assert client.receive()["type"] == "snapshot"


def test_a_source_that_starts_while_models_load_is_told_and_then_heard(tmp_path: Path) -> None:
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served, served.connect(served.create()) as host:
        assert host.start()["models"] == {}
        told = host.until("error")
        assert (told["code"], told["fatal"]) == ("loading", False)
        host.frame(0, tone())
        assert host.until("ack")["seq"] == 0
        assert backend.gate is not None
        backend.gate.set()
        assert host.until("snapshot")["models"] == FAKE_MODELS
        host.frame(1, tone())
        host.send("stop")
        assert host.until("ended")["segments"] == 2


@pytest.mark.slow
def test_a_stopping_server_finishes_and_stores_what_is_live(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host, served.connect(served.create()) as waiting:
            host.start()
            host.frame(0, tone(1.5))
            host.until("ack")
            waiting.receive()
            served.server.handle_exit(15, None)
            assert host.until("ended")["segments"] == 2
            assert host.close_code() == 1000
            assert waiting.close_code() == 1001
    with serving(config(tmp_path)) as served:
        assert served.http.get(f"/api/meetings/{meeting_id}").json()["state"] == "ended"
        assert len(transcript(served, meeting_id)) == 2


class BrokenPipeline(FakePipeline):
    """Raises what nobody foresaw."""

    def feed(self, audio: Any) -> None:
        """Raise."""
        raise RuntimeError("secret words")


def test_a_pipeline_that_breaks_ends_its_meeting_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with serving(config(tmp_path), FakeBackend(pipeline=BrokenPipeline)) as served:
        with served.connect(served.create()) as host:
            host.start()
            host.frame(0, tone())
            error = host.until("error")
            assert (error["code"], error["message"]) == ("internal", "internal error")
        assert served.http.get("/healthz").status_code == 200


def test_what_nobody_foresaw_closes_with_internal_error(
    served: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("meeting.server.websocket.decode", broken)
    with served.connect(served.create()) as client:
        client.send("stop")
        assert client.close_code() == 1011


def test_logs_tell_of_connections_but_not_of_what_is_said(served: Serving, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "meeting")
    meeting_id = served.create("Very Private Title")
    with served.connect(meeting_id) as host:
        session = host.start(source={"name": "Private Ann", "kind": "room"}, hotwords=["Privatissimo"])
        host.frame(0, tone())
        host.send("stop")
        host.close_code()
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("meeting"))
    assert f"meeting {meeting_id}: opened" in text
    assert "connection" in text
    assert "rivat" not in text
    assert session["resume_token"] not in text


class FakeSocket:
    """A client that never reads: sending to it never returns."""

    def __init__(self) -> None:
        self.closed: int | None = None
        self.scope: dict[str, Any] = {}

    async def receive(self) -> dict[str, Any]:
        """Nothing ever comes."""
        await asyncio.Event().wait()
        return {}

    async def send_text(self, text: str) -> None:
        """Nothing ever leaves."""
        await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        """Remember how it ended."""
        self.closed = code


class FakeRoom:
    """Tells more than a client may leave unread."""

    id = "m1"
    left: int | None = None
    turn = None

    def join(self, outbox: Outbox, role: Role) -> int:
        """Flood whoever comes."""
        for number in range(MAX_MESSAGES + 2):
            message = Ended(number)
            outbox.put(message, encode(message))
        return 7

    def leave(self, client: int) -> None:
        """Remember who left."""
        self.left = client


def test_whoever_waits_in_a_meeting_in_which_nobody_speaks_hears_that_the_connection_works(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "ALIVE_SECONDS", 0.05)
    with served.connect(served.create()) as viewer:
        assert viewer.receive()["type"] == "snapshot"
        told = [json.loads(viewer.socket.recv(timeout=60)) for _ in range(3)]
    assert told == [{"type": "alive", "every": 0.05}] * 3


def test_a_viewer_that_does_not_read_is_disconnected() -> None:
    socket, room = FakeSocket(), FakeRoom()
    asyncio.run(
        asyncio.wait_for(
            _join(cast(Any, socket), cast(Any, room), Authenticator(None, cast(Any, None)), FULL_ACCESS), 20
        )
    )
    assert (socket.closed, room.left) == (CloseCode.TRY_AGAIN_LATER, 7)
