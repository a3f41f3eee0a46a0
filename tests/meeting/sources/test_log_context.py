"""The meeting that lines of a log are about."""

from __future__ import annotations

import asyncio
import threading

from meeting.sources.log_context import logged_meeting


def test_each_task_and_thread_has_its_own() -> None:
    seen: list[str | None] = []

    async def work(meeting: str) -> None:
        logged_meeting.set(meeting)
        await asyncio.sleep(0)
        seen.append(logged_meeting.get())

    async def run() -> None:
        await asyncio.gather(work("a"), work("b"))
        seen.append(logged_meeting.get())

    asyncio.run(run())
    thread = threading.Thread(target=lambda: seen.append(logged_meeting.get()))
    thread.start()
    thread.join()
    assert seen == ["a", "b", None, None]
