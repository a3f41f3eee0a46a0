"""What people correct in a meeting: names of voices, lines of the transcript."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from meeting.core.editing.edits import SegmentChange, SpeakerChange
from meeting.core.messages import JsonObject, as_dict
from meeting.server.api.context import rooms_of
from meeting.server.api.description import VISIBLE, Id, meetings_router, one_of
from pipelines.errors import MeetingError

router = meetings_router()


class SpeakerEdit(BaseModel):
    """What a person sets about a voice; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=one_of("name", "merge_into"))
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None
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
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), VISIBLE] | None = (
        None
    )


@router.patch("/{meeting_id}/speakers/{speaker_id}")
async def edit_speaker(request: Request, meeting_id: str, speaker_id: str, body: SpeakerEdit) -> JsonObject:
    """Name a voice, or make it one with another; all voices as they are then."""
    rename = "name" in body.model_fields_set
    if not rename and body.merge_into is None:
        raise MeetingError("give a name, or merge_into")
    change = SpeakerChange(speaker_id, rename, body.name or None, body.merge_into)
    return {"speakers": [as_dict(voice) for voice in await rooms_of(request).edit(meeting_id, change)]}


@router.patch("/{meeting_id}/segments/{segment_id}")
async def edit_segment(request: Request, meeting_id: str, segment_id: str, body: SegmentEdit) -> JsonObject:
    """Give a line to another voice, or write what was said; the line as it is then. 409 when it changed meanwhile."""
    relabel = "speaker" in body.model_fields_set
    if not relabel and body.text is None:
        raise MeetingError("give a speaker, or a text")
    change = SegmentChange(segment_id, body.rev, relabel, body.speaker, body.text)
    (line,) = await rooms_of(request).edit(meeting_id, change)
    return as_dict(line)
