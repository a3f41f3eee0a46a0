"""What a meeting wants kept, as calls of the store; here are also the times of day that the session does not know."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from meeting.core.records import Meeting, Restored, State
from meeting.session.events import (
    Effect,
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
)
from meeting.storage.edit_store import EditStore
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import ModelInfo


class MeetingWriter:
    """Writes the effects of one meeting; each call starts a write and gives its future."""

    def __init__(self, store: Store, meeting: Meeting, restored: Restored | None) -> None:
        self._id = meeting.id
        self._store = store
        self._transcript = TranscriptStore(store)
        self._recovery = RecoveryStore(store)
        self._edits = EditStore(store)
        # The time of day is read once: a clock that is set while a meeting runs must not turn its times around.
        self._opened_at, self._opened = datetime.now(timezone.utc), time.monotonic()
        self._started_at = meeting.started_at
        self._last_frame_at = restored.last_frame_at if restored else None
        self._lost_at = {one.source.id: one.resume.lost_at for one in restored.sources} if restored else {}

    def frame_appended(self) -> None:
        """A frame has come now: the meeting does not end before."""
        self._last_frame_at = self._now()

    def __call__(self, effect: Effect) -> Future[None]:
        """Start to write an effect that is to be kept."""
        match effect:
            case SaveSegment(segment):
                return self._transcript.save_segments(self._id, [segment])
            case SaveLabels(changes):
                return self._transcript.save_labels(self._id, changes)
            case SaveSpeaker(speaker):
                return self._transcript.save_speakers(self._id, [speaker])
            case SaveTurns(source_id, revision):
                return self._transcript.save_turns(self._id, source_id, revision)
            case SaveEdits(edits, lines, made):
                return self._edits.save(self._id, edits, lines, made)
            case SaveSource(source):
                return self._transcript.save_source(self._id, source)
            case SaveResume(resume, away):
                lost_at = (self._lost_at.get(resume.source_id) or self._now()) if away else None
                self._lost_at[resume.source_id] = lost_at
                return self._recovery.save_resume(self._id, replace(resume, lost_at=lost_at))
            case SaveGap(gap):
                return self._recovery.save_gap(self._id, gap)
            case SaveTranscript(segments, speakers, gaps):
                return self._recovery.replace_transcript(self._id, segments, speakers, gaps)
            case SaveState(state, samples, models):
                return self._write_state(state, samples, models)
            case _:
                raise AssertionError(f"no way to write {type(effect).__name__}")

    def _write_state(self, state: State, samples: int, models: ModelInfo) -> Future[None]:
        if state == State.LIVE and self._started_at is None:
            self._started_at = self._now()
        ended_at = self._last_frame_at or self._now() if state == State.ENDED else None
        if ended_at is not None and self._started_at is not None:
            ended_at = max(ended_at, self._started_at)
        return self._store.set_state(
            self._id, state, started_at=self._started_at, ended_at=ended_at, samples=samples, models=models
        )

    def _now(self) -> datetime:
        return self._opened_at + timedelta(seconds=time.monotonic() - self._opened)
