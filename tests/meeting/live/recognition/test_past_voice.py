"""Voices of a meeting that is over, found in its audio by the real models, and recognised in the next meeting."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from meeting.config.settings import Limits
from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import Record
from meeting.evaluation.observed_run import ObservedBackend
from meeting.live.recognition.known_voices import KnownVoices
from meeting.live.rooms import Rooms
from meeting.recordings.replay import ReplayOptions, replay
from meeting.sources.backend import LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.edit_store import EditStore
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Samples
from tests.conftest import Sample
from tests.fakes.server_fakes import config

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

CUT = 38.1
"""Seconds of the sample in which the voices are learnt; in the rest they are met"""


class Meetings:
    """Recordings that are replayed with models that are loaded once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = config(folder / "data")
        self.backend = ObservedBackend(LocalBackend(self.config))

    def replay(self, audio: Samples) -> Record:
        """What becomes of a recording."""
        path = self.folder / f"{len(audio)}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes((audio * 32767).astype("<i2").tobytes())
        made = replay(self.config, ReplayOptions(path), self.backend)["meeting"]
        with Store(self.config.storage.data_dir) as store:
            return TranscriptStore(store).record(made)

    def remember(self, meeting_id: str, **names: str) -> None:
        """Name speakers of a meeting that is over, and have their voices remembered."""

        async def run(store: Store) -> None:
            engine = EngineLoader(self.backend, self.config.models)
            engine.load()
            voices = KnownVoices(Rooms(Services(store, self.backend, engine), Limits()))
            for speaker, name in names.items():
                EditStore(store).change(meeting_id, SpeakerChange(speaker, True, name))
                await voices.remember(meeting_id, speaker)

        with Store(self.config.storage.data_dir) as store:
            asyncio.run(run(store))


@pytest.fixture(scope="module")
def meetings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meetings]:
    """Nothing held yet."""
    made = Meetings(tmp_path_factory.mktemp("meetings"))
    yield made
    made.backend.close()


def speaker_at(record: Record, seconds: float) -> str | None:
    """Whose line it is at a time."""
    at = round(seconds * SAMPLE_RATE)
    return next((line.speaker for line in record.segments if line.span.start <= at < line.span.end), None)


def test_voices_that_are_remembered_are_recognised_in_the_next_meeting_and_others_are_not(
    meetings: Meetings, sample: Sample
) -> None:
    audio, cut = sample.samples(), round(CUT * SAMPLE_RATE)
    first = meetings.replay(audio[:cut])
    ann, ben, carl = (speaker_at(first, seconds) for seconds in (2.0, 6.0, 18.5))
    assert ann
    assert ben
    assert carl
    meetings.remember(first.meeting.id, **{ann: "Ann", ben: "Ben"})
    with pytest.raises(Conflict) as refused:  # Carl has said too little
        meetings.remember(first.meeting.id, **{carl: "Carl"})
    assert refused.value.code == ErrorCode.TOO_LITTLE
    second = meetings.replay(audio[cut:])
    at = {name: speaker_at(second, seconds - CUT) for name, seconds in (("Ann", 49.5), ("Ben", 40.0), ("Carl", 44.5))}
    known = {speaker.id: (speaker.name, speaker.recognized) for speaker in second.speakers}
    assert [known[at[name] or ""] for name in at] == [("Ann", True), ("Ben", True), (None, False)]
    with Store(meetings.config.storage.data_dir) as store:
        assert [(one.profile.name, one.meetings) for one in VoiceStore(store).list()] == [("Ann", 2), ("Ben", 2)]
        assert all(np.isclose(np.linalg.norm(one.embedding), 1) for one in VoiceStore(store).profiles())
