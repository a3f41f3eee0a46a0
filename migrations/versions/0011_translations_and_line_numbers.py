"""Sources whose lines are translations, and numbers of lines that are never given again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COLUMNS = 'meeting_id, id, rev, source_id, start, "end", speaker, text, words, overlap'
INDEX = "ix_segments_meeting_id_start"
TRIGGERS = ("segment_search_inserted", "segment_search_updated", "segment_search_deleted")


def upgrade() -> None:
    """Add the column, and give the lines' numbers a column of their own."""
    op.add_column("sources", sa.Column("translate", sa.Boolean(), server_default=sa.false(), nullable=False))
    number = sa.Column("number", sa.Integer(), nullable=False)
    key = sa.UniqueConstraint("meeting_id", "id", name="uq_segments_meeting_id_id")
    _rebuild(
        [number], [sa.PrimaryKeyConstraint("number", name="pk_segments"), key], "number", sqlite_autoincrement=True
    )


def downgrade() -> None:
    """Take both away; lines keep their numbers until one of a higher number is deleted."""
    _rebuild([], [sa.PrimaryKeyConstraint("meeting_id", "id", name="pk_segments")], "rowid")
    op.drop_column("sources", "translate")


def _rebuild(columns: list[sa.Column[int]], keys: list[sa.Constraint], number: str, **options: bool) -> None:
    """Put the lines into another table, each under its own number, by which the full-text index knows it."""
    connection = op.get_bind()
    known = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    triggers = [connection.scalar(known, {"name": name}) for name in TRIGGERS]
    op.create_table(
        "segments_new",
        *columns,
        sa.Column("meeting_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("overlap", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_segments_meetings", ondelete="CASCADE"),
        *keys,
        **options,
    )
    op.execute(f"INSERT INTO segments_new ({number}, {COLUMNS}) SELECT rowid, {COLUMNS} FROM segments ORDER BY rowid")
    op.drop_table("segments")  # and with it its index and its triggers
    op.rename_table("segments_new", "segments")
    op.create_index(INDEX, "segments", ["meeting_id", "start"])
    for trigger in triggers:
        op.execute(trigger)
