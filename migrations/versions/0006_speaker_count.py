"""How many people speak in a meeting, where somebody has said so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from meeting.storage.databases.columns import WholeNumber

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("meetings", sa.Column("least_speakers", WholeNumber, nullable=True))
    op.add_column("meetings", sa.Column("most_speakers", WholeNumber, nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("meetings", "most_speakers")
    op.drop_column("meetings", "least_speakers")
