"""What is said in meetings: sources, voices, lines and turns, written as they come and read as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from sqlalchemy import Select, String, cast, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from meeting.core.records import Gap, Record, Source, display_name
from meeting.core.transcript import resolve
from meeting.storage.databases.statements import upsert
from meeting.storage.notes_store import notes_of
from meeting.storage.store import Store, find_meeting
from meeting.storage.tables import (
    GapRow,
    SegmentEditRow,
    SegmentRow,
    SourceRow,
    SpeakerRow,
    TurnRow,
    segment_values,
    source_values,
    speaker_values,
    turn_values,
)
from pipelines.errors import NotFound
from pipelines.turns import assign_lines, join_turns, replace_turns
from pipelines.types import LabelChange, Segment, Span, Speaker, Turn, TurnsRevised

WRITTEN = cast(SegmentEditRow.words, String) != cast(SegmentEditRow.heard, String)
"""Whether a person has written another text than was recognised"""


class TranscriptStore:
    """Keeps transcripts, line by line, and reads them as a whole; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Writing

    def save_source(self, meeting_id: str, source: Source) -> Future[None]:
        """Keep a source, or what has changed of it."""
        return self._store.write(lambda session: upsert(session, SourceRow, [source_values(meeting_id, source)]))

    def save_speakers(self, meeting_id: str, speakers: Sequence[Speaker]) -> Future[None]:
        """Keep voices, or what has changed of them."""
        rows = [speaker_values(meeting_id, speaker) for speaker in speakers]
        return self._store.write(lambda session: upsert(session, SpeakerRow, rows))

    def save_segments(self, meeting_id: str, segments: Sequence[Segment]) -> Future[None]:
        """Keep final segments; a higher `rev` replaces, no words removes, partial ones are left out."""

        def work(session: Session) -> None:
            for segment in segments:
                if not segment.words:
                    session.execute(
                        delete(SegmentRow).where(
                            SegmentRow.meeting_id == meeting_id,
                            SegmentRow.id == segment.id,
                            SegmentRow.rev < segment.rev,
                        )
                    )
                elif segment.final:
                    upsert(session, SegmentRow, [segment_values(meeting_id, segment)], newer=True)
            self._store.webhooks.tell_lines(session, meeting_id, [segment for segment in segments if segment.final])

        return self._store.write(work)

    def save_labels(self, meeting_id: str, changes: Sequence[LabelChange]) -> Future[None]:
        """Relabel segments that are kept; one that is not yet kept will come with its label."""

        def work(session: Session) -> None:
            for change in changes:
                session.execute(
                    update(SegmentRow)
                    .where(
                        SegmentRow.meeting_id == meeting_id,
                        SegmentRow.id == change.id,
                        SegmentRow.rev < change.rev,
                    )
                    .values(rev=change.rev, speaker=change.after)
                )

        return self._store.write(work)

    def save_turns(self, meeting_id: str, source_id: str, revised: TurnsRevised) -> Future[None]:
        """Put these turns in the place of all that was kept about their span as it is heard in this source."""

        def work(session: Session) -> None:
            # Those that only touch the span are taken too, so that a turn growing step by step stays one row.
            near = (
                TurnRow.meeting_id == meeting_id,
                TurnRow.source_id == source_id,
                TurnRow.start <= revised.span.end,
                TurnRow.end >= revised.span.start,
            )
            found = session.execute(select(TurnRow.start, TurnRow.end, TurnRow.speaker).where(*near))
            old = [Turn(Span(start, end), speaker) for start, end, speaker in found]
            turns = join_turns(replace_turns(old, revised))
            if turns == sorted(old):
                return
            session.execute(delete(TurnRow).where(*near))
            if turns:
                session.execute(insert(TurnRow), [turn_values(meeting_id, source_id, turn) for turn in turns])

        return self._store.write(work)

    # Reading

    def record(self, meeting_id: str) -> Record:
        """A whole meeting; raises NotFound."""
        with self._store.read() as session:
            meeting = find_meeting(session, meeting_id)
            sources, speakers = sources_of(session, meeting_id), speakers_of(session, meeting_id)
            stands_for = resolve(speakers)
            rows = session.scalars(_of(SegmentRow, meeting_id).order_by(SegmentRow.start, SegmentRow.id))
            segments = tuple(row.value(stands_for.get(row.speaker or "", row.speaker)) for row in rows)
            turns = turns_of(session, meeting_id, stands_for)
            # A line that was kept because its sound is lost has the words and the speaker that were recognised.
            changed = or_(SegmentEditRow.labelled, WRITTEN)
            ids = select(SegmentEditRow.id).where(SegmentEditRow.meeting_id == meeting_id, changed)
            edited = frozenset(session.scalars(ids))
            written = session.scalars(_of(SegmentEditRow, meeting_id).where(WRITTEN))
            recognised = {row.id: row.recognised_text for row in written}
            gaps = gaps_of(session, meeting_id)
            notes = notes_of(session, meeting_id)
        made = notes.notes if notes is not None else None
        return Record(meeting, sources, speakers, segments, turns, gaps, edited, made, recognised)

    def source_turns(self, meeting_id: str) -> dict[str, tuple[Turn, ...]]:
        """By source who is heard in it when, as diarization found it, by who each speaker turned out to be."""
        with self._store.read() as session:
            stands_for = resolve(speakers_of(session, meeting_id))
            found: dict[str, list[Turn]] = {}
            for row in session.scalars(_of(TurnRow, meeting_id).order_by(TurnRow.start, TurnRow.id)):
                if row.source_id is not None:
                    speaker = stands_for.get(row.speaker, row.speaker)
                    found.setdefault(row.source_id, []).append(Turn(Span(row.start, row.end), speaker))
        return {source_id: tuple(join_turns(turns)) for source_id, turns in found.items()}

    def words_shown(self, meeting_id: str, span: Span) -> dict[str, list[Span]]:
        """By source where the words lie of all final lines that meet a part of the meeting, in order of the lines."""
        lines = _of(SegmentRow, meeting_id).with_only_columns(SegmentRow.source_id, SegmentRow.words)
        near = lines.where(SegmentRow.start < span.end, SegmentRow.end > span.start)
        found: dict[str, list[Span]] = {}
        with self._store.read() as session:
            for source_id, words in session.execute(near.order_by(SegmentRow.start, SegmentRow.id)):
                found.setdefault(source_id, []).extend(Span(start, end) for _, start, end, _ in words)
        return found

    def line(self, meeting_id: str, segment_id: str) -> tuple[Segment, str | None]:
        """A final line, and what was recognised where a person has written another text; raises NotFound."""
        with self._store.read() as session:
            find_meeting(session, meeting_id)
            row = session.get(SegmentRow, (meeting_id, segment_id))
            if row is None:
                raise NotFound("there is no such line in this meeting")
            edit = session.get(SegmentEditRow, (meeting_id, segment_id))
            who = resolve(speakers_of(session, meeting_id)).get(row.speaker or "", row.speaker)
            written = edit is not None and edit.words != edit.heard
            return row.value(who), edit.recognised_text if edit is not None and written else None

    def speaker_names(self, meeting_ids: Sequence[str]) -> dict[str, list[str]]:
        """For each of the meetings, the names of the voices that said something."""
        with self._store.read() as session:
            speakers = speakers_by_meeting(session, meeting_ids)
            spoken = session.execute(
                select(SegmentRow.meeting_id, SegmentRow.speaker)
                .where(SegmentRow.meeting_id.in_(meeting_ids), SegmentRow.speaker.is_not(None))
                .distinct()
            ).all()
        names: dict[str, list[str]] = {}
        for id_ in meeting_ids:
            own = speakers.get(id_, [])
            stands_for = resolve(own)
            speaking = {stands_for.get(speaker) for meeting, speaker in spoken if meeting == id_ and speaker}
            names[id_] = list(dict.fromkeys(display_name(speaker) for speaker in own if speaker.id in speaking))
        return names


def sources_of(session: Session, meeting_id: str) -> tuple[Source, ...]:
    """A meeting's sources within a transaction, in the order in which they began."""
    in_order = _of(SourceRow, meeting_id).order_by(SourceRow.number, SourceRow.id)
    return tuple(row.value() for row in session.scalars(in_order))


def speakers_of(session: Session, meeting_id: str) -> tuple[Speaker, ...]:
    """A meeting's voices within a transaction, in the order in which they were first heard."""
    return tuple(speakers_by_meeting(session, [meeting_id]).get(meeting_id, []))


def speakers_by_meeting(session: Session, meeting_ids: Collection[str]) -> dict[str, list[Speaker]]:
    """The voices of those of the meetings that have any, as `speakers_of` gives them."""
    query = select(SpeakerRow).where(SpeakerRow.meeting_id.in_(meeting_ids)).order_by(SpeakerRow.color, SpeakerRow.id)
    found: dict[str, list[Speaker]] = {}
    for row in session.scalars(query):
        found.setdefault(row.meeting_id, []).append(row.value())
    return found


def turns_of(session: Session, meeting_id: str, stands_for: Mapping[str, str]) -> tuple[Turn, ...]:
    """Who spoke when within a transaction, by who each speaker turned out to be, in order of time."""
    turns = [row.value() for row in session.scalars(_of(TurnRow, meeting_id))]
    # Turns are kept as diarization found them; where people gave lines to a speaker, theirs is who speaks.
    given = _of(SegmentEditRow, meeting_id).where(SegmentEditRow.labelled, SegmentEditRow.speaker.is_not(None))
    turns = assign_lines(turns, [(Span(line.start, line.end), line.speaker) for line in session.scalars(given)])
    return tuple(join_turns(Turn(turn.span, stands_for.get(turn.speaker, turn.speaker)) for turn in turns))


def gaps_of(session: Session, meeting_id: str) -> tuple[Gap, ...]:
    """A meeting's gaps within a transaction, in order of time."""
    return tuple(row.value() for row in session.scalars(_of(GapRow, meeting_id).order_by(GapRow.start)))


def _of(table: Any, meeting_id: str) -> Select[Any]:
    return select(table).where(table.meeting_id == meeting_id)
