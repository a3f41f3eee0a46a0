"""The deliveries of webhooks in the database: which are due, what became of each, and what was given up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from meeting.storage.store import Store
from meeting.storage.tables import MeetingRow, WebhookDeliveryRow

FURTHEST = timedelta(days=1)
"""A try that is due later than this was put there by a clock that was wrong, and is due now"""
MOST_FAILED = 1000
"""Deliveries of one endpoint that are kept after they were given up; older ones go"""


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery that waits, or was given up."""

    number: int
    """In the order in which they were queued"""
    endpoint: str
    message_id: str
    meeting_id: str
    event: str
    body: str = field(repr=False)
    created_at: datetime
    tries: int
    """That did not succeed"""
    problem: str | None


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """How many deliveries of an endpoint wait, and how many were given up."""

    waiting: int
    failed: int


class WebhookStore:
    """Keeps deliveries until they succeed; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Reading

    def due(self, endpoint: str, now: datetime, most: int, without: Collection[int] = ()) -> list[StoredDelivery]:
        """The first delivery of each meeting to an endpoint, where its time has come, the longest due first.

        Those behind it wait for it, so that what happens in a meeting is told in its order. `without` are numbers.
        """
        row = WebhookDeliveryRow
        query = (
            _stored()
            .where(row.number.in_(_heads(endpoint)), row.number.not_in(without))
            .where(or_(row.next_try_at <= now, row.next_try_at > now + FURTHEST))
            .order_by(row.next_try_at, row.number)
            .limit(most)
        )
        with self._store.read() as session:
            return [StoredDelivery(*values) for values in session.execute(query)]

    def next_due(self, endpoints: Iterable[str], after: datetime) -> datetime | None:
        """When the next delivery becomes due that is not due yet."""
        row = WebhookDeliveryRow
        found = []
        with self._store.read() as session:
            for endpoint in endpoints:
                later = select(func.min(row.next_try_at)).where(
                    row.number.in_(_heads(endpoint)), row.next_try_at > after
                )
                found.append(session.scalar(later))
        return min((due for due in found if due is not None), default=None)

    def counts(self) -> dict[str, EndpointCounts]:
        """How many deliveries each endpoint has, of those that have any."""
        row = WebhookDeliveryRow
        query = select(row.endpoint, func.count(row.next_try_at), func.count()).group_by(row.endpoint)
        with self._store.read() as session:
            return {
                endpoint: EndpointCounts(waiting, all_ - waiting) for endpoint, waiting, all_ in session.execute(query)
            }

    def troubled(self, most: int) -> list[tuple[StoredDelivery, datetime | None]]:
        """Deliveries that did not succeed yet, newest first, and when each is tried again: None where never."""
        row = WebhookDeliveryRow
        query = _stored().add_columns(row.next_try_at).where(row.problem.is_not(None))
        with self._store.read() as session:
            found = session.execute(query.order_by(row.number.desc()).limit(most))
            return [(StoredDelivery(*values), due) for *values, due in found]

    # Writing

    def delivered(self, delivery: StoredDelivery) -> Future[None]:
        """Forget a delivery that has succeeded."""
        gone = delete(WebhookDeliveryRow).where(_is(delivery))
        return self._store.write(lambda session: _run(session, gone), erase=_of_gone_meeting(delivery))

    def try_again(self, delivery: StoredDelivery, due: datetime, problem: str) -> Future[None]:
        """Keep that a try did not succeed, and when the next one is due."""
        values = {"tries": delivery.tries + 1, "next_try_at": due, "problem": problem}
        changed = update(WebhookDeliveryRow).where(_is(delivery)).values(values)
        return self._store.write(lambda session: _run(session, changed))

    def give_up(self, delivery: StoredDelivery, problem: str) -> Future[None]:
        """Keep a delivery as failed, without what it would have told."""

        def work(session: Session) -> None:
            values = {"tries": delivery.tries + 1, "next_try_at": None, "problem": problem, "body": ""}
            session.execute(update(WebhookDeliveryRow).where(_is(delivery)).values(values))
            _prune(session, delivery.endpoint)

        return self._store.write(work, erase=_of_gone_meeting(delivery))

    def give_up_all(self, endpoint: str, problem: str) -> Future[int]:
        """Keep all that waits for an endpoint as failed; how many these are."""
        return self._store.write(lambda session: _give_up(session, endpoint, problem), erase=True)

    def give_up_others(self, endpoints: Collection[str], problem: str) -> Future[None]:
        """Keep all that waits for other endpoints than these as failed."""

        def work(session: Session) -> None:
            row = WebhookDeliveryRow
            others = select(row.endpoint).where(row.endpoint.not_in(endpoints), row.next_try_at.is_not(None)).distinct()
            for endpoint in list(session.scalars(others)):
                _give_up(session, endpoint, problem)

        return self._store.write(work, erase=True)


def _run(session: Session, statement: Any) -> None:
    session.execute(statement)


def _stored() -> Any:
    row = WebhookDeliveryRow
    columns = (row.number, row.endpoint, row.message_id, row.meeting_id, row.event, row.body, row.created_at, row.tries)
    return select(*columns, row.problem)


def _of_gone_meeting(delivery: StoredDelivery) -> Callable[[Session], bool]:
    # Asked when it is told: a meeting that is not kept goes while its last deliveries are under way.
    return lambda session: session.get(MeetingRow, delivery.meeting_id) is None


def _heads(endpoint: str) -> Select[Any]:
    row = WebhookDeliveryRow
    waiting = select(func.min(row.number)).where(row.endpoint == endpoint, row.next_try_at.is_not(None))
    return waiting.group_by(row.meeting_id)


def _is(delivery: StoredDelivery) -> ColumnElement[bool]:
    # Its number alone could be another's by now, if its meeting was deleted while it was on its way.
    row = WebhookDeliveryRow
    return (row.number == delivery.number) & (row.message_id == delivery.message_id)


def _give_up(session: Session, endpoint: str, problem: str) -> int:
    row = WebhookDeliveryRow
    values = {"next_try_at": None, "problem": problem, "body": ""}
    waiting = update(row).where(row.endpoint == endpoint, row.next_try_at.is_not(None)).values(values)
    number = len(session.scalars(waiting.returning(row.number)).all())
    _prune(session, endpoint)
    return number


def _prune(session: Session, endpoint: str) -> None:
    row = WebhookDeliveryRow
    failed = select(row.number).where(row.endpoint == endpoint, row.next_try_at.is_(None))
    kept = failed.order_by(row.number.desc()).limit(MOST_FAILED)
    session.execute(delete(row).where(row.number.in_(failed), row.number.not_in(kept)))
