"""Who has to wait, and until when: all back pressure of a meeting, for the event loop and for threads.

Three things are bounded, each counted once: bytes of audio on their way from the socket to the disk, seconds of audio
that wait for the models, and outputs that wait for the event loop. Coroutines that bring more wait before they read
on; a source's thread waits before it feeds more. Whoever waits is woken when there is room, and when it is over.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from contextlib import suppress

from meeting.core.rate_limit import RateLimiter

log = logging.getLogger(__name__)

MAX_AUDIO = 4 << 20
"""Bytes of audio on their way to disk above which a meeting's sockets are not read"""
FRAME_OVERHEAD = 512
"""Bytes that a frame counts beyond its payload: about what its place in the queues takes, or tiny ones had no bound"""
MAX_OUTPUTS = 500
"""Outputs that may wait for the loop; beyond it no more audio is fed and no client is read, until there are fewer"""


class FlowControl:
    """What is on its way through one meeting; made on its event loop.

    Methods that are coroutines, `output_taken` and `close` are for the loop, all others for any thread.
    """

    def __init__(
        self, rate: float, max_audio: int = MAX_AUDIO, max_outputs: int = MAX_OUTPUTS, shared: bool = False
    ) -> None:
        """`rate` is how much a source may send, in bytes per second.

        `shared`: what may wait for the models is what all sources may have waiting together, in equal shares.
        """
        self._rate = rate
        self._shared = shared
        self._fed = 0  # sources that are not through
        self._limiters: dict[str, RateLimiter] = {}
        """By source: as many as its meeting has"""
        self._max_audio = max_audio
        self._max_outputs = max_outputs
        self._audio = 0
        self._outputs = 0
        self.closed = False
        # One lock for all that is counted. It is held for a few instructions only, so that the loop may take it, and
        # taken directly on the way of each frame: through the condition it costs several times as much.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        loop = asyncio.get_running_loop()
        self._audio_waiters = _LoopWaiters(loop)
        self._output_waiters = _LoopWaiters(loop)
        self._over = loop.create_future()

    @property
    def crowded(self) -> bool:
        """Whether more outputs wait for the loop than may."""
        return self._outputs > self._max_outputs

    # Audio, from the socket to the disk

    async def admit(self, size: int) -> bool:
        """Wait for room, then count a frame of `size` bytes in, until `frame_done`; false when the meeting is over."""
        while True:
            with self._lock:
                if self.closed:
                    return False
                if self._audio < self._max_audio:
                    self._audio += size + FRAME_OVERHEAD
                    return True
                woken = self._audio_waiters.add()
            await woken

    def frame_done(self, size: int) -> None:
        """Count a frame out: it is on disk, or nobody wants it."""
        with self._lock:
            self._audio -= size + FRAME_OVERHEAD
            if self._audio < self._max_audio:
                self._audio_waiters.wake()

    async def limit_rate(self, size: int, source_id: str) -> None:
        """Wait as long as it takes until a source that has sent `size` bytes may send more."""
        limiter = self._limiters.setdefault(source_id, RateLimiter(self._rate))
        delay = limiter.delay(size, time.monotonic())
        if delay and not self.closed:
            await asyncio.wait([self._over], timeout=delay)

    # Outputs, from the threads to the loop

    def output_queued(self) -> None:
        """Count something in that the loop is to take."""
        with self._lock:
            self._outputs += 1

    def output_taken(self) -> None:
        """Count it out."""
        with self._lock:
            self._outputs -= 1
            if self._outputs == self._max_outputs:  # with this one it is crowded no more
                self._changed.notify_all()
                self._output_waiters.wake()

    async def room_for_outputs(self) -> None:
        """Wait until no more outputs wait for the loop than may."""
        # Without the lock: outputs are taken on this loop only, so that none can be between looking and waiting.
        while self.crowded and not self.closed:
            await self._output_waiters.add()

    def open_source(self) -> SourceFlow:
        """The part of one more source."""
        with self._lock:
            self._fed += 1
        return SourceFlow(self, self._changed)

    def source_through(self) -> None:
        """Nothing of one of them waits any more; with `_changed` held."""
        self._fed -= 1

    @property
    def share(self) -> float:
        """The share of what may wait for the models that each source has."""
        return 1 / max(1, self._fed) if self._shared else 1.0

    def close(self) -> None:
        """Nothing goes through any more: wake everybody."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
            self._audio_waiters.wake()
            self._output_waiters.wake()
        if not self._over.done():
            self._over.set_result(None)


class SourceFlow:
    """How much of one source's audio waits for the models, and how its thread waits for room; for any thread."""

    def __init__(self, flow: FlowControl, changed: threading.Condition) -> None:
        """`changed` is held to change what is waited for, and told of it."""
        self._flow = flow
        self._changed = changed
        self._stopped = self._left = False
        self.frame_done = flow.frame_done
        self.backlog = 0.0
        """Seconds of audio that wait for the models, loaded or not"""

    def set_backlog(self, seconds: float) -> None:
        """Say how much audio waits for the models."""
        with self._changed:
            self.backlog = seconds
            self._changed.notify_all()

    def wait_for_room(self, seconds: float) -> None:
        """Block while more than so many seconds of audio wait for the models, or too many outputs for the loop."""

        def room() -> bool:
            return (self.backlog <= seconds * self._flow.share and not self._flow.crowded) or self._over

        if not room():  # mostly there is: then without the lock
            with self._changed:
                self._changed.wait_for(room)

    def wait_until_idle(self, patience: float) -> None:
        """Block until no audio waits for the models, or so many seconds have passed without it becoming less."""
        least = math.inf
        with self._changed:
            while not self._over and 0 < self.backlog < least:
                least = self.backlog
                self._changed.wait_for(lambda: self._over or self.backlog < least, patience)  # noqa: B023

    def stop(self) -> None:
        """The source is let go of: its thread waits no more."""
        with self._changed:
            self._stopped = True
            self._leave()

    def through(self) -> None:
        """All of the source is through the models: others may have its share."""
        with self._changed:
            self._leave()

    def _leave(self) -> None:
        if not self._left:
            self._left, self.backlog = True, 0.0
            self._flow.source_through()
        self._changed.notify_all()

    @property
    def _over(self) -> bool:
        return self._stopped or self._flow.closed


class _LoopWaiters:
    """Coroutines that wait for the same thing; whoever adds or wakes keeps others from changing that meanwhile.

    All of them are woken at once and look again. So one that is cancelled takes nobody's turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[asyncio.Future[None]] = []
        self._waking = False

    def add(self) -> asyncio.Future[None]:
        """What one more is to wait for; on the loop."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        return future

    def wake(self) -> None:
        """Wake all, once for however many calls; from any thread."""
        if self._waiting and not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop has been closed: nobody waits there
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        # The lock is not needed here. Whoever adds itself does so on this loop, before or after this. A thread that
        # sees the flag too early leaves the waking to what is about to happen here, one that sees it too late asks
        # for one more.
        self._waking = False
        woken, self._waiting = self._waiting, []
        for future in woken:
            if not future.done():  # such as one whose coroutine was cancelled
                future.set_result(None)
