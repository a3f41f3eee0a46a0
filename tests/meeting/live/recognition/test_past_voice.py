"""Voices of a meeting that is over, found in its audio by the real models, and recognised in the next meeting."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from meeting.config.settings import Limits
from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import Record
from meeting.evaluation.observed_run import ObservedBackend
from meeting.live.recognition.known_voices import KnownVoices
from meeting.live.recognition.past_voice import past_voice
from meeting.live.rooms import Rooms
from meeting.recordings.replay import ReplayOptions, replay
from meeting.sources.backend import LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.edit_store import EditStore
from meeting.storage.files.flac import FlacWriter
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Samples, Speaker, Voice, samples
from tests.conftest import Sample
from tests.fakes.server_fakes import config
from tests.fakes.stored import SOURCE, kept, line, revised

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


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
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


def test_in_a_meeting_of_several_sources_a_voice_is_heard_where_its_lines_stand_in_its_own_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Samples] = []

    def find_voice(_: object, speaker: str, audio: Samples) -> Voice:
        heard.append(audio)
        return Voice(speaker, np.zeros(2, np.float32), len(audio) / SAMPLE_RATE)

    monkeypatch.setattr("meeting.live.recognition.past_voice.find_voice", find_voice)
    loader = SimpleNamespace(wait=lambda: SimpleNamespace(assign=lambda: None, models={"embedding": "e"}))
    rising = (np.arange(samples(10.0)) / samples(10.0) / 2).astype(np.float32)
    with Store(tmp_path) as store:
        meeting, transcripts = kept(store), TranscriptStore(store)
        for number, (id_, begins) in enumerate((("a", 0.0), ("b", 3.0)), 1):
            with FlacWriter(store.files.audio_path(meeting.id, id_)) as writer:
                writer.write(rising if id_ == "b" else -rising)
            anchors = ((0, samples(begins)), (samples(4.0), samples(begins + 4.0)), (samples(4.0) + 1, samples(8.0)))
            source = replace(SOURCE, id=id_, number=number, audio=writer.path.name, samples=writer.samples)
            placed = replace(source, anchors=anchors if number > 1 else ())
            transcripts.save_source(meeting.id, placed).result()
        transcripts.save_speakers(meeting.id, [Speaker("spk1", "Ann"), Speaker("spk2", "Ben")]).result()
        said = [("b", 4.0), ("b", 9.0), ("a", 11.5)]
        lines = [
            replace(line(f"s{number}", samples(at), speaker="spk1", text="One two three four."), source_id=id_)
            for number, (id_, at) in enumerate(said)
        ]
        transcripts.save_segments(meeting.id, lines).result()
        turns = [(one.span.start, one.span.end, "spk1") for one in lines]
        transcripts.save_turns(meeting.id, "b", revised(0, samples(20.0), *turns)).result()
        found = past_voice(store, cast(Any, loader), transcripts.record(meeting.id), "spk1")
    assert found is not None
    assert found[1] == "e"
    # 4 s of the meeting are 1 s of the source; it stood still from 7 s to 8 s, so that 9 s are 5 s of it.
    expected = [rising[samples(at) : samples(at + 2.0)] for at in (1.0, 5.0)]
    assert len(heard[0]) == samples(4.0)
    assert np.abs(heard[0] - np.concatenate(expected)).max() < 1e-4
