"""What can go wrong with a server, each as a function that makes it happen and measures what was lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.harness.proxy import Proxy
from benchmarks.harness.server import Server
from benchmarks.harness.source import Source
from benchmarks.torture.hostile import START, hostile_messages
from benchmarks.torture.shared import Options, Result, sample, stored_audio, told, uninterrupted
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files.journal import Journal, read


def words(segments: list[dict[str, object]]) -> list[str]:
    """All words of a transcript."""
    return " ".join(str(segment["text"]) for segment in segments).lower().split()


def differing(ours: list[str], theirs: list[str]) -> float:
    """Word error rate between two transcripts."""
    row = list(range(len(theirs) + 1))
    for i, wanted in enumerate(ours, 1):
        before, row[0] = row[0], i
        for j, got in enumerate(theirs, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (wanted != got))
    return row[-1] / max(1, len(ours))


async def kills(options: Options) -> Result:
    """`kill -9` at random moments of a streamed meeting; restart, resume. Several servers at once when asked."""
    shares = [len(range(job, options.count, options.jobs)) for job in range(options.jobs)]
    killed = await asyncio.gather(*(_killed(options, job, count) for job, count in enumerate(shares) if count))
    lost = sum(one.lost for one in killed)
    same = sum(one.same for one in killed)
    rates = [rate for one in killed for rate in one.rates]
    waits = [wait for one in killed for wait in one.waits]
    measured = (
        f"{len(rates)} kills: {lost} lost something acknowledged; {same} transcripts equal in every word, time and "
        f"speaker, WER of the worst {max(rates):.4f}; ready again after {statistics.median(waits):.1f} s (median)"
    )
    passed = lost == 0 and max(rates) <= 0.02 and not any(one.traced for one in killed)
    return Result(f"`kill -9` at {options.count} random moments", "none lost, WER ≤ 0.02", measured, passed)


@dataclass
class _Killed:
    """What the kills of one server came to."""

    lost: int = 0
    same: int = 0
    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    traced: bool = False


async def _killed(options: Options, job: int, count: int) -> _Killed:
    # what a machine that is too full leaves out depends on the moment: no two transcripts of it need be equal
    server = Server(options.folder / f"kills{job}", options.models, complete=True)
    chance = random.Random(options.seed + job)
    audio, came = sample(options.seconds), _Killed()
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.ready)
    plain, _ = await uninterrupted(server, options)
    for number in range(count):
        meeting = server.new_meeting(f"kill {number}")
        source = Source(server.port, meeting, audio, options.speed)
        task = asyncio.create_task(source.run())
        # every fifth dies while the source is only just coming
        await asyncio.sleep(chance.uniform(0.0, 0.3 if number % 5 == 4 else options.seconds / options.speed))
        server.kill()
        acked = source.acked
        came.lost += missing(server, meeting, source, acked)
        began = time.monotonic()
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.ready)
        came.waits.append(time.monotonic() - began)
        await server.outliving(task)
        segments = server.transcript(meeting)
        came.lost += stored_audio(server, meeting) != audio
        came.same += told(segments) == told(plain)
        came.rates.append(differing(words(plain), words(segments)))
        line = f"  server {job}, kill {number + 1}: {acked + 1} frames acknowledged, WER {came.rates[-1]:.4f}"
        print(line, file=sys.stderr, flush=True)
    server.stop()
    came.traced = "Traceback" in server.log
    return came


def missing(server: Server, meeting: str, source: Source, acked: int) -> int:
    """1 if the killed server's journal lacks a frame that it acknowledged."""
    journals = list((server.data / "audio").glob(f"{meeting}.*.journal"))
    kept = [[frame.payload for frame in read(journal)] for journal in journals if journal.stat().st_size]
    # After a clean end there is no journal; then the FLAC is looked at.
    return int(bool(kept) and max(kept, key=len)[: acked + 1] != source.frames[: acked + 1])


async def cuts(options: Options) -> Result:
    """The connection cut again and again in one meeting, also half open and with delays."""
    server, chance = Server(options.folder / "cuts", options.models), random.Random(options.seed)
    audio = sample(options.seconds)
    server.start()
    server.ready()
    plain, _ = await uninterrupted(server, options)
    meeting = server.new_meeting("cut")
    async with Proxy(server.port, options.seed).running() as proxy:
        proxy.delay = 0.01
        # a slow machine has heard everything before it is cut as often as asked
        source = Source(proxy.port, meeting, audio, options.seconds / (options.count * 0.25), stops=False)
        task = asyncio.create_task(source.run())
        while proxy.cuts < options.count and not task.done():
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            server.check()
            if source.of("session"):
                proxy.cut(ghost=chance.random() < 0.3)
        source.may_stop.set()
        await server.outliving(task)
        cut = proxy.cuts
    segments = server.transcript(meeting)
    whole, equal = stored_audio(server, meeting) == audio, told(segments) == told(plain)
    server.stop()
    measured = f"{cut} cuts, {source.connections} connections; audio {'whole' if whole else '**not whole**'}, "
    measured += "text, times and labels equal" if equal else "**text or labels differ**"
    passed = whole and equal and cut >= options.count and "Traceback" not in server.log
    return Result(f"connection cut {options.count} times", "nothing missing or twice", measured, passed)


async def garbage(options: Options) -> Result:
    """Hostile messages on sockets while another meeting runs."""
    server = Server(options.folder / "garbage", options.models, {"MEETING_LIMITS_FRAME_BYTES": "65536"})
    server.start()
    server.ready()
    plain, alone = await uninterrupted(server, options)
    meeting = server.new_meeting("beside")
    victim = Source(server.port, meeting, sample(options.seconds), options.speed)
    task = asyncio.create_task(victim.run())
    messages, early, sent, opened = hostile_messages(random.Random(options.seed)), 0.0, 0, 0
    while sent < options.count:
        target = server.new_meeting("attacked")
        for _ in range(100):
            opened += 1
            sent += await _attack(server.port, target, messages, started=opened % 2 == 0)
            if not early and sent >= options.count / 10:
                early = max(alone, server.memory())
    await server.outliving(task)
    last = server.memory()
    undisturbed = told(server.transcript(meeting)) == told(plain)
    alive = server.get("/healthz") is not None
    server.stop()
    traced = server.log.count("Traceback")
    measured = f"{sent} messages on {opened} connections: {traced} tracebacks; {last - alone:+.1f} MB in all, of which "
    measured += f"{last - early:+.1f} MB after the first tenth; "
    measured += "the meeting beside it equal" if undisturbed else "**the meeting beside it differs**"
    passed = traced == 0 and last - alone < 60 and last - early < 20 and undisturbed and alive
    bar = "no traceback, < 60 MB in all, < 20 MB after the first tenth of them, neighbour equal"
    return Result(f"{options.count} hostile messages", bar, measured, passed)


async def api(options: Options) -> Result:
    """Requests that fit the API's description, and such that do not."""
    from benchmarks.torture.described import conform

    server = Server(options.folder / "api", options.models)
    server.start()
    server.ready()
    held = server.new_meeting("held")
    await server.outliving(Source(server.port, held, sample(5.0), options.speed).run())
    address, described = f"http://127.0.0.1:{server.port}", server.get("/openapi.json")

    def there(doomed: bool) -> str:
        return server.new_meeting("doomed") if doomed else held

    before = server.memory()
    first = await asyncio.to_thread(conform, address, described, max(1, options.count // 10), [None], there)
    early = server.memory()
    outcome = await asyncio.to_thread(conform, address, described, options.count, [None], there)
    last, alive = server.memory(), server.get("/healthz") is not None
    server.stop()
    traced, problems = server.log.count("Traceback"), [*first.problems, *outcome.problems]
    for problem in sorted(set(problems)):
        print(problem, file=sys.stderr)
    measured = f"{outcome.sent} requests to {len({label for label, _ in outcome.answers})} operations: "
    measured += f"{len(problems)} answers not as described, {traced} tracebacks; {last - before:+.1f} MB in all, of "
    measured += f"which {last - early:+.1f} MB after a first round of a tenth as many"
    passed = not problems and traced == 0 and last - before < 60 and last - early < 20 and alive
    bar = "as described, no 5xx, < 60 MB in all, < 20 MB after the first round"
    return Result("the HTTP API by schemathesis", bar, measured, passed)


async def _attack(port: int, meeting: str, messages: Iterator[str | bytes], started: bool) -> int:
    """Send hostile messages until the server hangs up; how many it has read."""
    sent = 0
    with contextlib.suppress(ConnectionClosed, OSError):
        address = f"ws://127.0.0.1:{port}/ws/meetings/{meeting}"
        async with connect(address, max_size=None, compression=None) as socket:
            if started:
                await socket.send(json.dumps(START))
            while sent < 20:
                await socket.send(next(messages))
                sent += 1
                await asyncio.wait_for(await socket.ping(), 30)  # answered behind everything before it
    return sent


async def disk(options: Options) -> Result:
    """The disk is full in mid-meeting, then there is room again; and once more, with a kill while it is full."""
    outcome = [await _disk(options, killed) for killed in (False, True)]
    said, kept, clean = (all(row[i] for row in outcome) for i in range(3))
    measured = f"told: {said}; everything stored after there was room: {kept}; database clean: {clean}; "
    measured += "once with a `kill -9` while it was full"
    return Result("full disk in mid-meeting", "told, nothing lost, database clean", measured, said and kept and clean)


async def _disk(options: Options, killed: bool) -> tuple[bool, bool, bool]:
    server = Server(options.folder / f"disk{int(killed)}", options.models)
    audio = sample(options.seconds)
    server.start()
    server.ready()
    plain, _ = await uninterrupted(server, options)
    meeting = server.new_meeting("disk")
    source = Source(server.port, meeting, audio, options.speed)
    task = asyncio.create_task(source.run())
    while source.acked < len(source.frames) // 3:
        await asyncio.sleep(0.02)
    (journal,) = (server.data / "audio").glob(f"{meeting}.*.journal")
    server.limit_files(journal.stat().st_size + 1000)
    while not any(message["code"] == "storage" for message in source.of("error")):
        await asyncio.sleep(0.05)
    stuck = source.acked
    await asyncio.sleep(2)
    said = source.acked == stuck
    if killed:
        server.kill()
        await asyncio.to_thread(server.start)
    else:
        server.limit_files(None)
    await server.outliving(task)
    kept = stored_audio(server, meeting) == audio and told(server.transcript(meeting)) == told(plain)
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data / "meetings.sqlite3")) as database:
        clean = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return said and "Traceback" not in server.log, kept, clean


async def locked(options: Options) -> Result:
    """Another program holds the database for longer than a write waits."""
    server = Server(options.folder / "locked", options.models)
    server.start()
    server.ready()
    plain, _ = await uninterrupted(server, options)
    meeting = server.new_meeting("locked")
    source = Source(server.port, meeting, sample(options.seconds), options.speed)
    task = asyncio.create_task(source.run())
    while source.acked < len(source.frames) // 3:
        await asyncio.sleep(0.02)
    with contextlib.closing(sqlite3.connect(server.data / "meetings.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(8)
        database.execute("ROLLBACK")
    await server.outliving(task)
    equal = told(server.transcript(meeting)) == told(plain)
    server.stop()
    measured = "everything stored once it was free" if equal else "**the transcript differs**"
    return Result("database locked for 8 s", "nothing lost", measured, equal and "Traceback" not in server.log)


async def durability(options: Options) -> Result:
    """What a frame costs until it may be acknowledged, and whether it is on the disk by then, for both settings."""
    figures, synced, whole = [], {}, True
    for name in ("os", "fsync"):
        path, took, done = options.folder / f"durability-{name}", [], []
        frames = [AudioFrame(seq, 0, os.urandom(9600)) for seq in range(options.count)]
        with Journal(path, AudioInfo(), fsync=name == "fsync") as journal:
            for frame in frames:
                with syncs(path) as sizes:
                    began = time.perf_counter()
                    journal.append(frame)
                    took.append((time.perf_counter() - began) * 1000)
                done.append(sizes == [path.stat().st_size])
        synced[name] = sum(done)
        whole = whole and list(read(path)) == frames
        took.sort()
        figures.append(f"`{name}` {statistics.median(took):.3f} ms (99 %: {took[int(len(took) * 0.99)]:.3f} ms)")
    measured = f"{', '.join(figures)}; on the disk before it was acknowledged: `os` {synced['os']}, `fsync` "
    measured += f"{synced['fsync']} of {options.count} frames{'' if whole else '; **frames are missing**'}"
    passed = whole and synced == {"os": 0, "fsync": options.count}
    bar = "`fsync`: each synced behind its last byte, `os`: none"
    return Result(f"{options.count} frames of 100 ms to disk", bar, measured, passed)


@contextlib.contextmanager
def syncs(path: Path) -> Iterator[list[int]]:
    """The size that a file has each time that this process has it written to the disk itself."""
    sizes: list[int] = []
    own, sync = path.stat().st_ino, os.fsync

    def watched(file: int) -> None:
        sync(file)
        if os.fstat(file).st_ino == own:
            sizes.append(os.fstat(file).st_size)

    os.fsync = watched
    try:
        yield sizes
    finally:
        os.fsync = sync
