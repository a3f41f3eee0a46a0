"""What a server sends, as typed values: the messages of the protocol, read from their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar, get_args

from meeting.client.errors import ClientError
from meeting.core.errors import ErrorCode
from meeting.core.messages import (
    ChangeMessage,
    GapMessage,
    JsonObject,
    SegmentMessage,
    ServerMessage,
    SourceMessage,
    SpeakerMessage,
    WordMessage,
)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is lost, and is made again by itself: nothing is to be done. The server did not send this."""

    type: ClassVar[str] = "disconnected"
    reason: str
    retry_in: float
    """Seconds until the next try"""


Event = ServerMessage | Disconnected
"""What `Source` and `Viewer` give, one after the other: each has a `type`"""

_Kind = TypeVar("_Kind")
_KINDS: dict[str, type[ServerMessage]] = {kind.type: kind for kind in get_args(ServerMessage)}


def parse_event(text: str | bytes) -> ServerMessage | None:
    """A text frame of the server; None for a kind that a later version has invented. Raises ClientError.

    >>> parse_event('{"type": "ack", "seq": 7, "audio": 0.8}')
    Ack(seq=7, audio=0.8)
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise _foreign("not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise _foreign("no object with a type")
    kind = _KINDS.get(body["type"])
    return None if kind is None else _parse(kind, body, body["type"])


def _foreign(what: str) -> ClientError:
    return ClientError(f"what answers there does not speak this protocol: a message is {what}")


def _parse(kind: type[_Kind], body: object, where: str) -> _Kind:
    if not isinstance(body, dict):
        raise _foreign(f"wrong in {where}")
    values = {}
    for spec in fields(kind):  # type: ignore[arg-type]
        if spec.name in body:
            values[spec.name] = _READERS[str(spec.type)](body[spec.name], f"{where}.{spec.name}")
        elif spec.default is MISSING:
            raise _foreign(f"lacking {where}.{spec.name}")
    return kind(**values)


def _of_type(*kinds: type) -> Callable[[Any, str], Any]:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _foreign(f"wrong in {where}")
        return value

    return read


def _listed(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def read_all(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _foreign(f"wrong in {where}")
        return tuple(read(item, where) for item in value)

    return read_all


def _object(kind: type[_Kind]) -> Callable[[Any, str], _Kind]:
    return lambda value, where: _parse(kind, value, where)


def _change(value: Any, where: str) -> ChangeMessage:
    body: JsonObject = value if isinstance(value, dict) else {}
    return _parse(ChangeMessage, {**body, "before": body.get("from"), "after": body.get("to")}, where)


def _error_code(value: Any, where: str) -> ErrorCode:
    try:
        return ErrorCode(_of_type(str)(value, where))
    except ValueError:  # one that a later version has invented: the sentence beside it says what it means
        return ErrorCode.REFUSED


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "str": _of_type(str),
    "str | None": _of_type(str, type(None)),
    "int": _of_type(int),
    "float": _of_type(float, int),
    "float | None": _of_type(float, int, type(None)),
    "bool": _of_type(bool),
    "ModelInfo": _of_type(dict),
    "ErrorCode": _error_code,
    "tuple[WordMessage, ...]": _listed(_object(WordMessage)),
    "tuple[SegmentMessage, ...]": _listed(_object(SegmentMessage)),
    "tuple[SpeakerMessage, ...]": _listed(_object(SpeakerMessage)),
    "tuple[GapMessage, ...]": _listed(_object(GapMessage)),
    "tuple[SourceMessage, ...]": _listed(_object(SourceMessage)),
    "tuple[ChangeMessage, ...]": _listed(_change),
}
"""By the type of a field, as it is written there"""
