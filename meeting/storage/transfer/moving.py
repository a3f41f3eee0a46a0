"""What a single server has kept, brought over to the database that several share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, exists, func, insert, select, text
from sqlalchemy.orm import Session

from meeting.config.settings import Storage
from meeting.storage.databases.configured import database_of
from meeting.storage.databases.database import Database
from meeting.storage.databases.sqlite import SqliteDatabase
from meeting.storage.files.lock import only_server
from meeting.storage.store import DATABASE
from meeting.storage.tables import Base, OwnershipRow, SegmentRow, ServerRow
from pipelines.errors import SettingsError, StoreError

NOT_COPIED = frozenset({ServerRow.__tablename__, OwnershipRow.__tablename__})
"""Tables of what the servers of a database are doing now"""
BATCH = 500
"""Rows that are in memory at once"""


def move_to_database(data_dir: Path, settings: Storage) -> str:
    """Copy the SQLite file of a data folder to the database of the settings, which is empty; what was done, in words.

    The file stays, brought to the newest schema. Raises SettingsError where no database is named, StoreError where
    there is no such file, a server uses the folder, or the database holds something.
    """
    target, path = database_of(settings), data_dir / DATABASE
    if target is None:
        raise SettingsError("storage.database names no database that it could be brought to")
    if not path.is_file():
        raise StoreError(f"there is no {path}: --from takes the data folder of a server that had no storage.database")
    source = SqliteDatabase(path)
    with only_server(data_dir):
        source.prepare()
        target.prepare()
        copied = copy_all(source, target)
    kept = f"{copied['meetings']} meeting(s) with {copied['segments']} line(s) are in the database now"
    if settings.data_dir.resolve() != data_dir.resolve():
        kept += f"; their audio is in {data_dir} still: copy its files to {settings.data_dir}"
    return kept


def copy_all(source: Database, target: Database) -> dict[str, int]:
    """Bring over all rows of a database to one in which nothing is kept; how many, by table. Slow.

    Both have the newest schema. The full-text index is made anew; numbers, and those that are given next, stay.
    Raises StoreError, also where the target holds something: then it is as it was.
    """
    reading = source.readers()
    writing = target.write_connection()
    try:
        # All in one transaction of each: what is read is of one moment, and all of it is there or nothing.
        with source.errors(), reading.connect() as connection, target.errors():
            copied, _ = writing.transact(lambda session: _copy(source, connection, session), erase=False)
    finally:
        writing.close()
        reading.dispose()
    return copied


def _tables() -> list[Table]:
    """Those that others refer to first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in NOT_COPIED]


def _copy(source: Database, connection: Connection, target: Session) -> dict[str, int]:
    held = [table.name for table in _tables() if target.scalar(select(exists().select_from(table)))]
    if held:
        raise StoreError(
            f"there is something in the database that storage.database names already ({', '.join(held)}): "
            "name one in which nothing is kept"
        )
    return {table.name: _copy_table(source, connection, target, table) for table in _tables()}


def _copy_table(source: Database, connection: Connection, target: Session, table: Table) -> int:
    count = 0
    for rows in _rows(source, connection, table):
        target.execute(insert(table), rows)
        count += len(rows)
    if target.scalar(select(func.count()).select_from(table)) != count:
        raise StoreError(f"not all of {table.name} could be brought over")
    _go_on_numbering(connection, target, table)
    return count


def _rows(source: Database, connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """A table in order, `BATCH` rows at once; what cannot be read is told of the source, and not of the target."""
    with source.errors():
        found = connection.execution_options(yield_per=BATCH).execute(
            select(table).order_by(*table.primary_key.columns)
        )
        for rows in found.mappings().partitions():
            yield [dict(row) for row in rows]


def _go_on_numbering(source: Connection, target: Session, table: Table) -> None:
    """Let the next row have the number that it would have had."""
    number = table.autoincrement_column
    if number is None or target.get_bind().dialect.name != "postgresql":
        return
    last = source.scalar(select(func.max(number))) or 0
    if table is SegmentRow.__table__ and source.dialect.name == "sqlite":
        # Those of lines that are gone are not given again.
        given = source.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        last = max(last, given or 0)
    if last:
        statement = "SELECT setval(pg_get_serial_sequence(:table, :column), :last)"
        target.execute(text(statement), {"table": table.name, "column": number.name, "last": last})
