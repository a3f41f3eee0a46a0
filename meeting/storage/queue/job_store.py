"""The jobs of a server in the database, so that the next start goes on with them."""

from __future__ import annotations

from concurrent.futures import Future

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from meeting.core.records import Job
from meeting.storage.databases.statements import upsert
from meeting.storage.store import Store
from meeting.storage.tables import JobRow, job_values


class JobStore:
    """Keeps jobs; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Job]:
        """Every job, in the order in which they were asked for."""
        with self._store.read() as session:
            return [row.value() for row in session.scalars(select(JobRow).order_by(JobRow.created_at, JobRow.id))]

    def save(self, job: Job) -> Future[None]:
        """Keep a job as it is now."""
        return self._store.write(lambda session: upsert(session, JobRow, [job_values(job)]))

    def remove(self, job_id: str) -> Future[None]:
        """Forget a job, and leave no trace of it."""

        def work(session: Session) -> None:
            session.execute(delete(JobRow).where(JobRow.id == job_id))

        return self._store.write(work, erase=True)

    def settled(self) -> Future[None]:
        """Done once all that was asked for before is."""
        return self._store.write(lambda session: None)
