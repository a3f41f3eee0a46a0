"""`python -m meeting notes`: notes of one meeting, made here and kept, whether or not a server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meeting.cluster.commands import command_ownership, taken
from meeting.config.settings import Config
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.export import notes_markdown
from meeting.core.records import MeetingNotes, State
from meeting.notes.endpoint import Endpoint, endpoint_of
from meeting.notes.note_taking import take_notes
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import SettingsError

PATIENCE = 600.0
"""Seconds for which a server may have the meeting once its notes were made"""


def make_notes(store: Store, config: Config, wanted: str, tell: Callable[[str], None]) -> str:
    """Make and keep notes of a meeting that is over, as Markdown; `tell` is told where text goes before it goes.

    Raises NotFound, SettingsError, Conflict, NotesError and StoreError.
    """
    endpoint = endpoint_of(config.notes)
    if endpoint is None:
        raise SettingsError("no language model is set: set notes.url and notes.model")
    meeting = store.find(wanted)
    if meeting.state != State.ENDED:
        raise Conflict("notes can be made once the meeting has ended", ErrorCode.LIVE)
    notes = asyncio.run(_make(store, config, meeting.id, endpoint, tell))
    return "\n".join(notes_markdown(notes)).lstrip() + "\n"


async def _make(
    store: Store, config: Config, meeting_id: str, endpoint: Endpoint, tell: Callable[[str], None]
) -> MeetingNotes:
    async with command_ownership(config, store) as ownership:
        async with taken(ownership, meeting_id):  # a server that makes notes of it has it meanwhile
            fingerprint = read_summary(store, meeting_id).fingerprint
            record = TranscriptStore(store).record(meeting_id)
        tell(where(endpoint))

        async def on_progress(done: int, parts: int) -> None:
            tell(f"part {done + 1} of {parts}" if done < parts else "putting the parts together")

        notes = await take_notes(record, fingerprint, endpoint, config.notes, on_progress)
        async with taken(ownership, meeting_id, PATIENCE) as claim:
            await asyncio.wrap_future(NotesStore(claim.store).save(meeting_id, notes))
    return notes


def where(endpoint: Endpoint) -> str:
    """Where text goes, in a sentence."""
    machine = "this machine" if endpoint.local else "another machine"
    way = "" if endpoint.encrypted else ", without encryption"
    return f"the transcript is sent to {endpoint.model} at {endpoint.host}, {machine}{way}"
