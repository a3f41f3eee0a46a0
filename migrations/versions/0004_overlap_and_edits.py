"""Lines in which people speak at once, and what people have set by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("segments", sa.Column("overlap", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "speaker_edits",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("name", Text(), nullable=True),
        sa.Column("merged_into", Text(), nullable=True),
        sa.PrimaryKeyConstraint("meeting_id", "id", name="pk_speaker_edits"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_speaker_edits_meetings", ondelete="CASCADE"),
    )
    op.create_table(
        "segment_edits",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("rev", WholeNumber, nullable=False),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("start", WholeNumber, nullable=False),
        sa.Column("end", WholeNumber, nullable=False),
        sa.Column("speaker", Text(), nullable=True),
        sa.Column("text", Text(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("overlap", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("heard", sa.JSON(), nullable=False),
        sa.Column("labelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", "id", name="pk_segment_edits"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_segment_edits_meetings", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("segment_edits")
    op.drop_table("speaker_edits")
    op.drop_column("segments", "overlap")
