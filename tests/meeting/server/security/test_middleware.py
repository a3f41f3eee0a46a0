"""Security headers, host names, origins and body sizes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from meeting.server.security.forwarding import Forwarding
from meeting.server.security.middleware import (
    BODY_LIMIT,
    FOR_OTHER_SITES,
    RECORDINGS,
    SecurityMiddleware,
    allowed_hosts,
)

LOCAL = allowed_hosts("127.0.0.1", ())
RECORDING_LIMIT = 2 * BODY_LIMIT


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})
    else:
        await send({"type": "websocket.accept"})


def ask(
    hosts: frozenset[str] | None = LOCAL,
    method: str = "GET",
    path: str = "/",
    kind: str = "http",
    forwarding: Forwarding | None = None,
    elsewhere: frozenset[str] | None = frozenset(),
    **headers: str,
) -> tuple[Message, dict[str, str]]:
    """The first message of the answer, and its headers."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    given = {"host": "127.0.0.1:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope: dict[str, Any] = {"type": kind, "method": method, "path": path, "headers": raw, "scheme": "http"}
    scope["client"] = ("127.0.0.1", 5)
    asyncio.run(SecurityMiddleware(echo, hosts, forwarding, elsewhere, RECORDING_LIMIT)(scope, receive, send))
    return sent[0], {name.decode(): value.decode() for name, value in sent[0].get("headers", [])}


def test_every_answer_carries_the_security_headers() -> None:
    _, headers = ask()
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8765 wss://127.0.0.1:8765;" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "value"), [("/api/meetings", "no-store"), ("/static/a.js", "no-cache"), ("/", "no-cache")]
)
def test_the_api_is_not_kept_and_pages_are_asked_for_again(path: str, value: str) -> None:
    assert ask(path=path)[1]["cache-control"] == value


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert ask(host=host)[0]["status"] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8765", "", "a b", "x;script-src *", "localhost:80:80"]
)
def test_other_names_on_loopback_are_refused(host: str) -> None:
    message, headers = ask(host=host)
    assert message["status"] == 421
    assert "*" not in headers["content-security-policy"]


def test_further_names_can_be_allowed() -> None:
    assert ask(allowed_hosts("127.0.0.1", ["meet.example.org"]), host="meet.example.org")[0]["status"] == 200


def test_beyond_loopback_any_wellformed_name_is_answered() -> None:
    hosts = allowed_hosts("0.0.0.0", ())
    assert hosts is None
    assert ask(hosts, host="meet.example.org:8765")[0]["status"] == 200
    assert ask(hosts, host="x; script-src *")[0]["status"] == 421


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765", "http://[", "http://]", "", "["],
)
def test_pages_of_other_sites_cannot_change_anything(origin: str) -> None:
    assert ask(method="POST", origin=origin)[0]["status"] == 403
    denial, _ = ask(kind="websocket", origin=origin)
    assert (denial["type"], denial["status"]) == ("websocket.http.response.start", 403)


def test_our_own_page_and_programs_can() -> None:
    own = "http://127.0.0.1:8765"
    assert ask(method="POST", origin=own)[0]["status"] == 200
    assert ask(method="POST")[0]["status"] == 200
    assert ask(kind="websocket", origin=own)[0]["type"] == "websocket.accept"
    assert ask(kind="websocket")[0]["type"] == "websocket.accept"


def test_reading_needs_no_origin() -> None:
    assert ask(origin="https://evil.example")[0]["status"] == 200


@pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "-1", "many", "9" * 5000])
def test_bodies_that_are_too_large_are_refused(length: str) -> None:
    assert ask(method="POST", content_length=length)[0]["status"] == 413


def test_a_body_that_does_not_say_how_long_it_is_is_counted_as_it_comes() -> None:
    read: list[int] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            read.append(len(message["body"]))
        await send({"type": "http.response.start", "status": 400, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(BODY_LIMIT // 4), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"127.0.0.1")]}
    asyncio.run(SecurityMiddleware(app, LOCAL)(scope, receive, send))
    assert sum(read) == BODY_LIMIT
    assert [message.get("status") for message in sent] == [413, None]


def test_beyond_loopback_only_the_names_that_are_set_are_answered() -> None:
    hosts = allowed_hosts("0.0.0.0", ["Meet.example.org"])
    assert ask(hosts, host="meet.example.org")[0]["status"] == 200
    assert ask(hosts, host="127.0.0.1:8765")[0]["status"] == 200
    assert ask(hosts, host="evil.example")[0]["status"] == 421


@pytest.mark.parametrize(
    ("path", "status"), [*((path, 200) for path in sorted(RECORDINGS)), ("/v1/listen/", 413), ("/api/meetings", 413)]
)
def test_recordings_may_be_larger_and_nothing_else(path: str, status: int) -> None:
    assert ask(method="POST", path=path, content_length=str(RECORDING_LIMIT))[0]["status"] == status
    assert ask(method="POST", path=path, content_length=str(RECORDING_LIMIT + 1))[0]["status"] == 413


@pytest.mark.parametrize("path", sorted(FOR_OTHER_SITES))
def test_pages_of_other_sites_may_use_some_sockets_where_they_are_named_or_must_show_a_token(path: str) -> None:
    page = "https://elsewhere.example"

    def taken(**options: Any) -> bool:
        return bool(
            ask(**{"kind": "websocket", "path": path, "origin": page, **options})[0]["type"] == "websocket.accept"
        )

    assert not taken()
    assert taken(elsewhere=frozenset({page}))
    assert taken(elsewhere=None)
    assert not taken(elsewhere=frozenset({page}), origin="https://other.example")
    assert taken(elsewhere=frozenset({"null"}), origin="null")
    for other in ("/ws/meetings/x", "/"):
        assert not taken(elsewhere=None, path=other)
    assert not taken(elsewhere=None, host="other.example")
    assert ask(method="POST", path=path, origin=page, elsewhere=None)[0]["status"] == 403
