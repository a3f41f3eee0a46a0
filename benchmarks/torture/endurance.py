"""Long meetings, at full speed and at the pace of the clock: memory and lag must stay what they were."""

from __future__ import annotations

import asyncio
import statistics
import sys

from benchmarks.harness.server import Server
from benchmarks.harness.source import Source
from benchmarks.torture.shared import Options, Result, sample

HALF_HOUR = 1800.0
"""Seconds of audio after which the memory is what a meeting needs"""
EVERY = 600.0
"""Seconds of audio between two lines about how it goes, and for which memory is looked at: its median counts, as what
models need for a moment comes and goes"""


async def soak(options: Options) -> Result:
    """Hours of audio as fast as the server takes it."""
    return await _endure(options, 1000.0, "soak at full speed")


async def realtime(options: Options) -> Result:
    """A meeting at the pace of the clock."""
    return await _endure(options, 1.0, "soak at real time")


async def _endure(options: Options, speed: float, name: str) -> Result:
    server = Server(options.folder / "soak", options.models)
    server.start()
    server.ready()
    meeting, idle = server.new_meeting("soak"), server.memory()
    source = Source(server.port, meeting, sample(options.seconds), speed, kinds=("session", "stats", "error"))
    first = min(HALF_HOUR, options.seconds / 4)
    task, told, seen = asyncio.create_task(source.run()), 0.0, [(0.0, idle)]
    while not task.done():
        await asyncio.sleep(0.2)
        # what is acknowledged at full speed is ahead of what has been heard by `limits.backlog`
        seen.append(((source.acked + 1) * 0.1, server.memory()))
        if seen[-1][0] >= told + EVERY:
            memory, told = _median(seen, told, told + EVERY), told + EVERY
            print(f"  {told / 60:.0f} min of audio: {memory:.0f} MB, lag {_lag(source)[-1]:.1f} s", file=sys.stderr)
    task.result()
    lags, drained = _lag(source), len(server.transcript(meeting))
    width = min(EVERY, options.seconds / 4)
    early, last = _median(seen, first, first + width), _median(seen, options.seconds - width, options.seconds + 1)
    most = max(memory for _, memory in seen)
    growth = last / early - 1
    server.stop()
    traced = server.log.count("Traceback")
    before, after = _halves(lags)
    measured = (
        f"{options.seconds / 3600:.2f} h: {idle:.0f} MB before it, {early:.0f} MB after {first / 60:.0f} min, "
        f"at the end {last:.0f} MB ({growth:+.1%}), at most {most:.0f} MB; "
        f"lag {before:.1f} s, then {after:.1f} s, at most {max(lags):.1f} s; "
        f"{source.connections} connection(s), {traced} tracebacks"
    )
    flat = after <= max(1.0, 1.1 * before)
    if traced:
        print(server.log[-4000:], file=sys.stderr)
    passed = growth <= 0.1 and flat and drained > 0 and source.connections == 1 and not traced
    return Result(name, "memory within 10 %, lag flat", measured, passed)


def _median(seen: list[tuple[float, float]], since: float, until: float) -> float:
    """Of the memory while so many seconds of audio were heard; where it was not seen then, what was seen last."""
    there = [memory for heard, memory in seen if since <= heard < until]
    return statistics.median(there or [[memory for heard, memory in seen if heard < until][-1]])


def _halves(lags: list[float]) -> tuple[float, float]:
    """Medians of both halves of what was told behind its first quarter: in that queues are being filled, at full speed
    up to `limits.backlog`; memory leaves it out, too."""
    settled = lags[len(lags) // 4 :]
    half = len(settled) // 2
    return statistics.median(settled[:half] or settled), statistics.median(settled[half:])


def _lag(source: Source) -> list[float]:
    """Seconds by which the slower of the two ways through the models was behind, each time that it was told."""
    return [max(stats["asr_lag"], stats["diarization_lag"]) for stats in source.of("stats")] or [0.0]
