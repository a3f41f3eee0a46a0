"""The same recordings through one server and through several behind their balancer."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from benchmarks.harness.server import Server
from benchmarks.several_servers.transcripts import Comparison, compare
from meeting.client import Client, Disconnected, SessionMessage, StatsMessage
from meeting.client.audio import paced
from meeting.client.protocols import bytes_per_second
from meeting.recordings import pcm
from tests.cluster.machines import Cluster
from tests.databases.postgres_server import postgres_server

PIECE = 1600
"""Samples that are sent at once"""
LEFT_OUT = ("none", "rare_partials", "no_partials", "long_hop")
"""What `stats` says is left out, from nothing to most"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How recordings are sent: so many at once, each at so many times the pace of speech."""

    at_once: int
    speed: float | None
    """None: as fast as the server takes them"""
    complete: bool = True
    """Whether servers leave out nothing, however full the machine is"""


@dataclass
class Transcribed:
    """What came of one recording."""

    segments: list[dict[str, Any]] = field(default_factory=list)
    server: str | None = None
    """Name of the server that had the meeting"""
    left_out: str = "none"
    """The most that the server left out meanwhile, as in `stats`"""
    losses: int = 0
    """Connections that were lost"""


Ask = Callable[[str], Any]


def longest_first(recordings: Sequence[Path]) -> list[Path]:
    """In the order in which they are sent, so that the last one to end is a short one."""
    return sorted(recordings, key=lambda path: soundfile.info(path).duration, reverse=True)


async def transcribe(
    address: str, recordings: Sequence[Path], pace: Pace, get: Ask, owner: Callable[[str], str | None]
) -> dict[Path, Transcribed]:
    """Send recordings as live sources; `get` gives a path's JSON, `owner` the server that has a meeting."""
    slots = asyncio.Semaphore(pace.at_once)
    found: dict[Path, Transcribed] = {}

    async def one(recording: Path) -> None:
        async with slots:
            found[recording] = await _speak(Client(address), recording, pace.speed, get, owner)
        print(f"  {len(found)} of {len(recordings)}: {recording.stem}", file=sys.stderr, flush=True)

    await asyncio.gather(*(one(recording) for recording in recordings))
    return found


async def _speak(
    client: Client, recording: Path, speed: float | None, get: Ask, owner: Callable[[str], str | None]
) -> Transcribed:
    made = Transcribed()
    meeting = (await client.create_meeting(recording.stem)).id
    pieces = pcm.decoded_in_thread(pcm.to_pieces(pcm.open_recording(recording), PIECE))
    async with client.speak(meeting, pcm.AUDIO, name=recording.stem) as source:
        rate = bytes_per_second(pcm.AUDIO)
        assert rate is not None
        sending = asyncio.create_task(source.send_all(paced(pieces, rate, speed)))
        async for event in source:
            if isinstance(event, SessionMessage):
                made.server = await asyncio.to_thread(owner, meeting)
            elif isinstance(event, Disconnected):
                made.losses += 1
            elif isinstance(event, StatsMessage):
                made.left_out = max(made.left_out, event.left_out, key=LEFT_OUT.index)
        await sending
    made.segments = (await asyncio.to_thread(get, f"/api/meetings/{meeting}/transcript"))["segments"]
    return made


def through_one(recordings: Sequence[Path], pace: Pace, models: str) -> dict[Path, Transcribed]:
    """By one server alone, with its SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), models, {"MEETING_LIMITS_MEETINGS": str(pace.at_once)}, complete=pace.complete)
        try:
            server.start()
            server.ready()
            address = f"http://127.0.0.1:{server.port}"
            return asyncio.run(transcribe(address, recordings, pace, server.get, lambda _: None))
        finally:
            server.stop()


def through_several(recordings: Sequence[Path], pace: Pace, models: str, count: int) -> dict[Path, Transcribed]:
    """By several servers on one PostgreSQL and one folder, behind HAProxy, which chooses by the meeting's id."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres:
        settings = {"MEETING_LIMITS_MEETINGS": str(pace.at_once)}
        servers = Cluster(Path(folder), postgres, postgres.new_database(), models, lease=10.0, settings=settings)
        try:
            for name in names(count):
                servers.add(name)
                servers.servers[name].complete = pace.complete
            servers.start()
            return asyncio.run(transcribe(servers.address, recordings, pace, servers.get, servers.owner))
        finally:
            servers.end()


def names(count: int) -> list[str]:
    """The names of so many servers: a, b, c and so on."""
    return [chr(ord("a") + number) for number in range(count)]


COLUMNS = (
    "recording",
    "seconds",
    "server",
    "left out",
    "connections lost",
    "lines",
    "words",
    "words are",
    "times are",
    "labels are",
)


def rows(one: dict[Path, Transcribed], several: dict[Path, Transcribed]) -> list[list[str]]:
    """A row for each recording, in the order of their names, and one that says how many are equal."""
    made, same = [], 0
    for recording in sorted(one):
        alone, shared = one[recording], several[recording]
        comparison: Comparison = compare(alone.segments, shared.segments)
        same += comparison.same
        left_out = alone.left_out if alone.left_out == shared.left_out else f"{alone.left_out} / {shared.left_out}"
        length = f"{soundfile.info(recording).duration:.0f}"
        lost = str(alone.losses + shared.losses)
        made.append([recording.stem, length, shared.server or "?", left_out, lost, *comparison.cells()])
    return [*made, [f"equal in all: {same} of {len(one)}", *[""] * (len(COLUMNS) - 1)]]
