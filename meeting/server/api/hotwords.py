"""Names and terms that are likely to be said in a meeting: for its hosts to see and to change, also while it runs."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meeting.core.messages import MAX_HOTWORD_LENGTH, MAX_HOTWORDS, JsonObject
from meeting.server.api.context import changing, rooms_of, store_of
from meeting.server.api.description import VISIBLE, meetings_router
from meeting.session.events import HotwordsChanged

router = meetings_router()

Term = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_HOTWORD_LENGTH), VISIBLE]
Terms = Annotated[list[Term], Field(max_length=MAX_HOTWORDS)]


class TermsChange(BaseModel):
    """Terms that are likely to be said, in the place of those before."""

    model_config = ConfigDict(extra="forbid")
    hotwords: Terms


class Expected(TypedDict):
    """What a meeting expects."""

    hotwords: list[str]


@router.get("/{meeting_id}/hotwords", response_model=JsonObject)
def show(request: Request, meeting_id: str) -> Expected:
    """Terms that are likely to be said."""
    return {"hotwords": list(store_of(request).meeting(meeting_id).hotwords)}


@router.put("/{meeting_id}/hotwords", response_model=JsonObject)
async def change(request: Request, meeting_id: str, change: TermsChange) -> Expected:
    """Say which terms are likely to be said; while the meeting runs what is said next is recognised with them."""
    hotwords = tuple(change.hotwords)
    async with changing(request, meeting_id) as store:
        await asyncio.wrap_future(store.set_hotwords(meeting_id, hotwords))
        await rooms_of(request).tell(meeting_id, HotwordsChanged(hotwords))
    return {"hotwords": list(hotwords)}
