"""Meetings with their sources, speakers, segments and turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing to the first schema."""
    op.create_table(
        "meetings",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meetings"),
    )
    op.create_index("ix_meetings_created_at_id", "meetings", ["created_at", "id"])
    op.create_table(
        "sources",
        sa.Column("meeting_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("audio", sa.String(), nullable=True),
        *_of_a_meeting("sources"),
    )
    op.create_table(
        "speakers",
        sa.Column("meeting_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("color", sa.Integer(), nullable=False),
        sa.Column("merged_into", sa.String(), nullable=True),
        *_of_a_meeting("speakers"),
    )
    op.create_table(
        "segments",
        sa.Column("meeting_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        *_of_a_meeting("segments"),
    )
    op.create_index("ix_segments_meeting_id_start", "segments", ["meeting_id", "start"])
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meeting_id", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_turns_meetings", ondelete="CASCADE"),
    )
    op.create_index("ix_turns_meeting_id_start", "turns", ["meeting_id", "start"])


def downgrade() -> None:
    """Back to nothing."""
    for table in ("turns", "segments", "speakers", "sources", "meetings"):
        op.drop_table(table)


def _of_a_meeting(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.PrimaryKeyConstraint("meeting_id", "id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=f"fk_{table}_meetings", ondelete="CASCADE"),
    )
