"""What a source's thread is told: frames in order, how they end, and what it need not wait for any more."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum, auto
from queue import SimpleQueue

from meeting.core.messages import AudioFrame


class _Signal(Enum):
    CHANGED = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Muted:
    """From here on silence stands for what is sent, or no longer does."""

    muted: bool


class SourceInbox:
    """The queue to one source's thread; only the thread itself calls `take` and looks at `ended`."""

    def __init__(self, hotwords: tuple[str, ...] = ()) -> None:
        self.hotwords = hotwords
        """Names and terms that are likely to be said in the audio that is processed next"""
        self._items: SimpleQueue[AudioFrame | Muted | _Signal] = SimpleQueue()
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

    def mute(self, muted: bool) -> None:
        """Queue that silence stands for all frames behind this, or no longer does."""
        self._items.put(Muted(muted))

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

    def take(self) -> AudioFrame | Muted | None:
        """Wait for what comes next: a frame, that it is muted or not any more, or None where something else changed."""
        item = self._items.get()
        if isinstance(item, (AudioFrame, Muted)):
            return item
        self.ended = self.ended or item is _Signal.END
        return None
