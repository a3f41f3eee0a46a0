"""Requests beside the socket."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meeting.client.addresses import ServerAddress
from meeting.client.api import ServerApi
from meeting.client.errors import ClientError, NoSuchMeeting, RequestRefused, ServerUnreachable, TokenRefused
from tests.fakes.access_fakes import TOKEN, locked


@contextmanager
def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """A server that says always the same; its address, and the tokens that it was shown."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()


def test_meetings_are_made_described_read_and_ended(tmp_path: Path) -> None:
    async def run(port: int) -> None:
        api = ServerApi(ServerAddress.parse(f"http://127.0.0.1:{port}", TOKEN))
        made = await api.create({"title": "Monday", "speakers": "2-3"})
        assert made.title == "Monday"
        assert made.links["speak"].startswith(f"http://127.0.0.1:{port}/m/{made.id}#t=")
        assert made.links["speak"] not in repr(made)
        told = await api.meeting(made.id)
        assert (told["title"], told["expected_speakers"]) == ("Monday", "2-3")
        assert (await api.transcript(made.id))["segments"] == []
        with pytest.raises(RequestRefused, match="has not begun"):
            await api.end(made.id)
        with pytest.raises(NoSuchMeeting):
            await api.meeting("nothing/../here")
        link = ServerApi(ServerAddress.parse(made.links["view"]))
        assert (await link.meeting(made.id))["role"] == "view"
        with pytest.raises(TokenRefused, match="does not allow"):
            await link.end(made.id)
        for token in (None, "wrong-token-of-this-test"):
            with pytest.raises(TokenRefused) as refused:
                await ServerApi(ServerAddress.parse(f"127.0.0.1:{port}", token)).create({})
            assert refused.value.code == "unauthorized"

    with locked(tmp_path) as running:
        asyncio.run(run(running.serving.port))


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (404, b"<html>"), (500, b""), (418, b'{"error":1}')],
)
def test_what_is_no_meeting_server_is_told(status: int, body: bytes) -> None:
    with answering(status, body) as (url, _), pytest.raises(ServerUnreachable, match="no meeting server"):
        asyncio.run(ServerApi(ServerAddress.parse(url)).create({}))


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ServerUnreachable, match="cannot be reached: Connection refused"):
        asyncio.run(ServerApi(ServerAddress.parse("127.0.0.1:1")).create({}))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_token_is_not_carried_to_another_server(status: int) -> None:
    with answering(200, b"{}") as (other, seen), answering(status, b"", {"Location": f"{other}/x"}) as (url, _):
        with pytest.raises(ClientError):
            asyncio.run(ServerApi(ServerAddress.parse(url, TOKEN)).meeting("x"))
        with pytest.raises(ClientError):
            asyncio.run(ServerApi(ServerAddress.parse(url, TOKEN)).create({}))
    assert seen == []


def test_a_request_that_is_sent_on_to_another_server_of_the_same_host_goes_there_once() -> None:
    async def run() -> None:
        headers = {"Location": ""}
        with answering(307, b"{}", headers) as (address, seen):
            headers["Location"] = f"{address}/servers/b/api/meetings/m"
            with pytest.raises(ServerUnreachable, match="307"):
                await ServerApi(ServerAddress.parse(address, TOKEN)).meeting("m")
            assert seen == [f"Bearer {TOKEN}"] * 2

    asyncio.run(run())
