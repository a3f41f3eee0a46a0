"""When a recording was made, and how often a meeting was begun to be transcribed again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import WholeNumber

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("recorded_at", sa.DateTime(), nullable=True))
    op.add_column("jobs", sa.Column("attempts", WholeNumber, server_default="0", nullable=False))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("jobs", "attempts")
    op.drop_column("jobs", "recorded_at")
