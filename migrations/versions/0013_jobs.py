"""Jobs: recordings on their way to a meeting; and which meetings are made of one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "jobs",
        sa.Column("id", Text(), nullable=False),
        sa.Column("state", Text(), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("size", WholeNumber, nullable=False),
        sa.Column("modified", WholeNumber, nullable=False),
        sa.Column("meeting_id", Text(), nullable=False),
        sa.Column("title", Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("hotwords", sa.JSON(), nullable=False),
        sa.Column("least_speakers", WholeNumber, nullable=True),
        sa.Column("most_speakers", WholeNumber, nullable=True),
        sa.Column("language", Text(), nullable=True),
        sa.Column("source_id", Text(), nullable=False),
        sa.Column("token", Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("problem", Text(), nullable=True),
        sa.Column("again_of", Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.add_column("meetings", sa.Column("recorded", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("meetings", "recorded")
    op.drop_table("jobs")
