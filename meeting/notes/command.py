"""`python -m meeting notes`: notes of one meeting, made here and kept, whether or not a server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meeting.config.settings import Notes
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.export import notes_markdown
from meeting.core.records import State
from meeting.notes.endpoint import Endpoint, endpoint_of
from meeting.notes.note_taking import take_notes
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import SettingsError


def make_notes(store: Store, settings: Notes, wanted: str, tell: Callable[[str], None]) -> str:
    """Make and keep notes of a meeting that is over, as Markdown; `tell` is told where text goes before it goes.

    Raises NotFound, SettingsError, Conflict, NotesError and StoreError.
    """
    endpoint = endpoint_of(settings)
    if endpoint is None:
        raise SettingsError("no language model is set: set notes.url and notes.model")
    meeting = store.find(wanted)
    if meeting.state != State.ENDED:
        raise Conflict("notes can be made once the meeting has ended", ErrorCode.LIVE)
    fingerprint = read_summary(store, meeting.id).fingerprint
    record = TranscriptStore(store).record(meeting.id)
    tell(where(endpoint))

    async def on_progress(done: int, parts: int) -> None:
        tell(f"part {done + 1} of {parts}" if done < parts else "putting the parts together")

    notes = asyncio.run(take_notes(record, fingerprint, endpoint, settings, on_progress))
    NotesStore(store).save(meeting.id, notes).result()
    return "\n".join(notes_markdown(notes)).lstrip() + "\n"


def where(endpoint: Endpoint) -> str:
    """Where text goes, in a sentence."""
    machine = "this machine" if endpoint.local else "another machine"
    way = "" if endpoint.encrypted else ", without encryption"
    return f"the transcript is sent to {endpoint.model} at {endpoint.host}, {machine}{way}"
