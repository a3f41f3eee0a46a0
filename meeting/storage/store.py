"""Meetings on disk: a database with one writer, and the files of audio beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from meeting.config.settings import Storage
from meeting.core.records import JobState, Meeting, State
from meeting.storage.databases.configured import database_of
from meeting.storage.databases.database import Database, Erase, Result
from meeting.storage.databases.sqlite import SqliteDatabase
from meeting.storage.databases.statements import holds
from meeting.storage.databases.writer import Writer
from meeting.storage.files.meeting_files import MeetingFiles, owner
from meeting.storage.files.private_files import store_errors
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.configured import objects_of
from meeting.storage.search.index import SearchIndex
from meeting.storage.tables import JobRow, MeetingRow, SegmentRow, SourceRow, WebhookDeliveryRow, meeting_values
from meeting.storage.webhook_queue import WebhookQueue
from pipelines.errors import MeetingError, NotFound, StoreError
from pipelines.types import ModelInfo

DATABASE = "meetings.sqlite3"
"""Name of the SQLite file, below the data folder"""


class Store:
    """All meetings below one data folder: made, listed, found and deleted. What is said in them has stores of its own.

    Every writing method returns at once with a future that is done when the change is on disk; its exception is a
    StoreError (NotFound where there is no such meeting). Reading methods may be called from any thread.
    """

    def __init__(self, data_dir: Path, database: Database | None = None) -> None:
        """Without another database it is the SQLite file in the data folder."""
        self.data_dir = Path(data_dir).expanduser().absolute()
        self._database = database or SqliteDatabase(self.data_dir / DATABASE)
        self.files = MeetingFiles(self.data_dir)
        """Audio of the meetings"""
        self.objects: AudioObjects | None = None
        """Where the audio is kept beside this folder, if anywhere"""
        self.webhooks = WebhookQueue()
        """Who is told what changes"""
        self._check: Callable[[Session], None] | None = None
        self._writer: Writer | None = None
        self._readers: Engine | None = None

    @classmethod
    def configured(cls, settings: Storage) -> Store:
        """The store that the settings name."""
        store = cls(settings.data_dir, database_of(settings))
        store.objects = objects_of(settings, store.files)
        return store

    def open(self) -> Store:
        """Make the folder and the tables where missing, and migrate; raises StoreError or DatabaseTooNew."""
        if self._writer is not None:
            return self
        with store_errors(self.data_dir):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.files.make_folder()
        self._database.prepare()
        self._readers = self._database.readers()
        self._writer = Writer(self._database)
        return self

    def shorten_waits(self) -> None:
        """Wait only shortly for other programs from now on: the process ends."""
        if self._writer is not None:
            self._writer.shorten_waits()

    def close(self) -> None:
        """Finish every write that was asked for, then let go of the database; calling it again does nothing."""
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

    @property
    def index(self) -> SearchIndex:
        """The full-text index over the lines"""
        return self._database.index

    @property
    def database_answers(self) -> bool:
        """Whether the database answered when it was last asked for something."""
        return self._database.answers

    # Writing

    def create_meeting(self, meeting: Meeting) -> Future[None]:
        """Keep a new meeting."""

        def work(session: Session) -> None:
            if session.get(MeetingRow, meeting.id) is not None:
                raise StoreError("there is a meeting with this id already")
            session.add(MeetingRow(**meeting_values(meeting)))

        return self.write(work)

    def rename_meeting(self, meeting_id: str, title: str) -> Future[None]:
        """Give a meeting another title."""
        return self.write(lambda session: _update_meeting(session, meeting_id, {"title": title}))

    def set_hotwords(self, meeting_id: str, hotwords: tuple[str, ...]) -> Future[None]:
        """Keep other terms that are likely to be said in a meeting, in the place of those before."""
        return self.write(
            lambda session: _update_meeting(session, meeting_id, {"hotwords": list(hotwords)}), erase=True
        )

    def delete_meeting(self, meeting_id: str, deliver: bool = False) -> Future[None]:
        """Remove a meeting for good: its rows, its audio and its journals, and the jobs that tell of it.

        What webhooks have not told of it yet is not told any more; `deliver`: it is, and that it is over.
        """

        def work(session: Session) -> None:
            meeting = find_meeting(session, meeting_id)
            if not deliver:
                session.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.meeting_id == meeting_id))
            elif meeting.state != State.OPEN:
                self.webhooks.tell_state(session, replace(meeting, state=State.ENDED), meeting.state)
            named = session.scalars(select(SourceRow.audio).where(SourceRow.meeting_id == meeting_id))
            # Files first, within the transaction: if one cannot go, the meeting stays and can be deleted again.
            self.files.remove(meeting_id, [name for name in named if name])
            session.execute(delete(MeetingRow).where(MeetingRow.id == meeting_id))
            # A job that is over tells of its meeting; one that is still at work outlives the meeting that it makes.
            made_it = (JobRow.meeting_id == meeting_id) & (JobRow.state == JobState.DONE) & JobRow.again_of.is_(None)
            session.execute(delete(JobRow).where(made_it | (JobRow.again_of == meeting_id)))
            # No other was ever in the index, and this takes a while. Lines may have been there that are no more.
            if meeting.kept and (meeting.segments or meeting.started_at is not None):
                self.index.erase_deleted(session)

        objects = self.objects
        if objects is None:
            return self.write(work, erase=True)
        # Before, and not within the transaction: whatever else is to be written must not wait for an object store.
        return objects.after_removal(meeting_id, lambda: self.write(work, erase=True).result())

    def set_state(
        self,
        meeting_id: str,
        state: str,
        *,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        samples: int | None = None,
        models: ModelInfo | None = None,
    ) -> Future[None]:
        """Move a meeting to another state; what is None stays as it is."""
        given = {"started_at": started_at, "ended_at": ended_at, "samples": samples, "models": models}
        values = {"state": state, **{name: value for name, value in given.items() if value is not None}}

        def work(session: Session) -> None:
            if state not in list(State):
                raise StoreError(f"a meeting is {', '.join(State)}, not {state!r}")
            before = session.scalar(select(MeetingRow.state).where(MeetingRow.id == meeting_id))
            _update_meeting(session, meeting_id, values)
            if before is not None and before != state:
                self.webhooks.tell_state(session, find_meeting(session, meeting_id), before)

        return self.write(work)

    def write(self, work: Callable[[Session], Result], erase: Erase = False) -> Future[Result]:
        """Ask the writer for a transaction, and what its work gives; `erase` leaves no trace of what it deletes."""
        if self._writer is None:
            future: Future[Result] = Future()
            future.set_exception(StoreError("the database is not open"))
            return future
        return self._writer.submit(work if self._check is None else _after(self._check, work), erase)

    def checked(self, check: Callable[[Session], None]) -> Store:
        """This store while it is open, each write of which begins with a check that may raise StoreError.

        The check is part of the transaction: what it has found holds until that ends.
        """
        checked = copy(self)
        checked._check = check
        return checked

    # Reading

    def meeting(self, meeting_id: str) -> Meeting:
        """One meeting without its text; raises NotFound."""
        with self.read() as session:
            return find_meeting(session, meeting_id)

    def meetings(
        self, limit: int = 50, before: str | None = None, title: str = "", states: Collection[State] = ()
    ) -> tuple[list[Meeting], str | None]:
        """A page of the meetings that are kept, newest first, and what to pass as `before` for the next one.

        That is None at the end. Only those are listed whose title holds `title`, whatever is capital, and that are in
        one of `states`, where there are any. Raises MeetingError for a `before` that is none.
        """
        query = _kept().order_by(MeetingRow.created_at.desc(), MeetingRow.id.desc()).limit(limit + 1)
        if title:
            query = query.where(holds(MeetingRow.title, title))
        if states:
            query = query.where(MeetingRow.state.in_(states))
        if before is not None:
            query = query.where(
                tuple_(MeetingRow.created_at, MeetingRow.id)
                < tuple_(*_from_cursor(before), types=[MeetingRow.created_at.type, MeetingRow.id.type])
            )
        with self.read() as session:
            found = [row.value(count) for row, count in session.execute(query)]
        page = found[:limit]
        return page, _cursor(page[-1]) if page and len(found) > limit else None

    def older_than(self, moment: datetime) -> list[str]:
        """Ids of the meetings that are over since before a moment, or were made before it and never held."""
        since = func.coalesce(MeetingRow.ended_at, MeetingRow.created_at)
        query = (
            select(MeetingRow.id).where(MeetingRow.state.in_((State.OPEN, State.ENDED)), since < moment).order_by(since)
        )
        with self.read() as session:
            return list(session.scalars(query))

    def unkept(self) -> list[str]:
        """Ids of the meetings that do not stay once they are over, whether they are or not."""
        with self.read() as session:
            return list(session.scalars(select(MeetingRow.id).where(~MeetingRow.kept)))

    def latest(self) -> datetime | None:
        """The latest time at which a meeting was made, began or ended; None where there is none."""
        with self.read() as session:
            columns = (MeetingRow.created_at, MeetingRow.started_at, MeetingRow.ended_at)
            found = [session.scalar(select(func.max(column))) for column in columns]
        return max((time for time in found if time is not None), default=None)

    def strays(self) -> list[Path]:
        """Files beside the database that belong to no meeting of it; raises StoreError."""
        # Files first: one that comes with a new meeting meanwhile is then no stray.
        found = self.files.all()
        with self.read() as session:
            known = set(session.scalars(select(MeetingRow.id)))
        return sorted(path for path in found if owner(path)[0] not in known)

    def find(self, prefix_or_id: str) -> Meeting:
        """The kept meeting with this id, or whose id alone starts so, or the "last" one; raises NotFound."""
        wanted = prefix_or_id.strip().lower()
        query = _kept()
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
        with self._database.errors(), Session(self._readers) as session:
            yield session


def _after(check: Callable[[Session], None], work: Callable[[Session], Result]) -> Callable[[Session], Result]:
    def checked(session: Session) -> Result:
        check(session)
        return work(session)

    return checked


def _meetings() -> Select[Any]:
    segments = select(func.count()).where(SegmentRow.meeting_id == MeetingRow.id).scalar_subquery()
    return select(MeetingRow, segments)


def _kept() -> Select[Any]:
    return _meetings().where(MeetingRow.kept)


def meeting_row(session: Session, meeting_id: str) -> MeetingRow:
    """A meeting's row within a transaction; raises NotFound."""
    row = session.get(MeetingRow, meeting_id)
    if row is None:
        raise NotFound(f"there is no meeting {meeting_id!r}")
    return row


def find_meeting(session: Session, meeting_id: str) -> Meeting:
    """A meeting within a transaction, its lines counted; raises NotFound."""
    found = session.execute(_meetings().where(MeetingRow.id == meeting_id)).first()
    if found is None:
        raise NotFound(f"there is no meeting {meeting_id!r}")
    row, segments = found
    assert isinstance(row, MeetingRow)
    return row.value(segments)


def _update_meeting(session: Session, meeting_id: str, values: dict[str, Any]) -> None:
    changed = session.scalars(
        update(MeetingRow).where(MeetingRow.id == meeting_id).values(values).returning(MeetingRow.id)
    )
    if changed.first() is None:
        raise NotFound(f"there is no meeting {meeting_id!r}")


def _cursor(meeting: Meeting) -> str:
    return base64.urlsafe_b64encode(f"{meeting.created_at.isoformat()} {meeting.id}".encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text, _, id_ = base64.b64decode(padded, b"-_", validate=True).decode().partition(" ")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment.astimezone(timezone.utc), id_
    except (ValueError, OverflowError) as error:
        raise MeetingError("this is not a place in the list of meetings: start again from its first page") from error
