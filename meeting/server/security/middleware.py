"""What every answer carries and every request must pass: headers, host names, origins, body sizes, tokens."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meeting.core.access import FULL_ACCESS, Grant, Role
from meeting.core.errors import (
    AccessDenied,
    ErrorCode,
    Forbidden,
    TooManyGuesses,
    Unauthorized,
    answer_to,
    error_body,
)
from meeting.server.security.auth import Authenticator, client_address
from meeting.server.security.forwarding import Forwarding, OriginalRequest, host_name
from meeting.server.security.permissions import OF_WHAT_ONE_MAY_READ, required_role
from meeting.server.security.tokens import token_from_header
from meeting.transport.addresses import LOOPBACK_HOSTS, is_loopback
from pipelines.errors import StoreError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT = 1 << 20
"""Largest body of an API request in bytes"""

FOR_OTHER_SITES = frozenset({"/transcribe", "/transcription", "/v1/listen", "/v2/listen", "/v1/realtime"})
"""Sockets that pages of other sites may use: they show nothing of any meeting that they have not made themselves"""

RECORDINGS = frozenset({"/v1/listen", "/v1/audio/transcriptions", "/v1/audio/translations"})
"""Requests whose body is a recording, which is taken as it comes and may be large"""

_JOB_RECORDING = re.compile(r"/api/jobs/[^/]+/recording")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def allowed_hosts(listen: str, further: Iterable[str]) -> frozenset[str] | None:
    """Host names that requests may name; None when any may: the server listens beyond this machine and none is set.

    A page of another site can make its own name point to 127.0.0.1 and then read what we answer (DNS rebinding):
    so on loopback only names of this machine count.
    """
    named = {name.lower() for name in further}
    if not is_loopback(listen) and not named:
        return None
    return LOOPBACK_HOSTS | {listen.lower()} | named


class Rejection(NamedTuple):
    """Why a request may not pass."""

    status: int
    code: ErrorCode
    message: str


Shape = Callable[[str, int, ErrorCode, str], Mapping[str, object]]
"""The body with which a request to a path is refused: from the path, the status, the code and a sentence"""


def own_shape(path: str, status: int, code: ErrorCode, message: str) -> Mapping[str, object]:
    """As our own API has it."""
    return error_body(code, message)


def too_large(most: int) -> Rejection:
    """Why a request with a larger body may not pass."""
    return Rejection(413, ErrorCode.TOO_LARGE, f"a request's body has at most {most} bytes")


class SecurityMiddleware:
    """ASGI middleware around everything: host names, origins, sizes of bodies, and the headers of every answer."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] | None,
        forwarding: Forwarding | None = None,
        elsewhere: frozenset[str] | None = frozenset(),
        recording_bytes: int = BODY_LIMIT,
        shape: Shape = own_shape,
    ) -> None:
        """`elsewhere`: origins of pages that may use `FOR_OTHER_SITES`; None for any, where they must show a token.

        `recording_bytes`: the largest body of `RECORDINGS`; `shape`: how errors are told.
        """
        self._recording_bytes = recording_bytes
        self._shape = shape
        self._app = app
        self._elsewhere = elsewhere
        self._hosts = hosts
        self._forwarding = forwarding or Forwarding()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what may not pass; add headers to what does."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = self._forwarding.original(scope, headers)
        rejection = self._rejection(request, headers)
        if scope["type"] == "websocket":
            if rejection is None:
                await self._app(request.scope, receive, send)
                return
            send = _as_denial(send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), request)
            await send(message)

        async def refuse(rejection: Rejection, more: Mapping[str, str] | None = None) -> None:
            body = self._shape(request.scope["path"], *rejection)
            await _send_error(send_with_headers, rejection.status, body, more)

        root_path = self._forwarding.root_path
        if rejection is not None:
            await refuse(rejection)
        elif root_path and scope["path"] == root_path:
            moved = Rejection(308, ErrorCode.MOVED, "the pages lie below this address: they need the slash at its end")
            await refuse(moved, {"location": f"{root_path}/"})
        else:
            most = self._body_limit(request.scope)
            await _BodyLimiter(receive, send_with_headers, most, refuse).run(self._app, request.scope)

    def _body_limit(self, scope: Scope) -> int:
        """Bytes that a request's body may have."""
        recording = scope["path"] in RECORDINGS or _JOB_RECORDING.fullmatch(scope["path"])
        return self._recording_bytes if recording else BODY_LIMIT

    def _rejection(self, request: OriginalRequest, headers: Headers) -> Rejection | None:
        name, scope = host_name(request.hosts[0]), request.scope
        known = self._hosts is None or name in self._hosts
        if name is None or not known or len(headers.getlist("host")) > 1:
            told = "this server does not answer to that host name; see server.allowed_hosts"
            return Rejection(421, ErrorCode.WRONG_HOST, told)
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changing and not (self._same_origin(request, headers) or self._from_elsewhere(request, headers)):
            return Rejection(
                403,
                ErrorCode.WRONG_ORIGIN,
                "a page of another site cannot use this server; where this is no other site but a proxy of yours, set "
                "server.public_url to the address that people open",
            )
        length = headers.get("content-length", "0")
        most = self._body_limit(scope)
        if not _LENGTH.fullmatch(length) or int(length) > most:
            return too_large(most)
        return None

    def _same_origin(self, request: OriginalRequest, headers: Headers) -> bool:
        """Whether a browser's page comes from this server; clients that are no browsers name no origin."""
        origins = headers.getlist("origin")
        allowed = (host for host in request.hosts if self._hosts is None or host_name(host) in self._hosts)
        known = OriginalRequest(request.scope, tuple(allowed))
        return all(known.is_same_origin(origin, self._forwarding.public) for origin in origins) and len(origins) < 2

    def _from_elsewhere(self, request: OriginalRequest, headers: Headers) -> bool:
        """Whether it is for what pages of other sites may use, and comes from one that may."""
        if request.scope["type"] != "websocket" or request.scope["path"] not in FOR_OTHER_SITES:
            return False
        return self._elsewhere is None or set(headers.getlist("origin")) <= self._elsewhere


class _BodyLimiter:
    """One request whose body is counted as it comes: one sent in chunks does not say how long it is."""

    def __init__(self, receive: Receive, send: Send, most: int, refuse: Callable[[Rejection], Awaitable[None]]) -> None:
        self._most = most
        self._refuse = refuse
        self._receive = receive
        self._send = send
        self._taken = 0
        self._answered = False
        self._refused = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Serve it; to the app a body that is too large looks like a client that has gone."""
        await app(scope, self._receive_counted, self._send_unless_refused)

    async def _receive_counted(self) -> Message:
        if self._refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken <= self._most:
            return message
        self._refused = True
        if not self._answered:
            await self._refuse(too_large(self._most))
        return {"type": "http.disconnect"}

    async def _send_unless_refused(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)


class AuthMiddleware:
    """ASGI middleware within that one: whoever comes needs a token that allows what is asked for."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, shape: Shape = own_shape) -> None:
        self._app = app
        self._authenticator = authenticator
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse before a byte of the body is read; `request.state.grant` tells the rest who it is."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            scope.setdefault("state", {})["grant"] = await self._authorize(scope)
        except (AccessDenied, StoreError) as error:
            await self._reject(scope, send, error)
        else:
            await self._app(scope, receive, send)

    async def _authorize(self, scope: Scope) -> Grant:
        if not self._authenticator.required:
            return FULL_ACCESS
        role, meeting_id = required_role(scope["method"] if scope["type"] == "http" else "WEBSOCKET", scope["path"])
        if role is Role.ANYONE:
            return Grant(role)
        token = token_from_header(Headers(scope=scope).get("authorization"))
        grant = await self._authenticator.authenticate(token, client_address(scope))
        if grant.link is not None and scope["path"] in OF_WHAT_ONE_MAY_READ:
            meeting_id = grant.link.meeting_id
        if not grant.allows(role, meeting_id):
            raise Forbidden("your link does not allow that")
        return grant

    async def _reject(self, scope: Scope, send: Send, error: AccessDenied | StoreError) -> None:
        headers = {}
        if isinstance(error, Unauthorized):
            headers = {"www-authenticate": "Bearer"}
        elif isinstance(error, TooManyGuesses):
            headers = {"retry-after": str(math.ceil(error.wait))}
        answer = answer_to(error)
        body = self._shape(scope["path"], answer.status, answer.code, str(error))
        await _send_error(_as_denial(send) if scope["type"] == "websocket" else send, answer.status, body, headers)


def add_security_headers(headers: MutableHeaders, request: OriginalRequest) -> None:
    """Add what every answer to a request carries."""
    # Older browsers do not take sockets of the same site for 'self'.
    sockets = "".join(f" ws://{host} wss://{host}" for host in request.hosts if host_name(host))
    headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{sockets}; media-src 'self' blob:; worker-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self), display-capture=(self)"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store" if request.scope["path"].startswith("/api/") else "no-cache"


def _as_denial(send: Send) -> Send:
    """Sends an HTTP answer to whoever wants to open a WebSocket, in place of one."""

    async def send_denial(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return send_denial


async def _send_error(
    send: Send, status: int, told: Mapping[str, object], more: Mapping[str, str] | None = None
) -> None:
    body = json.dumps(told).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(more or {})}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
