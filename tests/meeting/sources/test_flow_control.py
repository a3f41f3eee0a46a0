"""Who waits, for what, and that everybody who waits is woken: by room, or by the end."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from meeting.sources.flow_control import FRAME_OVERHEAD, MAX_AUDIO, MAX_OUTPUTS, FlowControl, SourceFlow

FAST = 1e12


def flow_control(max_audio: int = MAX_AUDIO, max_outputs: int = MAX_OUTPUTS, rate: float = FAST) -> FlowControl:
    return FlowControl(rate, max_audio, max_outputs)


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(body(), 60)

    asyncio.run(bounded())


async def turns(count: int = 10) -> None:
    """Let the loop go round, so that whoever can go on does."""
    for _ in range(count):
        await asyncio.sleep(0)


class Thread(threading.Thread):
    """A thread that waits for something, and whether it still does."""

    def __init__(self, wait: Callable[[], None]) -> None:
        super().__init__(target=wait, daemon=True)
        self.start()

    @property
    def waits(self) -> bool:
        """Whether it still does a moment later."""
        self.join(0.05)
        return self.is_alive()

    async def over(self) -> None:
        """Until it waits no more; the loop goes on meanwhile."""
        await asyncio.to_thread(self.join, 20)
        assert not self.is_alive()


# Audio on its way to disk


def test_more_audio_than_may_be_on_its_way_waits_until_there_is_room() -> None:
    async def body() -> None:
        flow = flow_control(max_audio=10 + FRAME_OVERHEAD)
        assert await flow.admit(10)
        second = asyncio.create_task(flow.admit(1))
        await turns()
        assert not second.done()
        flow.frame_done(10)
        assert await second

    run(body)


def test_frames_without_anything_in_them_fill_it_too() -> None:
    async def body() -> None:
        flow, admitted = flow_control(), 0
        with suppress(asyncio.TimeoutError):
            while True:
                await asyncio.wait_for(flow.admit(0), 0.1)
                admitted += 1
        for _ in range(admitted):
            flow.frame_done(0)
        await asyncio.wait_for(flow.admit(MAX_AUDIO), 10)
        assert admitted == MAX_AUDIO // FRAME_OVERHEAD

    run(body)


def test_a_thread_that_makes_room_wakes_the_loop() -> None:
    async def body() -> None:
        flow = flow_control(max_audio=1)
        await flow.admit(5)
        waiting = asyncio.create_task(flow.admit(5))
        await turns()
        began = time.monotonic()
        threading.Timer(0.05, flow.frame_done, [5]).start()
        assert await waiting
        assert time.monotonic() - began >= 0.04

    run(body)


def test_who_is_cancelled_while_it_waits_counts_nothing_and_takes_nobodys_turn() -> None:
    async def body() -> None:
        flow = flow_control(max_audio=1)
        await flow.admit(5)
        waiting = [asyncio.create_task(flow.admit(5)) for _ in range(3)]
        await turns()
        waiting[0].cancel()
        await turns()
        flow.frame_done(5)
        waiting[1].cancel()  # woken already, and gone before its turn
        await turns()
        assert [task.cancelled() for task in waiting[:2]] == [True, True]
        assert await waiting[2]
        flow.frame_done(5)
        assert await asyncio.wait_for(flow.admit(5), 1)

    run(body)


@pytest.mark.parametrize("senders", [1, 7])
def test_thousands_of_frames_go_through_in_order_and_never_more_at_once_than_may(senders: int) -> None:
    async def body() -> None:
        flow, limit = flow_control(max_audio=20 * (100 + FRAME_OVERHEAD)), 20
        source, under_way, most = flow.open_source(), 0, 0
        queue: list[tuple[int, int]] = []
        taken: list[tuple[int, int]] = []
        lock, more = threading.Lock(), threading.Semaphore(0)
        total = 5000

        def write() -> None:
            nonlocal under_way
            for number in range(total):
                more.acquire()
                with lock:
                    taken.append(queue.pop(0))
                    under_way -= 1
                source.frame_done(100)
                if number % 100 == 0:
                    time.sleep(0.0005)

        async def send(sender: int) -> None:
            nonlocal under_way, most
            for number in range(sender, total, senders):
                assert await flow.admit(100)
                with lock:
                    under_way += 1
                    most = max(most, under_way)
                    queue.append((sender, number))
                more.release()

        writer = Thread(write)
        await asyncio.gather(*(send(sender) for sender in range(senders)))
        await writer.over()
        assert len(taken) == total
        for sender in range(senders):
            assert [number for who, number in taken if who == sender] == list(range(sender, total, senders))
        assert most <= limit

    run(body)


# The rate


def test_a_source_that_sends_too_fast_waits_and_one_that_does_not_does_not() -> None:
    async def body() -> None:
        flow = flow_control(rate=10_000.0)
        began = time.monotonic()
        await flow.limit_rate(40_000, "src")
        assert time.monotonic() - began < 0.05
        await flow.limit_rate(1000, "src")
        assert time.monotonic() - began >= 0.09

    run(body)


# Outputs


def test_clients_wait_while_the_loop_has_too_much_to_take() -> None:
    async def body() -> None:
        flow = flow_control(max_outputs=2)
        for _ in range(4):
            flow.output_queued()
        waiting = [asyncio.create_task(flow.room_for_outputs()) for _ in range(3)]
        await turns()
        flow.output_taken()
        await turns()
        assert not any(task.done() for task in waiting)
        flow.output_taken()
        await asyncio.gather(*waiting)
        await flow.room_for_outputs()

    run(body)


def test_outputs_that_threads_have_queued_hold_their_thread_back() -> None:
    async def body() -> None:
        flow = flow_control(max_outputs=2)
        source = flow.open_source()
        for _ in range(3):
            flow.output_queued()
        thread = Thread(lambda: source.wait_for_room(60))
        assert thread.waits
        flow.output_taken()
        await thread.over()

    run(body)


# The models


def test_a_thread_waits_while_too_much_audio_waits_for_the_models() -> None:
    async def body() -> None:
        source = flow_control().open_source()
        source.set_backlog(60.5)
        thread = Thread(lambda: source.wait_for_room(60))
        source.set_backlog(60.25)
        assert thread.waits
        source.set_backlog(60)
        await thread.over()
        source.wait_for_room(60)

    run(body)


def test_a_thread_waits_for_both_the_models_and_the_loop() -> None:
    async def body() -> None:
        flow = flow_control(max_outputs=0)
        source = flow.open_source()
        source.set_backlog(61)
        flow.output_queued()
        thread = Thread(lambda: source.wait_for_room(60))
        flow.output_taken()
        assert thread.waits
        flow.output_queued()
        source.set_backlog(0)
        assert thread.waits
        flow.output_taken()
        await thread.over()

    run(body)


def test_models_are_idle_once_nothing_waits_or_nothing_becomes_less() -> None:
    async def body() -> None:
        source = flow_control().open_source()
        source.wait_until_idle(60)
        source.set_backlog(3)
        thread = Thread(lambda: source.wait_until_idle(60))
        source.set_backlog(2)
        source.set_backlog(2.5)
        assert thread.waits
        source.set_backlog(0)
        await thread.over()
        source.set_backlog(1)
        began = time.monotonic()
        source.wait_until_idle(0.1)
        assert 0.09 <= time.monotonic() - began < 10

    run(body)


# The end

WAITS: list[Callable[[SourceFlow], None]] = [
    lambda source: source.wait_for_room(1),
    lambda source: source.wait_until_idle(60),
]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("end", ["stop", "close"])
def test_models_that_never_answer_hold_nobody_back_once_it_is_over(
    wait: Callable[[SourceFlow], None], end: str
) -> None:
    async def body() -> None:
        flow = flow_control()
        source = flow.open_source()
        source.set_backlog(5)
        threads = [Thread(lambda: wait(source)) for _ in range(3)]
        assert all(thread.waits for thread in threads)
        source.stop() if end == "stop" else flow.close()
        for thread in threads:
            await thread.over()
        wait(source)

    run(body)


def test_a_thread_that_waits_for_the_loop_is_woken_by_the_end() -> None:
    async def body() -> None:
        flow = flow_control(max_outputs=0)
        source = flow.open_source()
        flow.output_queued()
        thread = Thread(lambda: source.wait_for_room(60))
        assert thread.waits
        flow.close()
        await thread.over()

    run(body)


def test_closing_wakes_all_who_wait_on_the_loop_and_admits_nothing_more() -> None:
    async def body() -> None:
        flow = flow_control(max_audio=1, max_outputs=0, rate=1.0)
        assert await flow.admit(5)
        flow.output_queued()
        frames = [asyncio.create_task(flow.admit(5)) for _ in range(3)]
        outputs = asyncio.create_task(flow.room_for_outputs())
        rate = asyncio.create_task(flow.limit_rate(1 << 30, "src"))
        await turns()
        flow.close()
        flow.close()
        assert await asyncio.gather(*frames) == [False] * 3
        await asyncio.gather(outputs, rate)
        await flow.limit_rate(1 << 30, "src")
        await flow.room_for_outputs()
        assert not await flow.admit(0)

    run(body)


def test_one_source_after_another_waits_for_its_own_audio_only() -> None:
    async def body() -> None:
        flow = flow_control()
        first = flow.open_source()
        first.set_backlog(100)
        stuck = Thread(lambda: first.wait_for_room(60))
        second = flow.open_source()
        second.wait_for_room(60)
        assert stuck.waits
        first.stop()
        await stuck.over()
        second.set_backlog(100)
        third = Thread(lambda: second.wait_for_room(60))
        assert third.waits
        second.set_backlog(1)
        await third.over()

    run(body)


def test_threads_that_speak_after_the_loop_is_gone_are_not_disturbed() -> None:
    made: list[FlowControl] = []

    async def body() -> None:
        flow = flow_control(max_audio=1)
        await flow.admit(5)
        task = asyncio.create_task(flow.admit(5))
        await turns()
        made.append(flow)
        task.cancel()

    run(body)
    made[0].frame_done(5)
    made[0].output_queued()


@pytest.mark.parametrize("seed", range(3))
def test_whoever_comes_and_goes_at_random_everybody_gets_through(seed: int) -> None:
    async def body() -> None:
        chance, flow = random.Random(seed), flow_control(max_audio=3 * FRAME_OVERHEAD, max_outputs=3)
        done, stop, loop = 0, threading.Event(), asyncio.get_running_loop()
        under_way: list[int] = []

        def work() -> None:
            while not stop.is_set() or under_way:
                if under_way:
                    flow.frame_done(under_way.pop())
                flow.output_queued()
                loop.call_soon_threadsafe(flow.output_taken)
                time.sleep(0.0001)

        async def one() -> None:
            nonlocal done
            await flow.room_for_outputs()
            if await flow.admit(0):
                under_way.append(0)
                done += 1

        worker = Thread(work)
        tasks, cancelled = [], 0
        for _ in range(400):
            tasks.append(asyncio.create_task(one()))
            if chance.random() < 0.3:
                cancelled += chance.choice(tasks).cancel()
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        stop.set()
        await worker.over()
        assert done == sum(result is None for result in results) >= 400 - cancelled
        await turns()
        assert not flow.crowded

    run(body)


def test_sources_that_share_have_together_what_one_may_have_waiting() -> None:
    async def body() -> None:
        flow = FlowControl(FAST, shared=True)
        first, second = flow.open_source(), flow.open_source()
        first.set_backlog(6.0)
        waiting = Thread(lambda: first.wait_for_room(10.0))
        assert waiting.waits
        second.through()
        await waiting.over()
        third = flow.open_source()
        second.stop()
        waiting = Thread(lambda: first.wait_for_room(10.0))
        assert waiting.waits, "one that is through and then let go of has given up its share once"
        third.stop()
        await waiting.over()

    run(body)


def test_sources_that_do_not_share_have_each_its_own() -> None:
    async def body() -> None:
        flow = flow_control()
        first, _ = flow.open_source(), flow.open_source()
        first.set_backlog(6.0)
        await Thread(lambda: first.wait_for_room(10.0)).over()

    run(body)
