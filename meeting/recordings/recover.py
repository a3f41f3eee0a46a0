"""What was set aside, heard in a process of its own: if it ends that, no server does."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from meeting.config.settings import Config
from meeting.core.records import ENDED
from meeting.live.backend import Backend, LocalBackend
from meeting.live.engine_loader import EngineLoader, Services
from meeting.live.rooms import Rooms
from meeting.storage.journal import JOURNAL
from meeting.storage.orphans import ASIDE, GIVEN_UP
from meeting.storage.recovery_attempts import Hearings
from meeting.storage.recovery_store import Rescue
from meeting.storage.store import Store
from pipelines.errors import MeetingError, StoreError
from pipelines.types import seconds

log = logging.getLogger(__name__)


def hear_aside(config: Config, wanted: str, backend: Backend | None = None) -> dict[str, Any]:
    """Hear again what was set aside of a meeting, by its id, the start of one, or "last"; raises MeetingError.

    Until it has been heard to its end the meeting is as it was; if this process dies the next server sets it aside
    again.
    """
    backend = backend or LocalBackend(config)
    with Store(config.storage.data_dir) as store:
        meeting = store.find(wanted)
        aside = [path for path in store.files(meeting.id) if path.suffix == ASIDE]
        if not aside:
            raise MeetingError(f"nothing of meeting {meeting.id} was set aside")
        if meeting.state != ENDED:
            raise MeetingError(f"meeting {meeting.id} is {meeting.state}: try again once it has ended")
        engine = EngineLoader(backend, config.models)
        engine.load()
        try:
            engine.wait()
            hearings = Hearings(asked=True)
            services = Services(
                store,
                backend,
                engine,
                keep_audio=config.storage.keep_audio,
                longest=config.limits.meeting_hours * 3600,
                hearings=hearings,
            )
            for path in aside:
                path = path.replace(path.with_suffix(JOURNAL))
                hearings.condemn(path)
                Rescue(store).reopen(meeting.id, path.stem.partition(".")[2], GIVEN_UP).result()
                asyncio.run(_hear(Rooms(services, config.limits, resumable=False), meeting.id))
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be used: {error.strerror}") from error
        finally:
            engine.close()
        record = store.record(meeting.id)
    return {
        "meeting": meeting.id,
        "state": record.meeting.state,
        "seconds": seconds(record.meeting.samples),
        "segments": len(record.segments),
        "gaps": len(record.gaps),
    }


async def _hear(rooms: Rooms, meeting_id: str) -> None:
    try:
        room = await rooms.enter(meeting_id)
        if room is not None:
            await asyncio.wait([room.task])
    finally:
        await rooms.finish_all()
