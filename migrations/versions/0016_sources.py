"""Several sources in one meeting: their order, their place on its clock, whose turns are whose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import Text, WholeNumber

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; turns so far were heard in the one source that their meeting had."""
    op.add_column("sources", sa.Column("number", WholeNumber, server_default="1", nullable=False))
    op.add_column("sources", sa.Column("anchors", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("sources", sa.Column("speakers", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("sources", sa.Column("muted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("turns", sa.Column("source_id", Text(), nullable=True))
    first = "SELECT max(sources.id) FROM sources WHERE sources.meeting_id = turns.meeting_id"
    op.execute(f"UPDATE turns SET source_id = ({first})")


def downgrade() -> None:
    """Take them away."""
    op.drop_column("turns", "source_id")
    for name in ("muted", "speakers", "anchors", "number"):
        op.drop_column("sources", name)
