"""What the tests of the torture share: what is asked for, a row of the table, audio, transcripts to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.harness.process import Watch
from benchmarks.harness.server import Server
from benchmarks.harness.source import RATE, Source

SAMPLE = Path(__file__).resolve().parents[2] / "web" / "sample" / "sample.flac"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    folder: Path
    models: str
    count: int
    speed: float
    seconds: float
    seed: int
    jobs: int = 1
    """Servers at once, where that makes sense"""
    healthy: float = 1.0
    """Seconds within which `/healthz` must answer, whatever goes on"""


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    test: str
    bar: str
    measured: str
    passed: bool

    def row(self) -> str:
        """The row in Markdown."""
        return f"| {self.test} | {self.bar} | {self.measured} | {'yes' if self.passed else '**no**'} |"


def sample(seconds: float) -> bytes:
    """The sample meeting, repeated as often as needed, as 16-bit samples."""
    audio, rate = soundfile.read(SAMPLE, dtype="int16")
    assert rate == RATE
    return bytes(np.resize(audio, round(seconds * RATE)).tobytes())


def stored_audio(server: Server, meeting: str) -> bytes:
    """The FLAC of a meeting, as 16-bit samples."""
    # beside it may lie the empty one of a source that was killed before it could speak
    path = max((server.data / "audio").glob(f"{meeting}.*.flac"), key=lambda path: path.stat().st_size)
    return bytes(soundfile.read(path, dtype="int16")[0].tobytes())


async def uninterrupted(server: Server, options: Options) -> tuple[list[dict[str, object]], float]:
    """The transcript when nothing goes wrong, and the most megabytes that the server held meanwhile.

    What a meeting alone takes while it runs, tens of megabytes that are given back after it, is no cost of an attack.
    """
    meeting = server.new_meeting("uninterrupted")
    source = Source(server.port, meeting, sample(options.seconds), options.speed, headers=server.headers)
    assert server.process is not None
    watch = Watch(server.process.pid)
    async with watch.running(0.2):
        await server.outliving(source.run())
    return server.transcript(meeting), watch.peak


def told(segments: list[dict[str, Any]]) -> list[tuple[str, float, float, str | None, str]]:
    """What must be the same in two runs of the same audio."""
    return [(s["id"], s["start"], s["end"], s["speaker"], s["text"]) for s in segments]
