"""The HTTP API: meetings as JSON, their transcripts, exports and audio."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from meeting import export as exports
from meeting.records import OPEN, Meeting, Record, Source, display_name
from meeting.rooms import Rooms
from meeting.store import Store, new_id
from pipelines.errors import MeetingError, NotFound, StoreError
from pipelines.types import seconds

router = APIRouter(prefix="/api/meetings", tags=["meetings"])

Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class NewMeeting(BaseModel):
    """A meeting to be held."""

    model_config = ConfigDict(extra="forbid")
    title: Title | None = None


class TitleChange(BaseModel):
    """A meeting's new title."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Conflict(MeetingError):
    """What was asked for cannot be done while the meeting is live."""


def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


def _store(request: Request) -> Store:
    return _rooms(request).store


@router.post("", status_code=201)
async def create(request: Request, body: NewMeeting | None = None) -> dict[str, Any]:
    """A new meeting, open for its first source."""
    now = datetime.now(timezone.utc)
    title = (body.title if body else None) or f"Meeting, {now.astimezone():%Y-%m-%d %H:%M}"
    meeting = Meeting(new_id(), title, OPEN, now)
    await asyncio.wrap_future(_store(request).create_meeting(meeting))
    return {"id": meeting.id, "title": meeting.title, "state": meeting.state, "links": _links(meeting.id)}


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
    names = store.speaker_names([meeting.id for meeting in found])
    return {"meetings": [_entry(m, names.get(m.id, []), rooms) for m in found], "next": following}


@router.get("/{meeting_id}")
def details(request: Request, meeting_id: str) -> dict[str, Any]:
    """One meeting: state, times, sources, speakers, models."""
    record = _store(request).record(meeting_id)
    speakers = [
        {"id": s.id, "name": s.name, "label": display_name(s), "color": s.color, "merged_into": s.merged_into}
        for s in record.speakers
    ]
    return {
        **_entry(record.meeting, speakers, _rooms(request)),
        "sources": [_source(source) for source in record.sources],
        "links": _links(meeting_id),
    }


@router.patch("/{meeting_id}")
async def rename(request: Request, meeting_id: str, change: TitleChange) -> dict[str, Any]:
    """Give a meeting another title."""
    await asyncio.wrap_future(_store(request).rename_meeting(meeting_id, change.title))
    _rooms(request).rename(meeting_id, change.title)
    return {"id": meeting_id, "title": change.title}


@router.delete("/{meeting_id}", status_code=204)
async def remove(request: Request, meeting_id: str) -> Response:
    """Delete a meeting with its text and audio; one that is live must be stopped first."""
    await asyncio.to_thread(_store(request).meeting, meeting_id)
    if not await _rooms(request).dismiss(meeting_id):
        raise Conflict("the meeting is live: stop it before you delete it")
    await asyncio.wrap_future(_store(request).delete_meeting(meeting_id))
    return Response(status_code=204)


@router.get("/{meeting_id}/transcript")
def transcript(request: Request, meeting_id: str) -> Response:
    """The transcript so far, as in the JSON export."""
    text = exports.export(_store(request).record(meeting_id), "json")
    return Response(text, media_type="application/json")


@router.get("/{meeting_id}/export")
def export(request: Request, meeting_id: str, format: str) -> Response:
    """The transcript as a file: srt, vtt, json, txt, md, rttm or seglst."""
    kind = exports.format_named(format)
    record = _store(request).record(meeting_id)
    name = re.sub(r"[^A-Za-z0-9]+", "-", record.meeting.title).strip("-").lower()[:60] or meeting_id
    headers = {"Content-Disposition": f'attachment; filename="{name}{kind.suffix}"'}
    return Response(exports.export(record, format), media_type=kind.content_type, headers=headers)


@router.get("/{meeting_id}/audio")
def audio(request: Request, meeting_id: str, source: str | None = None) -> Response:
    """A source's sound as FLAC; ranges may be asked for."""
    store = _store(request)
    record = store.record(meeting_id)
    if _rooms(request).busy(meeting_id):
        raise Conflict("the meeting is live: its audio can be had once it has ended")
    found = _with_audio(record, source)
    path = store.audio_path(meeting_id, found.id)
    if not path.is_file():
        raise NotFound("the audio of this meeting is no longer there")
    return FileResponse(path, media_type="audio/flac")


def _with_audio(record: Record, source_id: str | None) -> Source:
    for source in record.sources:
        if source.audio is not None and source_id in (None, source.id):
            return source
    raise NotFound("no such audio was kept for this meeting")


def _entry(meeting: Meeting, speakers: list[Any], rooms: Rooms) -> dict[str, Any]:
    room = rooms.get(meeting.id)
    samples = room.session.samples if room is not None else meeting.samples
    return {
        "id": meeting.id,
        "title": meeting.title,
        "state": meeting.state,
        "created_at": _time(meeting.created_at),
        "started_at": _time(meeting.started_at),
        "ended_at": _time(meeting.ended_at),
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


def _links(meeting_id: str) -> dict[str, str]:
    # One page serves all three until there are tokens that tell them apart.
    return {"host": f"/m/{meeting_id}", "speak": f"/m/{meeting_id}", "view": f"/m/{meeting_id}"}


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def problem(status: int, code: str, message: str) -> JSONResponse:
    """An error as every part of the API answers it."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)
