"""What webhooks have to tell, or could not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    ("endpoint", "message_id"),
    ("endpoint", "meeting_id", "next_try_at"),
    ("endpoint", "event", "next_try_at"),
    ("meeting_id",),
)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "webhook_deliveries",
        sa.Column("number", WholeNumber, nullable=False),
        sa.Column("endpoint", Text(), nullable=False),
        sa.Column("message_id", Text(), nullable=False),
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("event", Text(), nullable=False),
        sa.Column("body", Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.Column("tries", WholeNumber, server_default="0", nullable=False),
        sa.Column("problem", Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_webhook_deliveries"),
    )
    for columns in INDEXES:
        name = f"ix_webhook_deliveries_{'_'.join(columns)}"
        op.create_index(name, "webhook_deliveries", list(columns), unique="message_id" in columns)


def downgrade() -> None:
    """Take it away."""
    op.drop_table("webhook_deliveries")
