"""The one thread that writes: pieces of work in the order in which they were asked for, bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from sqlalchemy.orm import Session

from meeting.storage.databases.database import Database, Erase, Result
from pipelines.errors import StoreError

ERASE_AGAIN = 2.0
"""Seconds after which traces are tried to be erased again, if no write comes before"""

WAITING_WRITES = 4096
"""Writes that may wait; beyond it the disk is not keeping up and new ones fail at once"""


class Writer:
    """The one thread and the one connection that write; each piece of work is a short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.write_connection()
        self._erase_pending = self._connection.traces_left()
        """Whether there may still be traces of what was to be erased"""
        self._erase_timer: threading.Timer | None = None
        self._free_places = threading.BoundedSemaphore(WAITING_WRITES)
        self._executor = ThreadPoolExecutor(1, "store-writer")

    def submit(self, work: Callable[[Session], Result], erase: Erase = False) -> Future[Result]:
        """Ask for a transaction, whose work's result it gives once on disk; never waits.

        `erase` leaves no trace of deleted rows, as far as the database can.
        """
        done: Future[Result] = Future()
        # Running from the start: a task cancelled while it waits for the future must not cancel the write.
        done.set_running_or_notify_cancel()
        if (problem := self._connection.problem()) is not None:
            done.set_exception(problem)
            return done
        if not self._free_places.acquire(blocking=False):
            done.set_exception(StoreError("the disk does not keep up with what is to be stored"))
            return done
        try:
            job = self._executor.submit(self._transact, work, erase)
        except RuntimeError:
            self._free_places.release()
            done.set_exception(StoreError("the database is closed"))
        else:
            job.add_done_callback(lambda job: self._finished(job, done))
        return done

    def shorten_waits(self) -> None:
        """Wait less for others from now on."""
        self._connection.shorten_waits()

    def close(self) -> None:
        """Do all that was asked for, then end the thread."""
        if self._erase_timer is not None:
            self._erase_timer.cancel()
        self._executor.shutdown()
        self._connection.close()

    def _transact(self, work: Callable[[Session], Result], erase: Erase) -> Result:
        with self._database.errors():
            result, erased = self._connection.transact(work, erase)
        self._erase_pending = self._erase_pending or erased
        self._erase_traces()
        return result

    def _erase_traces(self) -> None:
        """Erase traces if need be; who holds that back may be the last to use the database for days.

        A disk that is full holds it back, too. That fails no write: all that was asked for is on disk by then.
        """
        if self._erase_pending:
            with suppress(StoreError), self._database.errors():
                self._erase_pending = not self._connection.erase()
        if self._erase_pending and (self._erase_timer is None or not self._erase_timer.is_alive()):
            self._erase_timer = threading.Timer(ERASE_AGAIN, self._erase_again)
            self._erase_timer.daemon = True
            self._erase_timer.start()

    def _erase_again(self) -> None:
        def work() -> None:
            self._erase_timer = None
            self._erase_traces()

        with suppress(RuntimeError):  # closed meanwhile: the last to leave erases what is left
            self._executor.submit(work)

    def _finished(self, job: Future[Result], done: Future[Result]) -> None:
        self._free_places.release()
        error = job.exception()
        if error is None:
            done.set_result(job.result())
        else:
            done.set_exception(error)
