"""Search over all meetings that whoever asks may read."""

from __future__ import annotations

from typing import Annotated, TypedDict

from fastapi import APIRouter, Query, Request

from meeting.core.access import Role
from meeting.core.errors import Forbidden
from meeting.core.messages import JsonObject
from meeting.core.records import iso_time
from meeting.server.api.context import grant_of, store_of
from meeting.server.api.description import PROBLEMS
from meeting.storage.search.query import MAX_HITS, Hit, parse_search
from meeting.storage.search_store import SearchStore
from pipelines.types import seconds

router = APIRouter(tags=["search"], responses=PROBLEMS)


class Found(TypedDict):
    """A line that was found."""

    meeting: str
    title: str
    began: str | None
    segment: str
    start: float
    """Seconds"""
    end: float
    speaker: str | None
    speaker_name: str
    excerpt: str
    marks: list[tuple[int, int]]
    """Where the words stand in the excerpt"""


class Findings(TypedDict):
    """A page of hits."""

    hits: list[Found]
    next: str | None
    """What to ask for as `cursor` to get the page after; null for the last one"""


@router.get("/api/search", response_model=JsonObject)
def search(
    request: Request,
    q: str,
    speaker: str | None = None,
    since: str | None = None,
    until: str | None = None,
    meeting: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_HITS)] = 20,
    cursor: str | None = None,
) -> Findings:
    """Lines that hold all words of `q`, last said first; pass `next` as `cursor` for the page after.

    A link finds what was said in its own meeting.
    """
    wanted = parse_search(q, speaker or None, since, until, searchable(request, meeting or None))
    page = SearchStore(store_of(request)).search(wanted, limit, cursor or None)
    return {"hits": [found(hit) for hit in page.hits], "next": page.next}


def searchable(request: Request, meeting_id: str | None) -> str | None:
    """The meeting to search, None for all; a link's own where it names none. Raises Forbidden."""
    grant = grant_of(request)
    if meeting_id is None and grant.link is not None:
        meeting_id = grant.link.meeting_id
    if not grant.allows(Role.VIEW, meeting_id):
        raise Forbidden("your link does not open this meeting")
    return meeting_id


def found(hit: Hit) -> Found:
    """A hit as programs are told it."""
    return {
        "meeting": hit.meeting_id,
        "title": hit.title,
        "began": iso_time(hit.began),
        "segment": hit.segment_id,
        "start": seconds(hit.span.start),
        "end": seconds(hit.span.end),
        "speaker": hit.speaker,
        "speaker_name": hit.speaker_name,
        "excerpt": hit.excerpt,
        "marks": list(hit.marks),
    }
