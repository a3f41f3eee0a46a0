"""The recordings of a meeting's sources played into the room of another one, side by side as they were recorded.

Each begins where it stood in its meeting, and none runs ahead of the others. So the pipelines that are held at once
are those of sources that were heard at once, and which of them hears better is decided as in a live meeting, bit by
bit: played one after the other, all of the past would have to be decided again at the end of each.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from meeting.core.messages import AudioFrame, ResumeInfo
from meeting.core.placing import in_meeting
from meeting.core.records import Source
from meeting.live.room import Room
from meeting.recordings.playing import PlayingClient, source_start
from meeting.session.events import FrameReceived, StopReceived

AHEAD = 2
"""Frames of a source that may be on their way to its pipeline"""


@dataclass(frozen=True, slots=True)
class Part:
    """One source and its sound."""

    source: Source
    """As it is known from its own meeting"""
    frames: Callable[[], AsyncGenerator[AudioFrame, None]]
    """Its audio from the beginning, in frames of `frame_samples` each; is called when its turn has come"""
    frame_samples: int

    @property
    def begins(self) -> int:
        """The sample of the meeting at which it begins."""
        return in_meeting(self.source.anchors, 0)


class _Playing:
    """A part that is being played."""

    def __init__(self, room: Room, part: Part, opened: AsyncExitStack) -> None:
        """`opened` closes its sound, should it not be played to its end."""
        self.client = PlayingClient()
        self._room = room
        self._part = part
        self._number = room.join(self.client)
        self._frames = part.frames()
        opened.push_async_callback(self._frames.aclose)
        self._next: AudioFrame | None = None

    async def begin(self, language: str | None, token: str) -> None:
        """Make its source ready, and look at the first frame."""
        source = self._part.source
        start = source_start(source.name, language)
        self._room.start_source(self._number, start, ResumeInfo(source.id, token), source)
        await self.client.session.wait()
        await self._look()

    @property
    def position(self) -> int:
        """The sample of the meeting at which its next frame ends."""
        frames = 0 if self._next is None else self._next.seq + 1
        return in_meeting(self._part.source.anchors, frames * self._part.frame_samples)

    @property
    def over(self) -> bool:
        """Whether all of it has been sent."""
        return self._next is None

    async def send(self) -> None:
        """Send its next frame, once those before it are on their way through the models."""
        assert self._next is not None
        await self.client.taken(self._next.seq - AHEAD)
        await self._room.ready()
        await self._room.frame(FrameReceived(self._number, self._next))
        await self._look()

    def stop(self) -> None:
        """End its source with all that was sent."""
        self._room.post(StopReceived(self._number))

    async def _look(self) -> None:
        self._next = await anext(self._frames, None)


async def play_together(room: Room, parts: Sequence[Part], language: str | None, token: str) -> Sequence[PlayingClient]:
    """Play parts to their end, and wait until all of it is stored or the meeting is over; the clients they came from.

    Returns early where a source cannot be heard to its end: its client knows why.
    """
    clients: list[PlayingClient] = []
    async with AsyncExitStack() as opened:
        waiting = sorted(parts, key=lambda part: (part.begins, part.source.number), reverse=True)
        playing: list[_Playing] = []
        while waiting or playing:
            unsent = [one for one in playing if not one.over]
            nearest = min(unsent, key=lambda one: one.position, default=None)
            if waiting and (nearest is None or waiting[-1].begins <= nearest.position):
                begun = _Playing(room, waiting.pop(), opened)
                clients.append(begun.client)
                await begun.begin(language, token)
                playing.append(begun)
            elif nearest is not None:
                await nearest.send()
            # A meeting without a source ends: the next one begins before the last one stops.
            if not waiting or not all(one.over for one in playing):
                for one in [one for one in playing if one.over]:
                    one.stop()
                    playing.remove(one)
            if any(client.closed.is_set() for client in clients):
                return clients
        for client in clients:
            await client.closed.wait()
    return clients
