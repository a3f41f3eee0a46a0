"""A meeting is ended, or deleted."""

from __future__ import annotations

from typing import TypedDict

from fastapi import Request
from fastapi.responses import Response

from meeting.core.errors import Conflict
from meeting.core.messages import JsonObject
from meeting.core.records import State
from meeting.live.retention import delete_meeting
from meeting.server.api.context import rooms_of
from meeting.server.api.description import meetings_router

router = meetings_router()


class Ending(TypedDict):
    """A meeting that ends."""

    id: str
    state: State


@router.post("/{meeting_id}/end", response_model=JsonObject)
async def end(request: Request, meeting_id: str) -> Ending:
    """End a meeting, also while its source is away; what was received is kept and finished."""
    return {"id": meeting_id, "state": await rooms_of(request).end(meeting_id)}


@router.delete("/{meeting_id}", status_code=204)
async def remove(request: Request, meeting_id: str) -> Response:
    """Delete a meeting with its text and audio; one that is live must be ended first."""
    if not await delete_meeting(rooms_of(request), meeting_id):
        raise Conflict("the meeting is live: end it before you delete it")
    return Response(status_code=204)
