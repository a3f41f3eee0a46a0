"""The database that the settings name, with its password; a library for it is loaded only where one is named."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from meeting.config.secret_files import read_secret
from meeting.config.settings import Storage
from meeting.storage.databases.database import Database
from pipelines.errors import SettingsError

FORM = "storage.database is written as postgresql://USER@HOST/DATABASE"
MISSING = (
    "storage.database names PostgreSQL, and the package psycopg is missing: "
    "install it with pip install 'meeting-transcriber[postgres]'"
)
DRIVERS = ("postgresql", "postgresql+psycopg", "postgres")


def database_of(settings: Storage) -> Database | None:
    """The database that is named; None for the file in the data folder.

    Raises SettingsError, which never quotes what is set.
    """
    if not settings.database:
        return None
    url = database_url(settings)
    try:
        from meeting.storage.databases.postgres import PostgresDatabase
    except ImportError as error:
        raise SettingsError(MISSING) from error
    return PostgresDatabase(url)


def database_url(settings: Storage) -> URL:
    """Where the database is, its password included; raises SettingsError, which never quotes what is set."""
    try:
        url = make_url(settings.database or "")
    except (ArgumentError, ValueError):
        raise SettingsError(FORM) from None
    if url.drivername not in DRIVERS or not url.database:
        raise SettingsError(FORM)
    passwords = [
        given
        for given in (
            url.password,
            settings.database_password,
            settings.database_password_file
            and read_secret(settings.database_password_file, "the password of storage.database in"),
        )
        if given
    ]
    if len(passwords) > 1:
        raise SettingsError("the password of storage.database is set more than once: leave one of them")
    return url.set(drivername="postgresql+psycopg", password=str(passwords[0]) if passwords else None)
