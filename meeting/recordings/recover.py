"""Journals that were set aside, processed outside of the server: if one kills this process, no meeting suffers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TypedDict

from meeting.cluster.commands import LOST, command_ownership, taken
from meeting.config.settings import Config
from meeting.core.records import Meeting, State
from meeting.live.rooms import Rooms
from meeting.sources.backend import Backend, LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.files.journal import JOURNAL
from meeting.storage.files.meeting_files import owner
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.orphans import GIVEN_UP, SET_ASIDE
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, StoreError
from pipelines.types import seconds

log = logging.getLogger(__name__)


class RecoveredMeeting(TypedDict):
    """What became of a meeting, for programs."""

    meeting: str
    """Its id"""
    state: State
    seconds: float
    segments: int
    gaps: int


def recover_set_aside(config: Config, wanted: str, backend: Backend | None = None) -> RecoveredMeeting:
    """Process what was set aside of a meeting, by its id, the start of one, or "last"; raises MeetingError.

    Until it has been processed to its end the meeting is as it was; if this process dies the next server sets it
    aside again.
    """
    backend = backend or LocalBackend(config)
    with Store.configured(config.storage) as store:
        meeting = store.find(wanted)
        _require_set_aside(store, meeting)
        engine = EngineLoader(backend, config.models)
        engine.load()
        try:
            engine.wait()
            recovery_queue = RecoveryQueue(asked=True)
            services = Services(
                store,
                backend,
                engine,
                keep_audio=config.storage.keep_audio,
                max_seconds=config.limits.meeting_hours * 3600,
                recovery_queue=recovery_queue,
            )
            asyncio.run(_recover_all(config, services, meeting.id))
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be used: {error.strerror}") from error
        finally:
            engine.close()
        record = TranscriptStore(store).record(meeting.id)
    return {
        "meeting": meeting.id,
        "state": record.meeting.state,
        "seconds": seconds(record.meeting.samples),
        "segments": len(record.segments),
        "gaps": len(record.gaps),
    }


def _require_set_aside(store: Store, meeting: Meeting) -> list[Path]:
    """What was set aside of a meeting that is over; raises MeetingError where that is nothing, or it is not."""
    set_aside = [path for path in store.files.of(meeting.id) if path.suffix == SET_ASIDE]
    if not set_aside:
        raise MeetingError(f"nothing of meeting {meeting.id} was set aside")
    if meeting.state != State.ENDED:
        raise MeetingError(f"meeting {meeting.id} is {meeting.state}: try again once it has ended")
    return set_aside


async def _recover_all(config: Config, services: Services, meeting_id: str) -> None:
    store, recovery_queue = services.store, services.recovery_queue
    async with (
        command_ownership(config, store, recovery_queue) as ownership,
        taken(ownership, meeting_id) as claim,
    ):
        # Once more: until it was this command's a server may have had it.
        for path in _require_set_aside(store, store.meeting(meeting_id)):
            path = path.replace(path.with_suffix(JOURNAL))
            # Before the meeting counts as running again: a server that finds it so must not try the journal.
            recovery_queue.expect_death(path)
            await asyncio.wrap_future(RecoveryStore(claim.store).reopen(meeting_id, owner(path)[1], GIVEN_UP))
            await _recover(Rooms(services, config.limits, resumable=False, ownership=ownership), meeting_id)
            if not claim.held():
                raise StoreError(LOST)


async def _recover(rooms: Rooms, meeting_id: str) -> None:
    try:
        room = await rooms.enter(meeting_id)
        if room is not None:
            await asyncio.wait([room.task])
    finally:
        await rooms.finish_all()
