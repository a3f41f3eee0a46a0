"""Voices that people asked to be remembered, and who was recognised by them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "voice_profiles",
        sa.Column("id", Text(), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("model", Text(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("meeting_id", Text(), nullable=True),
        sa.Column("speaker", Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voice_profiles"),
        sa.ForeignKeyConstraint(
            ["meeting_id"], ["meetings.id"], name="fk_voice_profiles_meetings", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_voice_profiles_meeting_id", "voice_profiles", ["meeting_id"])
    op.add_column("speakers", sa.Column("recognized", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("speakers", sa.Column("profile", Text(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("speakers", "profile")
    op.drop_column("speakers", "recognized")
    op.drop_table("voice_profiles")
