"""What each change by hand did, so that it can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "edit_steps",
        sa.Column("number", WholeNumber, nullable=False),
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("id", Text(), nullable=False),
        sa.Column("step", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_edit_steps"),
        sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name="fk_edit_steps_meetings", ondelete="CASCADE"),
    )
    op.create_index("ix_edit_steps_meeting_id_id", "edit_steps", ["meeting_id", "id"], unique=True)


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_edit_steps_meeting_id_id", "edit_steps")
    op.drop_table("edit_steps")
