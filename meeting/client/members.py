"""Who is in a meeting: a source that speaks, or a viewer that reads along. Both give events until it has ended."""

from __future__ import annotations

from collections.abc import AsyncIterable
from types import TracebackType
from typing import TypeVar

from meeting.client.audio import MAX_PIECE, cut
from meeting.client.driver import Driver, Endpoint
from meeting.client.errors import ClientError, RequestRefused
from meeting.client.events import Event
from meeting.client.protocols import SourceProtocol, ViewerProtocol
from meeting.core.messages import Start


class _Member:
    """Takes the events of its driver, one after the other."""

    _driver: Driver

    def __aiter__(self: Member) -> Member:
        return self

    async def __anext__(self) -> Event:
        event = await self._driver.events.get()
        if event is None:
            raise StopAsyncIteration
        return event


Member = TypeVar("Member", bound=_Member)


class Viewer(_Member):
    """Reads a meeting along; an async context manager, and an async iterator of events.

    A lost connection is made again by itself: a new `snapshot` then holds all that was missed, and takes the place of
    all events before it.
    """

    def __init__(self, endpoint: Endpoint, give_up_after: float | None) -> None:
        self._driver = Driver(endpoint, ViewerProtocol(), give_up_after)

    async def __aenter__(self) -> Viewer:
        self._driver.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._driver.close()


class Source(_Member):
    """Speaks in a meeting; an async context manager, and an async iterator of events.

    Events may be taken while audio is sent, or afterwards: what was not taken in time is summed up in a `snapshot`.
    Left without an error, it stops and waits until the server has stored everything; left by an error, the meeting
    waits for a while and is then ended with what has come.
    """

    def __init__(self, endpoint: Endpoint, start: Start, buffer_bytes: int, give_up_after: float | None) -> None:
        self.meeting_id = endpoint.meeting_id
        self._protocol = SourceProtocol(start, buffer_bytes)
        self._driver = Driver(endpoint, self._protocol, give_up_after)

    async def __aenter__(self) -> Source:
        """Connect; returns once the server has answered, raises ClientError when it will not."""
        self._driver.start()
        try:
            while self._protocol.session is None and not self._driver.done:
                await self._driver.changed()
        except BaseException:
            await self._driver.close()
            raise
        if self._protocol.session is None:
            raise self._driver.error or ClientError("the connection ended before it began")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.finish()
        finally:
            await self._driver.close()

    @property
    def unacknowledged(self) -> int:
        """Frames that are held here because the server has not confirmed them."""
        return self._protocol.unacknowledged

    @property
    def ended(self) -> bool:
        """Whether the meeting is over, or this source has given up."""
        return self._driver.done

    @property
    def ended_early(self) -> bool:
        """Whether somebody else ended the meeting, before all audio of this source had arrived there."""
        return self._protocol.ended_early

    async def send(self, audio: bytes) -> None:
        """Send the next bytes of the one stream of audio, of any length.

        Waits while what is not confirmed fills the buffer: nothing is dropped. Raises ClientError when the source can
        send no more: the meeting was ended, or the server will not have it.
        """
        for piece in cut(audio, MAX_PIECE):
            while not self._protocol.fits(len(piece)) and not self._driver.done:
                await self._driver.changed()
            if self._driver.done or self._protocol.over:
                raise self._driver.error or RequestRefused("the meeting was ended: nothing more can be sent")
            self._protocol.append(piece)
            self._driver.wake()

    async def send_all(self, pieces: AsyncIterable[bytes]) -> None:
        """Send one piece after the other, then stop, even if they break off; raises as `send`, and what breaks them."""
        try:
            async for piece in pieces:
                await self.send(piece)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Say that this was all; the server hears the rest, and the last event is `ended`."""
        self._protocol.stop()
        self._driver.wake()

    async def finish(self) -> None:
        """Stop, and wait until everything is stored; raises ClientError when it cannot be."""
        await self.stop()
        await self._driver.finished()
        if self._driver.error is not None:
            raise self._driver.error
