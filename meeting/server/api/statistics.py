"""Who spoke how much in a meeting."""

from __future__ import annotations

from fastapi import Request

from meeting.core.messages import JsonObject
from meeting.server.api.context import rooms_of, store_of
from meeting.server.api.description import meetings_router
from meeting.statistics.report import StatisticsFacts, read_statistics

router = meetings_router()


@router.get("/{meeting_id}/statistics", response_model=JsonObject)
def show(request: Request, meeting_id: str) -> StatisticsFacts:
    """Talk time, turns, words and words per minute of each speaker, overlap and silence; while it is live, so far."""
    room = rooms_of(request).get(meeting_id)
    return read_statistics(store_of(request), meeting_id, None if room is None else room.session.samples)
