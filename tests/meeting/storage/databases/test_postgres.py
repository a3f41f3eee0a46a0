"""PostgreSQL: its way to the newest schema, its readers, and the sentences its errors become."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from meeting.config.package_files import MIGRATIONS
from meeting.storage.databases.database import Database
from meeting.storage.tables import Base
from pipelines.errors import DatabaseTooNew, NotFound, StoreError
from tests.databases.postgres_server import PostgresServer, database_at
from tests.meeting.storage.databases.test_migrations import REVISIONS, is_of_models

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """A database of the newest schema."""
    made = postgres.new_database()
    yield made
    postgres.execute(f"DROP DATABASE {make_url(made).database} WITH (FORCE)")


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    """A database without any table."""
    made = postgres.new_database(empty=True)
    yield made
    postgres.execute(f"DROP DATABASE {make_url(made).database} WITH (FORCE)")


def differences(url: str) -> list[object]:
    """What sets a database's schema apart from the models."""
    engine = database_at(url).readers()
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": default_differs, "include_name": is_of_models}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, Base.metadata)
    engine.dispose()
    return list(found)


def default_differs(*compared: Any) -> bool | None:
    """Whether the default of a column differs; of JSON, which cannot be compared in the database, by its text."""
    _, _, column, found, _, wanted = compared
    return found.split("::")[0].strip("'") != wanted.strip("'") if isinstance(column.type, JSON) else None


def test_a_connection_that_is_in_use_when_its_engine_is_let_go_of_is_closed_behind_that(url: str) -> None:
    for engine in (database_at(url).readers(), database_at(url).agreement()):
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            engine.dispose()
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert driver.closed
        with engine.connect() as connection:  # whoever asks once more is answered, and leaves nothing behind
            again: Any = connection.connection.driver_connection
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        assert again.closed


def move(url: str, revision: str) -> None:
    """Migrate to exactly this revision, up or down."""
    from sqlalchemy import create_engine

    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        context = MigrationContext.configure(connection)
        down = revision == "base" or (context.get_current_revision() or "") > revision
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.slow
def test_models_equal_the_schema(url: str) -> None:
    assert differences(url) == []


@pytest.mark.slow
def test_lines_of_an_earlier_version_get_numbers_and_are_found(empty: str) -> None:
    move(empty, "0010")
    execute(
        empty,
        "INSERT INTO meetings (id, title, state, created_at, samples, models, kept) VALUES "
        "('a', 'Old', 'ended', '2026-01-02', 0, '{}', true), ('b', 'Gone', 'ended', '2026-01-02', 0, '{}', false)",
    )
    execute(
        empty,
        'INSERT INTO segments (meeting_id, id, rev, source_id, start, "end", text, words) VALUES '
        "('a', 's1', 1, 'src', 0, 1600, 'hello there', '[]'), ('b', 's1', 1, 'src', 0, 1600, 'hello again', '[]')",
    )
    database_at(empty).prepare()
    assert differences(empty) == []
    assert execute(empty, "SELECT words::text FROM segment_search") == [("'hello':1 'there':2",)]
    move(empty, "0010")
    assert execute(empty, "SELECT text FROM segments ORDER BY text") == [("hello again",), ("hello there",)]


@pytest.mark.slow
def test_every_revision_can_be_undone(url: str) -> None:
    for revision in [*REVISIONS[1:], "base"]:
        move(url, revision)
    assert execute(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("alembic_version",)]
    assert execute(url, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []


@pytest.mark.slow
def test_of_servers_that_start_at_once_one_migrates(empty: str) -> None:
    program = "import sys; from tests.databases.postgres_server import database_at; database_at(sys.argv[1]).prepare()"
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty], cwd=MIGRATIONS.parent, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.communicate()[1] for process in started] == [b"", b"", b""]
    assert differences(empty) == []


def test_migrating_is_quiet(empty: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database_at(empty).prepare()
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_a_database_of_a_later_version_is_left_alone(url: str) -> None:
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseTooNew, match=r"update the program, or name another one"):
        database_at(url).prepare()


def test_a_database_of_another_program_is_left_alone(empty: str) -> None:
    execute(empty, "CREATE TABLE bookmarks (address text)")
    with pytest.raises(StoreError, match="belongs to another program"):
        database_at(empty).prepare()
    assert execute(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("bookmarks",)]


def test_a_database_in_another_encoding_is_said_to_be(postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match="encoded as LATIN1"):
        database_at(postgres.url("latin")).prepare()
    postgres.execute("DROP DATABASE latin WITH (FORCE)")


def test_it_tells_its_version_and_changes_nothing(empty: str) -> None:
    assert database_at(empty).examine().startswith("PostgreSQL 1")
    assert execute(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_what_cannot_be_reached_is_a_sentence_without_host_user_and_password(postgres: PostgresServer) -> None:
    for url, said in (
        ("postgresql://somebody:hunter2@127.0.0.1:1/meetings", "cannot be reached"),
        (postgres.url("nowhere"), "does not exist"),
        (postgres.url("postgres").replace("postgres@", "somebody:hunter2@"), "does not exist"),
    ):
        database = database_at(url)
        with pytest.raises(StoreError, match=said) as caught:
            database.prepare()
        assert not database.answers
        told = f"{caught.value} {caught.value.__cause__}"
        assert not [word for word in ("somebody", "hunter2", "127.0.0.1") if word in told]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("INSERT INTO meetings (id) VALUES ('a secret')", "NotNullViolation"),
        ("INSERT INTO alembic_version SELECT version_num FROM alembic_version", "UniqueViolation"),
        ("SELECT 'a secret'::int", "does not fit"),
        ("SELECT a_secret FROM meetings", "UndefinedColumn"),
    ],
)
def test_sentences_do_not_quote_what_was_to_be_stored(url: str, statement: str, said: str) -> None:
    database = database_at(url)
    connection = database.write_connection()
    with pytest.raises(StoreError, match=said) as caught, database.errors():
        connection.transact(lambda session: session.execute(text(statement)), False)
    connection.close()
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__
    assert database.answers


def test_a_row_without_its_meeting_is_not_found(url: str) -> None:
    database = database_at(url)
    connection = database.write_connection()
    work = text("INSERT INTO turns VALUES (1, 'nobody', 0, 1, 'spk1', NULL)")
    with pytest.raises(NotFound), database.errors():
        connection.transact(lambda session: session.execute(work), False)
    connection.close()


def test_readers_cannot_write_and_see_one_state(url: str) -> None:
    engine = database_at(url).readers()
    with engine.connect() as connection:
        count = text("SELECT count(*) FROM meetings")
        assert connection.scalar(count) == 0
        columns = "(id, title, state, created_at, samples, models)"
        execute(url, f"INSERT INTO meetings {columns} VALUES ('a', '', 'open', now(), 0, '{{}}')")
        assert connection.scalar(count) == 0
        connection.rollback()
        assert connection.scalar(count) == 1
        with pytest.raises(SQLAlchemyError, match="read-only"):
            connection.execute(text("DELETE FROM meetings"))
    engine.dispose()


def test_small_letters_are_those_of_python(url: str) -> None:
    letters = [chr(code) for code in range(1, 0x11000) if not 0xD800 <= code < 0xE000]
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT l, casefold(l) FROM unnest(%s::text[]) AS letters (l)", [letters]).fetchall()
    wrong = {letter: folded for letter, folded in rows if letter.casefold() != folded}
    # Letters that one of the two knows and the other, of an older Unicode, does not.
    assert len(wrong) < 50, wrong


def test_a_database_that_was_asked_for_again_answers(postgres: PostgresServer, url: str) -> None:
    database: Database = database_at(url)
    engine = database.readers()
    with database.errors(), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    postgres.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{make_url(url).database}'"
    )
    with database.errors(), engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1, "a connection that was lost while nobody used it"
    engine.dispose()
