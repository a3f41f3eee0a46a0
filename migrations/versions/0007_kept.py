"""Whether a meeting stays once it is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: all that there are stay."""
    op.add_column("meetings", sa.Column("kept", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("meetings", "kept")
