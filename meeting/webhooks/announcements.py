"""What webhooks tell: each event as the JSON that is sent; pure but for the time of day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from meeting.config.webhooks import ENDED, FINAL, STARTED
from meeting.core.ids import new_id
from meeting.core.records import Meeting, State, iso_time
from meeting.storage.webhook_queue import Delivery
from meeting.webhooks.endpoints import Endpoint
from pipelines.types import Segment, seconds

PING = "ping"
"""What `webhooks test` sends"""
LONGEST_TEXT = 8000
"""Characters of a line that are sent; utterances are far shorter, what people write need not be"""


class Announcements:
    """Makes of a change in a meeting what each endpoint is to be told: a meeting that began or ended, a final line."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        unkept_text: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        """`unkept_text`: whether title and text of meetings that are not kept may be told; `clock` gives UTC."""
        self._endpoints = endpoints
        self._unkept_text = unkept_text
        self._clock = clock

    @property
    def lines(self) -> bool:
        """Whether anybody is told lines."""
        return any(FINAL in endpoint.events for endpoint in self._endpoints)

    def __call__(self, meeting: Meeting, line: Segment | None) -> list[Delivery]:
        """What is to be told of a final line, or else of the state that the meeting is in now."""
        may_tell = meeting.kept or self._unkept_text
        now = self._clock()
        if line is not None:
            if not may_tell:
                return []
            event, happened, data = FINAL, now, {"meeting_id": meeting.id, "segment": _segment(line)}
        else:
            ended = meeting.state == State.ENDED
            event = ENDED if ended else STARTED
            began = None if meeting.recorded else meeting.started_at  # a recording may have been made long ago
            happened = (meeting.ended_at if ended else began) or now
            data = _meeting(meeting, ended, may_tell)
        id_, body = message_id(event, data), payload(event, happened, data)
        return [Delivery(one.name, id_, event, body, now) for one in self._endpoints if event in one.events]


def ping(clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> tuple[str, str]:
    """A message that tells nothing, and its id: for trying out an endpoint."""
    data = {"ping_id": new_id()}
    return message_id(PING, data), payload(PING, clock(), data)


def message_id(event: str, data: dict[str, Any]) -> str:
    """An id that is the same for the same news, so that a receiver who has had it can tell."""
    digest = hashlib.sha256(f"{event}\n{_json(data)}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def payload(event: str, happened: datetime, data: dict[str, Any]) -> str:
    """An event as it is sent, in one line of JSON."""
    return _json({"type": event, "timestamp": iso_time(happened), "data": data})


def _meeting(meeting: Meeting, ended: bool, may_tell: bool) -> dict[str, Any]:
    data = {
        "meeting_id": meeting.id,
        "title": meeting.title if may_tell else None,
        "kept": meeting.kept,
        "started_at": iso_time(meeting.started_at),
    }
    if not ended:
        return data
    over = {"ended_at": iso_time(meeting.ended_at), "duration": seconds(meeting.samples), "segments": meeting.segments}
    return {**data, **over}


def _segment(line: Segment) -> dict[str, Any]:
    return {
        "id": line.id,
        "rev": line.rev,
        "source_id": line.source_id,
        "start": seconds(line.span.start),
        "end": seconds(line.span.end),
        "speaker": line.speaker,
        "text": line.text[:LONGEST_TEXT],
        "cut_short": len(line.text) > LONGEST_TEXT,
        "overlap": line.overlap,
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
