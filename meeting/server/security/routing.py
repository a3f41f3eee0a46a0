"""Requests for what another server has: they are sent there, or asked to come back in a moment."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from meeting.cluster.duties import JOBS
from meeting.cluster.ownership import Ownership
from meeting.cluster.rules import LONGEST_WAIT
from meeting.core.errors import Elsewhere, ErrorCode, Moving, answer_to
from pipelines.errors import StoreError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_MEETING = re.compile(r"/api/meetings/([^/]+)(/.*)?")
_AGAIN = "/transcription"
"""End of the address at which a meeting is transcribed again, which is a job"""
_JOBS = re.compile(r"/api/jobs(/.*)?")

Shape = Callable[[str, int, ErrorCode, str], Mapping[str, object]]


def subject_of(path: str) -> str | None:
    """What a request is about that one server has; None where any server can answer.

    >>> subject_of("/api/meetings/abc/segments/s1"), subject_of("/api/meetings"), subject_of("/api/jobs/j")
    ('abc', None, 'duty:jobs')
    """
    if _JOBS.fullmatch(path):
        return JOBS
    found = _MEETING.fullmatch(path)
    if found is None:
        return None
    return JOBS if found[2] == _AGAIN else found[1]


def headers_of(error: Elsewhere | Moving, path: str, query: str) -> dict[str, str]:
    """What an answer says beside its body to a request that is not answered here."""
    if isinstance(error, Moving):
        return {"retry-after": str(math.ceil(error.wait))}
    return {"location": f"{error.address}{path}{'?' if query else ''}{query}"}


class RoutingMiddleware:
    """ASGI middleware within that of tokens: only who may ask is told where to go."""

    def __init__(self, app: ASGIApp, ownership: Ownership, shape: Shape) -> None:
        self._app = app
        self._ownership = ownership
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here what is this server's, or anybody's."""
        subject = subject_of(scope["path"]) if scope["type"] == "http" else None
        error = None if subject is None else await self._refusal(subject, scope["method"] in SAFE_METHODS)
        if error is None:
            await self._app(scope, receive, send)
            return
        answer, path = answer_to(error), scope["path"]
        body = json.dumps(self._shape(path, answer.status, answer.code, str(error))).encode()
        headers = headers_of(error, path, scope["query_string"].decode("latin-1"))
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _refusal(self, subject: str, safe: bool) -> Elsewhere | Moving | None:
        if self._ownership.holds(subject):
            return None
        try:
            # A database that cannot be asked is told by whoever needs it for the answer.
            with suppress(StoreError):
                await self._ownership.require(subject)
        except Elsewhere as error:
            return error
        except Moving as error:
            # What is stored can be read anywhere; only what changes waits for the server that will have it.
            return None if safe and subject != JOBS else error
        return Moving(LONGEST_WAIT) if subject == JOBS else None
