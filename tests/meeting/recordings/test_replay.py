"""A recording through the live path; models are fakes here, the real ones have tests of their own."""

from __future__ import annotations

import json
import logging
import wave
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meeting.config.settings import Config
from meeting.recordings.replay import ReplayOptions, replay
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import AudioError, MeetingError, ModelMissing, SettingsError, StoreError
from pipelines.types import SpeakerCount
from tests.fakes.server_fakes import FakeBackend, config, tone


def recording(folder: Path, seconds: float = 2.5, sound: bytes | None = None, name: str = "talk.wav") -> Path:
    path = folder / name
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone(seconds) if sound is None else sound)
    return path


def run(folder: Path, backend: FakeBackend | None = None, **options: Any) -> dict[str, Any]:
    if "recording" not in options:
        options["recording"] = recording(folder)
    return replay(settings(folder), ReplayOptions(**options), backend or FakeBackend())


def settings(folder: Path) -> Config:
    return config(folder / "data")


def test_the_summary_says_what_was_done(tmp_path: Path) -> None:
    summary = run(tmp_path)
    rtf, meeting = summary.pop("rtf"), summary.pop("meeting")
    assert isinstance(rtf, float)
    assert len(meeting) == 16
    assert summary == {
        "recording": str(tmp_path / "talk.wav"),
        "seconds": 2.5,
        "segments": 3,
        "speakers": 1,
        "models": {"speech": "fake", "why": "a test"},
    }


def test_the_meeting_is_kept_like_a_live_one(tmp_path: Path) -> None:
    summary = run(tmp_path, title="My talk")
    with Store(tmp_path / "data") as store:
        record = TranscriptStore(store).record(summary["meeting"])
        (source,) = record.sources
        assert store.files.audio_path(record.meeting.id, source.id).is_file()
        assert not store.files.journal_path(record.meeting.id, source.id).exists()
    assert (record.meeting.title, record.meeting.state, record.meeting.samples) == ("My talk", "ended", 40_000)
    assert [segment.text for segment in record.segments] == ["one"] * 3
    assert [segment.speaker for segment in record.segments] == ["spk1"] * 3
    assert record.turns


def test_how_many_people_speak_reaches_the_pipeline_and_is_kept(tmp_path: Path) -> None:
    backend, speakers = FakeBackend(), SpeakerCount(2, 5)
    summary = run(tmp_path, backend, speakers=speakers)
    assert [pipeline.speakers for pipeline in backend.pipelines] == [speakers]
    with Store(tmp_path / "data") as store:
        assert store.meeting(summary["meeting"]).speakers == speakers


def test_every_export_is_written_under_the_recordings_name(tmp_path: Path) -> None:
    run(tmp_path, out=tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"talk.{kind}" for kind in ("json", "srt", "rttm", "seglst.json", "txt", "md")}
    assert json.loads((tmp_path / "out" / "talk.json").read_text())["version"] == 1


def test_events_are_all_that_a_client_would_have_received(tmp_path: Path) -> None:
    run(tmp_path, events=tmp_path / "new" / "events.jsonl", chunk=0.5)
    lines = [json.loads(line) for line in (tmp_path / "new" / "events.jsonl").read_text().splitlines()]
    assert all(set(line) == {"wall", "audio", "event"} for line in lines)
    kinds = [line["event"]["type"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("snapshot", "ended")
    assert kinds.count("ack") == 5
    assert [line["audio"] for line in lines] == sorted(line["audio"] for line in lines)
    assert lines[-1]["audio"] == 2.5


def finals(folder: Path, **options: Any) -> list[tuple[Any, ...]]:
    folder.mkdir()
    summary = run(folder, **options)
    with Store(folder / "data") as store:
        return [
            (s.id, s.rev, s.span, s.text, s.speaker) for s in TranscriptStore(store).record(summary["meeting"]).segments
        ]


def test_the_size_of_frames_changes_nothing(tmp_path: Path) -> None:
    results = [finals(tmp_path / str(i), chunk=chunk) for i, chunk in enumerate((0.02, 0.5, 3.0))]
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 3


def test_speed_changes_nothing(tmp_path: Path) -> None:
    assert finals(tmp_path / "paced", speed=20.0) == finals(tmp_path / "full")


def test_a_paced_replay_tells_the_pipelines_own_pace(tmp_path: Path) -> None:
    assert run(tmp_path, speed=20.0)["rtf"] == 0.1


def test_silence_is_no_error(tmp_path: Path) -> None:
    path = recording(tmp_path, sound=bytes(32_000))
    summary = run(tmp_path, recording=path, out=tmp_path / "out")
    assert (summary["seconds"], summary["segments"], summary["speakers"]) == (1.0, 0, 0)
    assert json.loads((tmp_path / "out" / "talk.json").read_text())["segments"] == []


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: folder / "none.wav", id="missing"),
        pytest.param(lambda folder: folder, id="a folder"),
        pytest.param(lambda folder: recording(folder, sound=b""), id="zero length"),
        pytest.param(lambda folder: _written(folder / "empty.wav", b""), id="empty"),
        pytest.param(lambda folder: _written(folder / "text.mp3", b"this is text" * 100), id="not audio"),
    ],
)
def test_what_is_no_recording_is_refused_before_models_are_loaded(tmp_path: Path, make: Any) -> None:
    backend = FakeBackend(error=AssertionError("loaded"))
    with pytest.raises(AudioError) as caught:
        run(tmp_path, backend, recording=make(tmp_path))
    assert "\n" not in str(caught.value)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_models_that_are_missing_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="run models pull"):
        run(tmp_path, FakeBackend(error=ModelMissing("run models pull")))


@pytest.mark.parametrize("chunk", [0.0, -1.0, 16.0])
def test_impossible_frames_are_refused(tmp_path: Path, chunk: float) -> None:
    with pytest.raises(SettingsError, match="--chunk"):
        run(tmp_path, chunk=chunk)


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    blocker = _written(tmp_path / "file", b"")
    with pytest.raises(StoreError):
        run(tmp_path, events=blocker / "events.jsonl")
    with pytest.raises(StoreError):
        run(tmp_path, out=blocker / "out")


def test_a_pipeline_that_breaks_is_an_error_and_what_was_heard_is_kept(tmp_path: Path) -> None:
    from tests.meeting.sources.test_source_worker import BrokenPipeline

    with pytest.raises(MeetingError, match="internal error"):
        run(tmp_path, FakeBackend(pipeline=BrokenPipeline))
    with Store(tmp_path / "data") as store:
        (meeting,), _ = store.meetings()
    assert (meeting.state, meeting.segments) == ("ended", 2)


def test_a_disk_that_refuses_for_a_while_is_no_error_once_everything_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    save, refused = TranscriptStore.save_segments, []

    def refusing_at_first(store: TranscriptStore, *given: Any) -> Future[None]:
        if len(refused) == 3:
            return save(store, *given)
        future: Future[None] = Future()
        future.set_exception(StoreError("the disk is full"))
        refused.append(future)
        return future

    monkeypatch.setattr(TranscriptStore, "save_segments", refusing_at_first)
    monkeypatch.setattr("meeting.live.save_queue.RETRY_SECONDS", 0.1)
    assert run(tmp_path)["segments"] == 3
    assert len(refused) == 3


def test_other_rates_and_channels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    sound = (8000 * np.sin(np.arange(44_100 * 2) / 5)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.repeat(sound, 2).tobytes())
    assert run(tmp_path, recording=path)["seconds"] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("name", ["10:30 standup.wav", "http:x.wav", "concat:a.wav"])
def test_a_recording_is_a_file_whatever_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording(tmp_path, name=name)
    monkeypatch.chdir(tmp_path)
    summary = replay(settings(tmp_path), ReplayOptions(Path(name), out=tmp_path / "out"), FakeBackend())
    assert summary["segments"] == 3
    assert (tmp_path / "out" / f"{Path(name).stem}.srt").is_file()
