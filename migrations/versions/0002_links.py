"""Links with which others are let into a meeting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "links",
        sa.Column("id", Text(), nullable=False),
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("role", Text(), nullable=False),
        sa.Column("digest", Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_links_meetings", ondelete="CASCADE"),
    )
    op.create_index("ix_links_digest", "links", ["digest"], unique=True)
    op.create_index("ix_links_meeting_id", "links", ["meeting_id"])


def downgrade() -> None:
    """Take it away."""
    op.drop_table("links")
