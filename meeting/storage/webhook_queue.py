"""What webhooks have to tell is written in the transaction of what it tells: either both are on disk, or neither."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from meeting.core.records import Meeting, State
from meeting.storage.databases.statements import after_commit, insert_missing
from meeting.storage.tables import MeetingRow, WebhookDeliveryRow
from pipelines.types import Segment

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Deliveries of one event that may wait for one endpoint; beyond it further ones are left out"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be told to one endpoint."""

    endpoint: str
    """Its name"""
    message_id: str
    """The same for the same news, however often it is queued or tried"""
    event: str
    body: str = field(repr=False)
    """JSON, as sent"""
    created_at: datetime


Announce = Callable[[Meeting, Segment | None], Sequence[Delivery]]
"""What is to be told because a meeting is now in its state, or because it has a final line"""


class WebhookQueue:
    """Queues what `announce` makes of changes, within their transactions; called by the writer's thread."""

    def __init__(
        self,
        announce: Announce = lambda meeting, segment: (),
        lines: bool = False,
        on_queued: Callable[[], None] = lambda: None,
        on_left_out: Callable[[], None] = lambda: None,
    ) -> None:
        """`lines`: whether lines are told at all; `on_queued` is called once it is on disk."""
        self._announce = announce
        self.lines = lines
        self._on_queued = on_queued
        self._on_left_out = on_left_out

    def tell_state(self, session: Session, meeting: Meeting, before: str) -> None:
        """A meeting is in another state than `before`."""
        began = before == State.OPEN and meeting.state == State.LIVE
        if began or before != meeting.state == State.ENDED:
            self._put(session, meeting.id, self._announce(meeting, None))

    def tell_lines(self, session: Session, meeting_id: str, lines: Sequence[Segment]) -> None:
        """A meeting has final lines, new or changed; one without words is withdrawn."""
        row = session.get(MeetingRow, meeting_id) if self.lines and lines else None
        if row is not None:
            meeting = row.value(0)
            self._put(session, meeting_id, [one for line in lines for one in self._announce(meeting, line)])

    def _put(self, session: Session, meeting_id: str, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if self._full(session, delivery):
                log.error("webhook %s: too much waits for it, and %s is not told", delivery.endpoint, delivery.event)
                self._on_left_out()
                continue
            values = {
                "endpoint": delivery.endpoint,
                "message_id": delivery.message_id,
                "meeting_id": meeting_id,
                "event": delivery.event,
                "body": delivery.body,
                "created_at": delivery.created_at,
                "next_try_at": delivery.created_at,
            }
            insert_missing(session, WebhookDeliveryRow, values)
        if deliveries:
            after_commit(session, self._on_queued)

    def _full(self, session: Session, delivery: Delivery) -> bool:
        row = WebhookDeliveryRow
        waiting = select(func.count()).where(
            row.endpoint == delivery.endpoint, row.event == delivery.event, row.next_try_at.is_not(None)
        )
        return (session.scalar(waiting) or 0) >= MOST_WAITING
