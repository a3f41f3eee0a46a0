"""What every answer carries and every request must pass: headers, host names, origins, body sizes, tokens."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meeting.core.access import EVERYTHING, LOOPBACK, Denied, Grant, Role, from_header, is_loopback, rule
from meeting.server.auth import Doorman, client_address
from meeting.server.forwarding import Asked, Forwarding, host_name
from pipelines.errors import StoreError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT = 1 << 20
"""Largest body of an API request in bytes"""
TOO_LARGE = (413, "too_large", f"a request's body has at most {BODY_LIMIT} bytes")

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def allowed_hosts(listen: str, further: Iterable[str]) -> frozenset[str] | None:
    """Host names that requests may name; None when any may: the server listens beyond this machine and none is set.

    A page of another site can make its own name point to 127.0.0.1 and then read what we answer (DNS rebinding):
    so on loopback only names of this machine count.
    """
    named = {name.lower() for name in further}
    if not is_loopback(listen) and not named:
        return None
    return LOOPBACK | {listen.lower()} | named


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, forwarding: Forwarding | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._forwarding = forwarding or Forwarding()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not pass; add headers to what does."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = self._forwarding.asked(scope, headers)
        problem = self._problem(asked, headers)
        if scope["type"] == "websocket":
            if problem is None:
                await self._app(asked.scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": problem[1]})  # becomes HTTP 403
            return

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                decorate(MutableHeaders(scope=message), asked)
            await send(message)

        root = self._forwarding.root
        if problem is not None:
            await _answer(decorated, *problem)
        elif root and scope["path"] == root:
            moved = "the pages lie below this address: they need the slash at its end"
            await _answer(decorated, 308, "moved", moved, {"location": f"{root}/"})
        else:
            await _Measured(receive, decorated).run(self._app, asked.scope)

    def _problem(self, asked: Asked, headers: Headers) -> tuple[int, str, str] | None:
        name, scope = host_name(asked.hosts[0]), asked.scope
        known = self._hosts is None or name in self._hosts
        if name is None or not known or len(headers.getlist("host")) > 1:
            return 421, "wrong_host", "this server does not answer to that host name; see server.allowed_hosts"
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changing and not self._same_origin(asked, headers):
            return (
                403,
                "wrong_origin",
                "a page of another site cannot use this server; where this is no other site but a proxy of yours, set "
                "server.public_url to the address that people open",
            )
        length = headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > BODY_LIMIT:
            return TOO_LARGE
        return None

    def _same_origin(self, asked: Asked, headers: Headers) -> bool:
        """Whether a browser's page comes from this server; clients that are no browsers name no origin."""
        origins = headers.getlist("origin")
        allowed = (host for host in asked.hosts if self._hosts is None or host_name(host) in self._hosts)
        known = Asked(asked.scope, tuple(allowed))
        return all(known.comes_from(origin, self._forwarding.public) for origin in origins) and len(origins) < 2


class _Measured:
    """One request whose body is counted as it comes: one sent in chunks does not say how long it is."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._taken = 0
        self._answered = False
        self._refused = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Serve it; to the app a body that is too large looks like a client that has gone."""
        await app(scope, self._counted, self._unless_refused)

    async def _counted(self) -> Message:
        if self._refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken <= BODY_LIMIT:
            return message
        self._refused = True
        if not self._answered:
            await _answer(self._send, *TOO_LARGE)
        return {"type": "http.disconnect"}

    async def _unless_refused(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)


class Gate:
    """ASGI middleware within the guard: whoever comes needs a token that allows what is asked for."""

    def __init__(self, app: ASGIApp, doorman: Doorman) -> None:
        self._app = app
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse before a byte of the body is read; `request.state.grant` tells the rest who it is."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            scope.setdefault("state", {})["grant"] = await self._grant(scope)
        except (Denied, StoreError) as error:
            await _deny(scope, send, error)
        else:
            await self._app(scope, receive, send)

    async def _grant(self, scope: Scope) -> Grant:
        if not self._doorman.asks:
            return EVERYTHING
        role, meeting_id = rule(scope["method"] if scope["type"] == "http" else "WEBSOCKET", scope["path"])
        if role is Role.ANYONE:
            return Grant(role)
        token = from_header(Headers(scope=scope).get("authorization"))
        grant = await self._doorman.identify(token, client_address(scope))
        if not grant.allows(role, meeting_id):
            raise Denied("your link does not allow that", 403)
        return grant


async def _deny(scope: Scope, send: Send, error: Denied | StoreError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # becomes HTTP 403
        return
    status, code, headers = 503, "storage", {}
    if isinstance(error, Denied):
        status, code = error.status, error.code
        headers = {401: {"www-authenticate": "Bearer"}, 429: {"retry-after": str(math.ceil(error.wait))}}.get(
            status, {}
        )
    await _answer(send, status, code, str(error), headers)


def decorate(headers: MutableHeaders, asked: Asked) -> None:
    """Add what every answer to a request carries."""
    # Older browsers do not take sockets of the same site for 'self'.
    sockets = "".join(f" ws://{host} wss://{host}" for host in asked.hosts if host_name(host))
    headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{sockets}; media-src 'self' blob:; worker-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self), display-capture=(self)"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store" if asked.scope["path"].startswith("/api/") else "no-cache"


async def _answer(send: Send, status: int, code: str, message: str, more: Mapping[str, str] | None = None) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(more or {})}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
