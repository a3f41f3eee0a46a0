"""All that a SQLite file holds, brought over to a real PostgreSQL: nothing is missing, and it goes on from there."""

from __future__ import annotations

import re
import socket
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Table,
    delete,
    insert,
    select,
    update,
)

from meeting.config.settings import Storage
from meeting.storage.files.lock import only_server
from meeting.storage.search.query import Search, parse_query
from meeting.storage.search_store import SearchStore
from meeting.storage.store import DATABASE, Store
from meeting.storage.tables import Base, SegmentRow, UtcDateTime
from meeting.storage.transcript_store import TranscriptStore
from meeting.storage.transfer import moving
from meeting.storage.transfer.moving import BATCH, NOT_COPIED, move_to_database
from pipelines.errors import SettingsError, StoreError
from tests.databases.postgres_server import PostgresServer
from tests.fakes.stored import NOON, kept, line

SEGMENTS = SegmentRow.metadata.tables["segments"]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The data folder of a single server, with a meeting."""
    folder = tmp_path / "single"
    with Store(folder) as store:
        kept(store, "m1", NOON, "Monday")
        lines = [line("s1", 0, text="We ship on Friday."), line("s2", 80_000, text="With a \0 in it, \U0010ffff too.")]
        TranscriptStore(store).save_segments("m1", lines).result()
    return folder


@pytest.fixture
def target(postgres: PostgresServer, tmp_path: Path) -> Storage:
    """Settings of servers that share a database in which nothing is kept."""
    return Storage(data_dir=tmp_path / "shared", database=postgres.new_database(empty=True))


def rows(store: Store, table: Table) -> list[dict[str, Any]]:
    """All of a table, in order."""
    with store.read() as session:
        found = session.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def value(column: Column[Any], at: int) -> Any:
    """Something that fits into a column, other at each place; sometimes nothing where there may be nothing."""
    if column.nullable and at % 3 == 0:
        return None
    for reference in column.foreign_keys:
        return value(reference.column, at)
    if isinstance(column.type, UtcDateTime | DateTime):
        return datetime(2026, 5, 4, 12, tzinfo=timezone.utc) + timedelta(minutes=at)
    if isinstance(column.type, Boolean):
        return at % 2 == 0
    if isinstance(column.type, LargeBinary):
        return bytes([at % 256, 0, 255])
    if isinstance(column.type, JSON):
        return [[f"wörd {at}", at, at + 1, 0.5]]
    if isinstance(column.type, Float):
        return at / 7
    if isinstance(column.type, Integer):
        return at if column.primary_key else 2**40 + at
    return f"{column.name}{at}" if column.primary_key or column.name.endswith("id") else f"Tëxt \0 \U0010ffff {at}"


def fill(store: Store, count: int) -> None:
    """Rows in each table."""
    for table in Base.metadata.sorted_tables:
        made = [{column.name: value(column, at) for column in table.columns} for at in range(1, count + 1)]
        store.write(lambda session, table=table, made=made: session.execute(insert(table), made)).result()  # type: ignore[misc]


@pytest.mark.slow
def test_each_row_of_each_table_comes_over_as_it_is(origin: Path, target: Storage) -> None:
    with Store(origin) as store:
        store.write(lambda session: session.execute(delete(SEGMENTS))).result()
        fill(store, BATCH + 3)
        before = {table.name: rows(store, table) for table in Base.metadata.sorted_tables}
    move_to_database(origin, target)
    with Store.configured(target) as store:
        for table in Base.metadata.sorted_tables:
            wanted = [] if table.name in NOT_COPIED else before[table.name]
            assert rows(store, table) == wanted, table.name
    assert len(before["segments"]) == BATCH + 3
    assert all(len(found) > BATCH for found in before.values())


@pytest.mark.slow
def test_what_is_brought_over_is_read_and_found(origin: Path, target: Storage) -> None:
    told = move_to_database(origin, target)
    assert told.startswith("1 meeting(s) with 2 line(s) are in the database now")
    assert str(origin) in told
    with Store.configured(target) as store:
        record = TranscriptStore(store).record("m1")
        assert [one.text for one in record.segments] == ["We ship on Friday.", "With a \0 in it, \U0010ffff too."]
        (hit,) = SearchStore(store).all_hits(Search(parse_query("friday")))
        assert (hit.meeting_id, hit.segment_id) == ("m1", "s1")
    with Store(origin) as store:
        assert len(rows(store, SEGMENTS)) == 2


def test_lines_go_on_to_be_numbered_also_behind_those_that_are_gone(origin: Path, target: Storage) -> None:
    with Store(origin) as store:
        last = rows(store, SEGMENTS)[-1]["number"]
        store.write(lambda session: session.execute(delete(SEGMENTS).where(SEGMENTS.c.number == last))).result()
    move_to_database(origin, target)
    with Store.configured(target) as store:
        TranscriptStore(store).save_segments("m1", [line("s3", 160_000, text="So be it.")]).result()
        assert [row["number"] for row in rows(store, SEGMENTS)] == [last - 1, last + 1]


def test_a_database_that_holds_something_is_left_as_it_is(origin: Path, target: Storage) -> None:
    with Store.configured(target) as store:
        kept(store, "other", NOON, "Another one's")
    with pytest.raises(StoreError, match=r"already \(meetings\): name one in which nothing is kept"):
        move_to_database(origin, target)
    with Store.configured(target) as store:
        assert [row["id"] for row in rows(store, Base.metadata.tables["meetings"])] == ["other"]
        assert rows(store, SEGMENTS) == []


def test_a_copy_that_breaks_off_leaves_nothing_and_is_made_again(
    origin: Path, target: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the lights went out")

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_go_on_numbering", broken)
        with pytest.raises(StoreError, match="the lights went out"):
            move_to_database(origin, target)
    with Store.configured(target) as store:
        assert rows(store, Base.metadata.tables["meetings"]) == []
    move_to_database(origin, target)


def test_a_folder_that_a_server_uses_is_not_copied(origin: Path, target: Storage) -> None:
    with only_server(origin), pytest.raises(StoreError, match="another server uses"):
        move_to_database(origin, target)


def test_without_a_file_or_a_database_to_take_it_is_refused(origin: Path, target: Storage, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--from takes the data folder of a server that had no"):
        move_to_database(tmp_path / "nothing", target)
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(SettingsError, match=r"storage\.database names no database"):
        move_to_database(origin, Storage(data_dir=tmp_path / "shared"))


def test_a_damaged_file_is_a_sentence_and_nothing_is_copied(origin: Path, target: Storage) -> None:
    with Store(origin) as store:
        store.write(
            lambda session: session.execute(
                update(Base.metadata.tables["meetings"]).values(created_at=datetime(2026, 5, 4, tzinfo=timezone.utc))
            )
        ).result()
    (origin / DATABASE).write_bytes(b"no database" * 1000)
    for ending in ("-wal", "-shm"):
        (origin / f"{DATABASE}{ending}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match="is damaged or no database"):
        move_to_database(origin, target)


def test_a_row_that_cannot_be_read_is_told_of_the_file_and_nothing_is_copied(origin: Path, target: Storage) -> None:
    with closing(sqlite3.connect(origin / DATABASE)) as connection, connection:
        connection.execute("UPDATE segments SET words = 'no json' WHERE id = 's2'")
    with pytest.raises(StoreError, match=re.escape(f"into {origin / DATABASE}, or what it holds there is damaged")):
        move_to_database(origin, target)
    with Store.configured(target) as store:
        assert rows(store, Base.metadata.tables["meetings"]) == []


def test_a_database_that_cannot_be_reached_is_a_sentence(origin: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    gone = Storage(data_dir=tmp_path / "shared", database=f"postgresql://nobody@127.0.0.1:{port}/none")
    with pytest.raises(StoreError, match=r"the database that storage\.database names cannot be reached"):
        move_to_database(origin, gone)


def test_where_the_folder_stays_the_same_nothing_is_said_of_audio(origin: Path, target: Storage) -> None:
    told = move_to_database(origin, Storage(data_dir=origin, database=target.database))
    assert told == "1 meeting(s) with 2 line(s) are in the database now"
