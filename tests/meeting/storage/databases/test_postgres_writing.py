"""Writing to PostgreSQL: once each, in order, whatever becomes of the connection, the server and other writers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from meeting.storage.databases.statements import after_commit
from meeting.storage.databases.writer import Writer
from pipelines.errors import StoreError
from tests.databases.cut_proxy import CutProxy, cut_proxy
from tests.databases.postgres_server import PostgresServer, database_at, postgres_server, without_postgres

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """A database with a table in which the same may stand twice."""
    made = postgres.new_database()
    postgres.execute("CREATE TABLE remarks (number BIGSERIAL, note TEXT)", make_url(made).database or "")
    yield made
    postgres.execute(f"DROP DATABASE {make_url(made).database} WITH (FORCE)")


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[CutProxy]:
    """What lies between the writer and the server."""
    with cut_proxy(postgres.port) as running:
        yield running


def note(what: str) -> Callable[[Session], str]:
    """Work that keeps a note."""

    def work(session: Session) -> str:
        session.execute(text("INSERT INTO remarks (note) VALUES (:note)"), {"note": what})
        return what

    return work


def notes(url: str) -> list[str]:
    """What is kept, in the order in which it was written."""
    with psycopg.connect(url) as connection:
        return [found for (found,) in connection.execute("SELECT note FROM remarks ORDER BY number")]


def through(proxy: CutProxy, url: str) -> str:
    """A database's URL by way of a proxy."""
    return make_url(url).set(port=proxy.port).render_as_string()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(url: str, proxy: CutProxy, cut: str) -> None:
    writer = Writer(database_at(through(proxy, url)))
    writer.submit(note("first")).result()
    called: list[str] = []

    def work(session: Session) -> str:
        after_commit(session, lambda: called.append("told"))
        return note("second")(session)

    proxy.cut = cut
    assert writer.submit(work).result() == "second"
    assert writer.submit(note("third")).result() == "third"
    writer.close()
    assert proxy.cuts == 1
    assert called == ["told"]
    assert notes(url) == ["first", "second", "third"]


def test_while_it_is_not_known_what_became_of_a_commit_nothing_else_is_taken(
    postgres: PostgresServer, url: str, proxy: CutProxy
) -> None:
    database = database_at(through(proxy, url))
    writer = Writer(database)
    writer.submit(note("first")).result()
    # Nobody can connect any more, so that nobody can be asked.
    postgres.execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS false")
    proxy.cut = "after"
    second = writer.submit(note("second"))
    while database.answers:
        threading.Event().wait(0.01)
    with pytest.raises(StoreError, match="not known yet"):
        writer.submit(note("third")).result(timeout=0)
    assert not second.done()
    postgres.execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS true")
    assert second.result() == "second"
    assert writer.submit(note("fourth")).result() == "fourth"
    assert database.answers
    writer.close()
    assert notes(url) == ["first", "second", "fourth"]


def test_a_process_that_ends_does_not_wait_for_ever_to_know(
    postgres: PostgresServer, url: str, proxy: CutProxy
) -> None:
    database = database_at(through(proxy, url))
    writer = Writer(database)
    writer.submit(note("first")).result()
    postgres.execute(f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS false")
    proxy.cut = "after"
    second = writer.submit(note("second"))
    writer.shorten_waits()
    with pytest.raises(StoreError, match="not known yet"):
        second.result()
    writer.close()


def test_a_connection_that_is_lost_in_the_middle_of_work_is_no_matter(url: str) -> None:
    writer = Writer(database_at(url))
    done: list[int] = []

    def work(session: Session) -> str:
        note("half")(session)
        if not done:
            done.append(session.scalar(text("SELECT pg_backend_pid()")) or 0)
            with psycopg.connect(url) as other:
                other.execute("SELECT pg_terminate_backend(%s)", done)
        return note("whole")(session)

    assert writer.submit(work).result() == "whole"
    writer.close()
    assert notes(url) == ["half", "whole"]


def test_writers_of_several_servers_write_as_if_one_came_after_the_other(url: str) -> None:
    writers = [Writer(database_at(url)) for _ in range(3)]

    def count(session: Session) -> int:
        found = session.scalar(text("SELECT count(*) FROM remarks")) or 0
        note(str(found))(session)
        return found

    counted = [writer.submit(count) for _ in range(20) for writer in writers]
    assert sorted(one.result() for one in counted) == list(range(60))
    for writer in writers:
        writer.close()
    assert sorted(map(int, notes(url))) == list(range(60))


@pytest.mark.slow
def test_a_server_that_goes_away_fails_writes_and_takes_them_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = without_postgres()
    if missing:
        pytest.skip(missing)
    monkeypatch.setattr("meeting.storage.databases.postgres_writing.AWAY_SECONDS", 0.3)
    with postgres_server() as server:
        url = server.new_database()
        server.execute("CREATE TABLE remarks (number BIGSERIAL, note TEXT)", make_url(url).database or "")
        database = database_at(url)
        writer, engine = Writer(database), database.readers()
        writer.submit(note("before")).result()
        server.stop()
        refused = [writer.submit(note("lost")) for _ in range(3)]
        for one in refused:
            with pytest.raises(StoreError, match="cannot be reached"):
                one.result()
        with pytest.raises(StoreError, match="cannot be reached"), database.errors(), engine.connect():
            pass
        assert not database.answers
        server.start()
        monkeypatch.setattr("meeting.storage.databases.postgres_writing.AGAIN_SECONDS", 0.0)
        writer.submit(note("after")).result()
        with database.errors(), engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM remarks")) == 2
        assert database.answers
        writer.close()
        engine.dispose()
        assert notes(url) == ["before", "after"]


@pytest.mark.slow
def test_a_short_restart_is_waited_for_unseen() -> None:
    missing = without_postgres()
    if missing:
        pytest.skip(missing)
    with postgres_server() as server:
        url = server.new_database()
        server.execute("CREATE TABLE remarks (number BIGSERIAL, note TEXT)", make_url(url).database or "")
        writer = Writer(database_at(url))
        writer.submit(note("before")).result()
        server.stop("immediate")
        waiting = [writer.submit(note(str(number))) for number in range(5)]
        server.start()
        assert [one.result() for one in waiting] == list("01234")
        writer.close()
        assert notes(url) == ["before", *"01234"]
