"""With which models a meeting is transcribed again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("models", sa.String(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("jobs", "models")
