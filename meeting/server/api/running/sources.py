"""The sources of a live meeting: a host mutes one, or ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from meeting.core.errors import Conflict, ErrorCode
from meeting.core.messages import JsonObject, SourceMessage, as_dict
from meeting.server.api.context import changing, rooms_of, store_of
from meeting.server.api.description import Id, meetings_router
from meeting.session.events import Event, MuteRequested, RemoveRequested

router = meetings_router()


class SourceChange(BaseModel):
    """What a host sets about a source."""

    model_config = ConfigDict(extra="forbid")
    muted: bool
    """Whether silence is kept and heard in the place of what it sends"""


@router.patch("/{meeting_id}/sources/{source_id}", response_model=JsonObject)
async def change_source(request: Request, meeting_id: str, source_id: Id, change: SourceChange) -> JsonObject:
    """Mute a source of a live meeting, or let it be heard again."""
    source = await _ask(request, meeting_id, lambda ticket: MuteRequested(ticket, source_id, change.muted))
    return as_dict(source)


@router.delete("/{meeting_id}/sources/{source_id}", status_code=204)
async def remove_source(request: Request, meeting_id: str, source_id: Id) -> Response:
    """End one source of a live meeting; what was heard of it stays. With the last one the meeting ends."""
    await _ask(request, meeting_id, lambda ticket: RemoveRequested(ticket, source_id))
    return Response(status_code=204)


async def _ask(request: Request, meeting_id: str, change: Callable[[int], Event]) -> SourceMessage:
    await asyncio.to_thread(store_of(request).meeting, meeting_id)
    room = rooms_of(request).get(meeting_id)
    told = None if room is None else await room.ask(change)
    if told is None:
        async with changing(request, meeting_id):  # another server may have had it since the request came
            raise Conflict("the meeting is not live, so that none of its sources can be changed", ErrorCode.NOT_LIVE)
    return next(one for one in told if isinstance(one, SourceMessage))
