"""What each error is to clients: the status and code of an HTTP answer, and the code that closes a WebSocket."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi.responses import JSONResponse

from meeting.core.errors import (
    AccessDenied,
    CloseCode,
    Conflict,
    ErrorCode,
    Forbidden,
    ProtocolError,
    TooManyGuesses,
    Unauthorized,
)
from pipelines.errors import MeetingError, NotFound, StoreError


@dataclass(frozen=True, slots=True)
class Answer:
    """How an error is told."""

    status: int
    """Of an HTTP answer"""
    code: ErrorCode
    close: CloseCode
    """Of a connection that meets the error while it comes in"""


ANSWERS: dict[type[MeetingError], Answer] = {
    Unauthorized: Answer(401, Unauthorized.code, CloseCode.UNAUTHORIZED),
    Forbidden: Answer(403, Forbidden.code, CloseCode.UNAUTHORIZED),
    TooManyGuesses: Answer(429, TooManyGuesses.code, CloseCode.UNAUTHORIZED),
    Conflict: Answer(409, ErrorCode.LIVE, CloseCode.CONFLICT),
    ProtocolError: Answer(400, ErrorCode.BAD_MESSAGE, CloseCode.BAD_MESSAGE),
    NotFound: Answer(404, ErrorCode.NOT_FOUND, CloseCode.NOT_FOUND),
    StoreError: Answer(503, ErrorCode.STORAGE, CloseCode.INTERNAL),
    AccessDenied: Answer(403, AccessDenied.code, CloseCode.UNAUTHORIZED),
    MeetingError: Answer(400, ErrorCode.BAD_REQUEST, CloseCode.INTERNAL),
}
"""By the kind of the error; kinds that are not here are told as the nearest one that they descend from.

The table in docs/architecture.md says it for every error there is.
"""

HTTP_CODES = {400: ErrorCode.BAD_REQUEST, 404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
"""Code of what the framework refuses by itself, by status; `refused` where the status is not here"""


def answer_to(error: MeetingError) -> Answer:
    """How an error is told; some carry a code or a close code of their own."""
    answer = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if isinstance(error, ProtocolError):
        return replace(answer, code=error.code, close=error.close)
    return replace(answer, code=error.code) if isinstance(error, Conflict) else answer


def error_response(status: int, code: ErrorCode, message: str) -> JSONResponse:
    """An error as every part of the API answers it."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)
