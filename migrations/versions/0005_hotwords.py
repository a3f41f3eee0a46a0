"""Names and terms that are likely to be said in a meeting."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; meetings that are there have none."""
    op.add_column("meetings", sa.Column("hotwords", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("meetings", "hotwords")
