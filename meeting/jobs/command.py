"""`python -m meeting retranscribe`: a meeting that is over, heard again in this process, with any models."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import TypedDict

from tqdm import tqdm

from meeting.cluster.commands import command_ownership, taken
from meeting.config.settings import Config, Limits
from meeting.core.messages import checked_start
from meeting.core.records import Job, JobState
from meeting.jobs.hearing_again import HearingAgain
from meeting.jobs.retranscribing import MeetingSound, new_attempt, sound_of, transcribe_again
from meeting.live.rooms import Rooms
from meeting.recordings.playing import source_start
from meeting.sources.backend import Backend, LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import ModelInfo, SpeakerCount, seconds

Tell = Callable[[HearingAgain], Coroutine[object, object, None]]
"""Tells how far it is, until it is cancelled"""
LOOK_EVERY = 0.5
"""Seconds between two looks at how far it is"""


class Retranscribed(TypedDict):
    """What became of a meeting, for programs."""

    meeting: str
    """Its id"""
    seconds: float
    segments: int
    speakers: int
    models: ModelInfo
    problem: str | None
    """What is to be said of it: that of some sources there was no sound any more"""


def retranscribe(
    config: Config,
    wanted: str,
    language: str | None = None,
    speakers: SpeakerCount | None = None,
    backend: Backend | None = None,
) -> Retranscribed:
    """Transcribe a meeting again, by its id, the start of one, or "last"; raises MeetingError: then it is as it was.

    Its id, the names of its voices and what people have edited stay. Servers may run meanwhile.
    """
    backend = backend or LocalBackend(config)
    checked_start(source_start("", language))
    with Store.configured(config.storage) as store:
        meeting = store.find(wanted)
        asyncio.run(_require_free(config, store, meeting.id))
        sound = sound_of(store, meeting.id)
        job = new_attempt(sound, JobState.RUNNING, language, speakers)
        remark = hear_here(config, store, backend, job, sound, _tell)
        record = TranscriptStore(store).record(meeting.id)
    return {
        "meeting": meeting.id,
        "seconds": seconds(record.meeting.samples),
        "segments": len(record.segments),
        "speakers": len({segment.speaker for segment in record.segments} - {None}),
        "models": record.meeting.models,
        "problem": remark,
    }


def hear_here(config: Config, store: Store, backend: Backend, job: Job, sound: MeetingSound, tell: Tell) -> str | None:
    """Carry out a job that transcribes a meeting again, with models that this process loads for it.

    What is to be said of it, if anything is; `tell` runs meanwhile. Raises MeetingError: then the meeting is as it was.
    """
    engine = EngineLoader(backend, config.models)
    engine.load()
    try:
        engine.wait()
        longest = max(config.limits.meeting_hours * 3600, seconds(sound.meeting.samples) + 1)
        services = Services(store, backend, engine, keep_audio=False, max_seconds=longest)
        limits = replace(config.limits, meeting_hours=longest / 3600)
        return asyncio.run(_run(config, services, limits, job, sound, tell))
    finally:
        engine.close()


async def _require_free(config: Config, store: Store, meeting_id: str) -> None:
    """Raise Conflict where a server has the meeting now, before minutes are spent on it."""
    async with command_ownership(config, store) as ownership, taken(ownership, meeting_id):
        pass


async def _run(
    config: Config, services: Services, limits: Limits, job: Job, sound: MeetingSound, tell: Tell
) -> str | None:
    async with command_ownership(config, services.store, services.recovery_queue) as ownership:
        rooms = Rooms(services, limits, resumable=False, ownership=ownership)
        hearing = HearingAgain(rooms, job, sound.meeting, sound.sources)
        telling = asyncio.create_task(tell(hearing))
        try:
            return await transcribe_again(rooms, job, hearing, sound)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
            await rooms.finish_all()


async def _tell(hearing: HearingAgain) -> None:
    """A bar on stderr that shows seconds of all sources together."""
    with tqdm(unit="s", file=sys.stderr, mininterval=LOOK_EVERY if sys.stderr.isatty() else 10.0) as bar:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            progress = hearing.update(time.monotonic())
            bar.total = progress.total and round(progress.total)
            bar.update(round(progress.heard) - bar.n)
