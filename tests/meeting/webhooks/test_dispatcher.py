"""The worker sends what is queued until it is taken: in order, a few at once, again after failures, not for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meeting.core.records import Meeting, State
from meeting.storage.store import Store
from meeting.storage.webhook_queue import Delivery, WebhookQueue
from meeting.storage.webhook_store import WebhookStore
from meeting.webhooks import dispatcher as dispatching
from meeting.webhooks.dispatcher import AT_ONCE, Dispatcher
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.http_sender import Outcome
from pipelines.errors import StoreError
from pipelines.types import Segment
from tests.fakes.stored import NOON, kept, line

TAKEN, REFUSED = Outcome(204), Outcome(500, "answered 500")


def endpoint(name: str) -> Endpoint:
    return Endpoint(name, f"https://{name}.example", f"{name}.example", ("segment.final",), (b"k",))


class FakeSender:
    """Remembers what it was to send; `answer` says what became of it."""

    def __init__(self, answer: Callable[[str, str], Outcome] = lambda endpoint, body: TAKEN) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.hanging: set[str] = set()
        """Endpoints that never answer"""
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.closed = False

    async def send(self, endpoint: Endpoint, message_id: str, body: str) -> Outcome:
        """Answer, or hang."""
        self.under_way[endpoint.name] += 1
        self.most[endpoint.name] = max(self.most[endpoint.name], self.under_way[endpoint.name])
        self.sent.append((endpoint.name, body))
        self.ids.append(message_id)
        await asyncio.sleep(3600 if endpoint.name in self.hanging else 0.01)
        self.under_way[endpoint.name] -= 1
        return self.answer(endpoint.name, body)

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


class Clock:
    """A time of day that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Bench:
    """A store with a queue, and a worker with a fake sender and clock."""

    def __init__(self, store: Store, *names: str) -> None:
        self.store, self.webhooks, self.sender, self.clock = store, WebhookStore(store), FakeSender(), Clock()
        self.results: Counter[str] = Counter()
        self.names = names or ("crm",)
        self.dispatcher = Dispatcher(
            [endpoint(name) for name in self.names],
            self.webhooks,
            lambda: self.sender,
            timedelta(hours=1),
            lambda result, number: self.results.update({result: number}),
            self.clock,
            lambda: 1.0,
        )
        store.webhooks = WebhookQueue(self._announce, True, self.dispatcher.wake)

    def _announce(self, meeting: Meeting, spoken: Segment | None) -> list[Delivery]:
        told = f"{meeting.id}.{spoken.id if spoken else meeting.state}"
        return [Delivery(name, told, "e", told, self.clock()) for name in self.names]

    def say(self, meeting_id: str, *lines: str) -> None:
        """Queue a line for each endpoint."""

        def work(session: Any) -> None:
            self.store.webhooks.tell_lines(session, meeting_id, [line(name) for name in lines])

        self.store.write(work).result()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, (self.sender.sent, self.results)
            await asyncio.sleep(0.005)

    def bodies(self) -> list[str]:
        """What was sent, in order."""
        return [body for _, body in self.sender.sent]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Meanwhile the worker runs."""
        task = asyncio.create_task(self.dispatcher.run())
        try:
            yield
        finally:
            task.cancel()
            _, late = await asyncio.wait({task}, timeout=10)
            assert not late


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        for meeting_id in ("m1", "m2"):
            kept(opened, meeting_id)
        yield opened


def test_what_waited_before_and_what_comes_later_is_sent_and_forgotten(store: Store) -> None:
    bench = Bench(store)
    bench.say("m1", "a")

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["delivered"] == 1)
            await asyncio.to_thread(bench.say, "m1", "b", "c")  # nobody looks at the clock: the worker was woken
            await bench.until(lambda: bench.results["delivered"] == 3)
            await bench.until(lambda: bench.dispatcher.waiting == 0)

    asyncio.run(work())
    assert bench.bodies() == ["m1.a", "m1.b", "m1.c"]
    assert bench.webhooks.counts() == {}
    assert bench.sender.closed


def test_what_failed_comes_again_at_its_time_with_its_id_and_holds_up_its_own_meeting_only(store: Store) -> None:
    bench = Bench(store)
    bench.say("m1", "a", "b")
    bench.say("m2", "c")
    bench.sender.answer = lambda endpoint, body: TAKEN if body != "m1.a" or len(bench.sender.sent) > 2 else REFUSED

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results == {"retried": 1, "delivered": 1})
            assert sorted(bench.bodies()) == ["m1.a", "m2.c"]
            bench.clock.now += timedelta(seconds=4.9)
            bench.dispatcher.wake()
            await asyncio.sleep(0.1)
            assert len(bench.sender.sent) == 2
            bench.clock.now += timedelta(seconds=0.1)
            bench.dispatcher.wake()
            await bench.until(lambda: bench.results["delivered"] == 3)

    asyncio.run(work())
    assert bench.bodies()[2:] == ["m1.a", "m1.b"]
    assert Counter(bench.sender.ids)["m1.a"] == 2


def test_the_worker_wakes_by_itself_when_a_try_is_due(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(store)
    bench.say("m1", "a")
    monkeypatch.setattr(dispatching, "next_try", lambda *_: datetime.now(NOON.tzinfo) + timedelta(seconds=0.1))
    bench.dispatcher._clock = lambda: datetime.now(NOON.tzinfo)
    bench.sender.answer = lambda endpoint, body: TAKEN if len(bench.sender.sent) > 1 else REFUSED

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["delivered"] == 1)

    asyncio.run(work())


def test_a_receiver_that_asks_to_be_left_alone_is(store: Store) -> None:
    bench = Bench(store)
    bench.say("m1", "a")
    bench.sender.answer = lambda endpoint, body: Outcome(429, "answered 429", 90.0)

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["retried"] == 1)

    asyncio.run(work())
    assert bench.webhooks.next_due(["crm"], NOON) == NOON + timedelta(seconds=90)


def test_what_is_never_taken_is_given_up_after_the_time_that_is_set(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(store)
    bench.say("m1", "a", "b")
    bench.clock.now += timedelta(hours=1)
    bench.sender.answer = lambda endpoint, body: REFUSED if body == "m1.a" else TAKEN

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results == {"failed": 1, "delivered": 1})

    asyncio.run(work())
    assert bench.bodies() == ["m1.a", "m1.b"]
    ((failed, due),) = bench.webhooks.troubled(9)
    assert (failed.message_id, failed.problem, failed.body, due) == ("m1.a", "answered 500", "", None)
    assert "meeting m1: webhook crm: e is given up after 1 tries: answered 500" in caplog.text


def test_a_receiver_that_is_gone_is_sent_nothing_more(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(store, "crm", "bot")
    bench.say("m1", "a", "b")
    bench.sender.answer = lambda endpoint, body: Outcome(410, "answered 410") if endpoint == "crm" else TAKEN

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["failed"] == 2 and bench.results["delivered"] == 2)
            await asyncio.to_thread(bench.say, "m2", "c")
            await bench.until(lambda: bench.results["failed"] == 3 and bench.results["delivered"] == 3)

    asyncio.run(work())
    assert [body for name, body in bench.sender.sent if name == "crm"] == ["m1.a"]
    assert {name: (each.waiting, each.failed) for name, each in bench.webhooks.counts().items()} == {"crm": (0, 3)}
    assert "webhook crm: wants to hear no more (410), and is sent nothing until the next start" in caplog.text


def test_an_endpoint_that_is_in_the_settings_no_more_is_given_up(store: Store) -> None:
    Bench(store, "old", "crm").say("m1", "a")
    bench = Bench(store)

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["delivered"] == 1)

    asyncio.run(work())
    ((failed, _),) = bench.webhooks.troubled(9)
    assert (failed.endpoint, failed.problem) == ("old", "no endpoint of this name is in the settings any more")


def test_one_that_hangs_has_a_few_requests_under_way_and_holds_up_neither_others_nor_the_store(store: Store) -> None:
    bench = Bench(store, "slow", "crm")
    meetings = [f"x{number}" for number in range(AT_ONCE + 3)]
    for meeting_id in meetings:
        kept(store, meeting_id)
        bench.say(meeting_id, "a", "b")
    bench.sender.hanging = {"slow"}

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["delivered"] == 2 * len(meetings))
            began = time.monotonic()
            await asyncio.to_thread(bench.say, "m1", "c")
            assert time.monotonic() - began < 1

    asyncio.run(work())
    assert bench.sender.most["slow"] == bench.sender.under_way["slow"] == AT_ONCE
    assert 1 < bench.sender.most["crm"] <= AT_ONCE


def test_a_fault_of_our_own_in_a_try_is_a_try_that_failed(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(store)
    bench.say("m1", "a")

    def stumble(endpoint: str, body: str) -> Outcome:
        raise ZeroDivisionError

    bench.sender.answer = stumble

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["retried"] == 1)
            bench.sender.answer = lambda endpoint, body: TAKEN
            bench.clock.now += timedelta(seconds=5)
            bench.dispatcher.wake()
            await bench.until(lambda: bench.results["delivered"] == 1)

    asyncio.run(work())
    assert "webhook crm: ZeroDivisionError in a try" in caplog.text


def test_a_database_that_refuses_for_a_while_loses_nothing_and_repeats_no_request(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(store)
    bench.say("m1", "a", "b")
    monkeypatch.setattr(dispatching, "RETRY_SECONDS", 0.02)
    counts, delivered, refusals = WebhookStore.counts, WebhookStore.delivered, Counter[str]()

    def refusing_counts(self: WebhookStore) -> Any:
        refusals["read"] += 1
        if refusals["read"] == 1:
            raise StoreError("the disk is gone")
        return counts(self)

    def refusing_write(self: WebhookStore, delivery: Any) -> Future[None]:
        refusals["write"] += 1
        if refusals["write"] > 3:
            return delivered(self, delivery)
        refused: Future[None] = Future()
        refused.set_exception(StoreError("the disk is full"))
        return refused

    monkeypatch.setattr(WebhookStore, "counts", refusing_counts)
    monkeypatch.setattr(WebhookStore, "delivered", refusing_write)

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bench.results["delivered"] == 2)

    asyncio.run(work())
    assert bench.bodies() == ["m1.a", "m1.b"]
    assert refusals["write"] == 5


def test_what_was_under_way_when_the_worker_stopped_is_sent_by_the_next(store: Store) -> None:
    bench = Bench(store)
    bench.say("m1", "a")
    bench.sender.hanging = {"crm"}

    async def work() -> None:
        async with bench.running():
            await bench.until(lambda: bool(bench.sender.sent))
        bench.sender.hanging = set()
        bench.dispatcher = Bench(store).dispatcher
        bench.dispatcher._open_sender = lambda: bench.sender
        async with bench.running():
            await bench.until(lambda: len(bench.sender.sent) == 2)

    asyncio.run(work())
    assert bench.sender.ids == ["m1.a", "m1.a"]


def test_what_is_queued_while_no_worker_runs_wakes_nobody_and_does_no_harm(store: Store) -> None:
    bench = Bench(store)
    bench.say("m1", "a")
    asyncio.run(cancelled(bench))
    thread = threading.Thread(target=bench.dispatcher.wake)  # its loop is closed
    thread.start()
    thread.join(5)
    store.set_state("m1", State.LIVE).result()


async def cancelled(bench: Bench) -> None:
    async with bench.running():
        await asyncio.sleep(0.01)


def test_a_worker_that_cannot_work_says_so(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(store)

    def missing() -> FakeSender:
        raise FileNotFoundError

    bench.dispatcher._open_sender = missing
    asyncio.run(asyncio.wait_for(bench.dispatcher.run(), 10))
    assert "webhooks: stopped by FileNotFoundError" in caplog.text


def test_without_endpoints_the_worker_has_nothing_to_do(store: Store) -> None:
    Bench(store).say("m1", "a")
    asyncio.run(asyncio.wait_for(Dispatcher([], WebhookStore(store), FakeSender, timedelta(hours=1)).run(), 10))
    assert [each.waiting for each in WebhookStore(store).counts().values()] == [0]
