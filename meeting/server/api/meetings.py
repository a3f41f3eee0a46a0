"""Meetings: made, listed, shown, renamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated, TypedDict

from fastapi import Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from meeting.core.access import LINK_ROLES, digest
from meeting.core.ids import new_id
from meeting.core.messages import JsonObject
from meeting.core.records import Meeting, Source, State, display_name, iso_time
from meeting.live.rooms import Rooms
from meeting.server.api.context import authenticator_of, changing, grant_of, meeting_url, rooms_of, store_of
from meeting.server.api.description import VISIBLE, meetings_router
from meeting.server.api.hotwords import Terms
from meeting.session.events import TitleChanged
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from pipelines.types import MAX_SPEAKERS, SPEAKER_COUNT, SPEAKER_COUNT_FORM, ModelInfo, Speaker, SpeakerCount, seconds

router = meetings_router()


Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


Number = Annotated[int, Field(strict=True, ge=1, le=MAX_SPEAKERS)]
Range = Annotated[str, StringConstraints(pattern=f"^{SPEAKER_COUNT}$", max_length=20)]


def _explained(told: object, validated: Callable[[object], object]) -> object:
    try:
        return validated(told)
    except ValidationError as error:  # which tells of each kind that it is not
        raise PydanticCustomError("speaker_count", SPEAKER_COUNT_FORM) from error


People = Annotated[Number | Range | None, WrapValidator(_explained)]
"""How many people speak; None where nobody says"""


class NewMeeting(BaseModel):
    """A meeting to be held."""

    model_config = ConfigDict(extra="forbid")
    title: Title | None = None
    hotwords: Terms = []
    """Names and terms that are likely to be said"""
    speakers: People = None
    """How many people speak: 4, or "2-5" for from two to five"""


class TitleChange(BaseModel):
    """A meeting's new title."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), VISIBLE]


class Created(TypedDict):
    """A meeting that was made."""

    id: str
    title: str
    state: State
    links: dict[str, str]
    """By the names of their roles"""


class Voice(TypedDict):
    """A voice of a meeting."""

    id: str
    name: str | None
    label: str
    color: int
    merged_into: str | None
    recognized: bool
    """Whether the name is that of a voice that is kept, and nobody has confirmed it"""


class Entry(TypedDict):
    """A meeting as it is listed and shown; times in UTC."""

    id: str
    title: str
    state: State
    created_at: str | None
    started_at: str | None
    ended_at: str | None
    duration: float
    """Seconds of audio"""
    segments: int
    speakers: list[str] | list[Voice]
    """In the list their names"""
    models: ModelInfo


class Listing(TypedDict):
    """A page of the list."""

    meetings: list[Entry]
    next: str | None
    """What to ask for to get the page after; null for the last one"""


class SourceAudio(TypedDict):
    """What a source sent."""

    encoding: str
    sample_rate: int
    channels: int
    kept: bool


class SourceFacts(TypedDict):
    """A source of a meeting."""

    id: str
    name: str
    kind: str
    number: int
    """Its place in the order in which sources began"""
    state: str
    """"live", "away", "ending" or "ended" """
    muted: bool
    audio: SourceAudio
    language: str | None
    translate: bool
    """Whether its lines were asked for in English, whatever is spoken"""
    duration: float


class Details(Entry):
    """One meeting."""

    sources: list[SourceFacts]
    role: str
    """Of who asks"""
    expected_speakers: str | None
    """How many people speak as whoever made it has said, such as "4" or "2-5" """
    tokens: bool
    """Whether this server asks for tokens"""
    notes_changed_at: str | None
    """When something last became of its notes; null where nobody has asked for any"""


class Renamed(TypedDict):
    """A meeting with its new title."""

    id: str
    title: str


@router.post("", status_code=201, response_model=JsonObject)
async def create(request: Request, body: NewMeeting | None = None) -> Created:
    """A new meeting, open for its first source; its links carry tokens where such are asked for, told only now."""
    problem = rooms_of(request).disk.full_reason()
    if problem is not None:
        raise StoreError(problem)
    now = datetime.now(timezone.utc)
    title = (body.title if body else None) or f"Meeting, {now.astimezone():%Y-%m-%d %H:%M}"
    hotwords = tuple(body.hotwords) if body else ()
    meeting = Meeting(
        new_id(), title, State.OPEN, now, hotwords=hotwords, speakers=speaker_count(body) if body else None
    )
    await asyncio.wrap_future(store_of(request).create_meeting(meeting))
    if authenticator_of(request).required:
        invited = await authenticator_of(request).create_links(meeting.id, LINK_ROLES.values())
        links = {link.role.name.lower(): meeting_url(request, meeting.id, token) for token, link in invited.items()}
    else:
        links = dict.fromkeys(LINK_ROLES, meeting_url(request, meeting.id))
    return {"id": meeting.id, "title": meeting.title, "state": meeting.state, "links": links}


@router.get("", response_model=JsonObject)
def index(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: str | None = None,
    title: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[list[State] | None, Query()] = None,
) -> Listing:
    """Meetings, newest first; pass `next` as `before` for the page after.

    `title`: only those whose title holds it, whatever is capital; `state`, once or more: only those in one of them.
    """
    store, rooms = store_of(request), rooms_of(request)
    found, following = store.meetings(limit, before, title.strip(), state or ())
    names = TranscriptStore(store).speaker_names([meeting.id for meeting in found])
    return {"meetings": [_entry(one, names.get(one.id, []), rooms) for one in found], "next": following}


@router.get("/{meeting_id}", responses={304: {"description": "nothing has changed, not even a line"}})
def details(request: Request, meeting_id: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """One meeting: state, times, sources, speakers, models, and the role of who asks.

    Its `ETag` changes with all that is seen of the meeting, its lines included.
    """
    record = read_summary(store_of(request), meeting_id)
    room = rooms_of(request).get(meeting_id)
    states = {} if room is None else {source.id: source.state for source in room.session.sources.messages()}
    facts: Details = {
        **_entry(record.meeting, [_voice(speaker) for speaker in record.speakers], rooms_of(request)),
        "sources": [_source(source, states.get(source.id, "ended")) for source in record.sources],
        "expected_speakers": None if record.meeting.speakers is None else str(record.meeting.speakers),
        "role": grant_of(request).role.name.lower(),
        "tokens": authenticator_of(request).required,
        "notes_changed_at": iso_time(record.notes_changed_at),
    }
    tag = f'"{digest(json.dumps([facts, record.lines]))[:32]}"'
    headers = {"ETag": tag, "Vary": "Authorization"}
    if if_none_match is not None and tag in (one.strip().removeprefix("W/") for one in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return JSONResponse(facts, headers=headers)


@router.patch("/{meeting_id}", response_model=JsonObject)
async def rename(request: Request, meeting_id: str, change: TitleChange) -> Renamed:
    """Give a meeting another title."""
    async with changing(request, meeting_id) as store:
        await asyncio.wrap_future(store.rename_meeting(meeting_id, change.title))
        await rooms_of(request).tell(meeting_id, TitleChanged(change.title))
    return {"id": meeting_id, "title": change.title}


def speaker_count(body: NewMeeting) -> SpeakerCount | None:
    """How many people will speak, where that is said."""
    return None if body.speakers is None else SpeakerCount.parse(str(body.speakers))


def _entry(meeting: Meeting, speakers: list[str] | list[Voice], rooms: Rooms) -> Entry:
    room = rooms.get(meeting.id)
    samples = room.session.samples if room is not None else meeting.samples
    return {
        "id": meeting.id,
        "title": meeting.title,
        "state": meeting.state,
        "created_at": iso_time(meeting.created_at),
        "started_at": iso_time(meeting.started_at),
        "ended_at": iso_time(meeting.ended_at),
        "duration": seconds(samples),
        "segments": meeting.segments,
        "speakers": speakers,
        "models": meeting.models,
    }


def _voice(speaker: Speaker) -> Voice:
    return {
        "id": speaker.id,
        "name": speaker.name,
        "label": display_name(speaker),
        "color": speaker.color,
        "merged_into": speaker.merged_into,
        "recognized": speaker.recognized,
    }


def _source(source: Source, state: str) -> SourceFacts:
    return {
        "id": source.id,
        "name": source.name,
        "kind": source.kind,
        "number": source.number,
        "state": state,
        "muted": source.muted,
        "audio": {
            "encoding": source.encoding,
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "kept": source.audio is not None,
        },
        "language": source.language,
        "translate": source.translate,
        "duration": seconds(source.samples),
    }
