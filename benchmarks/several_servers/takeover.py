"""A server with a long meeting is killed: when another one has it, its source is back, and all of its text is there."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from benchmarks.harness.process import cpu_seconds
from benchmarks.harness.source import Source
from meeting.core.messages import AudioFrame
from pipelines.types import SAMPLE_RATE
from tests.cluster.machines import Cluster
from tests.databases.postgres_server import PostgresServer, postgres_server

LEASE = 10.0
"""Seconds, as by default"""
PIECE_SECONDS = 5
"""Length of a frame: each is synced before the next one is due, which takes longer than to send it"""
LOOK_SECONDS = 0.1
SETTLED_SECONDS = 1.0
"""After which a server that goes on with a meeting would have said that it reads it again"""
KINDS = ("session", "snapshot", "error")
COLUMNS = {
    "minutes": "minutes",
    "another has it": "owned",
    "source is back": "back",
    "text is whole": "whole",
    "s per minute": "per_minute",
    "CPU, s": "cpu",
    "MB": "memory",
    "lines": "lines",
}
"""Columns, and the figure in each; seconds after the kill"""


class LongSource(Source):
    """A source that sends a whole meeting as fast as the server takes it, in long frames."""

    def __init__(self, port: int, meeting: str, audio: bytes) -> None:
        super().__init__(port, meeting, b"", kinds=KINDS, stops=False)
        size = PIECE_SECONDS * SAMPLE_RATE * 2
        self.frames = [audio[at : at + size] for at in range(0, len(audio), size)]

    async def _send(self, connection: ClientConnection, first: int) -> None:
        for seq in range(first, len(self.frames)):
            await connection.send(AudioFrame(seq, seq * PIECE_SECONDS * 1_000_000, self.frames[seq]).encode())


class Timed(list[dict[str, Any]]):
    """What a client was told, and when."""

    def append(self, message: dict[str, Any]) -> None:
        """One more."""
        super().append({**message, "at": time.monotonic()})


def back_at(told: Sequence[dict[str, Any]]) -> float | None:
    """When a source that came back was let go on; None before that."""
    return next((one["at"] for one in told if one["type"] == "session"), None)


def whole_at(told: Sequence[dict[str, Any]], now: float) -> float | None:
    """When all text was there for a source that came back; None while it is not.

    Where the meeting is read again that is told behind `session`, and the whole comes as one more `snapshot`.
    """
    back = back_at(told)
    states = [one for one in told if one["type"] != "error" or one["code"] == "recovering"]
    if back is None or states[-1]["type"] == "error":
        return None
    at: float = states[-1]["at"]
    return at if states[-1]["type"] == "snapshot" or now - at > SETTLED_SECONDS else None


def repeated(audio: Sequence[NDArray[np.int16]], seconds: float) -> bytes:
    """So many seconds of recordings one after the other, again and again, as 16-bit samples."""
    return bytes(np.resize(np.concatenate(audio), round(seconds * SAMPLE_RATE)).tobytes())


def measure(minutes: Sequence[float], audio: Sequence[NDArray[np.int16]], models: str) -> list[dict[str, Any]]:
    """A row for each length of the meeting."""
    made = []
    with postgres_server() as postgres:
        for length in minutes:
            made.append(_measure_one(postgres, length, repeated(audio, 60 * length), models))
            print(f"  {length:g} minutes", file=sys.stderr, flush=True)
    return made


def _measure_one(postgres: PostgresServer, minutes: float, audio: bytes, models: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"MEETING_LIMITS_SOURCE_BYTES": str(1 << 30), "MEETING_LIMITS_MEETINGS": "4"}
        cluster = Cluster(Path(folder), postgres, postgres.new_database(), models, LEASE, settings)
        try:
            for name in ("a", "b"):
                cluster.add(name)
            # Who takes over begins with the journal, whatever was made of it before: so nobody need hear it before.
            cluster.servers["a"].models = "fake"
            cluster.start()
            return {"minutes": minutes, **asyncio.run(_take_over(cluster, audio))}
        finally:
            cluster.end()


async def _take_over(cluster: Cluster, audio: bytes) -> dict[str, Any]:
    first, second = cluster.servers["a"], cluster.servers["b"]
    meeting = first.new_meeting("takeover")
    source = LongSource(first.port, meeting, audio)
    speaking = asyncio.create_task(source.run())
    try:
        while source.acked < len(source.frames) - 1:
            await asyncio.sleep(LOOK_SECONDS)
        assert second.process is not None
        source.messages, source.port, pid = Timed(), cluster.port, second.process.pid
        cpu, killed = cpu_seconds(pid), time.monotonic()
        first.kill()
        await asyncio.to_thread(cluster.until_owned, meeting, "a")
        owned = time.monotonic()
        while (whole := whole_at(source.messages, time.monotonic())) is None:
            await asyncio.sleep(LOOK_SECONDS)
            second.check()
        spent, back = cpu_seconds(pid) - cpu, back_at(source.messages)
        assert back is not None
        return {
            "owned": owned - killed,
            "back": back - killed,
            "whole": whole - killed,
            "per_minute": (whole - owned) / (len(audio) / (120 * SAMPLE_RATE)),
            "cpu": spent,
            "memory": second.memory(),
            "lines": len(await asyncio.to_thread(second.transcript, meeting)),
        }
    finally:
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
