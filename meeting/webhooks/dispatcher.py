"""The one worker of all webhooks: sends what is queued in the database, until it is taken or given up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Protocol

from meeting.storage.webhook_store import StoredDelivery, WebhookStore
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.http_sender import Outcome
from meeting.webhooks.schedule import next_try
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests to one endpoint at once, each for another meeting; one that hangs holds up no other endpoint"""
LOOK_AGAIN = 60.0
"""Seconds between two looks at what is due, where nothing asks for one before"""
RETRY_SECONDS = 5.0
"""After which the database is tried again where it refuses"""
UNKNOWN = "no endpoint of this name is in the settings any more"


class Sender(Protocol):
    """Sends one message, as `HttpSender` does."""

    async def send(self, endpoint: Endpoint, message_id: str, body: str) -> Outcome:
        """Try once."""

    async def close(self) -> None:
        """Let go of all connections."""


class Dispatcher:
    """Looks for what is due and sends it; lives on the event loop.

    A delivery may arrive more than once: when the process ends, or the database refuses, between the receiver's
    answer and the note that it came. Its id is the same then.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        store: WebhookStore,
        open_sender: Callable[[], Sender],
        give_up_after: timedelta,
        count: Callable[[str, int], None] = lambda result, number: None,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        chance: Callable[[], float] = random.random,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        """`count` is told results: delivered, retried, failed; `clock` gives UTC, `chance` numbers from 0 to 1.

        `look_again`: seconds between two looks, where other servers may queue something as well.
        """
        self._look_again = look_again
        self._endpoints = endpoints
        self._store = store
        self._open_sender = open_sender
        self._give_up_after = give_up_after
        self._count = count
        self._clock = clock
        self._chance = chance
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: dict[str, set[int]] = {endpoint.name: set() for endpoint in endpoints}
        self._gone: set[str] = set()
        """Endpoints that want to hear no more, until the server starts again"""
        self._tasks: set[asyncio.Task[None]] = set()
        self.waiting = 0
        """Deliveries that waited at the last look"""

    def wake(self) -> None:
        """Something was queued; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the next start finds it
                self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Send until cancelled; says first what is sent to whom."""
        try:
            await self._run()
        except Exception as error:
            log.error("webhooks: stopped by %s; the next start sends what waits", type(error).__name__, exc_info=error)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._in_flight = {endpoint.name: set() for endpoint in self._endpoints}
        for endpoint in self._endpoints:
            log.info("%s", endpoint.describe())
        names = [endpoint.name for endpoint in self._endpoints]
        await self._stored(lambda: self._store.give_up_others(names, UNKNOWN))
        if not self._endpoints:
            return
        sender = await asyncio.to_thread(self._open_sender)
        try:
            while True:
                self._news.clear()
                # A timer and not `wait_for`, which before Python 3.12 may swallow the cancelling.
                timer = self._loop.call_later(await self._look(sender), self._news.set)
                try:
                    await self._news.wait()
                finally:
                    timer.cancel()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await sender.close()

    async def _look(self, sender: Sender) -> float:
        """Start all that is due and has a place; seconds until the next look."""
        try:
            now = self._clock()
            counts = await asyncio.to_thread(self._store.counts)
            self.waiting = sum(each.waiting for each in counts.values())
            for endpoint in self._endpoints:
                if endpoint.name in counts and counts[endpoint.name].waiting:
                    await self._serve(sender, endpoint, now)
            due = await asyncio.to_thread(self._store.next_due, list(self._in_flight), now)
        except StoreError as error:
            log.error("webhooks: what is to be sent cannot be read: %s", error)
            return RETRY_SECONDS
        return self._look_again if due is None else min(self._look_again, max(0.0, (due - now).total_seconds()))

    async def _serve(self, sender: Sender, endpoint: Endpoint, now: datetime) -> None:
        in_flight = self._in_flight[endpoint.name]
        if endpoint.name in self._gone:
            if not in_flight:
                write = self._store.give_up_all(endpoint.name, "it wants to hear no more (410)")
                self._count("failed", await asyncio.wrap_future(write))
            return
        free = AT_ONCE - len(in_flight)
        if free <= 0:
            return
        for delivery in await asyncio.to_thread(self._store.due, endpoint.name, now, free, frozenset(in_flight)):
            in_flight.add(delivery.number)
            task = asyncio.create_task(self._deliver(sender, endpoint, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, sender: Sender, endpoint: Endpoint, delivery: StoredDelivery) -> None:
        try:
            outcome = await sender.send(endpoint, delivery.message_id, delivery.body)
        except Exception as error:
            log.error("webhook %s: %s in a try", endpoint.name, type(error).__name__, exc_info=error)
            outcome = Outcome(None, "a fault of this server: its log says more")
        result, write = self._result(endpoint, delivery, outcome)
        await self._stored(write)
        self._count(result, 1)
        self._in_flight[endpoint.name].discard(delivery.number)
        self._news.set()

    def _result(
        self, endpoint: Endpoint, delivery: StoredDelivery, outcome: Outcome
    ) -> tuple[str, Callable[[], Future[None]]]:
        """What a try has come to, and how to keep that."""
        if outcome.problem is None:
            return "delivered", lambda: self._store.delivered(delivery)
        problem, tries = outcome.problem, delivery.tries + 1
        told = f"meeting {delivery.meeting_id}: webhook {endpoint.name}: {delivery.event}"
        if outcome.gone:
            self._gone.add(endpoint.name)
            log.error(
                "webhook %s: wants to hear no more (410), and is sent nothing until the next start", endpoint.name
            )
        now = self._clock()
        due = next_try(tries, delivery.created_at, now, self._give_up_after, self._chance(), outcome.asked_wait)
        if outcome.gone or due is None:
            log.error("%s is given up after %d tries: %s", told, tries, problem)
            return "failed", lambda: self._store.give_up(delivery, problem)
        log.warning("%s not delivered, tried again in %.0f s: %s", told, (due - now).total_seconds(), problem)
        return "retried", lambda: self._store.try_again(delivery, due, problem)

    async def _stored(self, write: Callable[[], Future[None]]) -> None:
        """Keep something, however long the database refuses."""
        while True:
            try:
                await asyncio.wrap_future(write())
                return
            except StoreError as error:
                log.error("webhooks: what became of a delivery cannot be stored, and is tried again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
