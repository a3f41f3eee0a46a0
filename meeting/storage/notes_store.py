"""The notes of meetings in the database: what has become of them, and the last that were finished; gone with them."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from meeting.core.records import MeetingNotes, NotesState, NotesStatus
from meeting.storage.databases.statements import upsert
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import NotesRow, notes_content


class NotesStore:
    """Keeps notes; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, meeting_id: str) -> NotesStatus | None:
        """What is kept about a meeting's notes; None where nobody has asked for any. Raises NotFound."""
        with self._store.read() as session:
            meeting_row(session, meeting_id)
            return notes_of(session, meeting_id)

    def begin(self, meeting_id: str) -> Future[None]:
        """Notes are being made; finished ones stay until then."""
        return self._store.write(lambda session: upsert(session, NotesRow, [_row(meeting_id, NotesState.RUNNING)]))

    def save(self, meeting_id: str, notes: MeetingNotes) -> Future[None]:
        """Keep finished notes, in the place of those before, of which no trace is left."""
        row = {**_row(meeting_id, NotesState.DONE), "content": notes_content(notes)}
        return self._store.write(lambda session: upsert(session, NotesRow, [row]), erase=True)

    def fail(self, meeting_id: str, problem: str) -> Future[None]:
        """Say why notes were not finished, if they are still being made; finished ones of before stay."""
        failed = {"state": NotesState.FAILED, "problem": problem, "changed_at": datetime.now(timezone.utc)}

        def work(session: Session) -> None:
            running = (NotesRow.meeting_id == meeting_id, NotesRow.state == NotesState.RUNNING)
            session.execute(update(NotesRow).where(*running).values(failed))

        return self._store.write(work)

    def remove(self, meeting_id: str) -> Future[None]:
        """Forget a meeting's notes, if there are any; raises NotFound where there is no meeting."""

        def work(session: Session) -> None:
            meeting_row(session, meeting_id)
            session.execute(delete(NotesRow).where(NotesRow.meeting_id == meeting_id))

        return self._store.write(work, erase=True)


def notes_of(session: Session, meeting_id: str) -> NotesStatus | None:
    """What is kept about a meeting's notes, within a transaction."""
    row = session.get(NotesRow, meeting_id)
    return None if row is None else row.value()


def _row(meeting_id: str, state: NotesState) -> dict[str, Any]:
    return {"meeting_id": meeting_id, "state": state, "problem": None, "changed_at": datetime.now(timezone.utc)}
