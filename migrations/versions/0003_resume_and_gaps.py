"""What a source needs to come back after the server died, and the audio that never arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "resumes",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("digest", Text(), nullable=True),
        sa.Column("hotwords", sa.JSON(), nullable=False),
        sa.Column("lost_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("meeting_id", "source_id", name="pk_resumes"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_resumes_meetings", ondelete="CASCADE"),
    )
    op.create_table(
        "gaps",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("start", WholeNumber, nullable=False),
        sa.Column("end", WholeNumber, nullable=False),
        sa.Column("reason", Text(), nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", "source_id", "start", name="pk_gaps"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_gaps_meetings", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("gaps")
    op.drop_table("resumes")
