"""A server that says what a test tells it to say; for tests of clients only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

SNAPSHOT = {
    "type": "snapshot",
    "segments": [],
    "speakers": [],
    "state": "open",
    "title": "",
    "audio": 0.0,
    "models": {},
}

Handler = Callable[[ServerConnection], Awaitable[None]]


def session(next_seq: int = 0, token: str = "secret") -> dict[str, Any]:
    """What answers `start`."""
    ids = {"meeting_id": "m", "source_id": "s", "resume_token": token}
    return {"type": "session", **ids, "next_seq": next_seq, "models": {}}


def segment(id_: str = "s0", rev: int = 1, **fields: Any) -> dict[str, Any]:
    """A line."""
    body = {"id": id_, "rev": rev, "final": True, "source_id": "s", "start": 0.0, "end": 1.0, "speaker": "spk1"}
    return {"type": "segment", **body, "text": "one", "stable_chars": 3, "words": [], **fields}


def error(code: str, message: str, fatal: bool = True) -> dict[str, Any]:
    """An error."""
    return {"type": "error", "code": code, "message": message, "fatal": fatal}


async def say(socket: ServerConnection, *messages: dict[str, Any]) -> None:
    """Send messages."""
    for message in messages:
        await socket.send(json.dumps(message))


async def ending_early(socket: ServerConnection) -> None:
    """Take the first frame of a source, and end the meeting once all have been sent."""
    await say(socket, SNAPSHOT)
    await socket.recv()
    await say(socket, session())
    while isinstance(await socket.recv(), bytes):
        pass
    await say(socket, {"type": "ack", "seq": 0, "audio": 0.1}, {"type": "ended", "segments": 0})


@asynccontextmanager
async def scripted(
    *handlers: Handler, respond: Callable[[Request], Response | None] | None = None
) -> AsyncIterator[str]:
    """Serve one connection after the other with these handlers, further ones with the last; gives the address."""
    waiting = list(handlers)

    async def handle(socket: ServerConnection) -> None:
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(socket)

    def process(socket: ServerConnection, request: Request) -> Response | None:
        return None if respond is None else respond(request)

    async with serve(handle, "127.0.0.1", 0, process_request=process, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"
