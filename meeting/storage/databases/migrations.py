"""A database's way to the newest schema."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, inspect

from meeting.config.package_files import MIGRATIONS
from pipelines.errors import DatabaseTooNew, StoreError


def migrate(connection: Connection, choose_another: str) -> bool:
    """Bring a database to the newest schema, within the connection's transaction; false where it had that already.

    `choose_another` says how to take another database. Raises DatabaseTooNew for one written by a later version,
    StoreError for one that is not ours.
    """
    # Alembic takes a tenth of a second to import, which commands without a database should not pay.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if not (MIGRATIONS / "env.py").is_file():
        raise StoreError(f"the folder {MIGRATIONS} is missing: install the program again, or take a whole checkout")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - known:
        raise DatabaseTooNew(
            f"the database was written by a later version of this program: update the program, or {choose_another}"
        )
    if not found and inspect(connection).get_table_names():
        raise StoreError(f"the database belongs to another program: {choose_another}")
    if found == set(scripts.get_heads()):
        return False
    command.upgrade(config, "head")
    return True
