"""The full-text index over the lines of meetings that are kept; PostgreSQL gets it with the lines' numbers (0011)."""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

log = logging.getLogger("meeting.storage.migrations")

LINES_AT_ONCE = 20_000
TELL_SECONDS = 2.0
"""How often it is told how far this has come"""

# A line of a meeting that is not kept is never in the index. Once its meeting is gone nobody knows whether it was
# kept, so the index itself is asked which lines it has.
INDEXED = "EXISTS (SELECT 1 FROM segment_search_docsize WHERE id = old.rowid)"
ADD = "INSERT INTO segment_search(rowid, text) VALUES (new.rowid, new.text);"
REMOVE = "INSERT INTO segment_search(segment_search, rowid, text) VALUES ('delete', old.rowid, old.text);"
TRIGGERS = {
    "segment_search_inserted": f"""AFTER INSERT ON segments
        WHEN (SELECT kept FROM meetings WHERE id = new.meeting_id) BEGIN {ADD} END""",
    "segment_search_updated": f"""AFTER UPDATE OF text ON segments
        WHEN old.text IS NOT new.text AND {INDEXED} BEGIN {REMOVE} {ADD} END""",
    "segment_search_deleted": f"""AFTER DELETE ON segments WHEN {INDEXED} BEGIN {REMOVE} END""",
}


def upgrade() -> None:
    """Make the index of all lines that there are."""
    if op.get_bind().dialect.name == "postgresql":
        return
    op.execute(
        "CREATE VIRTUAL TABLE segment_search USING "
        "fts5(text, content='segments', tokenize='unicode61 remove_diacritics 2')"
    )
    _fill(op.get_bind())
    for name, rest in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {rest}")


def _fill(connection: sa.Connection) -> None:
    lines = connection.scalar(sa.text("SELECT count(*) FROM segments"))
    if not lines:
        return
    log.info("search: %d lines are put into an index, which is done once", lines)
    done, last, told = 0, -1, time.monotonic()
    part = (
        "FROM segments JOIN meetings ON meetings.id = segments.meeting_id AND meetings.kept "
        "WHERE segments.rowid > :last AND segments.rowid <= :end ORDER BY segments.rowid"
    )
    while True:
        ids = "(SELECT rowid AS id FROM segments WHERE rowid > :last ORDER BY rowid LIMIT :most)"
        end, count = connection.execute(
            sa.text(f"SELECT max(id), count(*) FROM {ids}"), {"last": last, "most": LINES_AT_ONCE}
        ).one()
        if end is None:
            break
        connection.execute(
            sa.text(f"INSERT INTO segment_search(rowid, text) SELECT segments.rowid, segments.text {part}"),
            {"last": last, "end": end},
        )
        done, last = done + count, end
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            log.info("search: %d of %d lines are in the index", done, lines)
    log.info("search: the index is complete")


def downgrade() -> None:
    """Take it away."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table("segment_search")
