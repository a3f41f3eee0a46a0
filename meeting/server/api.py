"""The HTTP API: meetings as JSON, their transcripts, exports and audio."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meeting.core import export as exports
from meeting.core.access import LINK_ROLES, Grant, Link, digest
from meeting.core.edits import SegmentChange, SpeakerChange
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.ids import new_id
from meeting.core.messages import as_dict
from meeting.core.records import Meeting, Source, State, display_name, iso_time
from meeting.delivery.archive import File
from meeting.live.retention import remove_meeting
from meeting.live.rooms import Rooms
from meeting.server.security.auth import Authenticator
from meeting.storage.store import Store
from meeting.storage.summary import Summary, read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, NotFound, StoreError
from pipelines.types import seconds


class Reason(BaseModel):
    """Why something was refused."""

    code: str
    """For programs"""
    message: str
    """A sentence for people"""


class Problem(BaseModel):
    """The body of every answer that is an error."""

    error: Reason


REFUSALS = {
    400: "what was asked for makes no sense",
    401: "no token, or a wrong one",
    403: "the token does not allow this",
    404: "there is no such thing",
    409: "it cannot be done as things are now",
    422: "the request does not have the form that is described here",
    429: "too many wrong tokens",
    503: "not now: the disk, the database or the models",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in REFUSALS.items()
}
"""How the description of the API tells of errors"""

router = APIRouter(prefix="/api/meetings", tags=["meetings"], responses=PROBLEMS)

FORMAT = Query(json_schema_extra={"enum": sorted(exports.FORMATS)})
FILES: dict[str, Any] = {kind.content_type.partition(";")[0]: {} for kind in exports.FORMATS.values()}
SOUND: dict[str, Any] = {"description": "The sound, or the part asked for", "content": {"audio/flac": {}}}
NO_RANGE: dict[str, Any] = {"description": "There is no such part", "content": {"text/plain": {}}}

YEAR = 365 * 86_400
MOST_LINKS = 200
"""LinkStore that one meeting may have"""

Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
VISIBLE = Field(json_schema_extra={"pattern": r"\S"})
"""For texts that may not be blank: spaces around them are taken away before they are measured"""


def _some(*names: str) -> dict[str, Any]:
    """For a body that must hold one of these at least."""
    return {"anyOf": [{"required": [name]} for name in names]}


class NewMeeting(BaseModel):
    """A meeting to be held."""

    model_config = ConfigDict(extra="forbid")
    title: Title | None = None


class TitleChange(BaseModel):
    """A meeting's new title."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), VISIBLE]


class NewLink(BaseModel):
    """A link into a meeting."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["host", "speak", "view"]
    expires_in: Annotated[float, Field(ge=60, le=YEAR)] | None = None
    """Seconds; null for as long as the meeting is kept"""


class SpeakerEdit(BaseModel):
    """What a person sets about a voice; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_some("name", "merge_into"))
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None
    """Null or empty takes the name away"""
    merge_into: Id | None = None
    """The voice that this one is the same as"""


class SegmentEdit(BaseModel):
    """What a person sets about a line; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_some("speaker", "text"))
    rev: int
    """The revision that the person saw"""
    speaker: Id | None = None
    """Null for a voice that is not known"""
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), VISIBLE] | None = (
        None
    )


def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


def _grant(request: Request) -> Grant:
    grant: Grant = request.state.grant
    return grant


def _store(request: Request) -> Store:
    return _rooms(request).store


@router.post("", status_code=201)
async def create(request: Request, body: NewMeeting | None = None) -> dict[str, Any]:
    """A new meeting, open for its first source; its links carry tokens where such are asked for, told only now."""
    problem = _rooms(request).disk_full_reason()
    if problem is not None:
        raise StoreError(problem)
    now = datetime.now(timezone.utc)
    title = (body.title if body else None) or f"Meeting, {now.astimezone():%Y-%m-%d %H:%M}"
    meeting = Meeting(new_id(), title, State.OPEN, now)
    await asyncio.wrap_future(_store(request).create_meeting(meeting))
    if _authenticator(request).required:
        invited = await _authenticator(request).create_links(meeting.id, LINK_ROLES.values())
        links = {link.role.name.lower(): _address(request, meeting.id, token) for token, link in invited.items()}
    else:
        links = dict.fromkeys(LINK_ROLES, _address(request, meeting.id))
    return {"id": meeting.id, "title": meeting.title, "state": meeting.state, "links": links}


@router.get("")
def index(
    request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, before: str | None = None
) -> dict[str, Any]:
    """Meetings, newest first; pass `next` as `before` for the page after."""
    store, rooms = _store(request), _rooms(request)
    try:
        found, following = store.meetings(limit, before)
    except StoreError as error:
        if isinstance(error.__cause__, ValueError):  # not a fault of the store: `before` is no cursor
            raise MeetingError(str(error)) from error
        raise
    names = TranscriptStore(store).speaker_names([meeting.id for meeting in found])
    return {"meetings": [_entry(m, names.get(m.id, []), rooms) for m in found], "next": following}


@router.get("/{meeting_id}", responses={304: {"description": "nothing has changed, not even a line"}})
def details(request: Request, meeting_id: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """One meeting: state, times, sources, speakers, models, and the role of who asks.

    Its `ETag` changes with all that is seen of the meeting, its lines included.
    """
    record = read_summary(_store(request), meeting_id)
    speakers = [
        {"id": s.id, "name": s.name, "label": display_name(s), "color": s.color, "merged_into": s.merged_into}
        for s in record.speakers
    ]
    facts = {
        **_entry(record.meeting, speakers, _rooms(request)),
        "sources": [_source(source) for source in record.sources],
        "role": _grant(request).role.name.lower(),
        "tokens": _authenticator(request).required,
    }
    tag = f'"{digest(json.dumps([facts, record.revisions]))[:32]}"'
    headers = {"ETag": tag, "Vary": "Authorization"}
    if if_none_match is not None and tag in (one.strip().removeprefix("W/") for one in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return JSONResponse(facts, headers=headers)


@router.patch("/{meeting_id}")
async def rename(request: Request, meeting_id: str, change: TitleChange) -> dict[str, Any]:
    """Give a meeting another title."""
    await asyncio.wrap_future(_store(request).rename_meeting(meeting_id, change.title))
    _rooms(request).rename(meeting_id, change.title)
    return {"id": meeting_id, "title": change.title}


@router.patch("/{meeting_id}/speakers/{speaker_id}")
async def edit_speaker(request: Request, meeting_id: str, speaker_id: str, body: SpeakerEdit) -> dict[str, Any]:
    """Name a voice, or make it one with another; all voices as they are then."""
    rename = "name" in body.model_fields_set
    if not rename and body.merge_into is None:
        raise MeetingError("give a name, or merge_into")
    change = SpeakerChange(speaker_id, rename, body.name or None, body.merge_into)
    return {"speakers": [as_dict(voice) for voice in await _rooms(request).edit(meeting_id, change)]}


@router.patch("/{meeting_id}/segments/{segment_id}")
async def edit_segment(request: Request, meeting_id: str, segment_id: str, body: SegmentEdit) -> dict[str, Any]:
    """Give a line to another voice, or write what was said; the line as it is then. 409 when it changed meanwhile."""
    relabel = "speaker" in body.model_fields_set
    if not relabel and body.text is None:
        raise MeetingError("give a speaker, or a text")
    change = SegmentChange(segment_id, body.rev, relabel, body.speaker, body.text)
    (line,) = await _rooms(request).edit(meeting_id, change)
    return as_dict(line)


@router.post("/{meeting_id}/end")
async def end(request: Request, meeting_id: str) -> dict[str, Any]:
    """End a meeting, also while its source is away; what was received is kept and finished."""
    return {"id": meeting_id, "state": await _rooms(request).end(meeting_id)}


@router.delete("/{meeting_id}", status_code=204)
async def remove(request: Request, meeting_id: str) -> Response:
    """Delete a meeting with its text and audio; one that is live must be ended first."""
    if not await remove_meeting(_rooms(request), meeting_id):
        raise Conflict("the meeting is live: end it before you delete it")
    return Response(status_code=204)


@router.get("/{meeting_id}/transcript")
async def transcript(request: Request, meeting_id: str) -> Response:
    """The transcript so far, as in the JSON export."""
    return _download(await _rooms(request).archive.file(meeting_id, "json"), "application/json", {})


@router.get("/{meeting_id}/export", response_class=Response, responses={200: {"content": FILES}})
async def export(request: Request, meeting_id: str, format: Annotated[str, FORMAT]) -> Response:
    """The transcript as a file: srt, vtt, json, txt, md, rttm or seglst."""
    kind = exports.format_named(format)
    file = await _rooms(request).archive.file(meeting_id, format)
    name = re.sub(r"[^A-Za-z0-9]+", "-", file.title).strip("-").lower()[:60] or meeting_id
    return _download(file, kind.content_type, {"Content-Disposition": f'attachment; filename="{name}{kind.suffix}"'})


def _download(file: File, content_type: str, headers: dict[str, str]) -> Response:
    # Handed on in pieces: however many take it slowly, nothing of it waits in memory for each of them.
    length = {"Content-Length": str(len(file.data))}
    return StreamingResponse(file.chunks(), media_type=content_type, headers={**headers, **length})


@router.get("/{meeting_id}/audio", response_class=Response, responses={200: SOUND, 206: SOUND, 416: NO_RANGE})
def audio(request: Request, meeting_id: str, source: str | None = None) -> Response:
    """A source's sound as FLAC; ranges may be asked for."""
    store = _store(request)
    record = read_summary(store, meeting_id)
    if _rooms(request).busy(meeting_id):
        raise Conflict("the meeting is live: its audio can be had once it has ended")
    found = _with_audio(record, source)
    path = store.files.audio_path(meeting_id, found.id)
    if not path.is_file():
        raise NotFound("the audio of this meeting is no longer there")
    return FileResponse(path, media_type="audio/flac")


@router.get("/{meeting_id}/links")
def links(request: Request, meeting_id: str) -> dict[str, Any]:
    """The links into a meeting, oldest first; their tokens are not known any more."""
    _store(request).meeting(meeting_id)
    own = _grant(request).link
    found = _authenticator(request).links(meeting_id)
    return {"links": [{**_link(link), "mine": own is not None and own.id == link.id} for link in found]}


@router.post("/{meeting_id}/links", status_code=201)
async def invite(request: Request, meeting_id: str, body: NewLink) -> dict[str, Any]:
    """A new link; its address is told only now."""
    authenticator = _authenticator(request)
    await asyncio.to_thread(_store(request).meeting, meeting_id)
    if not authenticator.required:
        raise Conflict("this server asks for no tokens: a meeting's address is its link", ErrorCode.NO_TOKENS)
    if len(await asyncio.to_thread(authenticator.links, meeting_id)) >= MOST_LINKS:
        raise Conflict(f"a meeting has at most {MOST_LINKS} links: revoke some first", ErrorCode.TOO_MANY)
    ((token, link),) = (await authenticator.create_links(meeting_id, [LINK_ROLES[body.role]], body.expires_in)).items()
    return {**_link(link), "url": _address(request, meeting_id, token)}


@router.delete("/{meeting_id}/links/{link_id}", status_code=204)
async def revoke(request: Request, meeting_id: str, link_id: str) -> Response:
    """Make a link worthless; whoever is in the meeting with it is sent out."""
    await _authenticator(request).revoke(meeting_id, link_id)
    return Response(status_code=204)


def _with_audio(record: Summary, source_id: str | None) -> Source:
    found = [source for source in record.sources if source.audio is not None and source_id in (None, source.id)]
    if not found:
        raise NotFound("no such audio was kept for this meeting")
    # A source whose server died before it could speak is there as well, with nothing in it.
    return max(found, key=lambda source: source.samples)


def _entry(meeting: Meeting, speakers: list[Any], rooms: Rooms) -> dict[str, Any]:
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


def _source(source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "name": source.name,
        "kind": source.kind,
        "audio": {
            "encoding": source.encoding,
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "kept": source.audio is not None,
        },
        "language": source.language,
        "duration": seconds(source.samples),
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "id": link.id,
        "role": link.role.name.lower(),
        "created_at": iso_time(link.created_at),
        "expires_at": iso_time(link.expires_at),
    }


def _address(request: Request, meeting_id: str, token: str | None = None) -> str:
    root: str = request.app.state.forwarding.root_path
    # A fragment stays in the browser: it is in no request, log or Referer.
    return f"{root}/m/{meeting_id}" + (f"#t={token}" if token else "")
