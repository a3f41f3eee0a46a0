"""A recorded meeting through the live path: the same room, session, worker and pipeline as one that is spoken."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, TypedDict

from tqdm import tqdm

from meeting.cluster.commands import LOST, command_ownership
from meeting.config.settings import Config, Limits
from meeting.core.errors import CloseCode
from meeting.core.ids import new_id
from meeting.core.messages import AudioFrame, ServerMessage, StatsMessage
from meeting.core.records import Meeting, Record, State
from meeting.core.terminal_text import printable
from meeting.live.recognition.known_voices import KnownVoices
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.recordings.pcm import SAMPLE_BYTES, open_recording, to_pieces
from meeting.recordings.playing import PlayingClient, play, source_start, to_frames
from meeting.sources.backend import Backend, LocalBackend
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.files.exports import write_exports
from meeting.storage.files.private_files import create, make_folder
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.audio.recording import recording_seconds
from pipelines.errors import SettingsError, StoreError
from pipelines.types import SAMPLE_RATE, ModelInfo, SpeakerCount, seconds


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What is replayed, how fast, and what is written of it."""

    recording: Path
    speed: float | None = None
    """Times real time; None is as fast as the models go"""
    out: Path | None = None
    """Folder for the exports"""
    events: Path | None = None
    """File for every message that a client would have received"""
    title: str | None = None
    chunk: float | None = None
    """Seconds of audio in a frame; by default 0.1, at full speed 0.5"""
    speakers: SpeakerCount | None = None
    """How many people speak, where that is known"""

    @property
    def frame_samples(self) -> int:
        """Samples in a frame; raises SettingsError when a frame cannot be so long."""
        length = self.chunk if self.chunk is not None else (0.5 if self.speed is None else 0.1)
        if not 1 / SAMPLE_RATE <= length <= 15:
            raise SettingsError(f"--chunk must be between one sample and 15 seconds, not {length:g}")
        return round(length * SAMPLE_RATE)


class EventRecorder(PlayingClient):
    """A client that writes down what it is told, and when."""

    def __init__(self, file: IO[str] | None) -> None:
        super().__init__()
        self._file = file
        self._began: float | None = None
        self.sent = 0
        """Samples sent so far"""
        self.rtf: float | None = None
        self.ended_at = 0.0
        """Seconds from the first sample to the end"""

    def begin(self) -> None:
        """The first sample is sent now."""
        self._began = time.monotonic()

    @property
    def wall(self) -> float:
        """Seconds since the first sample; 0 before it."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def put(self, message: ServerMessage, text: str) -> None:
        """Take a message."""
        self._write(text)
        super().put(message, text)
        if isinstance(message, StatsMessage):
            self.rtf = message.rtf

    def follow(self, earlier: Callable[[], str | None] | None) -> None:
        """Take the lines before those of a snapshot."""
        while earlier is not None and (text := earlier()) is not None:
            self._write(text)

    def _write(self, text: str) -> None:
        if self._file is not None:
            line = {"wall": round(self.wall, 3), "audio": seconds(self.sent), "event": json.loads(text)}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self, code: CloseCode, reason: str) -> None:
        """No more will come."""
        self.ended_at = self.wall
        super().close(code, reason)


class ReplaySummary(TypedDict):
    """What came of a recording, for programs: the last line that `replay` prints."""

    recording: str
    """Path"""
    meeting: str
    """Id"""
    seconds: float
    segments: int
    speakers: int
    rtf: float
    models: ModelInfo


def replay(config: Config, options: ReplayOptions, backend: Backend | None = None) -> ReplaySummary:
    """Run a recording through, store it, write what was asked for; returns the summary. Raises MeetingError."""
    size = options.frame_samples
    audio = open_recording(options.recording)  # before minutes are spent on models: is it audio at all?
    backend = backend or LocalBackend(config)
    limits = replace(config.limits, frame_bytes=max(config.limits.frame_bytes, 4 * size))
    with Store.configured(config.storage) as store, events_file(options.events) as file:
        engine = EngineLoader(backend, config.models)
        engine.load()
        try:
            models = engine.wait().models
            services = Services(
                store,
                backend,
                engine,
                keep_audio=config.storage.keep_audio,
                max_seconds=limits.meeting_hours * 3600,
            )
            frames = to_frames(to_pieces(audio, size), size)
            record, recorder = asyncio.run(_run(config, services, limits, options, frames, file))
        finally:
            engine.close()
    if options.out is not None:
        write_exports(record, options.out, options.recording.stem)
    return _summary(options, record, recorder, models)


async def _run(
    config: Config,
    services: Services,
    limits: Limits,
    options: ReplayOptions,
    frames: Iterator[AudioFrame],
    file: IO[str] | None,
) -> tuple[Record, EventRecorder]:
    async with command_ownership(config, services.store, services.recovery_queue) as ownership:
        rooms = Rooms(services, limits, resumable=False, ownership=ownership)
        return await _play(rooms, options, frames, EventRecorder(file))


async def _play(
    rooms: Rooms, options: ReplayOptions, frames: Iterator[AudioFrame], recorder: EventRecorder
) -> tuple[Record, EventRecorder]:
    store = rooms.store
    await KnownVoices(rooms).refresh()
    title, now = options.title or options.recording.stem, datetime.now(timezone.utc)
    meeting = Meeting(new_id(), title, State.OPEN, now, speakers=options.speakers, recorded=True)
    await asyncio.wrap_future(store.create_meeting(meeting))
    try:
        room = await rooms.enter(meeting.id)
        assert isinstance(room, Room)
        with progress(options.recording) as bar:
            start = source_start(options.recording.stem)
            await play(room, recorder, start, lambda _: _paced(recorder, frames, options.speed, bar))
    finally:
        # Also when interrupted or the file turns out to be damaged: what was heard is finished and stored.
        await rooms.finish_all()
    recorder.check()
    record = await asyncio.to_thread(TranscriptStore(store).record, meeting.id)
    if record.meeting.state != State.ENDED and rooms.ownership.clustered:
        raise StoreError(LOST)
    return record, recorder


async def _paced(
    recorder: EventRecorder, frames: Iterator[AudioFrame], speed: float | None, bar: tqdm[Any]
) -> AsyncIterator[AudioFrame]:
    """Frames when a microphone would send them: once their last sample has been spoken."""
    recorder.begin()
    for frame in frames:
        samples = len(frame.payload) // SAMPLE_BYTES
        if speed is not None:
            due = (recorder.sent + samples) / SAMPLE_RATE / speed
            await asyncio.sleep(max(0.0, due - recorder.wall))
        recorder.sent += samples
        yield frame
        bar.update(samples / SAMPLE_RATE)


def progress(recording: Path) -> tqdm[Any]:
    """A bar on stderr that shows seconds of the recording."""
    length = recording_seconds(recording)
    # Rounded up: a file's declared length is often a little short, and a bar may not pass its end.
    total = None if length is None else math.ceil(length + 0.5)
    form = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}]" if total else None
    # a log keeps every line, so that it gets few
    often = 0.5 if sys.stderr.isatty() else 10.0
    return tqdm(
        total=total, desc=printable(recording.name), unit="s", bar_format=form, file=sys.stderr, mininterval=often
    )


@contextmanager
def events_file(path: Path | None) -> Iterator[IO[str] | None]:
    """The file for events, None where there is to be none; raises StoreError."""
    if path is None:
        yield None
        return
    try:
        make_folder(path.parent)
        file = create(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        yield file


def _summary(options: ReplayOptions, record: Record, recorder: EventRecorder, models: ModelInfo) -> ReplaySummary:
    length = recorder.sent / SAMPLE_RATE
    # At full speed the wall clock tells what the machine needs; a paced replay waits, so the pipeline tells.
    rtf = recorder.ended_at / length if options.speed is None or recorder.rtf is None else recorder.rtf
    return {
        "recording": str(options.recording),
        "meeting": record.meeting.id,
        "seconds": round(length, 3),
        "segments": len(record.segments),
        "speakers": len({segment.speaker for segment in record.segments} - {None}),
        "rtf": round(rtf, 3),
        "models": models,
    }
