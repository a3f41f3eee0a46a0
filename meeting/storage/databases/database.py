"""What the store asks of a database, whichever it is; the tables and nearly all statements are the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from meeting.storage.search.index import SearchIndex
from pipelines.errors import MeetingError, StoreError

Result = TypeVar("Result")

Erase = bool | Callable[[Session], bool]
"""Whether no trace may be left of what a transaction deletes; a function is asked at its end"""

SHORT_WAIT = 0.5
"""Seconds that a process which ends waits for a database that is in use or away: the rest is left to the next start"""


class WriteConnection(ABC):
    """The one connection that writes; the writer's thread alone uses it, but for `shorten_waits`."""

    @abstractmethod
    def transact(self, work: Callable[[Session], Result], erase: Erase) -> tuple[Result, bool]:
        """Do work in a transaction: what it gives once that is on disk, and whether its traces are to be erased.

        Raises whatever the database or the work does; then nothing of it was done. A database with several writers may
        have the work done again, each time in a transaction of its own, of which the last one alone counts.
        """

    def problem(self) -> StoreError | None:
        """Why no work can be taken at the moment, where that is known; asked by any thread."""
        return None

    @abstractmethod
    def traces_left(self) -> bool:
        """Whether a process before this one may have left what was to be erased."""

    @abstractmethod
    def erase(self) -> bool:
        """Leave no trace of what was deleted; false where that has to be tried again. Raises as `transact` does."""

    @abstractmethod
    def shorten_waits(self) -> None:
        """Wait at most `SHORT_WAIT` for anybody else from now on; called by any thread."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""


class Database(ABC):
    """A database that a store may lie in; may be used from any thread."""

    index: SearchIndex
    """The full-text index over the lines"""
    driver_error: type[Exception]
    """What its driver throws"""

    @property
    def answers(self) -> bool:
        """Whether it answered when it was last asked for something."""
        return True

    @abstractmethod
    def examine(self) -> str:
        """What it is, in a few words, with nothing changed in it; raises StoreError where it cannot be used."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what is missing, and bring it to the newest schema; raises StoreError or DatabaseTooNew."""

    @abstractmethod
    def readers(self) -> Engine:
        """Connections that cannot write, and see one state of the database for as long as their transaction lasts."""

    @abstractmethod
    def write_connection(self) -> WriteConnection:
        """The connection for the writer, which is opened when it is first used."""

    @abstractmethod
    def explain(self, cause: BaseException) -> StoreError:
        """What the database or its driver throws as a sentence, with nothing in it of what was to be stored."""

    def plain_cause(self, error: BaseException, cause: BaseException) -> BaseException:
        """What may be told in a log as the cause of a StoreError, where `error` was thrown because of `cause`."""
        return error

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns whatever the database or the disk throws into a StoreError."""
        try:
            yield
        except (SQLAlchemyError, self.driver_error, OSError, ValueError, OverflowError) as error:
            cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
            if isinstance(cause, MeetingError):
                raise cause from error
            raise self.explain(cause) from self.plain_cause(error, cause)


def explain_any(place: str, cause: BaseException) -> StoreError:
    """The sentence for what no database throws, but Python or the system."""
    if isinstance(cause, OSError):
        return StoreError(f"{cause.filename or place} cannot be used: {cause.strerror or cause}")
    if isinstance(cause, (ValueError, OverflowError, TypeError)):
        return StoreError(f"a value does not fit into {place}, or what it holds there is damaged")
    return StoreError(f"{place} cannot be used: {cause}")
