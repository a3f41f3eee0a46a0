"""What people correct in a meeting: names of voices, lines of the transcript; and how they take that back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meeting.core.editing.changes import (
    Change,
    JoinChange,
    LinesChange,
    SeenLine,
    SegmentChange,
    SpeakerChange,
    SplitChange,
    Undo,
)
from meeting.core.editing.edits import MAX_LINES
from meeting.core.ids import new_id
from meeting.core.messages import JsonObject, SegmentMessage, ServerMessage, SpeakerMessage, as_dict
from meeting.server.api.context import rooms_of, store_of
from meeting.server.api.description import VISIBLE, Id, meetings_router, one_of
from meeting.storage.edit_store import EditStore
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError

router = meetings_router()

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), VISIBLE]


class SpeakerEdit(BaseModel):
    """What a person sets about a voice; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_of("name", "merge_into"))
    name: Name | None = None
    """Null or empty takes the name away"""
    merge_into: Id | None = None
    """The voice that this one is the same as"""


class SegmentEdit(BaseModel):
    """What a person sets about a line; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_of("speaker", "text"))
    rev: int
    """The revision that the person saw"""
    speaker: Id | None = None
    """Null for a voice that is not known"""
    text: Text | None = None


class Seen(BaseModel):
    """A line as a person saw it."""

    model_config = ConfigDict(extra="forbid")
    id: Id
    rev: int


class LinesEdit(BaseModel):
    """Lines that go to a voice, all of them or none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_of("speaker", "new_speaker"))
    lines: Annotated[list[Seen], Field(min_length=1, max_length=MAX_LINES)]
    speaker: Id | None = None
    """Null for a voice that is not known"""
    new_speaker: Annotated[Name, StringConstraints(min_length=1), VISIBLE] | None = None
    """The name of a voice that there is not yet, in the place of `speaker`"""


class Split(BaseModel):
    """Two lines that one becomes."""

    model_config = ConfigDict(extra="forbid")
    rev: int
    texts: Annotated[list[Text], Field(min_length=2, max_length=2)]
    """What each of them reads"""


class Join(BaseModel):
    """The next line, with which one becomes one."""

    model_config = ConfigDict(extra="forbid")
    rev: int
    next: Id
    next_rev: int


@router.patch("/{meeting_id}/speakers/{speaker_id}")
async def edit_speaker(request: Request, meeting_id: str, speaker_id: str, body: SpeakerEdit) -> JsonObject:
    """Name a voice, or make it one with another; all voices as they are then, and `change`, to be undone by."""
    rename = "name" in body.model_fields_set
    if not rename and body.merge_into is None:
        raise MeetingError("give a name, or merge_into")
    change = SpeakerChange(speaker_id, rename, body.name or None, body.merge_into)
    id_, told = await _edit(request, meeting_id, change)
    return {"speakers": [as_dict(voice) for voice in told], "change": id_}


@router.patch("/{meeting_id}/segments/{segment_id}")
async def edit_segment(request: Request, meeting_id: str, segment_id: str, body: SegmentEdit) -> JsonObject:
    """Give a line to another voice, or write what was said; the line as it is then, and `change`, to be undone by.

    409 when it changed meanwhile.
    """
    relabel = "speaker" in body.model_fields_set
    if not relabel and body.text is None:
        raise MeetingError("give a speaker, or a text")
    id_, (line,) = await _edit(
        request, meeting_id, SegmentChange(segment_id, body.rev, relabel, body.speaker, body.text)
    )
    return {**as_dict(line), "change": id_}


@router.get("/{meeting_id}/segments/{segment_id}")
async def read_segment(request: Request, meeting_id: str, segment_id: str) -> JsonObject:
    """A final line as it reads now, and `recognised_text`: what was recognised, where a person has written another."""
    line, recognised = await asyncio.to_thread(TranscriptStore(store_of(request)).line, meeting_id, segment_id)
    return {**as_dict(SegmentMessage.of(line)), "recognised_text": recognised}


@router.patch("/{meeting_id}/segments")
async def edit_segments(request: Request, meeting_id: str, body: LinesEdit) -> JsonObject:
    """Give several lines to a voice, or to a new one; what they are then, and `change`, to be undone by.

    409 when one of them changed meanwhile: then none is changed.
    """
    if body.new_speaker is None and "speaker" not in body.model_fields_set:
        raise MeetingError("give a speaker, or a new_speaker")
    if body.new_speaker is not None and body.speaker is not None:
        raise MeetingError("give a speaker or a new_speaker, not both")
    lines = tuple(SeenLine(line.id, line.rev) for line in body.lines)
    return _changed(*await _edit(request, meeting_id, LinesChange(lines, body.speaker, body.new_speaker)))


@router.post("/{meeting_id}/segments/{segment_id}/split")
async def split_segment(request: Request, meeting_id: str, segment_id: str, body: Split) -> JsonObject:
    """Make two lines of one; both as they are then, and `change`, to be undone by. 409 when it changed meanwhile."""
    first, second = body.texts
    return _changed(*await _edit(request, meeting_id, SplitChange(segment_id, body.rev, (first, second))))


@router.post("/{meeting_id}/segments/{segment_id}/join")
async def join_segments(request: Request, meeting_id: str, segment_id: str, body: Join) -> JsonObject:
    """Make one line of two that follow each other, said by the voice of the first; both as they are then.

    The second one is withdrawn: it has no text. `change` is to be undone by. 409 when one of them changed meanwhile.
    """
    change = JoinChange(SeenLine(segment_id, body.rev), SeenLine(body.next, body.next_rev))
    return _changed(*await _edit(request, meeting_id, change))


@router.post("/{meeting_id}/changes/{change_id}/undo")
async def undo(request: Request, meeting_id: str, change_id: str) -> JsonObject:
    """Take a change back, one of the last 100: what is then, and `change`, by which this is taken back in its turn.

    409 when what it changed has been changed again since.
    """
    step = await asyncio.to_thread(EditStore(store_of(request)).step, meeting_id, change_id)
    return _changed(*await _edit(request, meeting_id, Undo(step)))


async def _edit(request: Request, meeting_id: str, change: Change) -> tuple[str, tuple[ServerMessage, ...]]:
    id_ = new_id()
    return id_, await rooms_of(request).edit(meeting_id, change, id_)


def _changed(id_: str, told: tuple[ServerMessage, ...]) -> JsonObject:
    lines = [as_dict(one) for one in told if isinstance(one, SegmentMessage)]
    speakers = [as_dict(one) for one in told if isinstance(one, SpeakerMessage)]
    return {"segments": lines, "speakers": speakers, "change": id_}
