"""Saves what a meeting wants kept, and tells the meeting when the disk refuses and when it takes everything again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode
from meeting.core.records import Meeting, Restored
from meeting.live.meeting_writer import MeetingWriter
from meeting.live.save_queue import SaveQueue
from meeting.session.events import (
    Effect,
    Event,
    SaveEdits,
    SaveGap,
    SaveLabels,
    SaveResume,
    SaveSegment,
    SaveSource,
    SaveSpeaker,
    SaveState,
    SaveTranscript,
    SaveTurns,
    SourceFailed,
    SourceStored,
    StorageFailing,
    StorageWorking,
)
from meeting.storage.store import Store
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

NOT_NOW = "nothing can be changed now: what is heard cannot be saved either, and the server tries again; try again soon"
"""Why a change by hand is refused"""

SAVES = (
    SaveSegment,
    SaveLabels,
    SaveSpeaker,
    SaveTurns,
    SaveEdits,
    SaveSource,
    SaveResume,
    SaveGap,
    SaveTranscript,
    SaveState,
)
"""Effects for the store"""


class MeetingSaver:
    """One meeting's way to the store; lives on the event loop."""

    def __init__(
        self,
        store: Store,
        meeting: Meeting,
        restored: Restored | None,
        post: Callable[[Event], None],
        tell_at_once: Callable[[StorageFailing | StorageWorking], None],
    ) -> None:
        """`post` lets an event happen to the meeting, `tell_at_once` does not wait for those before it.

        Its end waits for the disk: nothing that is posted behind it is heard until the disk takes everything again.
        """
        self._id = meeting.id
        self._data_dir = store.data_dir
        self._post = post
        self._tell_at_once = tell_at_once
        self._writer = MeetingWriter(store, meeting, restored)
        self._queue = SaveQueue(meeting.id, self._writer, self._failing, self._working)
        self._to_confirm: set[str] = set()
        """Sources that are to be confirmed once nothing waits for the disk"""
        self._to_tell: list[Callable[[], None]] = []
        """What is told then"""
        self.frame_appended = self._writer.frame_appended

    @property
    def overflowed(self) -> bool:
        """Whether more had to wait than may: the meeting must be rebuilt from its audio."""
        return self._queue.overflowed

    def require_idle(self) -> None:
        """Raise StoreError while something waits for the disk: what a person changes would have to wait as well."""
        if not self._queue.idle:
            raise StoreError(NOT_NOW)

    async def save(self, effect: Effect) -> None:
        """Store one of `SAVES`, or put it behind those that wait for the disk."""
        await self._queue.save(effect)

    async def save_end(self, effect: SaveState) -> bool:
        """Store the end behind everything else, however long that takes; false when too much had to wait."""
        if not await self._queue.settle():
            log.error("meeting %s: too much could not be stored; it will be rebuilt from its audio", self._id)
            return False
        await self._queue.save(effect)
        await self._queue.settle()
        return True

    @property
    def complete(self) -> bool:
        """Whether nothing had to be given up."""
        return not self._queue.gave_up

    def confirm(self, source_id: str) -> SourceStored | SourceFailed | None:
        """Whether all that was to be kept of a source is stored; None where that is not decided, and posted later."""
        if self._queue.idle:
            return self._confirmation(source_id)
        self._to_confirm.add(source_id)
        return None

    def once_stored(self, tell: Callable[[], None]) -> None:
        """Tell something as soon as nothing waits for the disk; never, where too much had to wait."""
        if self._queue.idle:
            tell()
        else:
            self._to_tell.append(tell)

    def close(self) -> None:
        """Stop trying."""
        self._queue.close()

    def _failing(self, sentence: str) -> None:
        self._tell_at_once(StorageFailing("text", client_message(sentence, self._data_dir)))

    def _working(self) -> None:
        to_tell, self._to_tell = self._to_tell, []
        if not self.overflowed:  # else something is lost that only the audio has yet
            self._tell_at_once(StorageWorking("text"))
            for tell in to_tell:
                tell()
        to_confirm, self._to_confirm = self._to_confirm, set()
        for source_id in to_confirm:
            self._post(self._confirmation(source_id))

    def _confirmation(self, source_id: str) -> SourceStored | SourceFailed:
        if self._queue.overflowed or self._queue.gave_up:
            return SourceFailed(source_id, ErrorCode.STORAGE, "the meeting cannot be stored: start a new one")
        return SourceStored(source_id)
