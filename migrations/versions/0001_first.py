"""Meetings with their sources, speakers, segments and turns; for PostgreSQL also what small letters are."""

from __future__ import annotations

import sys

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing to the first schema."""
    op.create_table(
        "meetings",
        sa.Column("id", Text(), nullable=False),
        sa.Column("title", Text(), nullable=False),
        sa.Column("state", Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("samples", WholeNumber, nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meetings"),
    )
    op.create_index("ix_meetings_created_at_id", "meetings", ["created_at", "id"])
    op.create_table(
        "sources",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("kind", Text(), nullable=False),
        sa.Column("encoding", Text(), nullable=False),
        sa.Column("sample_rate", WholeNumber, nullable=False),
        sa.Column("channels", WholeNumber, nullable=False),
        sa.Column("language", Text(), nullable=True),
        sa.Column("samples", WholeNumber, nullable=False),
        sa.Column("audio", Text(), nullable=True),
        *_of_a_meeting("sources"),
    )
    op.create_table(
        "speakers",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("name", Text(), nullable=True),
        sa.Column("color", WholeNumber, nullable=False),
        sa.Column("merged_into", Text(), nullable=True),
        *_of_a_meeting("speakers"),
    )
    op.create_table(
        "segments",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("rev", WholeNumber, nullable=False),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("start", WholeNumber, nullable=False),
        sa.Column("end", WholeNumber, nullable=False),
        sa.Column("speaker", Text(), nullable=True),
        sa.Column("text", Text(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        *_of_a_meeting("segments"),
    )
    op.create_index("ix_segments_meeting_id_start", "segments", ["meeting_id", "start"])
    op.create_table(
        "turns",
        sa.Column("id", WholeNumber, nullable=False),
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("start", WholeNumber, nullable=False),
        sa.Column("end", WholeNumber, nullable=False),
        sa.Column("speaker", Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_turns_meetings", ondelete="CASCADE"),
    )
    op.create_index("ix_turns_meeting_id_start", "turns", ["meeting_id", "start"])
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(_casefold())


def downgrade() -> None:
    """Back to nothing."""
    for table in ("turns", "segments", "speakers", "sources", "meetings"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql("DROP FUNCTION casefold(text)")


def _of_a_meeting(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.PrimaryKeyConstraint("meeting_id", "id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=f"fk_{table}_meetings", ondelete="CASCADE"),
    )


def _casefold() -> str:
    """The function that PostgreSQL lacks before version 18: Python's `str.casefold`.

    What lower() makes of a text is that already, but for few letters; a text without them is not looked through.
    """
    small = [letter for letter in map(chr, range(128, sys.maxunicode)) if letter.lower() == letter != letter.casefold()]
    one = [letter for letter in small if len(letter.casefold()) == 1]
    folded = f"translate(small, '{''.join(one)}', '{''.join(map(str.casefold, one))}')"
    for letter in small:
        if letter not in one:
            folded = f"replace({folded}, '{letter}', '{letter.casefold()}')"
    return f"""
        CREATE FUNCTION casefold(line text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$
            SELECT CASE WHEN small ~ '[{"".join(small)}]' THEN {folded} ELSE small END
            FROM (SELECT lower(line COLLATE "und-x-icu") COLLATE "C" AS small) AS lowered
        $$
    """
