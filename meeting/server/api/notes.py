"""A meeting's notes by a language model: shown to its readers, made and removed by its hosts."""

from __future__ import annotations

import asyncio
from typing import TypedDict

from fastapi import Request
from fastapi.responses import Response

from meeting.core.error_text import client_message
from meeting.core.errors import Conflict
from meeting.core.export import notes_facts
from meeting.core.messages import JsonObject
from meeting.core.records import NotesState, State
from meeting.server.api.context import notes_of, store_of
from meeting.server.api.description import meetings_router
from meeting.storage.summary import read_summary

router = meetings_router()


class Progress(TypedDict):
    """How far notes are that are being made."""

    done: int
    parts: int
    """0 while others are made first"""


class NotesFacts(TypedDict):
    """A meeting's notes, and what becomes of them."""

    endpoint: JsonObject | None
    """Where the transcript would go: `host`, `model`, `local`, `encrypted`; null where notes are off"""
    state: NotesState | None
    """Null where nobody has asked for notes"""
    problem: str | None
    """Why the last ones failed"""
    progress: Progress | None
    notes: JsonObject | None
    """The last ones that were finished, as in the JSON export"""
    outdated: bool
    """Whether the transcript has changed since those"""


@router.get("/{meeting_id}/notes", response_model=JsonObject)
async def show(request: Request, meeting_id: str) -> NotesFacts:
    """The notes, and where the transcript would go if others were made."""
    jobs, store = notes_of(request), store_of(request)
    kept = await asyncio.to_thread(jobs.status, meeting_id)
    # One that has just stored its outcome is still there for a moment.
    job = jobs.job(meeting_id) if kept is not None and kept.state is NotesState.RUNNING else None
    notes = kept.notes if kept is not None else None
    summary = await asyncio.to_thread(read_summary, store, meeting_id)
    return {
        "endpoint": jobs.endpoint.told() if jobs.endpoint is not None else None,
        "state": kept.state if kept is not None else None,
        "problem": client_message(kept.problem, store.data_dir) if kept is not None and kept.problem else None,
        "progress": {"done": job.done, "parts": job.parts} if job is not None else None,
        "notes": notes_facts(notes) if notes is not None else None,
        "outdated": notes is not None and notes.fingerprint != summary.fingerprint,
    }


@router.post("/{meeting_id}/notes", status_code=202, response_model=JsonObject)
async def make(request: Request, meeting_id: str) -> NotesFacts:
    """Send the transcript to the language model of the settings, and make notes of what comes back."""
    meeting = await asyncio.to_thread(store_of(request).meeting, meeting_id)
    if meeting.state != State.ENDED:
        raise Conflict("notes can be made once the meeting has ended")
    await notes_of(request).start(meeting_id)
    return await show(request, meeting_id)


@router.delete("/{meeting_id}/notes", status_code=204)
async def remove(request: Request, meeting_id: str) -> Response:
    """Stop making notes, where earlier ones stay; or else forget those that there are. The transcript stays."""
    await notes_of(request).remove(meeting_id)
    return Response(status_code=204)
