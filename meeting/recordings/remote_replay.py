"""A recorded meeting played to a server that runs elsewhere, by way of the client that other programs use."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from meeting.client.audio import paced
from meeting.client.client import Client
from meeting.client.errors import RequestRefused
from meeting.client.events import Disconnected
from meeting.client.members import Source
from meeting.client.protocols import bytes_per_second
from meeting.client.transcript import TranscriptState
from meeting.core.export import format_named
from meeting.core.messages import JsonObject, SessionMessage, StatsMessage, as_dict
from meeting.recordings import pcm
from meeting.recordings.replay import ReplayOptions, ReplaySummary, events_file, progress
from meeting.storage.files.exports import REPLAY_FORMATS, write_export
from pipelines.errors import SettingsError
from pipelines.types import SAMPLE_RATE, ModelInfo, Samples, seconds

BYTES_PER_SECOND = bytes_per_second(pcm.AUDIO) or 1


def replay_to_server(
    options: ReplayOptions, server: str, token: str | None = None, language: str | None = None
) -> ReplaySummary:
    """Play a recording to a running server, and write what was asked for; returns the summary. Raises MeetingError."""
    client, size = Client(server, token), options.frame_samples
    if client.address.meeting_id is not None:
        for flag, value in (("--title", options.title), ("--speakers", options.speakers)):
            if value is not None:
                raise SettingsError(f"{flag} is for a new meeting: the link leads into one that has its own")
    audio = pcm.open_recording(options.recording)
    with events_file(options.events) as file:
        return asyncio.run(_Player(options, client, file).run(audio, size, language))


class _Player:
    """One recording on its way."""

    def __init__(self, options: ReplayOptions, client: Client, file: IO[str] | None) -> None:
        self._options = options
        self._client = client
        self._file = file
        self._state = TranscriptState()
        self._models: ModelInfo = {}
        self._rtf: float | None = None
        self._began: float | None = None
        self._sent = 0  # samples

    @property
    def _wall(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def run(self, audio: Iterator[Samples], size: int, language: str | None) -> ReplaySummary:
        options, client = self._options, self._client
        title = options.title or options.recording.stem
        if (meeting_id := client.address.meeting_id) is None:
            count = None if options.speakers is None else str(options.speakers)
            meeting_id = (await client.create_meeting(title, speakers=count)).id
        pieces = pcm.decoded_in_thread(pcm.to_pieces(audio, size))
        source = client.speak(meeting_id, pcm.AUDIO, name=options.recording.stem, language=language)
        with progress(options.recording) as bar:
            async with source:
                await self._play(source, self._counted(paced(pieces, BYTES_PER_SECOND, options.speed), bar))
        took = self._wall
        if options.out is not None:
            await self._write_exports(meeting_id, options.out)
        return self._summary(meeting_id, took)

    async def _play(self, source: Source, pieces: AsyncIterator[bytes]) -> None:
        sending = asyncio.create_task(source.send_all(pieces))
        try:
            async for event in source:
                self._state.apply(event)
                if not isinstance(event, Disconnected):
                    self._note(as_dict(event))
                if isinstance(event, StatsMessage):
                    self._rtf = event.rtf
                elif isinstance(event, SessionMessage):
                    self._models = event.models
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        if not sending.cancelled():
            sending.result()
        if source.ended_early:
            raise RequestRefused("the meeting was ended by somebody else: not all was sent")

    async def _counted(self, pieces: AsyncIterator[bytes], bar: tqdm[Any]) -> AsyncIterator[bytes]:
        self._began = time.monotonic()
        async for piece in pieces:
            self._sent += len(piece) // pcm.SAMPLE_BYTES
            yield piece
            bar.update(len(piece) / BYTES_PER_SECOND)

    def _note(self, event: JsonObject) -> None:
        if self._file is not None:
            line = {"wall": round(self._wall, 3), "audio": seconds(self._sent), "event": event}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    async def _write_exports(self, meeting_id: str, folder: Path) -> None:
        for name in REPLAY_FORMATS:
            data = await self._client.export_file(name, meeting_id)
            write_export(folder, f"{self._options.recording.stem}{format_named(name).suffix}", data)

    def _summary(self, meeting_id: str, took: float) -> ReplaySummary:
        state, length = self._state, self._sent / SAMPLE_RATE
        voices = {voice.id for line in state.segments if (voice := state.speaker_of(line.speaker)) is not None}
        # As for a local one: at full speed the wall clock tells what the server needed.
        rtf = took / length if self._options.speed is None or self._rtf is None else self._rtf
        return {
            "recording": str(self._options.recording),
            "meeting": meeting_id,
            "seconds": round(length, 3),
            "segments": len(state.segments),
            "speakers": len(voices),
            "rtf": round(rtf, 3),
            "models": state.models or self._models,
        }
