"""A fake of the server for the page's tests: the real files of `web/`, and answers that the test decides."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from array import array
from collections.abc import Callable, Collection, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from meeting.core.messages import (
    ErrorMessage,
    SegmentMessage,
    ServerMessage,
    SessionMessage,
    SnapshotMessage,
    SpeakerMessage,
    WordMessage,
    as_dict,
    encode,
)
from meeting.server.pages import page
from tests.conftest import chromium

WEB = Path(__file__).resolve().parents[2] / "web"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
"""The strictest policy that a server may send: the page must work under it"""
MODELS: dict[str, Any] = {
    "speech": "moonshine tiny-en",
    "segmentation": "pyannote segmentation",
    "embedding": "GE2E",
    "why": "No model hub answered, so the embedded models are used.",
    "languages": ["en"],
}
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)

LONG = "These are enough words to fill more than one line of a narrow page, so that it has to scroll."

ASKING = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  window.tracks = []
  window.asked = new Promise((resolve) => { window.allow = resolve })
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.asking = true
    await window.asked
    const stream = await open(wanted)
    window.tracks.push(...stream.getTracks())
    return stream
  }
}"""
"""The browser asks for permission until `allow()`, and `tracks` are those that it gave"""


@dataclass
class FakeSource:
    """A source of the fake meeting."""

    id: str
    name: str
    kind: str
    number: int
    state: str = "live"
    muted: bool = False
    stored: int = 0
    """Frames that are "on disk": the next number expected"""
    refusal: tuple[str, int] | None = None
    """Error code and close code for who comes back to it, where nobody may"""

    def message(self) -> dict[str, Any]:
        """What everybody is told of it."""
        told = {"id": self.id, "name": self.name, "kind": self.kind, "number": self.number}
        return {"type": "source", **told, "state": self.state, "muted": self.muted}


@dataclass
class FakeConnection:
    """One socket and what came through it."""

    socket: WebSocket
    start: dict[str, Any] | None = None
    frames: list[tuple[int, int, int]] = field(default_factory=list)
    """(seq, capture time in µs, bytes of payload)"""
    peaks: list[int] = field(default_factory=list)
    """Of the samples of each frame: 0 is silence"""
    source: FakeSource | None = None


@dataclass
class FakeServer:
    """Serves the page and plays the server's part of the protocol; a test moves it by its methods."""

    url: str = ""
    meetings: list[dict[str, Any]] = field(default_factory=list)
    """As `GET /api/meetings` lists them"""
    page_size: int = 50
    snapshot: dict[str, Any] = field(default_factory=dict)
    """What differs from an empty meeting in the first message"""
    refuse: int | None = None
    """Close code for whoever connects"""
    refusal: str | None = None
    """Code of the fatal error that is told before it"""
    refused: int = 0
    """How many were"""
    loading: bool = False
    """Whether the models are still being loaded"""
    acking: bool = True
    sources: list[FakeSource] = field(default_factory=list)
    """Each `start` without `resume` makes one"""
    most_sources: int = 8
    ending: bool = True
    """Whether `stop` is answered with `ended`"""
    models: dict[str, Any] = field(default_factory=lambda: dict(MODELS))
    connections: list[FakeConnection] = field(default_factory=list)
    hotwords: list[str] = field(default_factory=list)
    """Of the meeting; a term "refused" is one that it does not take"""
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    """(method, path, body) of the API calls that change something"""
    _open: list[WebSocket] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

    def tell(self, *messages: dict[str, Any]) -> None:
        """Send messages to everybody connected."""
        self._do(self._broadcast(messages))

    def load(self) -> None:
        """Finish loading the models: everybody learns which."""
        self.loading = False
        self.tell(self._snapshot())

    @property
    def stored(self) -> int:
        """Frames that are "on disk", of the source that has most: the next number expected."""
        return max((source.stored for source in self.sources), default=0)

    @stored.setter
    def stored(self, number: int) -> None:
        max(self.sources, key=lambda source: source.stored).stored = number

    def change(self, source: FakeSource, **changes: Any) -> None:
        """Change a source and tell everybody."""
        for name, value in changes.items():
            setattr(source, name, value)
        self.tell(source.message())

    def remove(self, source: FakeSource) -> None:
        """What becomes of a source that a host removes."""
        self._do(self._remove(source))

    async def _remove(self, source: FakeSource) -> None:
        source.state = "ended"
        await self._broadcast((source.message(),))
        error = {"type": "error", "code": "removed", "message": "a host has removed this source", "fatal": True}
        for connection in self.connections:
            if connection.source is source and connection.socket in self._open:
                self._open.remove(connection.socket)
                await connection.socket.send_text(json.dumps(error))
                await connection.socket.close(4409)

    def _snapshot(self) -> dict[str, Any]:
        told = {"models": {} if self.loading else self.models, "sources": [one.message() for one in self.sources]}
        return EMPTY_SNAPSHOT | told | self.snapshot

    def cut(self) -> None:
        """Drop every connection, as a restart would."""
        self._do(self._cut(1012))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _broadcast(self, messages: tuple[dict[str, Any], ...]) -> None:
        for message in messages:
            for connected in self._open:
                await connected.send_text(json.dumps(message))

    async def _cut(self, code: int) -> None:
        gone, self._open = self._open, []
        for connected in gone:
            await connected.close(code)

    async def connect(self, connected: WebSocket) -> None:
        """One socket, from `accept` to its end."""
        await connected.accept()
        if self.refuse:
            if self.refusal:
                error = {"type": "error", "code": self.refusal, "message": "not now", "fatal": True}
                await connected.send_text(json.dumps(error))
            self.refused += 1
            await connected.close(self.refuse)
            return
        connection = FakeConnection(connected)
        await connected.send_text(json.dumps(self._snapshot()))
        self.connections.append(connection)
        self._open.append(connected)
        try:
            while True:
                await self._receive(connection, await connected.receive())
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page has left, or the test has cut the line
        finally:
            if connected in self._open:
                self._open.remove(connected)

    async def _receive(self, connection: FakeConnection, event: MutableMapping[str, Any]) -> None:
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        if event.get("bytes"):
            await self._frame(connection, event["bytes"])
            return
        message = json.loads(event["text"])
        if message["type"] == "start":
            connection.start = message
            await self._begin(connection)
        elif message["type"] == "stop" and self.ending:
            await self._stop(connection)

    async def _stop(self, connection: FakeConnection) -> None:
        if connection.source:
            connection.source.state = "ended"
            await self._broadcast((connection.source.message(),))
        if all(source.state == "ended" for source in self.sources):
            await self._broadcast(({"type": "ended", "segments": 3},))

    def _resumed(self, start: dict[str, Any]) -> FakeSource:
        asked = (start.get("resume") or {}).get("source_id")
        for source in self.sources:
            if source.id == asked:
                return source
        number = len(self.sources) + 1
        source = FakeSource(f"src{number}", start["source"]["name"], start["source"]["kind"], number)
        self.sources.append(source)
        return source

    async def _begin(self, connection: FakeConnection) -> None:
        assert connection.start is not None
        if not connection.start.get("resume") and len(self.sources) >= self.most_sources:
            error = {"type": "error", "code": "too_many", "message": "there are enough sources", "fatal": True}
            await connection.socket.send_text(json.dumps(error))
            await connection.socket.close(4429)
            return
        source = self._resumed(connection.start)
        if source.refusal is not None:
            code, close = source.refusal
            error = {"type": "error", "code": code, "message": "nobody can go on with it", "fatal": True}
            await connection.socket.send_text(json.dumps(error))
            await connection.socket.close(close)
            return
        connection.source = source
        source.state = "live"
        await self._broadcast((source.message(),))
        models = {} if self.loading else self.models
        secret = "secret" if source.number == 1 else f"secret{source.number}"
        answers: list[ServerMessage] = [SessionMessage("m1", source.id, secret, source.stored, models)]
        if self.loading:
            answers.append(ErrorMessage("loading", "the models are being loaded", False))
        for answer in answers:
            await connection.socket.send_text(encode(answer))

    async def _frame(self, connection: FakeConnection, data: bytes) -> None:
        seq, captured = struct.unpack_from("<IQ", data)
        connection.frames.append((seq, captured, len(data) - 12))
        connection.peaks.append(max(map(abs, array("h", data[12:])), default=0))
        if self.acking and connection.source:
            connection.source.stored = seq + 1
            await connection.socket.send_text(json.dumps({"type": "ack", "seq": seq, "audio": (seq + 1) / 10}))

    async def create(self, request: Request) -> Response:
        """POST /api/meetings."""
        body = await request.json()
        self.requests.append(("POST", request.url.path, body))
        links = {"host": "/m/m1", "speak": "/m/m1", "view": "/m/m1"}
        self.snapshot = {"title": body.get("title", ""), **self.snapshot}
        return JSONResponse({"id": "m1", "title": body.get("title", ""), "state": "open", "links": links}, 201)

    async def list(self, request: Request) -> Response:
        """GET /api/meetings."""
        at = int(request.query_params.get("before", 0))
        after = at + self.page_size
        following = str(after) if after < len(self.meetings) else None
        return JSONResponse({"meetings": self.meetings[at:after], "next": following})

    async def one(self, request: Request) -> Response:
        """GET, PATCH and DELETE of one meeting."""
        wanted = request.path_params["id"]
        if request.method != "GET":
            body = await request.json() if request.method == "PATCH" else None
            self.requests.append((request.method, request.url.path, body))
            if request.method == "DELETE":
                self.meetings = [meeting for meeting in self.meetings if meeting["id"] != wanted]
                return Response(status_code=204)
        found = [meeting for meeting in self.meetings if meeting["id"] == wanted]
        if not found and wanted != "m1":
            return JSONResponse({"error": {"code": "not_found", "message": "There is no such meeting."}}, 404)
        return JSONResponse(found[0] if found else meeting("m1", state="open", duration=0))

    async def source(self, request: Request) -> Response:
        """PATCH and DELETE of one of a meeting's sources."""
        body = await request.json() if request.method == "PATCH" else None
        self.requests.append((request.method, request.url.path, body))
        found = [source for source in self.sources if source.id == request.path_params["source"]]
        if not found:
            return JSONResponse({"error": {"code": "not_found", "message": "There is no such source."}}, 404)
        if body is None:
            await self._remove(found[0])
            return Response(status_code=204)
        found[0].muted = body["muted"]
        await self._broadcast((found[0].message(),))
        return JSONResponse(found[0].message())

    async def end(self, request: Request) -> Response:
        """POST that ends a meeting."""
        self.requests.append(("POST", request.url.path, None))
        await self._broadcast(({"type": "ended", "segments": 3},))
        return JSONResponse({"state": "ending"}, 202)

    async def terms(self, request: Request) -> Response:
        """GET and PUT of a meeting's hotwords."""
        if request.method == "PUT":
            body = await request.json()
            self.requests.append(("PUT", request.url.path, body))
            if "refused" in body["hotwords"]:
                return JSONResponse({"error": {"code": "storage", "message": "The disk is full."}}, 503)
            self.hotwords = body["hotwords"]
        return JSONResponse({"hotwords": self.hotwords})

    async def no_notes(self, request: Request) -> Response:
        """GET of a meeting's notes, which are off here."""
        empty = {"state": None, "problem": None, "progress": None, "notes": None, "outdated": False}
        return JSONResponse({"endpoint": None, **empty})

    async def no_jobs(self, request: Request) -> Response:
        """GET of the recordings that are on their way: none are."""
        return JSONResponse({"jobs": []})

    def app(self) -> Starlette:
        """The routes."""

        async def first(request: Request) -> Response:
            root = "../" * (request.url.path.count("/") - 1)
            return HTMLResponse(page(root), headers={"Content-Security-Policy": POLICY})

        return Starlette(
            routes=[
                Route("/", first),
                Route("/m/{id}", first),
                Route("/api/jobs", self.no_jobs),
                Route("/m/{id}/captions", first),
                Route("/api/meetings", self.create, methods=["POST"]),
                Route("/api/meetings", self.list),
                Route("/api/meetings/{id}", self.one, methods=["GET", "PATCH", "DELETE"]),
                Route("/api/meetings/{id}/sources/{source}", self.source, methods=["PATCH", "DELETE"]),
                Route("/api/meetings/{id}/end", self.end, methods=["POST"]),
                Route("/api/meetings/{id}/hotwords", self.terms, methods=["GET", "PUT"]),
                Route("/api/meetings/{id}/notes", self.no_notes),
                WebSocketRoute("/ws/meetings/{id}", self.connect),
                Mount("/static", StaticFiles(directory=WEB)),
            ]
        )


EMPTY_SNAPSHOT = as_dict(SnapshotMessage((), (), "open", "", 0.0, {}))


def segment(
    number: int,
    start: float,
    end: float,
    text: str,
    speaker: str | None = None,
    *,
    rev: int = 1,
    final: bool = True,
    stable: int = 0,
) -> dict[str, Any]:
    """A `segment` message."""
    said = text.split()
    step = (end - start) / max(1, len(said))
    words = tuple(WordMessage(word, start + i * step, start + (i + 1) * step, 0.9) for i, word in enumerate(said))
    return as_dict(SegmentMessage(f"s{number}", rev, final, "src1", start, end, speaker, text, stable, words))


def source(
    number: int, name: str = "", kind: str = "room", *, state: str = "live", muted: bool = False
) -> dict[str, Any]:
    """A `source` message."""
    return FakeSource(f"src{number}", name, kind, number, state, muted).message()


def speaker(id: str, color: int, name: str | None = None, merged_into: str | None = None) -> dict[str, Any]:
    """A `speaker` message."""
    return as_dict(SpeakerMessage(id, name, color, merged_into))


def meeting(id: str, title: str = "", state: str = "ended", duration: float = 754.0, **more: Any) -> dict[str, Any]:
    """A row of the list of meetings."""
    return {
        "id": id, "title": title, "state": state, "created_at": "2025-03-04T09:30:00+00:00",
        "started_at": "2025-03-04T09:30:05+00:00", "ended_at": "2025-03-04T09:42:39+00:00", "duration": duration,
        "segments": 12, "speakers": [], "models": MODELS, **more,
    }  # fmt: skip


@contextmanager
def running() -> Iterator[FakeServer]:
    """A fake server on a free port of this machine."""
    server = FakeServer()
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{door.getsockname()[1]}"
    config = uvicorn.Config(server.app(), log_config=None, ws="websockets-sansio", lifespan="off")
    program = uvicorn.Server(config)

    async def serve() -> None:
        server._loop = asyncio.get_running_loop()
        await program.serve([door])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    eventually(lambda: program.started)
    try:
        yield server
    finally:
        server.cut()
        program.should_exit = True
        thread.join(10)
        door.close()


@contextmanager
def browser_running(*switches: str, without: Collection[str] = ()) -> Iterator[Browser]:
    """The machine's chromium, with a fake microphone that beeps; `without` some of its usual switches.

    What a test expects of a page may take as long as a click may.
    """
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        usual = [switch for switch in SWITCHES if switch not in without]
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*usual, *switches], ignore_default_args=list(without)
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def microphone_tab(browser: Browser, width: int, height: int, refused: str = "404 (Not Found)") -> Iterator[Page]:
    """A tab of that size that may use the microphone; whatever it complains about is an error.

    Sockets may be lost, and requests may be refused with the status `refused`.
    """
    complaints: list[str] = []
    with browser.new_context(permissions=["microphone"], viewport={"width": width, "height": height}) as context:
        tab = context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        yield tab
    assert [line for line in complaints if refused not in line and "WebSocket" not in line] == []


def eventually(holds: Callable[[], Any], pause: Callable[[float], None] = time.sleep, seconds: float = 60.0) -> Any:
    """Wait until something holds, and return it; `pause` takes seconds and lets the rest of the world move."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        pause(0.02)
    return value
