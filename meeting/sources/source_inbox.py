"""What a source's thread is told: frames in order, how they end, and what it need not wait for any more."""

from __future__ import annotations

import threading
from enum import Enum, auto
from queue import SimpleQueue

from meeting.core.messages import AudioFrame


class _Signal(Enum):
    CHANGED = auto()
    END = auto()


class SourceInbox:
    """The queue to one source's thread; only the thread itself calls `take` and looks at `ended`."""

    def __init__(self, hotwords: tuple[str, ...] = ()) -> None:
        self.hotwords = hotwords
        """Names and terms that are likely to be said in the audio that is processed next"""
        self._items: SimpleQueue[AudioFrame | _Signal] = SimpleQueue()
        self.ended = False
        """The end has been taken: no frame comes behind it"""
        self.models_settled = threading.Event()
        """The models are loaded or cannot be, or nobody has the time to wait for them"""
        self.no_waiting = threading.Event()
        """Neither a disk that refuses nor models are to be waited for"""
        self.abandoned = threading.Event()
        """Nobody wants anything more of this source"""
        self.released = threading.Event()
        """Its files may be closed"""

    def put(self, frame: AudioFrame) -> None:
        """Queue a frame."""
        self._items.put(frame)

    def wake(self) -> None:
        """Something that the thread may wait for has changed; from any thread."""
        self._items.put(_Signal.CHANGED)

    def settle_models(self) -> None:
        """The models are loaded, or cannot be; from any thread."""
        self.models_settled.set()
        self.wake()

    def finish(self, shutdown_fast: bool = False) -> None:
        """Queue the end."""
        if shutdown_fast:
            self.no_waiting.set()
            self.models_settled.set()
        self._items.put(_Signal.END)

    def abandon(self) -> None:
        """Say that nobody wants anything more: whatever the thread waits for, it goes on."""
        self.abandoned.set()
        self.released.set()
        self.finish(shutdown_fast=True)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take at once."""
        return self._items.empty()

    def take(self) -> AudioFrame | None:
        """Wait for what comes next: a frame, or None where something else has changed."""
        item = self._items.get()
        if isinstance(item, AudioFrame):
            return item
        self.ended = self.ended or item is _Signal.END
        return None
