"""Statements that each database writes its own way, and what waits for the end of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, inspect, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from meeting.storage.databases.columns import Text

_AFTER_COMMIT = "after_commit"


def upsert(session: Session, table: Any, rows: Sequence[dict[str, Any]], newer: bool = False) -> None:
    """Insert rows of the same columns, or overwrite those with the same key; `newer`: only where `rev` has grown."""
    if not rows:
        return
    statement = _insert(session, table)
    keys = [column.name for column in inspect(table).primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    where = statement.excluded.rev > table.rev if newer else None
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where), rows)


def insert_missing(session: Session, table: Any, row: dict[str, Any]) -> None:
    """Insert a row, unless there is one already that is the same by a key or a unique index."""
    session.execute(_insert(session, table).values(row).on_conflict_do_nothing())


def _insert(session: Session, table: Any) -> sqlite.Insert | postgresql.Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


class holds_folded(FunctionElement[bool]):
    """`holds_folded(column, text)`: whether a text holds another, which is casefolded, whatever is capital in it."""

    type = Boolean()
    inherit_cache = True
    name = "holds_folded"


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column holds a text, whatever is capital in either."""
    return holds_folded(column, literal(text.casefold(), Text()))


@compiles(holds_folded, "sqlite")
def _holds_sqlite(element: holds_folded, compiler: SQLCompiler, **options: Any) -> str:
    column, text = _arguments(element, compiler, options)
    return f"instr(casefold({column}), {text}) > 0"


@compiles(holds_folded, "postgresql")
def _holds_postgresql(element: holds_folded, compiler: SQLCompiler, **options: Any) -> str:
    column, text = _arguments(element, compiler, options)
    return f"strpos(casefold({column}), {text}) > 0"


def _arguments(element: holds_folded, compiler: SQLCompiler, options: dict[str, Any]) -> tuple[str, str]:
    column, text = (compiler.process(clause, **options) for clause in element.clauses)
    return column, text


def after_commit(session: Session, done: Callable[[], None]) -> None:
    """Have something called once what a writer's session does is on disk."""
    session.info.setdefault(_AFTER_COMMIT, []).append(done)


def committed(session: Session) -> None:
    """Call what waits for the session's transaction, which is on disk."""
    for done in session.info.pop(_AFTER_COMMIT, ()):
        done()
