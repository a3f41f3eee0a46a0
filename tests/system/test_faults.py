"""Faults for real, small enough for every run: servers killed, lines cut, disks filled, garbage sent.

The full versions, with tables, are in `benchmarks/torture`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.server import Server
from benchmarks.torture import command as torture
from benchmarks.torture.hostile import hostile_messages
from meeting.config.settings import Models
from meeting.core.errors import CloseCode
from meeting.server.logs import RedactingFormatter
from meeting.sources.backend import Engine, LocalBackend
from meeting.storage.databases import sqlite
from meeting.storage.files.journal import read
from pipelines.engine.load_shedding import Shedding
from pipelines.types import BlockFailed, Samples, Span, seconds
from tests.conftest import Sample
from tests.fakes.server_fakes import Client, FakeBackend, FakePipeline, Serving, config, serving, tone, wait_ready
from tests.fakes.web_fakes import browser_running, eventually
from tests.patient_clients import connect

BESIDE_OTHERS = 5.0
"""Seconds that `/healthz` may take where other tests have this machine at the same time"""


def run(
    name: str,
    folder: Path,
    models: str = "fake",
    *,
    count: int = 1,
    seconds: float = 6.0,
    speed: float = 4.0,
    healthy: float = torture.Options.healthy,
) -> None:
    """One of the tortures; its row says what went wrong."""
    test = torture.TESTS[name][0]
    options = torture.Options(folder, models, count, speed, seconds, seed=1, healthy=healthy)
    result = asyncio.run(torture.run(test, options))
    assert result.passed, result.row()


# Whole servers as processes


def test_a_killed_server_loses_nothing(tmp_path: Path) -> None:
    run("kills", tmp_path)


@pytest.mark.slow
def test_a_server_killed_while_its_source_is_only_just_coming_loses_nothing(tmp_path: Path) -> None:
    run("kills", tmp_path, count=6, seconds=2.0, speed=20.0)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_killed_server_with_real_models_writes_the_same_text(tmp_path: Path) -> None:
    run("kills", tmp_path, "embedded", seconds=20.0, speed=4.0)


@pytest.mark.slow
def test_a_line_that_is_cut_again_and_again_loses_nothing(tmp_path: Path) -> None:
    run("cuts", tmp_path, count=15)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    run("disk", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [("pings", 4), ("idle", 1100), ("headers", 200), ("sockets", 200), ("pipelines", 4)]
)
def test_strangers_hold_up_nobody_and_cost_neither_memory_nor_log(tmp_path: Path, name: str, count: int) -> None:
    run(name, tmp_path, count=count, seconds=12.0, healthy=BESIDE_OTHERS)


@pytest.mark.slow
def test_readers_that_stop_reading_do_not_hold_up_the_others(tmp_path: Path) -> None:
    run("crowd", tmp_path, count=20)


@pytest.mark.slow
def test_readers_who_come_at_once_get_every_line_of_a_long_meeting(tmp_path: Path) -> None:
    test = torture.TESTS["readers"][0]
    options = torture.Options(tmp_path, "fake", count=10, speed=1.0, seconds=1200.0, seed=1)
    result = asyncio.run(torture.run(test, options))
    assert "; all lines arrived, 0 tracebacks" in result.measured, result.row()


@pytest.mark.slow
def test_starts_that_die_while_they_recover_lose_nothing(tmp_path: Path) -> None:
    run("deaths", tmp_path, count=2, seconds=8.0)


@pytest.mark.slow
def test_damaged_journals_cost_nothing_that_was_stored_and_what_is_missing_is_told(tmp_path: Path) -> None:
    run("journals", tmp_path, count=12, seconds=3.0)


@pytest.mark.slow
def test_lines_as_long_as_allowed_hold_up_nobody(tmp_path: Path) -> None:
    run("edits", tmp_path, count=2, healthy=BESIDE_OTHERS)


@pytest.mark.slow
def test_media_that_become_much_more_than_they_are_hold_up_nobody(tmp_path: Path) -> None:
    run("bombs", tmp_path, count=1, healthy=BESIDE_OTHERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soak", "realtime"])
def test_memory_and_lag_stay_what_they_were(tmp_path: Path, name: str) -> None:
    run(name, tmp_path, seconds=16.0)


# One server in this process


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(
        config(tmp_path_factory.mktemp("data"), frame_bytes=65_536, meetings=1000, resume_window=1.0)
    ) as running:
        wait_ready(running)
        yield running


def talk(served: Serving, messages: list[Any], started: bool) -> int:
    """Send messages to a new meeting until the server hangs up; the close code, 0 if it never did."""
    try:
        with served.connect(served.create()) as client:
            if started:
                client.start()
            for message in messages:
                client.socket.send(message)
            client.send("stop")
            return client.close_code()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


CODES = set(CloseCode) - {CloseCode.INTERNAL, CloseCode.TRY_AGAIN_LATER}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ALMOST = st.integers(0, 2**32).map(lambda seed: list(islice(hostile_messages(random.Random(seed)), 6)))
PLAIN = st.lists(st.text(max_size=200) | st.binary(max_size=200) | JSON.map(json.dumps), max_size=4)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages=ALMOST | PLAIN, started=st.booleans())
def test_whatever_is_sent_ends_in_a_close_code_of_the_protocol(
    served: Serving, caplog: pytest.LogCaptureFixture, messages: list[Any], started: bool
) -> None:
    assert talk(served, messages, started) in CODES
    assert not [record for record in caplog.records if record.exc_info]


def test_a_meeting_beside_garbage_is_undisturbed(served: Serving) -> None:
    chance, over = random.Random(7), threading.Event()

    def attack() -> None:
        while not over.is_set():
            talk(served, list(islice(hostile_messages(chance), 4)), chance.random() < 0.5)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        with served.connect(served.create()) as host:
            host.start()
            for seq in range(20):
                host.frame(seq, tone(0.5))
                assert host.until("ack", "error")["type"] == "ack"
            host.send("stop")
            assert host.until("ended")["segments"] == 10
    finally:
        over.set()
        attacker.join()


@pytest.mark.slow
def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr("meeting.live.save_queue.RETRY_SECONDS", 0.05)
    with serving(config(tmp_path)) as served, served.connect(served.create()) as host:
        host.start()
        with closing(sqlite3.connect(tmp_path / "meetings.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for seq in range(3):
                host.frame(seq, tone())
            assert host.until("error")["code"] == "storage"
            other.execute("ROLLBACK")
        assert host.until("error")["code"] == "storage_ok"
        host.send("stop")
        assert host.until("ended")["segments"] == 3


@pytest.mark.slow
def test_nothing_is_acknowledged_before_a_later_process_would_find_it(tmp_path: Path) -> None:
    server = Server(tmp_path, "fake")
    server.start()
    try:
        server.ready()
        meeting = server.new_meeting()
        with closing(sqlite3.connect(server.data / "meetings.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with connect(f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}", compression=None) as socket:
                host = Client(socket)
                told = host.start()
                assert (told["type"], told["code"], told["fatal"]) == ("error", "storage", False)
                for seq in range(20):
                    host.frame(seq, tone(0.1))
                (journal,) = (server.data / "audio").glob("*.journal")
                eventually(lambda: len(list(read(journal))) == 20)
                server.kill()
                with contextlib.suppress(ConnectionClosed):
                    host.until("session", "ack")
            other.execute("ROLLBACK")
        assert not {"session", "ack"} & {message["type"] for message in host.seen}
        server.start()
        server.ready()
        assert server.get(f"/api/meetings/{meeting}")["duration"] == 2.0
    finally:
        server.stop()


@pytest.mark.slow
def test_a_source_that_waited_for_the_database_speaks_once_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr("meeting.live.save_queue.RETRY_SECONDS", 0.05)
    with serving(config(tmp_path)) as served, served.connect(served.create()) as host:
        with closing(sqlite3.connect(tmp_path / "meetings.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert host.start()["code"] == "storage"
            other.execute("ROLLBACK")
        assert host.until("session", "ack")["next_seq"] == 0
        host.frame(0, tone())
        assert host.until("ack")["seq"] == 0
        host.send("stop")
        assert host.until("ended")["segments"] == 1


class StumblingPipeline(FakePipeline):
    """Fails on every second piece of audio, as a guarded block does."""

    fed = 0

    def feed(self, audio: Samples) -> None:
        """Hear it, or say that it could not be heard."""
        self.fed += 1
        if self.fed % 2:
            super().feed(audio)
        else:
            self._emit(BlockFailed("recogniser", "RuntimeError", Span(0, len(audio))))


def test_a_model_that_raises_costs_its_piece_only(tmp_path: Path) -> None:
    backend = FakeBackend(pipeline=StumblingPipeline)
    with serving(config(tmp_path), backend) as served, served.connect(served.create()) as host:
        host.start()
        for seq in range(6):
            host.frame(seq, tone())
        host.send("stop")
        assert host.until("ended")["segments"] == 3


def cache() -> Path | None:
    """Where this machine keeps its models."""
    named = os.environ.get("MEETING_MODELS_CACHE_DIR")
    return Path(named) if named else None


PLANTED = "quokkas and numbats"
"""What the failure of a model says, as if a library had put into it what was said"""


class StumblingBackend(LocalBackend):
    """The real models, of which the recogniser raises whenever it is to read one piece for good."""

    lost: Span | None = None
    """The piece that cannot be read"""
    pieces: tuple[Span, ...] = ()
    """Those that were to be read"""

    def load_engine(self, models: Models, on_progress: Any) -> Engine:
        """The real engine with a stumbling recogniser."""
        engine: Any = super().load_engine(models, on_progress)
        speech: Any = engine._speech
        recognise, ask, asked = speech.recogniser.recognise, speech._request, []

        def request(one: Any) -> Any:
            asked[:] = [one.utterance]
            if one.utterance.final:
                self.pieces = (*self.pieces, one.utterance.span)
            return ask(one)

        def stumbling(request: Any) -> Any:
            if asked[0].final and asked[0].span == self.lost:
                raise RuntimeError(f"no way to say {PLANTED}")
            return recognise(request)

        speech._request, speech.recogniser.recognise = request, stumbling
        # what a machine that is too full leaves out depends on the moment, and with it which words become final when
        engine._shedder.update = lambda now, busy: Shedding.NONE
        return engine  # type: ignore[no-any-return]


def heard(served: Serving, audio: bytes) -> list[dict[str, Any]]:
    """The words of a meeting in which this is said, as stored."""
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        for seq, at in enumerate(range(0, len(audio), 32_000)):
            host.frame(seq, audio[at : at + 32_000])
        host.send("stop")
        host.until("ended")
    about = served.http.get(f"/api/meetings/{meeting_id}").json()
    assert about["duration"] == len(audio) / 32_000
    segments = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()["segments"]
    return [word for segment in segments for word in segment["words"]]


@pytest.mark.slow
@pytest.mark.model
def test_real_models_that_raise_cost_their_piece_only(
    tmp_path: Path, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    own = replace(config(tmp_path), models=Models(set="embedded", cache_dir=cache()))
    backend: Any = StumblingBackend(own)
    audio = (sample.samples()[: 20 * 16_000] * 32767).astype("<i2").tobytes()
    with serving(own, backend) as served:
        eventually(lambda: served.http.get("/readyz").status_code == 200, seconds=120)
        plain = heard(served, audio)
        assert len(plain) > 30
        (lost,) = [span for span in backend.pieces if span.start <= 11 * 16_000 < span.end]
        backend.lost = lost
        rest = heard(served, audio)
    start, end = seconds(lost.start), seconds(lost.end)
    before = [word for word in plain if word["start"] < start]
    after = [word for word in plain if word["start"] >= end]
    # Of the piece there is what did not wait for its end, and what was shown of it before.
    inside = rest[len(before) : len(rest) - len(after)]
    assert rest == [*before, *inside, *after]
    assert all(start <= word["start"] < end for word in inside)
    assert len(before) + len(after) > len(plain) / 2
    failures = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in failures] == ["block recogniser failed: RuntimeError"]
    written = "".join(RedactingFormatter().format(record) for record in caplog.records)
    assert "in stumbling" in written
    assert PLANTED not in written


# The page in a real browser, on a real server that is killed


def spoken(frames: list[bytes]) -> bytes:
    """What the page has captured: each numbered frame once."""
    numbered = {int.from_bytes(frame[:4], "little"): frame[12:] for frame in frames}
    assert sorted(numbered) == list(range(len(numbered)))
    return b"".join(numbered[seq] for seq in sorted(numbered))


def record(page: Page, server: Server) -> list[bytes]:
    """Speak, let the server die, speak on, and stop once it is back; the frames that the page has sent."""
    sent: list[bytes] = []

    def listen(socket: Any) -> None:
        socket.on("framesent", lambda data: sent.append(data) if isinstance(data, bytes) else None)

    page.on("websocket", listen)
    page.goto(f"http://127.0.0.1:{server.port}")
    page.get_by_test_id("new-meeting").click()
    connection = page.get_by_test_id("connection")
    expect(connection).to_have_text("Live", timeout=60_000)
    page.wait_for_timeout(1500)
    server.kill()
    expect(connection).to_contain_text("your audio is safe, 3 s buffered", timeout=60_000)
    assert page.evaluate("() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    server.start()
    expect(connection).to_have_text("Live", timeout=60_000)
    page.wait_for_timeout(500)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("end")).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("end")).to_contain_text("Everything is saved")
    return sent


@pytest.mark.slow
@pytest.mark.browser
def test_a_page_whose_server_is_killed_loses_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, "fake")
    server.start()
    try:
        with browser_running() as browser, browser.new_context(permissions=["microphone"]) as context:
            sent = record(context.new_page(), server)
        (meeting,) = server.get("/api/meetings")["meetings"]
        (source,) = server.get(f"/api/meetings/{meeting['id']}")["sources"]
        assert meeting["state"] == "ended"
        rate = source["audio"]["sample_rate"]
        assert meeting["duration"] == pytest.approx(len(spoken(sent)) / 2 / rate, abs=0.002)
        assert server.get(f"/api/meetings/{meeting['id']}/transcript").get("gaps", []) == []
        assert "Traceback" not in server.log
    finally:
        server.stop()


OVERFLOW = """async (id) => {
  const { Connection } = await import('/static/net/connection.js')
  const audio = { encoding: 'pcm_s16le', sample_rate: 16000, channels: 1 }
  const url = `${location.origin.replace('http', 'ws')}/ws/meetings/${id}`
  const start = { source: { name: 'test', kind: 'room' }, audio }
  window.connection = new Connection({ url, source: { start, resume: null } })
  connection.outbox.limit = 10 * 3300
  let spoken = 0
  window.speak = (frames) => {
    while (frames--) connection.sendAudio(new Uint8Array(3200).fill(1).buffer, 1e9 + 1e5 * spoken++)
  }
  connection.open()
  speak(30)
  return [connection.unsent, connection.outbox.lost]
}"""
"""Half a minute's worth of speaking, at a tenth of the scale, while nothing can be sent"""


@pytest.mark.slow
@pytest.mark.browser
def test_audio_that_a_page_could_not_keep_is_a_gap_for_everyone(tmp_path: Path) -> None:
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served, browser_running() as browser:
        meeting_id = served.create()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/")
        kept, lost = page.evaluate(OVERFLOW, meeting_id)
        assert (round(kept, 3), round(lost, 3)) == (1.0, 2.0)
        assert backend.gate is not None
        backend.gate.set()
        eventually(lambda: page.evaluate("connection.unsent") == 0, lambda s: page.wait_for_timeout(s * 1000))
        page.evaluate("speak(10); connection.stop()")
        eventually(lambda: page.evaluate("connection.state") == "closed", lambda s: page.wait_for_timeout(s * 1000))
        body = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()
        assert [(gap["start"], gap["end"]) for gap in body["gaps"]] == [(1.0, 3.0)]
        assert body["meeting"]["duration"] == 4.0
