"""What clients are told when something goes wrong: the codes, the errors that carry them, and how each error is told.

The whole tree of errors is drawn in `pipelines/errors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import TypedDict

from pipelines.errors import MeetingError, NotFound, StoreError


class ErrorCode(str, Enum):
    """Why something went wrong, for programs: in the protocol's `error` messages and in the errors of the HTTP API."""

    # Of both
    ELSEWHERE = "elsewhere"
    INTERNAL = "internal"
    LOADING = "loading"
    MODELS = "models"
    MOVING = "moving"
    NOT_FOUND = "not_found"
    RECOVERING = "recovering"
    STORAGE = "storage"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    # Of messages
    BAD_AUDIO = "bad_audio"
    BAD_MESSAGE = "bad_message"
    BUSY = "busy"
    LANGUAGE = "language"
    LOST = "lost"
    REMOVED = "removed"
    STORAGE_OK = "storage_ok"
    TOO_LONG = "too_long"
    # Of the HTTP API
    BAD_REQUEST = "bad_request"
    INVALID = "invalid"
    LIVE = "live"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MOVED = "moved"
    NAME_TAKEN = "name_taken"
    NO_AUDIO = "no_audio"
    NO_NAME = "no_name"
    NO_TOKENS = "no_tokens"
    NOT_FINAL = "not_final"
    NOT_LIVE = "not_live"
    OUTDATED = "outdated"
    OVERLOADED = "overloaded"
    REFUSED = "refused"
    RUNNING = "running"
    TOO_LITTLE = "too_little"
    WRONG_HOST = "wrong_host"
    WRONG_ORIGIN = "wrong_origin"

    __str__ = str.__str__


class CloseCode(IntEnum):
    """Why a WebSocket is closed."""

    NORMAL = 1000
    GOING_AWAY = 1001
    MESSAGE_TOO_BIG = 1009
    INTERNAL = 1011
    TRY_AGAIN_LATER = 1013
    """The client may come back a little later: it does not keep up, or the meeting is not ready yet"""
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    NOT_FOUND = 4404
    CONFLICT = 4409
    """A source was resumed elsewhere, or removed by a host"""
    TOO_LARGE = 4413
    TOO_MANY = 4429


class ProtocolError(MeetingError):
    """A client broke the wire protocol; `code` goes into the `error` message, `close` ends the connection after it."""

    def __init__(
        self, message: str, code: ErrorCode = ErrorCode.BAD_MESSAGE, close: CloseCode = CloseCode.BAD_MESSAGE
    ) -> None:
        self.code = code
        self.close = close
        super().__init__(message)


class AccessDenied(MeetingError):
    """A request or a connection may not pass; its kinds say why."""

    code = ErrorCode.FORBIDDEN


class Unauthorized(AccessDenied):
    """It brings no token, or none that is valid."""

    code = ErrorCode.UNAUTHORIZED


class Forbidden(AccessDenied):
    """Its token is valid and does not allow this."""


class TooManyGuesses(AccessDenied):
    """Too many wrong tokens have come from its address."""

    code = ErrorCode.TOO_MANY

    def __init__(self, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        """Seconds after which another try makes sense"""
        super().__init__(message)


class Conflict(MeetingError):
    """What was asked for cannot be done in the state that things are in."""

    def __init__(self, message: str, code: ErrorCode = ErrorCode.LIVE) -> None:
        self.code = code
        super().__init__(message)


class Elsewhere(MeetingError):
    """Another server has this meeting."""

    def __init__(self, address: str) -> None:
        self.address = address
        """Where clients reach that server"""
        super().__init__(f"this meeting is at another server: {address}")


class Moving(MeetingError):
    """Which server has this meeting is to be seen in a moment."""

    def __init__(self, wait: float, message: str = "") -> None:
        self.wait = wait
        """Seconds after which another try makes sense"""
        super().__init__(message or "this meeting is on its way to another server: come back in a moment")


class OwnershipLost(StoreError):
    """Another server has what this one wanted to write for: nothing was written, nor will another try be."""


class ObjectStoreError(StoreError):
    """The object store cannot be used, which says nothing of the database or the data folder."""


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
    Elsewhere: Answer(307, ErrorCode.ELSEWHERE, CloseCode.TRY_AGAIN_LATER),
    Moving: Answer(503, ErrorCode.MOVING, CloseCode.TRY_AGAIN_LATER),
    OwnershipLost: Answer(503, ErrorCode.MOVING, CloseCode.TRY_AGAIN_LATER),
    NotFound: Answer(404, ErrorCode.NOT_FOUND, CloseCode.NOT_FOUND),
    StoreError: Answer(503, ErrorCode.STORAGE, CloseCode.INTERNAL),
    AccessDenied: Answer(403, AccessDenied.code, CloseCode.UNAUTHORIZED),
    MeetingError: Answer(400, ErrorCode.BAD_REQUEST, CloseCode.INTERNAL),
}
"""By the kind of the error; kinds that are not here are told as the nearest one that they descend from.

The table in docs/architecture.md says it for every error there is.
"""


def answer_to(error: MeetingError) -> Answer:
    """How an error is told; some carry a code or a close code of their own."""
    answer = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    if isinstance(error, ProtocolError):
        return replace(answer, code=error.code, close=error.close)
    return replace(answer, code=error.code) if isinstance(error, Conflict) else answer


class ErrorDetail(TypedDict):
    """Why something was refused."""

    code: ErrorCode
    """For programs"""
    message: str
    """A sentence for people"""


class ErrorBody(TypedDict):
    """The body of every HTTP answer that is an error."""

    error: ErrorDetail


def error_body(code: ErrorCode, message: str) -> ErrorBody:
    """An error as the HTTP API tells it."""
    return {"error": {"code": code, "message": message}}
