"""What a server writes to its logs while a meeting is held in it, at the level that says most: nothing of it.

Nor does a library that it uses tell anyone anything.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException

from tests.fakes.server_fakes import Client, tone
from tests.patient_clients import connect

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "server-token-quokka-quokka"
WORD, NAME, TITLE, HOTWORD, JUNK = "wombat", "Numbatine", "Bandicoot", "pademelon", "Bettongia"

SCRIPT = f"""
import sys
from dataclasses import replace
from pathlib import Path
import meeting.server.meeting_server
import meeting.server.run
from meeting.server.app import create_app
from meeting.server.logs import set_up_logs
from meeting.config.settings import Server
from pipelines.types import Segment, Span, Word
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config

class Speaking(FakePipeline):
    def _second(self, start, end):
        super()._second(start, end)
        span = Span(start, end)
        self._emit(Segment(f"w{{start}}", 1, True, self._source_id, span, None, (Word("{WORD}", span),)))

class Breaking(FakePipeline):
    def feed(self, audio):
        try:
            raise ValueError("could not read {WORD}")
        except ValueError as error:
            raise RuntimeError("an unforeseen fault near {WORD}") from error

set_up_logs("debug")
backend = FakeBackend(pipeline=Breaking if sys.argv[2] == "breaking" else Speaking)
meeting.server.meeting_server.FINISH_SECONDS = 1.0  # one of the meetings cannot be stored, and need not be waited for
meeting.server.run.create_app = lambda settings, **options: create_app(settings, backend, **options)
meeting.server.run.serve(replace(config(Path(sys.argv[1])), server=Server(port=0, token="{TOKEN}", log_level="debug")))
"""


class Watched:
    """A server of its own process, and all that it wrote once it has ended."""

    def __init__(self, running: subprocess.Popen[str], address: str, head: str) -> None:
        self.address = address
        self._running = running
        self._head = head
        self.tokens = [TOKEN]

    def call(self, method: str, path: str, token: str = TOKEN, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return httpx.request(method, f"http://{self.address}{path}", headers=headers, trust_env=False, **options)

    def create(self) -> str:
        """A new meeting; its tokens are remembered."""
        body = self.call("POST", "/api/meetings", json={"title": TITLE}).json()
        self.tokens += [url.partition("#t=")[2] for url in body["links"].values()]
        return str(body["id"])

    @contextlib.contextmanager
    def socket(self, meeting_id: str, **options: Any) -> Iterator[Client]:
        with connect(f"ws://{self.address}/ws/meetings/{meeting_id}", **options) as socket:
            yield Client(socket)

    def written(self) -> str:
        """Stop it, and read everything."""
        self._running.terminate()
        out, err = self._running.communicate(timeout=60)
        return self._head + out + err


@pytest.fixture
def watched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    kind = getattr(request, "param", "")
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        head = running.stdout.readline()
        yield Watched(running, head.split("http://")[1].split("/")[0], head)
    finally:
        running.kill()
        running.communicate()


def hold(server: Watched) -> str:
    """A meeting with all that people do in one, and some that they should not."""
    meeting_id = server.create()
    _, speak, view = server.tokens[-3:]
    for options in ({"additional_headers": {"Authorization": f"Bearer {view}"}}, {"subprotocols": [f"bearer.{view}"]}):
        with contextlib.suppress(WebSocketException), server.socket(meeting_id, **options) as reader:
            reader.receive()
            reader.socket.send(f'{{"type": "{JUNK}"}}')
            reader.close_code()
    server.call("PUT", f"/api/meetings/{meeting_id}/hotwords", json={"hotwords": [HOTWORD, JUNK]})
    with server.socket(meeting_id) as source:
        source.send("auth", token=speak)
        session = source.start(source={"name": NAME, "kind": "room"}, hotwords=[HOTWORD])
        if "resume_token" in session:
            server.tokens.append(session["resume_token"])
        source.frame(0, tone(2))
        source.until("ack", "error")
        with contextlib.suppress(WebSocketException):  # where the source has failed, it is closed already
            source.send("stop")
        source.close_code()
    return meeting_id


def assert_private(server: Watched) -> str:
    """All that it wrote."""
    text = server.written()
    assert "meeting" in text
    assert "connection" in text
    for secret in [*server.tokens, WORD, NAME, TITLE, HOTWORD, JUNK]:
        assert secret.lower() not in text.lower()
    return text


def test_no_log_holds_what_was_said_or_by_whom_or_any_token(watched: Watched) -> None:
    meeting_id = hold(watched)
    assert WORD in watched.call("GET", f"/api/meetings/{meeting_id}/export?format=txt").text
    watched.call("PATCH", f"/api/meetings/{meeting_id}", json={"title": JUNK})
    watched.call("GET", f"/api/meetings/{meeting_id}", f"{JUNK}-wrong-token")
    watched.call("GET", f"/{JUNK}?t={TOKEN}")
    watched.call("POST", "/api/meetings", json={JUNK: JUNK})
    watched.call("POST", "/api/meetings", json={"hotwords": [HOTWORD]})
    watched.call("PUT", f"/api/meetings/{meeting_id}/hotwords", json={"hotwords": [HOTWORD, 5]})
    watched.call("POST", "/api/meetings", content=JUNK.encode(), headers={"Content-Type": "application/json"})
    watched.call("GET", f"/api/meetings?before={JUNK}")
    watched.call("GET", f"/api/meetings/{JUNK}/audio")
    with watched.socket(JUNK) as stranger:
        stranger.send("auth", token=JUNK)
        stranger.close_code()
    for tool, arguments in {
        "search": {"query": f"{WORD} {JUNK}", "speaker": NAME},
        "read_transcript": {"meeting": meeting_id},
        "speakers": {"meeting": JUNK},
        JUNK: {JUNK: WORD},
    }.items():
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        answer = watched.call("POST", "/mcp", json=call, headers={"Accept": "application/json, text/event-stream"})
        assert (WORD in answer.text) == (tool == "read_transcript")
    watched.call("POST", "/mcp", content=JUNK.encode(), headers={"Content-Type": "application/json"})
    watched.call("GET", f"/api/search?q={WORD}&cursor={JUNK}")
    watched.call("DELETE", f"/api/meetings/{meeting_id}")
    assert_private(watched)


@pytest.mark.parametrize("watched", ["breaking"], indirect=True)
def test_no_log_holds_any_of_it_when_the_pipeline_breaks_either(watched: Watched) -> None:
    hold(watched)
    text = assert_private(watched)
    assert "in feed" in text
    assert text.index("ValueError\n") < text.rindex("RuntimeError\n")


def test_no_log_holds_any_of_it_when_the_database_goes_away(watched: Watched, tmp_path: Path) -> None:
    meeting_id = watched.create()
    _, speak, _ = watched.tokens[-3:]
    with watched.socket(meeting_id, additional_headers={"Authorization": f"Bearer {speak}"}) as source:
        session = source.start(source={"name": NAME, "kind": "room"})
        watched.tokens.append(session["resume_token"])
        (database,) = tmp_path.glob("*.sqlite3")
        with contextlib.closing(sqlite3.connect(database)) as broken:
            broken.execute("DROP TABLE segments")
            broken.commit()
        source.frame(0, tone(2))
        assert source.until("error")["code"] == "storage"
        source.send("stop")
    watched.call("GET", "/api/meetings")
    assert_private(watched)


def test_loading_a_model_leaves_no_identifier_of_this_machine_behind_and_nothing_to_be_sent(tmp_path: Path) -> None:
    script = """
import os
from pipelines.audio.vad import VadModel
VadModel().stream()
for each in os.listdir("/proc/self/fd"):
    if os.path.exists(f"/proc/self/fd/{each}"):
        print(os.readlink(f"/proc/self/fd/{each}"))
"""
    # an environment in which nothing else, such as that of an automatic build, turns usage data off
    alone = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
    )
    assert run.stdout
    assert ".db" not in run.stdout
    assert list(tmp_path.rglob("*")) == []
