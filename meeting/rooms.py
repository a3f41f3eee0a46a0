"""All running meetings of a server: who may go live, who may be deleted, and the end of them all."""

from __future__ import annotations

import asyncio

from meeting.config import Limits
from meeting.events import Dismissed, Renamed
from meeting.messages import Close, Ended, SegmentMessage, ServerMessage, SnapshotMessage, SpeakerMessage
from meeting.records import OPEN, Meeting, Record
from meeting.room import Room
from meeting.session import State
from meeting.store import Store
from meeting.worker import Workshop
from pipelines.types import seconds


class Rooms:
    """All meetings that are not over, by id."""

    def __init__(self, workshop: Workshop, limits: Limits) -> None:
        self.workshop = workshop
        self._limits = limits
        self._rooms: dict[str, Room] = {}
        self._stopping = False
        self._past_samples = 0
        self.finished = 0
        """Meetings finished since the server started"""

    @property
    def audio_seconds(self) -> float:
        """Seconds of audio received since the server started."""
        return seconds(self._past_samples + sum(room.session.samples for room in self._rooms.values()))

    @property
    def store(self) -> Store:
        """Where meetings are kept."""
        return self.workshop.store

    @property
    def live(self) -> int:
        """Meetings with a source."""
        return sum(room.session.busy for room in self._rooms.values())

    @property
    def viewers(self) -> int:
        """Clients that read along, in all meetings."""
        return sum(room.session.viewers for room in self._rooms.values())

    @property
    def admitting(self) -> bool:
        """Whether another meeting may go live."""
        return not self._stopping and self.live < self._limits.meetings

    def get(self, meeting_id: str) -> Room | None:
        """The room of a meeting, if it has one now."""
        return self._rooms.get(meeting_id)

    def busy(self, meeting_id: str) -> bool:
        """Whether a meeting has a source now."""
        room = self._rooms.get(meeting_id)
        return room is not None and room.session.busy

    async def enter(self, meeting_id: str) -> Room | Record:
        """The room of a meeting, made where there is none; the whole record of one that is over. Raises NotFound."""
        room = self._rooms.get(meeting_id)
        if room is not None:
            return room
        meeting = await asyncio.to_thread(self.store.meeting, meeting_id)
        if meeting.state != OPEN and meeting_id not in self._rooms:
            return await asyncio.to_thread(self.store.record, meeting_id)
        # Another connection may have made it while this one was reading.
        return self._rooms.get(meeting_id) or self._make(meeting)

    def rename(self, meeting_id: str, title: str) -> None:
        """Tell a meeting that is not over its new title."""
        room = self._rooms.get(meeting_id)
        if room is not None:
            room.post(Renamed(title))

    async def dismiss(self, meeting_id: str) -> bool:
        """Send everyone out of a meeting that is about to be deleted; false, and nothing done, while it is live."""
        room = self._rooms.get(meeting_id)
        if self.busy(meeting_id):
            return False
        if room is None:
            return True
        room.post(Dismissed(Close.NOT_FOUND, "deleted"))
        await asyncio.wait([room.task])
        return True

    async def finish_all(self) -> None:
        """Finish and store every live meeting, let the others go; returns once all are."""
        self._stopping = True
        rooms = list(self._rooms.values())
        for room in rooms:
            room.post(Dismissed(Close.GOING_AWAY, "the server stops"))
        if rooms:
            await asyncio.wait([room.task for room in rooms])

    def _make(self, meeting: Meeting) -> Room:
        room = Room(meeting, self.workshop, self._limits, lambda: self.admitting, self._forget)
        self._rooms[meeting.id] = room
        return room

    def _forget(self, room: Room) -> None:
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]
            self._past_samples += room.session.samples
            self.finished += room.session.state is State.ENDED


def farewell(record: Record) -> tuple[ServerMessage, ...]:
    """What a client of a meeting that is over is told: everything, and that it is over."""
    meeting = record.meeting
    snapshot = SnapshotMessage(
        tuple(SegmentMessage.of(segment) for segment in record.segments),
        tuple(SpeakerMessage.of(speaker) for speaker in record.speakers),
        meeting.state,
        meeting.title,
        seconds(meeting.samples),
        meeting.models,
    )
    return snapshot, Ended(meeting.segments)
