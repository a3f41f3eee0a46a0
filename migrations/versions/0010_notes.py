"""Notes of meetings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notes",
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("state", Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("problem", Text(), nullable=True),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("meeting_id", name="pk_notes"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_notes_meetings", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("notes")
