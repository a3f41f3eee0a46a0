"""Alembic's entry: runs the migrations on the connection that the store hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from meeting.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
