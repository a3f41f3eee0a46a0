"""What every answer carries and every request must pass: security headers, host names, origins, body sizes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT = 1 << 20
"""Largest body of an API request in bytes"""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.IGNORECASE)


def allowed_hosts(listen: str, further: Iterable[str]) -> frozenset[str] | None:
    """Host names that requests may name; None when any may, because the server listens beyond this machine.

    A page of another site can make its own name point to 127.0.0.1 and then read what we answer (DNS rebinding):
    so on loopback only names of this machine count.
    """
    if listen not in LOOPBACK and not listen.startswith("127."):
        return None
    return LOOPBACK | {listen.lower()} | {name.lower() for name in further}


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not pass; add headers to what does."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(scope, headers)
        if scope["type"] == "websocket":
            if problem is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": problem[1]})  # becomes HTTP 403
            return

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                _decorate(MutableHeaders(scope=message), scope["path"], headers.get("host", ""))
            await send(message)

        if problem is None:
            await self._app(scope, receive, decorated)
        else:
            await _answer(decorated, *problem)

    def _problem(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        host = headers.get("host", "")
        if not _HOST.fullmatch(host) or (self._hosts is not None and _name(host) not in self._hosts):
            return 421, "wrong_host", "this server does not answer to that host name; see server.allowed_hosts"
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changing and not _same_origin(headers.get("origin"), host):
            return 403, "wrong_origin", "a page of another site cannot use this server"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            return 413, "too_large", f"a request's body has at most {BODY_LIMIT} bytes"
        return None


def _name(host: str) -> str:
    found = _HOST.fullmatch(host)
    return found.group(1).strip("[]").lower() if found else ""


def _same_origin(origin: str | None, host: str) -> bool:
    """Whether a browser's page comes from this server; clients that are no browsers name no origin."""
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == host.lower()


def _decorate(headers: MutableHeaders, path: str, host: str) -> None:
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{sockets}; media-src 'self' blob:; worker-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self), display-capture=(self)"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store" if path.startswith("/api/") else "no-cache"


async def _answer(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
