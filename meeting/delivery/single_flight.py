"""Work whose outcome many ask for at once: done once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def shared_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task for several to wait for, who may all be gone when it fails."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    return task


class SingleFlight(Generic[K, T]):
    """Calls a function in a thread; who asks for the same at once gets the same outcome, begun after all of them asked.

    Lives on the event loop.
    """

    def __init__(self, function: Callable[[K], T], at_once: int) -> None:
        """At most `at_once` calls run at the same time; `function` may be called from any thread."""
        self._function = function
        self._places = asyncio.Semaphore(at_once)
        self._running: dict[K, asyncio.Task[T]] = {}
        self._waiting: dict[K, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._running) + len(self._waiting)

    async def __call__(self, key: K) -> T:
        """The outcome for a key, no older than this call; raises what the function raises."""
        asked = self._waiting.get(key)
        if asked is None:
            asked = self._waiting[key] = shared_task(self._run(key))
        return await asyncio.shield(asked)

    async def _run(self, key: K) -> T:
        # A call that is under way may have begun before what the caller knows of.
        if key in self._running:
            await asyncio.wait({self._running[key]})
        async with self._places:
            self._running[key] = self._waiting.pop(key)
            try:
                return await asyncio.to_thread(self._function, key)
            finally:
                del self._running[key]
