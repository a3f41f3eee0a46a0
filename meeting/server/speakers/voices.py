"""Voices that people asked to be remembered: remembered by the hosts of a meeting, listed with the server's token."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from meeting.core.messages import JsonObject
from meeting.core.records import iso_time
from meeting.live.recognition.known_voices import KnownVoices
from meeting.server.api.context import rooms_of
from meeting.server.api.description import PROBLEMS, VISIBLE
from meeting.voices.matching import VoiceProfile

router = APIRouter(tags=["voices"], responses=PROBLEMS)


class VoiceChange(BaseModel):
    """What is to change about a voice that is kept."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), VISIBLE]


class VoiceFacts(TypedDict):
    """A voice that is kept."""

    id: str
    name: str
    model: str
    """Name of the embedding model that made it"""
    seconds: float
    """Speech that it was made of"""


class ListedVoice(VoiceFacts):
    """A voice in the list."""

    created_at: str | None
    meetings: int
    """In how many of those that are kept it was heard"""
    used: bool
    """False where another embedding model serves now, with which it cannot be compared"""


class Listing(TypedDict):
    """All voices."""

    voices: list[ListedVoice]


class Remembered(TypedDict):
    """Whether a voice of a meeting was asked to be remembered there."""

    voice: VoiceFacts | None


def voices_of(request: Request) -> KnownVoices:
    """Who knows the voices."""
    voices: KnownVoices = request.app.state.voices
    return voices


@router.get("/api/voices", response_model=JsonObject)
def index(request: Request) -> Listing:
    """All voices that are kept, by name."""
    models = rooms_of(request).services.engine.models
    serving = models.get("embedding") if models else None
    return {
        "voices": [
            {
                **_facts(one.profile),
                "created_at": iso_time(one.created_at),
                "meetings": one.meetings,
                "used": serving in (None, one.profile.model),
            }
            for one in voices_of(request).store.list()
        ]
    }


@router.patch("/api/voices/{voice_id}", status_code=204)
async def rename(request: Request, voice_id: str, change: VoiceChange) -> Response:
    """Give a voice another name, from now on: what meetings that are over call it stays."""
    await voices_of(request).rename(voice_id, change.name)
    return Response(status_code=204)


@router.delete("/api/voices/{voice_id}", status_code=204)
async def forget(request: Request, voice_id: str) -> Response:
    """Forget a voice: what was kept of how it sounds is gone at once."""
    await voices_of(request).forget(voice_id)
    return Response(status_code=204)


@router.get("/api/meetings/{meeting_id}/speakers/{speaker_id}/voice", response_model=JsonObject)
async def show(request: Request, meeting_id: str, speaker_id: str) -> Remembered:
    """Whether somebody asked here to remember the voice of a speaker."""
    found = await asyncio.to_thread(voices_of(request).store.made_from, meeting_id, speaker_id)
    return {"voice": None if found is None else _facts(found)}


@router.put("/api/meetings/{meeting_id}/speakers/{speaker_id}/voice", response_model=JsonObject)
async def remember(request: Request, meeting_id: str, speaker_id: str) -> Remembered:
    """Remember how a speaker sounds, under the name that it has: later meetings show that where it is recognised."""
    return {"voice": _facts(await voices_of(request).remember(meeting_id, speaker_id))}


@router.delete("/api/meetings/{meeting_id}/speakers/{speaker_id}/voice", status_code=204)
async def forget_here(request: Request, meeting_id: str, speaker_id: str) -> Response:
    """Forget a voice that somebody asked here to remember."""
    await voices_of(request).forget_made_from(meeting_id, speaker_id)
    return Response(status_code=204)


def _facts(profile: VoiceProfile) -> VoiceFacts:
    return {"id": profile.id, "name": profile.name, "model": profile.model, "seconds": round(profile.seconds, 1)}
