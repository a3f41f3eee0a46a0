"""Each effect that is to be kept is written, with the times of day that the session does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.core.records import Edits, Gap, Resume, State
from meeting.live.meeting_writer import MeetingWriter
from meeting.session.events import (
    Log,
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
from pipelines.types import LabelChange, Span, Speaker
from tests.fakes.stored import SOURCE, kept, line, revised

SOON = timedelta(seconds=60)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_everything_that_a_meeting_keeps_is_found_in_the_store(store: Store) -> None:
    write = MeetingWriter(store, kept(store), None)
    gap = Gap("a", Span(0, 8000), "sound that never arrived")
    for effect in (
        SaveSource(SOURCE),
        SaveSegment(line("s1")),
        SaveSpeaker(Speaker("spk1")),
        SaveLabels((LabelChange("s1", 2, None, "spk1"),)),
        SaveTurns("src", revised(0, 16000, (0, 16000, "spk1"))),
        SaveGap(gap),
        SaveEdits(Edits({"spk1": "Ann"})),
    ):
        write(effect).result()
    record = TranscriptStore(store).record("m1")
    assert [(segment.id, segment.speaker) for segment in record.segments] == [("s1", "spk1")]
    assert [speaker.id for speaker in record.speakers] == ["spk1"]
    assert [turn.speaker for turn in record.turns] == ["spk1"]
    assert record.gaps == (gap,)
    assert [source.id for source in record.sources] == ["a"]
    assert EditStore(store).edits("m1") == Edits({"spk1": "Ann"})
    write(SaveTranscript((line("s2"),), (), ())).result()
    assert [segment.id for segment in TranscriptStore(store).record("m1").segments] == ["s2"]


def test_a_meeting_begins_once_and_ends_when_its_last_frame_came(store: Store) -> None:
    meeting = kept(store, created_at=datetime.now(timezone.utc))
    write = MeetingWriter(store, meeting, None)
    before = datetime.now(timezone.utc)
    write(SaveState(State.LIVE, 0, {})).result()
    began = store.meeting("m1").started_at
    assert began is not None
    assert before - SOON < began < before + SOON
    write.frame_appended()
    write(SaveState(State.LIVE, 8000, {})).result()
    write(SaveState(State.ENDED, 16000, {})).result()
    stored = store.meeting("m1")
    assert stored.started_at == began
    assert stored.ended_at is not None
    assert began <= stored.ended_at < began + SOON
    assert (stored.state, stored.samples) == (State.ENDED, 16000)


def test_a_source_is_away_since_it_was_lost_and_not_since_it_was_last_said(store: Store) -> None:
    write, resume = MeetingWriter(store, kept(store), None), Resume("a", "digest")
    write(SaveSource(SOURCE)).result()

    def lost_at() -> datetime | None:
        return RecoveryStore(store).resumes("m1")["a"].lost_at

    write(SaveResume(resume, away=True)).result()
    first = lost_at()
    assert first is not None
    write(SaveResume(replace(resume, hotwords=("pademelon",)), away=True)).result()
    assert lost_at() == first
    write(SaveResume(resume, away=False)).result()
    assert lost_at() is None


def test_what_is_not_to_be_kept_is_a_mistake(store: Store) -> None:
    with pytest.raises(AssertionError, match="no way to write Log"):
        MeetingWriter(store, kept(store), None)(Log("news"))
