"""The one writer, whatever it writes to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from meeting.storage.databases.database import Database
from meeting.storage.databases.statements import after_commit
from meeting.storage.databases.writer import Writer
from pipelines.errors import NotFound, StoreError


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    """A writer, closed at the end."""
    writer = Writer(database)
    yield writer
    writer.close()


def note(title: str) -> Callable[[Session], None]:
    """Work that keeps a meeting named so."""

    def work(session: Session) -> None:
        session.execute(
            text(
                "INSERT INTO meetings (id, title, state, created_at, samples, models) "
                "VALUES (:id, :id, 'open', '2026-01-01 00:00:00.000000', (SELECT count(*) FROM meetings), '{}')"
            ),
            {"id": title},
        )

    return work


def titles(database: Database) -> list[str]:
    """What is kept, in the order in which it was written."""
    engine = database.readers()
    with engine.connect() as connection:
        found = list(connection.scalars(text("SELECT title FROM meetings ORDER BY samples")))
    engine.dispose()
    return found


def test_work_is_done_in_the_order_asked(writer: Writer, database: Database) -> None:
    futures = [writer.submit(note(str(i))) for i in range(50)]
    for future in futures:
        future.result()
    assert titles(database) == [str(i) for i in range(50)]


def test_work_that_fails_leaves_no_half_of_it_and_the_next_goes_on(writer: Writer, database: Database) -> None:
    def half(session: Session) -> None:
        note("half")(session)
        raise KeyError("a mistake in the work")

    assert isinstance(writer.submit(half).exception(), KeyError)
    writer.submit(note("next")).result()
    assert titles(database) == ["next"]


def test_closing_drains_and_may_be_repeated(database: Database) -> None:
    writer = Writer(database)
    futures = [writer.submit(note(str(i))) for i in range(50)]
    writer.close()
    writer.close()
    assert all(future.exception(timeout=0) is None for future in futures)
    assert len(titles(database)) == 50
    assert isinstance(writer.submit(note("late")).exception(timeout=0), StoreError)


def test_cancelling_the_wait_does_not_cancel_the_write(writer: Writer, database: Database) -> None:
    release = threading.Event()
    first = writer.submit(lambda _: release.wait() and None)
    second = writer.submit(note("kept"))
    assert not second.cancel()
    release.set()
    first.result()
    second.result()
    assert titles(database) == ["kept"]


def test_more_writes_than_may_wait_fail_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.storage.databases.writer.WAITING_WRITES", 2)
    writer = Writer(database)
    release = threading.Event()
    first = writer.submit(lambda _: release.wait() and None)
    second = writer.submit(note("second"))
    third = writer.submit(note("third"))
    with pytest.raises(StoreError, match="does not keep up"):
        third.result(timeout=0)
    release.set()
    first.result()
    second.result()
    writer.submit(note("fourth")).result()
    writer.close()
    assert titles(database) == ["second", "fourth"]


def test_a_row_without_its_meeting_is_not_found(database: Database, writer: Writer) -> None:
    work = text("INSERT INTO turns VALUES (1, 'nobody', 0, 1, 'spk1', NULL)")
    with pytest.raises(NotFound):
        writer.submit(lambda session: session.execute(work) and None).result()


def test_what_waits_for_the_commit_is_called_once_others_can_see_it(writer: Writer, database: Database) -> None:
    seen: list[list[str]] = []

    def work(session: Session) -> None:
        note("kept")(session)
        after_commit(session, lambda: seen.append(titles(database)))
        assert titles(database) == []

    writer.submit(work).result()
    assert seen == [["kept"]]


def test_nobody_is_called_for_work_that_was_not_kept(writer: Writer) -> None:
    called: list[str] = []

    def work(session: Session) -> None:
        after_commit(session, lambda: called.append("no"))
        raise KeyError("a mistake in the work")

    assert isinstance(writer.submit(work).exception(), KeyError)
    writer.submit(lambda session: None).result()
    assert called == []
