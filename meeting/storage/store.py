"""Meetings on disk: one SQLite file with one writer, and the audio files beside it."""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from meeting.core.records import ENDED, OPEN, STATES, Meeting, Record, Source, display_name
from meeting.core.transcript import give_lines, join_turns, replace_turns, resolve
from meeting.storage.database import Writer, prepare, readers, sentences
from meeting.storage.journal import JOURNAL, sync_folder
from meeting.storage.tables import (
    GapRow,
    MeetingRow,
    SegmentEditRow,
    SegmentRow,
    SourceRow,
    SpeakerRow,
    TurnRow,
    segment_values,
    source_values,
    speaker_values,
)
from pipelines.errors import NotFound, StoreError
from pipelines.types import LabelChange, Segment, Span, Speaker, Turn, TurnsRevised

DATABASE = "meetings.sqlite3"
AUDIO = "audio"

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALPHABET = string.ascii_lowercase + string.digits


def new_id() -> str:
    """A new unguessable id (82 bits): 16 lower-case letters and digits, fit for addresses and file names."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


class Store:
    """All meetings below one data folder.

    Every writing method returns at once with a future that is done when the change is on disk; its exception is a
    StoreError (NotFound where there is no such meeting). Reading methods may be called from any thread.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = Path(data_dir).expanduser().absolute()
        self._writer: Writer | None = None
        self._readers: Engine | None = None

    def open(self) -> Store:
        """Make the folder and the file where missing, and migrate; raises StoreError or DatabaseTooNew."""
        if self._writer is not None:
            return self
        with sentences(self.data_dir):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data_dir / AUDIO).mkdir(mode=0o700, exist_ok=True)
        database = self.data_dir / DATABASE
        prepare(database)
        self._readers = readers(database)
        self._writer = Writer(database)
        return self

    def hurry(self) -> None:
        """Wait only shortly for other programs from now on: the process ends."""
        if self._writer is not None:
            self._writer.hurry()

    def close(self) -> None:
        """Finish every write that was asked for, then let go of the file; calling it again does nothing."""
        writer, engine = self._writer, self._readers
        self._writer = self._readers = None
        if writer is not None:
            writer.close()
        if engine is not None:
            engine.dispose()

    def __enter__(self) -> Store:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    # Files

    def audio_path(self, meeting_id: str, source_id: str) -> Path:
        """Where the audio of a source is kept; its name is what `Source.audio` holds."""
        return self._file(meeting_id, source_id, ".flac")

    def journal_path(self, meeting_id: str, source_id: str) -> Path:
        """Where the frames of a source are kept as they were received."""
        return self._file(meeting_id, source_id, JOURNAL)

    def files(self, meeting_id: str) -> list[Path]:
        """All that is kept of a meeting beside the database: sound, journals, and what was set aside of them."""
        if not _ID.fullmatch(meeting_id):
            return []
        return sorted((self.data_dir / AUDIO).glob(f"{meeting_id}.*"))

    def strays(self) -> list[Path]:
        """Files beside the database that belong to no meeting of it."""
        found = [path for path in (self.data_dir / AUDIO).iterdir() if path.is_file() and not path.is_symlink()]
        with self.read() as session:
            known = set(session.scalars(select(MeetingRow.id)))
        return sorted(path for path in found if path.name.partition(".")[0] not in known)

    def _file(self, meeting_id: str, source_id: str, suffix: str) -> Path:
        for id_ in (meeting_id, source_id):
            if not _ID.fullmatch(id_):
                raise NotFound("there is no meeting or source with such an id")
        # An id holds no dot, so "MEETING." starts the names of this meeting's files and of no other's.
        return self.data_dir / AUDIO / f"{meeting_id}.{source_id}{suffix}"

    # Writing

    def create_meeting(self, meeting: Meeting) -> Future[None]:
        """Keep a new meeting."""

        def work(session: Session) -> None:
            if session.get(MeetingRow, meeting.id) is not None:
                raise StoreError("there is a meeting with this id already")
            session.add(
                MeetingRow(
                    id=meeting.id,
                    title=meeting.title,
                    state=meeting.state,
                    created_at=meeting.created_at,
                    started_at=meeting.started_at,
                    ended_at=meeting.ended_at,
                    samples=meeting.samples,
                    models=meeting.models,
                )
            )

        return self.write(work)

    def rename_meeting(self, meeting_id: str, title: str) -> Future[None]:
        """Give a meeting another title."""
        return self.write(lambda session: _change(session, meeting_id, {"title": title}))

    def delete_meeting(self, meeting_id: str) -> Future[None]:
        """Remove a meeting for good: its rows, its audio and its journals."""

        def work(session: Session) -> None:
            _meeting(session, meeting_id)
            named = session.scalars(select(SourceRow.audio).where(SourceRow.meeting_id == meeting_id))
            folder = self.data_dir / AUDIO
            paths = {folder / Path(name).name for name in named if name}
            # Files first, within the transaction: if one cannot go, the meeting stays and can be deleted again.
            for path in {*paths, *self.files(meeting_id)}:
                path.unlink(missing_ok=True)
            sync_folder(folder)  # none of them may be back after a power cut
            session.execute(delete(MeetingRow).where(MeetingRow.id == meeting_id))

        return self.write(work, wipe=True)

    def set_state(
        self,
        meeting_id: str,
        state: str,
        *,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        samples: int | None = None,
        models: dict[str, Any] | None = None,
    ) -> Future[None]:
        """Move a meeting to another state; what is None stays as it is."""
        given = {"started_at": started_at, "ended_at": ended_at, "samples": samples, "models": models}
        values = {"state": state, **{name: value for name, value in given.items() if value is not None}}

        def work(session: Session) -> None:
            if state not in STATES:
                raise StoreError(f"a meeting is {', '.join(STATES)}, not {state!r}")
            _change(session, meeting_id, values)

        return self.write(work)

    def save_source(self, meeting_id: str, source: Source) -> Future[None]:
        """Keep a source, or what has changed of it."""
        return self.write(lambda session: _upsert(session, SourceRow, [source_values(meeting_id, source)]))

    def save_speakers(self, meeting_id: str, speakers: Sequence[Speaker]) -> Future[None]:
        """Keep voices, or what has changed of them."""
        rows = [speaker_values(meeting_id, speaker) for speaker in speakers]
        return self.write(lambda session: _upsert(session, SpeakerRow, rows))

    def save_segments(self, meeting_id: str, segments: Sequence[Segment]) -> Future[None]:
        """Keep final segments; a higher `rev` replaces, no words removes, provisional ones are left out."""

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
                    _upsert(session, SegmentRow, [segment_values(meeting_id, segment)], newer=True)

        return self.write(work)

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

        return self.write(work)

    def save_turns(self, meeting_id: str, revised: TurnsRevised) -> Future[None]:
        """Put these turns in the place of all that was kept about their span."""

        def work(session: Session) -> None:
            # Those that only touch the span are taken too, so that a turn growing step by step stays one row.
            near = (
                TurnRow.meeting_id == meeting_id,
                TurnRow.start <= revised.span.end,
                TurnRow.end >= revised.span.start,
            )
            found = session.execute(select(TurnRow.start, TurnRow.end, TurnRow.speaker).where(*near))
            old = [Turn(Span(start, end), speaker) for start, end, speaker in found]
            turns = replace_turns(old, revised)
            if turns == sorted(old):
                return
            session.execute(delete(TurnRow).where(*near))
            rows = [
                {"meeting_id": meeting_id, "start": t.span.start, "end": t.span.end, "speaker": t.speaker}
                for t in turns
            ]
            if rows:
                session.execute(insert(TurnRow), rows)

        return self.write(work)

    def write(self, work: Callable[[Session], None], wipe: bool = False) -> Future[None]:
        """Ask the writer for a transaction; `wipe` leaves no trace of what it deletes."""
        if self._writer is None:
            future: Future[None] = Future()
            future.set_exception(StoreError("the database is not open"))
            return future
        return self._writer.submit(work, wipe)

    # Reading

    def meeting(self, meeting_id: str) -> Meeting:
        """One meeting without its text; raises NotFound."""
        with self.read() as session:
            return _meeting(session, meeting_id)

    def meetings(self, limit: int = 50, before: str | None = None) -> tuple[list[Meeting], str | None]:
        """A page of meetings, newest first, and what to pass as `before` for the next one; None at the end."""
        query = _meetings().order_by(MeetingRow.created_at.desc(), MeetingRow.id.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(tuple_(MeetingRow.created_at, MeetingRow.id) < tuple_(*_from_cursor(before)))
        with self.read() as session:
            found = [row.value(count) for row, count in session.execute(query)]
        page = found[:limit]
        return page, _cursor(page[-1]) if page and len(found) > limit else None

    def older_than(self, moment: datetime) -> list[str]:
        """Ids of the meetings that are over since before a moment, or were made before it and never held."""
        since = func.coalesce(MeetingRow.ended_at, MeetingRow.created_at)
        query = select(MeetingRow.id).where(MeetingRow.state.in_((OPEN, ENDED)), since < moment).order_by(since)
        with self.read() as session:
            return list(session.scalars(query))

    def latest(self) -> datetime | None:
        """The latest time at which a meeting was made, began or ended; None where there is none."""
        with self.read() as session:
            columns = (MeetingRow.created_at, MeetingRow.started_at, MeetingRow.ended_at)
            found = [session.scalar(select(func.max(column))) for column in columns]
        return max((time for time in found if time is not None), default=None)

    def speaker_names(self, meeting_ids: Sequence[str]) -> dict[str, list[str]]:
        """For each of the meetings, the names of the voices that said something."""
        with self.read() as session:
            speakers = session.scalars(
                select(SpeakerRow)
                .where(SpeakerRow.meeting_id.in_(meeting_ids))
                .order_by(SpeakerRow.color, SpeakerRow.id)
            ).all()
            heard = session.execute(
                select(SegmentRow.meeting_id, SegmentRow.speaker)
                .where(SegmentRow.meeting_id.in_(meeting_ids), SegmentRow.speaker.is_not(None))
                .distinct()
            ).all()
        names: dict[str, list[str]] = {}
        for id_ in meeting_ids:
            own = [row.value() for row in speakers if row.meeting_id == id_]
            stands_for = resolve(own)
            speaking = {stands_for.get(speaker) for meeting, speaker in heard if meeting == id_ and speaker}
            names[id_] = list(dict.fromkeys(display_name(speaker) for speaker in own if speaker.id in speaking))
        return names

    def record(self, meeting_id: str) -> Record:
        """A whole meeting; raises NotFound."""
        with self.read() as session:
            meeting = _meeting(session, meeting_id)
            sources = [row.value() for row in session.scalars(_of(SourceRow, meeting_id).order_by(SourceRow.id))]
            speakers = [
                row.value()
                for row in session.scalars(_of(SpeakerRow, meeting_id).order_by(SpeakerRow.color, SpeakerRow.id))
            ]
            stands_for = resolve(speakers)
            segments = [
                row.value(stands_for.get(row.speaker or "", row.speaker))
                for row in session.scalars(_of(SegmentRow, meeting_id).order_by(SegmentRow.start, SegmentRow.id))
            ]
            turns = [row.value() for row in session.scalars(_of(TurnRow, meeting_id))]
            given = _of(SegmentEditRow, meeting_id).where(SegmentEditRow.labelled, SegmentEditRow.speaker.is_not(None))
            # A line that was kept because its sound is lost has the words and the speaker that were heard.
            changed = or_(SegmentEditRow.labelled, SegmentEditRow.words != SegmentEditRow.heard)
            ids = select(SegmentEditRow.id).where(SegmentEditRow.meeting_id == meeting_id, changed)
            edited = frozenset(session.scalars(ids))
            turns = give_lines(turns, [(Span(line.start, line.end), line.speaker) for line in session.scalars(given)])
            gaps = [row.value() for row in session.scalars(_of(GapRow, meeting_id).order_by(GapRow.start))]
        joined = join_turns(Turn(turn.span, stands_for.get(turn.speaker, turn.speaker)) for turn in turns)
        return Record(meeting, tuple(sources), tuple(speakers), tuple(segments), tuple(joined), tuple(gaps), edited)

    def find(self, prefix_or_id: str) -> Meeting:
        """The meeting with this id, or whose id alone starts so, or the "last" one; raises NotFound."""
        wanted = prefix_or_id.strip().lower()
        query = _meetings()
        if wanted == "last":
            query = query.order_by(MeetingRow.created_at.desc(), MeetingRow.id.desc()).limit(1)
        else:
            query = query.where(MeetingRow.id.startswith(wanted, autoescape=True)).order_by(MeetingRow.id).limit(2)
        with self.read() as session:
            found: list[Meeting] = [row.value(count) for row, count in session.execute(query)]
        if wanted == "last" and not found:
            raise NotFound("there is no meeting yet")
        if not found or not wanted:
            raise NotFound(f"there is no meeting {prefix_or_id!r}")
        if len(found) > 1 and found[0].id != wanted:
            raise NotFound(f"more than one meeting starts with {prefix_or_id!r}: give more of its id")
        return found[0]

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database."""
        if self._readers is None:
            raise StoreError("the database is not open")
        with sentences(self.data_dir / DATABASE), Session(self._readers) as session:
            yield session


def _meetings() -> Select[Any]:
    segments = select(func.count()).where(SegmentRow.meeting_id == MeetingRow.id).scalar_subquery()
    return select(MeetingRow, segments)


def _meeting(session: Session, meeting_id: str) -> Meeting:
    found = session.execute(_meetings().where(MeetingRow.id == meeting_id)).first()
    if found is None:
        raise NotFound(f"there is no meeting {meeting_id!r}")
    row, segments = found
    assert isinstance(row, MeetingRow)
    return row.value(segments)


def _of(table: Any, meeting_id: str) -> Select[Any]:
    return select(table).where(table.meeting_id == meeting_id)


def _change(session: Session, meeting_id: str, values: dict[str, Any]) -> None:
    changed = session.scalars(
        update(MeetingRow).where(MeetingRow.id == meeting_id).values(values).returning(MeetingRow.id)
    )
    if changed.first() is None:
        raise NotFound(f"there is no meeting {meeting_id!r}")


def _upsert(session: Session, table: Any, rows: list[dict[str, Any]], newer: bool = False) -> None:
    """Insert rows, or overwrite those with the same key; with `newer` only where `rev` has grown."""
    if not rows:
        return
    statement = insert(table)
    keys = [column.name for column in table.__table__.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    where = statement.excluded.rev > table.rev if newer else None
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where), rows)


def _cursor(meeting: Meeting) -> str:
    return base64.urlsafe_b64encode(f"{meeting.created_at.isoformat()} {meeting.id}".encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, _, id_ = base64.b64decode(padded, b"-_", validate=True).decode().partition(" ")
        return datetime.fromisoformat(moment), id_
    except ValueError as error:
        raise StoreError("this is not a place in the list of meetings: start again from its first page") from error
