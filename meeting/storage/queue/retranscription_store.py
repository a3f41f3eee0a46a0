"""How the store puts another transcript in the place of a meeting's, unless people have edited it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy import delete, insert, or_, update
from sqlalchemy.orm import Session

from meeting.core.errors import Conflict
from meeting.core.records import Edits, State
from meeting.storage.edit_store import edits_of
from meeting.storage.recovery_store import ROWS_AT_ONCE, put_transcript
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import EditStepRow, MeetingRow, SourceRow, TurnRow, turn_values
from meeting.storage.transcript_store import gaps_of
from pipelines.types import ModelInfo, Segment, Speaker, Turn


@dataclass(frozen=True, slots=True)
class NewTranscript:
    """What takes the place of what was kept of a meeting's words and voices."""

    segments: tuple[Segment, ...]
    speakers: tuple[Speaker, ...]
    turns: Mapping[str, tuple[Turn, ...]]
    """By the source in which they are heard, of those that were heard again"""
    who: Mapping[str, Mapping[str, str]]
    """By source, who the speakers that its pipeline numbers are"""


class RetranscriptionStore:
    """Replaces transcripts of meetings that are over; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replace(
        self,
        meeting_id: str,
        edits: Edits,
        new: NewTranscript,
        models: ModelInfo,
        language: str | None,
    ) -> Future[bool]:
        """Keep these lines and voices in the place of all that were kept, at once or not at all; turns by their source.

        `language` is what was said of those sources that were heard again.
        False, and nothing done, where people have set something else by now than `edits`. Conflict: it is not at rest.
        """

        def work(session: Session) -> bool:
            if meeting_row(session, meeting_id).state != State.ENDED:
                raise Conflict("the meeting is not at rest: transcribe it again once it has ended")
            if edits_of(session, meeting_id) != edits:
                return False
            gaps = gaps_of(session, meeting_id)
            put_transcript(self._store, session, meeting_id, new.segments, new.speakers, gaps)
            # A change that is taken back would show lines that are there no more.
            session.execute(delete(EditStepRow).where(EditStepRow.meeting_id == meeting_id))
            for source_id, who in new.who.items():
                said = {"language": language, "translate": False, "speakers": dict(who)}
                its_row = (SourceRow.meeting_id == meeting_id, SourceRow.id == source_id)
                session.execute(update(SourceRow).where(*its_row).values(said))
            _put_turns(session, meeting_id, new)
            session.execute(update(MeetingRow).where(MeetingRow.id == meeting_id).values(models=models))
            return True

        return self._store.write(work, erase=True)


def _put_turns(session: Session, meeting_id: str, new: NewTranscript) -> None:
    """Those of sources that were heard again, and of none that is known, in the place of theirs."""
    heard = or_(TurnRow.source_id.in_(new.who), TurnRow.source_id.is_(None))
    session.execute(delete(TurnRow).where(TurnRow.meeting_id == meeting_id, heard))
    rows = [turn_values(meeting_id, source_id, turn) for source_id, turns in new.turns.items() for turn in turns]
    for at in range(0, len(rows), ROWS_AT_ONCE):
        session.execute(insert(TurnRow), rows[at : at + ROWS_AT_ONCE])
