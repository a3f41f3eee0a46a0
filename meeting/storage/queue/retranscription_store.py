"""How the store puts another transcript in the place of a meeting's, unless people have edited it meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from meeting.core.errors import Conflict
from meeting.core.records import Edits, State
from meeting.storage.edit_store import edits_of
from meeting.storage.recovery_store import ROWS_AT_ONCE, put_transcript
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import EditStepRow, MeetingRow, SourceRow, TurnRow, turn_values
from meeting.storage.transcript_store import gaps_of
from pipelines.types import ModelInfo, Segment, Speaker, Turn


class RetranscriptionStore:
    """Replaces transcripts of meetings that are over; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replace(
        self,
        meeting_id: str,
        edits: Edits,
        segments: Sequence[Segment],
        speakers: Sequence[Speaker],
        turns: Sequence[Turn],
        models: ModelInfo,
        language: str | None,
    ) -> Future[bool]:
        """Keep these lines, voices and turns in the place of all that were kept, at once or not at all.

        False, and nothing done, where people have set something else by now than `edits`. Conflict: it is not at rest.
        """

        def work(session: Session) -> bool:
            if meeting_row(session, meeting_id).state != State.ENDED:
                raise Conflict("the meeting is not at rest: transcribe it again once it has ended")
            if edits_of(session, meeting_id) != edits:
                return False
            put_transcript(self._store, session, meeting_id, segments, speakers, gaps_of(session, meeting_id))
            # A change that is taken back would show lines that are there no more.
            for table in (TurnRow, EditStepRow):
                session.execute(delete(table).where(table.meeting_id == meeting_id))
            heard = session.scalars(select(SourceRow.id).where(SourceRow.meeting_id == meeting_id)).first()
            rows = [turn_values(meeting_id, heard, turn) for turn in turns]
            for at in range(0, len(rows), ROWS_AT_ONCE):
                session.execute(insert(TurnRow), rows[at : at + ROWS_AT_ONCE])
            session.execute(update(MeetingRow).where(MeetingRow.id == meeting_id).values(models=models))
            said = {"language": language, "translate": False}
            session.execute(update(SourceRow).where(SourceRow.meeting_id == meeting_id).values(said))
            return True

        return self._store.write(work, erase=True)
