"""The Python client against whole servers, killed and started again while it streams."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.harness.server import Server
from meeting.client import AudioInfo, Client, Disconnected, TranscriptState
from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample
from tests.fakes.server_fakes import tone

SECONDS = 12


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_while_a_client_streams_loses_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path, "fake")
    audio = tone(SECONDS)
    state, lost = TranscriptState(), 0

    async def spoken(disturbing: asyncio.Task[None]) -> AsyncIterator[bytes]:
        for at in range(0, len(audio), 3200):
            await asyncio.sleep(0.02)  # five times as fast as people speak
            if at == len(audio) // 2:
                await disturbing  # or on a busy machine all might be over before the last time
            yield audio[at : at + 3200]

    async def disturb() -> None:
        for pause in (0.5, 0.4):
            await asyncio.sleep(pause)
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(0.2)
            await asyncio.to_thread(server.start)

    async def run() -> str:
        nonlocal lost
        client = Client(f"127.0.0.1:{server.port}")
        meeting = await client.create_meeting("killed")
        disturbing = asyncio.create_task(disturb())
        async for event in client.transcribe(spoken(disturbing), AudioInfo(), meeting_id=meeting.id):
            state.apply(event)
            lost += isinstance(event, Disconnected)
        return meeting.id

    server.start()
    try:
        meeting_id = asyncio.run(run())
        assert lost >= 2
        kept = server.get(f"/api/meetings/{meeting_id}")
        assert (kept["duration"], kept["state"], kept["segments"]) == (float(SECONDS), "ended", SECONDS)
        assert [line.text for line in state.segments] == ["one"] * SECONDS
        assert state.gaps == []
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/meetings/{meeting_id}/audio") as answer:
            stored, _ = soundfile.read(io.BytesIO(answer.read()), dtype="int16")
        assert np.array_equal(stored, np.frombuffer(audio, "<i2"))
    finally:
        if server.process is not None:
            server.process.kill()
            server.process.wait()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_real_speech_is_read_through_the_client(tmp_path: Path, sample: Sample) -> None:
    server = Server(tmp_path, "embedded")
    state = TranscriptState()
    opening = tmp_path / "opening.flac"
    soundfile.write(opening, sample.samples()[: 30 * SAMPLE_RATE], SAMPLE_RATE)

    async def run() -> None:
        async for event in Client(f"127.0.0.1:{server.port}").transcribe(opening, title="sample"):
            state.apply(event)

    server.start()
    try:
        asyncio.run(run())
    finally:
        server.kill()
    said = {str(word).lower().strip(".,?!") for word in sample.words.split()}
    heard = [word.text.lower().strip(".,?!") for line in state.segments for word in line.words]
    assert len(heard) > 60
    assert sum(word in said for word in heard) > 0.8 * len(heard)
    assert len({line.speaker for line in state.segments} - {None}) == 3
