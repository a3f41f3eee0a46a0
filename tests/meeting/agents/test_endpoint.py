"""Agents at a real server over HTTP, by the official SDK's client: tokens, many, killed ones, a server's end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meeting.agents import tools
from meeting.agents.library import Library
from tests.fakes.access_fakes import TOKEN, Given, Locked, locked
from tests.fakes.server_fakes import tone

if TYPE_CHECKING:
    from mcp.client import Client

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_meetings", "arguments": {}}}
ACCEPTED = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module", autouse=True)
def hurry() -> Iterator[None]:
    """Whoever waits looks often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tools, "LOOK_SECONDS", 0.05)
        yield


@pytest.fixture(scope="module")
def held(server: Locked) -> Given:
    """A meeting that has been held."""
    return server.held("Monday", 3.0)


@asynccontextmanager
async def client(server: Locked, token: str | None, mode: str = "auto") -> AsyncIterator[Client]:
    """The SDK's client with a token."""
    import httpx2
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"http://127.0.0.1:{server.serving.port}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as connected,
    ):
        yield connected


async def asked(server: Locked, token: str, name: str, **arguments: Any) -> Any:
    """What one call is answered; a text where it was refused."""
    async with client(server, token) as connected:
        told = await connected.call_tool(name, arguments)
        return told.content[0].text if told.is_error else told.structured_content  # type: ignore[union-attr]


def ask(server: Locked, token: str, name: str, **arguments: Any) -> Any:
    """The same from a thread."""
    return asyncio.run(asked(server, token, name, **arguments))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_with_the_server_token_finds_and_reads_meetings(server: Locked, held: Given, mode: str) -> None:
    async def run() -> tuple[Any, ...]:
        async with client(server, TOKEN, mode) as connected:
            names = [tool.name for tool in (await connected.list_tools()).tools]
            listed = await connected.call_tool("list_meetings", {"limit": 100})
            found = await connected.call_tool("search", {"query": "one", "meeting": held.id})
            read = await connected.call_tool("read_transcript", {"meeting": held.id, "from_seconds": 1.5})
            return names, listed.structured_content, found.structured_content, read.structured_content

    names, listed, found, read = asyncio.run(run())
    assert names == list(tools.TOOLS)
    assert held.id in [one["meeting"] for one in listed["meetings"]]
    assert [hit["start"] for hit in found["hits"]] == [2.0, 1.0, 0.0]
    assert [(one["start"], one["speaker"], one["text"]) for one in read["lines"]] == [
        (1.0, "Speaker 1", "one"),
        (2.0, "Speaker 1", "one"),
    ]


@pytest.mark.slow
def test_a_link_opens_its_own_meeting_to_an_agent_and_no_other(server: Locked, held: Given) -> None:
    other = server.held("Other")
    for token in (held.view, held.speak, held.host):
        assert [one["meeting"] for one in ask(server, token, "list_meetings")["meetings"]] == [held.id]
        assert {hit["meeting"] for hit in ask(server, token, "search", query="one")["hits"]} == {held.id}
        assert ask(server, token, "read_transcript")["meeting"] == held.id
        for name, arguments in (
            ("read_transcript", {}),
            ("speakers", {}),
            ("follow_meeting", {}),
            ("search", {"query": "one"}),
        ):
            assert ask(server, token, name, meeting=other.id, **arguments) == "your link does not open this meeting"


@pytest.mark.parametrize("token", [None, "wrong-token-of-nobody", "x" * 32])
def test_nobody_is_answered_without_a_token_that_is_valid(server: Locked, token: str | None) -> None:
    server.forget_guesses()
    answer = server.call("POST", "/mcp", token, json=CALL, headers=ACCEPTED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_a_page_of_another_site_is_refused(server: Locked) -> None:
    for headers, status in (({"Origin": "https://elsewhere.example"}, 403), ({"Host": "elsewhere.example"}, 421)):
        assert server.call("POST", "/mcp", json=CALL, headers={**ACCEPTED, **headers}).status_code == status


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_nothing_but_calls(server: Locked, method: str) -> None:
    assert server.call(method, "/mcp", headers=ACCEPTED).status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\x00", 400),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "no/such"}', 200),
        (b"[" * 5000, 400),
        (b"x" * (1 << 20) + b"x", 413),
    ],
)
def test_what_is_no_call_is_refused(server: Locked, body: bytes, status: int) -> None:
    headers = {**ACCEPTED, "Content-Type": "application/json"}
    answer = server.call("POST", "/mcp", content=body, headers=headers)
    assert answer.status_code == status
    assert "error" in answer.json()


def test_new_lines_of_a_live_meeting_are_waited_for_and_its_end(server: Locked) -> None:
    meeting = server.create("Live")

    async def follow() -> list[str]:
        told: list[str] = []
        async with client(server, meeting.view) as connected:
            after: dict[str, str] = {}
            while True:
                answer = await connected.call_tool("follow_meeting", {"wait_seconds": 10, **after})
                part = answer.structured_content
                assert part is not None
                told += [one["text"] for one in part["lines"]]
                if part["state"] == "ended" and not part["lines"]:
                    return told
                after = {"after": part["after"]}

    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(1.0))
        source.until("segment")

        def speak_on() -> None:
            time.sleep(0.3)
            source.frame(1, tone(2.0))
            source.send("stop")
            source.close_code()

        speaking = threading.Thread(target=speak_on)
        speaking.start()
        assert asyncio.run(follow()) == ["one"] * 3
        speaking.join()


def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When somebody who waits looks."""
    seen: list[float] = []
    original = Library.new_lines

    def counted(self: Library, meeting_id: str, after: int | None) -> Any:
        seen.append(time.monotonic())
        return original(self, meeting_id, after)

    monkeypatch.setattr(Library, "new_lines", counted)
    return seen


def test_a_link_that_is_revoked_while_its_agent_waits_is_told_nothing_more(
    server: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = server.create("Revoked")
    link, token = server.link(meeting, "view")
    seen = looks(monkeypatch)

    def revoke() -> None:
        while not seen:
            time.sleep(0.01)
        server.call("DELETE", f"/api/meetings/{meeting.id}/links/{link}")

    asking = threading.Thread(target=revoke)
    asking.start()
    began = time.monotonic()
    assert "this link has ended" in ask(server, token, "follow_meeting", after="0", wait_seconds=20)
    assert time.monotonic() - max(began, seen[0]) < 10
    asking.join()


@pytest.mark.slow
def test_fifty_agents_at_once_are_answered(server: Locked, held: Given) -> None:
    async def run() -> list[Any]:
        calls = (asked(server, held.view, "read_transcript") for _ in range(50))
        return await asyncio.gather(*calls)

    answers = asyncio.run(run())
    assert [len(one["lines"]) for one in answers] == [3] * 50


def wait_for_somebody(port: int, token: str, count: int = 1) -> list[socket.socket]:
    """Clients that wait for new lines in an open meeting."""
    arguments = {"after": "0", "wait_seconds": 25}
    body = json.dumps({**CALL, "params": {"name": "follow_meeting", "arguments": arguments}}).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    clients = []
    for _ in range(count):
        clients.append(socket.create_connection(("127.0.0.1", port)))
        clients[-1].sendall(head.encode() + body)
    return clients


@pytest.mark.slow
def test_clients_that_are_killed_while_they_wait_leave_nothing_behind(
    server: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(monkeypatch)
    meeting = server.create("Killed")
    clients = wait_for_somebody(server.serving.port, meeting.view, 50)
    while len(seen) < 150:
        time.sleep(0.01)
    for one in clients:
        one.close()
    gone = time.monotonic()
    while seen[-1] > time.monotonic() - 1:
        time.sleep(0.1)
    assert seen[-1] < gone + tools.MAX_WAIT / 2, "they were waited for as long as they had asked"


def test_a_server_that_ends_keeps_no_agent_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = looks(monkeypatch)
    with locked(tmp_path) as running:
        meeting = running.create("Open")
        (waiting,) = wait_for_somebody(running.serving.port, meeting.view)
        while len(seen) < 3:
            time.sleep(0.01)
        began = time.monotonic()
        running.serving.server.should_exit = True
        answer = waiting.recv(1 << 16)
        assert time.monotonic() - began < 4
        assert answer.startswith(b"HTTP/1.1 200")
        waiting.close()
    count = len(seen)
    time.sleep(0.2)
    assert len(seen) == count


def test_a_database_that_goes_away_is_told_without_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with locked(tmp_path) as running:
        (database,) = tmp_path.glob("*.sqlite3")
        with contextlib.closing(sqlite3.connect(database)) as broken:
            broken.execute("DROP TABLE segments")
            broken.commit()
        told = ask(running, TOKEN, "search", query="one")
        assert told.startswith("meetings.sqlite3 cannot be used: no such table")
        assert ask(running, TOKEN, "read_transcript", meeting="nowhere").startswith("meetings.sqlite3 cannot be used")
    assert any(str(database) in record.getMessage() for record in caplog.records)
