"""What must not stop a server: starts that die, damaged journals, edits and media as large as allowed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_now

from benchmarks.harness.process import children
from benchmarks.harness.server import Server
from benchmarks.harness.source import Source
from benchmarks.torture.bombs import BOMBS, Bomb
from benchmarks.torture.shared import Options, Result, sample, stored_audio, told, uninterrupted
from meeting.core.messages import AudioFrame

SLOW = 0.1
"""Seconds that the fakes take for a second of audio where a recovery must last long enough to die in it"""
BESIDE = 4
"""Meetings that are rebuilt at once"""
AT_ONCE = 12
"""Journals that are damaged before one start"""
THROWN = 8
"""Bombs that are heard at once: a source takes some 5 MB while it has much to hear, whatever that is"""
ROOM = 60.0
"""Megabytes by which the memory may grow"""


class Pulse:
    """Asks a server every 50 ms whether it is well, in a thread of its own, and looks at its memory."""

    def __init__(self, server: Server, alone: float) -> None:
        """`alone` are the most megabytes that the server held while one meeting ran and nothing else happened."""
        self._server = server
        self._alone = alone
        self._over = False
        self.worst = 0.0
        """Seconds that the slowest answer took"""
        self.grown = 0.0
        """Megabytes that the memory was above `alone`, at most"""

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[Pulse]:
        """Ask for as long as needed."""
        task = asyncio.create_task(asyncio.to_thread(self._beat))
        try:
            yield self
        finally:
            self._over = True
            await task

    def _beat(self) -> None:
        while not self._over:
            began = time.monotonic()
            if self._server.get("/healthz") is None:
                self.worst = float("inf")
            self.worst = max(self.worst, time.monotonic() - began)
            self.grown = max(self.grown, self._server.memory() - self._alone)
            time.sleep(0.05)


async def deaths(options: Options) -> Result:
    """Starts that are killed at random moments of their recovery, one after the other, then a good one."""
    chance = random.Random(options.seed)
    server = Server(options.folder / "deaths", options.models, {"FAKE_SLOW": str(SLOW)})
    audio = sample(options.seconds)
    server.start()
    server.ready()
    plain, _ = await uninterrupted(server, options)
    sources = [Source(server.port, server.new_meeting(f"{n}"), audio, options.speed) for n in range(BESIDE)]
    tasks = [asyncio.create_task(source.run()) for source in sources]
    while min(source.acked for source in sources) < len(sources[0].frames) * 2 // 3:
        await asyncio.sleep(0.05)
    server.kill()
    served, recovery = await _timed(server)
    server.kill()
    died = {"before it served": 0, "while it recovered": 0, "later": 0}
    for number in range(options.count):
        if number % 4 == 3:  # before it can have looked at anything
            moment = chance.uniform(0.0, served)
            await asyncio.to_thread(server.launch)
        else:
            moment = chance.uniform(0.0, recovery)
            await asyncio.to_thread(server.start)
        await asyncio.sleep(moment)
        state = await asyncio.to_thread(_state, server)
        server.kill()
        died[state] += 1
        if state == "later":  # what else the machine does decides how long a recovery takes
            recovery = max(0.2, moment * 0.9)
        print(f"  death {number + 1}: {moment:.2f} s on, {state}", file=sys.stderr, flush=True)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.ready)
    await server.outliving(asyncio.gather(*tasks))
    whole = sum(stored_audio(server, source.meeting) == audio for source in sources)
    equal = sum(told(server.transcript(source.meeting)) == told(plain) for source in sources)
    server.stop()
    traced = server.log.count("Traceback")
    times = ", ".join(f"{count} {when}" for when, count in died.items() if count)
    measured = f"{options.count + 1} kills ({times}); then audio whole in {whole} and text, times and labels equal "
    measured += f"in {equal} of {BESIDE} meetings; {traced} tracebacks"
    passed = whole == equal == BESIDE and not traced
    return Result(f"{options.count} starts that die while recovering", "nothing missing or twice", measured, passed)


async def _timed(server: Server) -> tuple[float, float]:
    """Start, and say how many seconds it took until the server served, and how many more until it had recovered."""
    began = time.monotonic()
    await asyncio.to_thread(server.start)
    served = time.monotonic() - began
    await asyncio.to_thread(server.ready)
    return served, time.monotonic() - began - served


def _state(server: Server) -> str:
    if server.get("/healthz") is None:
        return "before it served"
    return "while it recovered" if server.get("/readyz") is None else "later"


@dataclass(frozen=True)
class Damage:
    """What is done to one record of a journal."""

    record: int
    kind: str

    def do(self, path: Path, frames: list[bytes]) -> None:
        """Damage the file; the records are found by the frames in them, whatever else a journal holds."""
        data = bytearray(path.read_bytes())
        start, end = self._place(data, frames)
        if self.kind == "cut":
            del data[(start + end) // 2 :]
        elif self.kind == "head cut":
            del data[start - 3 :]
        elif self.kind == "flipped":
            data[(start + end) // 2] ^= 0x10
        elif self.kind == "head flipped":
            data[start - 7] ^= 0x10
        else:
            first = start if self.record == 0 else self._place(data, frames, -1)[1]
            data[first:end] = bytes(end - first)
        path.write_bytes(data)

    def _place(self, data: bytearray, frames: list[bytes], step: int = 0) -> tuple[int, int]:
        at = 0
        for frame in frames[: self.record + step + 1]:
            start = data.index(frame, at)
            at = start + len(frame)
        return start, at


KINDS = ("cut", "head cut", "flipped", "head flipped", "zeroed")
"""Ways to damage a record"""


async def journals(options: Options) -> Result:
    """Between a kill and the next start one record of each journal is damaged: every record, in every way."""
    settings = {"MEETING_LIMITS_MEETINGS": "100"}
    server, audio = Server(options.folder / "journals", options.models, settings), sample(options.seconds)
    server.start()
    server.ready()
    meetings = [server.new_meeting(f"{number}") for number in range(AT_ONCE + 1)]
    sources = [Source(server.port, meeting, audio, options.speed, stops=False) for meeting in meetings]
    tasks = [asyncio.create_task(source.run()) for source in sources]
    while min(source.acked for source in sources) < len(sources[0].frames) - 1:
        await asyncio.sleep(0.05)
    before = {meeting: await asyncio.to_thread(_settled, server, meeting) for meeting in meetings}
    server.kill()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kept = options.folder / "kept"
    await asyncio.to_thread(shutil.copytree, server.data, kept)
    cases = [Damage(record, kind) for record in range(len(sources[0].frames)) for kind in KINDS]
    random.Random(options.seed).shuffle(cases)
    cases = cases[: options.count]
    came = _Came()
    for at in range(0, len(cases), AT_ONCE):
        await asyncio.to_thread(shutil.rmtree, server.data)
        await asyncio.to_thread(shutil.copytree, kept, server.data)
        damaged = dict(zip(meetings, cases[at : at + AT_ONCE], strict=False))
        for meeting, damage in damaged.items():
            damage.do(_journal(server, meeting), sources[0].frames)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.ready)
        for meeting in meetings:
            came.look(server, meeting, before[meeting], damaged.get(meeting))
        server.kill()
    traced = server.log.count("Traceback")
    measured = f"{len(cases)} damaged journals of {len(sources[0].frames)} records: {came.lost} lost something stored, "
    measured += f"{came.untold} without a gap that is told; meetings beside them: {came.disturbed} changed; "
    measured += f"{traced} tracebacks"
    passed = not (came.lost or came.untold or came.disturbed or traced)
    bar = "nothing stored is lost, what is missing is told, others untouched"
    return Result(f"{len(cases)} journals damaged between kill and start", bar, measured, passed)


@dataclass
class _Came:
    """What came of damaged journals."""

    lost: int = 0
    untold: int = 0
    disturbed: int = 0

    def look(self, server: Server, meeting: str, before: list[Any], damage: Damage | None) -> None:
        """Compare a meeting after the start with what was stored before the kill."""
        body = server.get(f"/api/meetings/{meeting}/transcript")
        after = told(body["segments"])
        if damage is None:
            self.disturbed += after != before or bool(body.get("gaps"))
            return
        missing = [line for line in before if line not in after]
        # Sound that was taken from the FLAC instead is not missing.
        untold = not body.get("gaps") and body["meeting"]["duration"] < max(line[1] for line in before)
        self.lost += bool(missing)
        self.untold += untold
        if missing or untold:
            print(f"  {damage}: {len(missing)} lines missing, gap told: {not untold}", file=sys.stderr, flush=True)


def _settled(server: Server, meeting: str) -> list[Any]:
    """What is stored of a meeting that says no more, once it changes no longer; raises Over when nothing ever is."""
    stored: list[Any] = []

    def unchanged() -> bool:
        nonlocal stored
        before, stored = stored, told(server.transcript(meeting))
        if not stored or stored != before:
            time.sleep(0.5)
            return False
        return True

    server.until(unchanged)
    return stored


def _journal(server: Server, meeting: str) -> Path:
    found = list((server.data / "audio").glob(f"{meeting}.*.journal"))
    return max(found, key=lambda path: path.stat().st_size)


async def edits(options: Options) -> Result:
    """A person writes lines as long as the server takes them, hard to compare with those before; live and after."""
    server = Server(options.folder / "edits", options.models)
    audio = sample(options.seconds)
    server.start()
    server.ready()
    plain, alone = await uninterrupted(server, options)
    ended, live, beside = (server.new_meeting(title) for title in ("ended", "live", "beside"))
    await server.outliving(Source(server.port, ended, audio, options.speed).run())
    speaking = asyncio.create_task(Source(server.port, live, audio, options.speed, stops=False).run())
    await asyncio.to_thread(_settled, server, live)
    took: list[float] = []
    wrong = 0
    async with Pulse(server, alone).beating() as pulse:
        words = await asyncio.to_thread(_most_words, server, ended)
        neighbour = asyncio.ensure_future(Source(server.port, beside, audio, options.speed).run())
        for number in range(options.count):
            for meeting in (live, ended):
                began = time.monotonic()
                wrong += not await asyncio.to_thread(_write, server, meeting, WORST[number % len(WORST)](words))
                took.append(time.monotonic() - began)
        await server.outliving(neighbour)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    equal = told(server.transcript(beside)) == told(plain)
    server.stop()
    measured = f"{len(took)} lines of {words} words: {wrong} not as written, the slowest took {max(took):.2f} s; "
    measured += f"`/healthz` at most {pulse.worst:.2f} s, {pulse.grown:+.1f} MB, the meeting beside "
    measured += "equal" if equal else "**differs**"
    passed = not wrong and equal and _unharmed(server, pulse, options.healthy) and words >= LEAST_WORDS
    bar = f"as written, `/healthz` ≤ {options.healthy:g} s, ≤ {ROOM:.0f} MB, neighbour equal"
    return Result(f"{len(took)} edits as large as allowed", bar, measured, passed)


LEAST_WORDS = 1000
"""Words that a person may write into a line at least"""
WORST: tuple[Callable[[int], str], ...] = (
    lambda count: "a " * count,
    lambda count: "a b " * (count // 2),
    lambda count: " ".join(f"w{number}" for number in range(count)),
    lambda count: "a " * (count // 2) + "b " * (count // 2),
    lambda count: "b " * (count // 2) + "a " * (count // 2),
    lambda count: " ".join(f"w{number}" for number in reversed(range(count))),
)
"""Texts in an order in which each is hard to compare with the one before"""


def _most_words(server: Server, meeting: str) -> int:
    """As many words as the server takes, found by asking."""
    low, high = 1, 1 << 19
    while low < high:
        middle = (low + high + 1) // 2
        if _write(server, meeting, "a " * middle):
            low = middle
        else:
            high = middle - 1
    return low


def _write(server: Server, meeting: str, text: str) -> bool:
    """Write into the first line of a meeting; whether the server took it and shows it."""
    first = _first_line(server, meeting)
    path = f"/api/meetings/{meeting}/segments/{first['id']}"
    return _patch(server, path, {"rev": first["rev"], "text": text}) and bool(
        " ".join(text.split()) == server.transcript(meeting)[0]["text"]
    )


def _first_line(server: Server, meeting: str) -> dict[str, Any]:
    """The first line as a reader is sent it, with the revision that an edit must name."""
    address = f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}"
    with connect_now(address, max_size=None, compression=None) as socket:
        while not (lines := json.loads(socket.recv(timeout=60)).get("segments")):
            pass
    line: dict[str, Any] = lines[0]
    return line


def _patch(server: Server, path: str, body: dict[str, Any]) -> bool:
    address, head = f"http://127.0.0.1:{server.port}{path}", {"Content-Type": "application/json"}
    asked = urllib.request.Request(address, json.dumps(body).encode(), head, method="PATCH")
    try:
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
    except OSError:  # the server hung up on a body that is too large
        return False


async def bombs(options: Options) -> Result:
    """Media that become much more than they are, or that break decoders, from many sources at once."""
    server = Server(options.folder / "bombs", options.models, {"MEETING_LIMITS_MEETINGS": "16"})
    server.start()
    server.ready()
    plain, alone = await uninterrupted(server, options)
    with tempfile.TemporaryDirectory() as folder:
        made = {name: make(Path(folder)) for name, make in BOMBS.items()}
    beside = server.new_meeting("beside")
    async with Pulse(server, alone).beating() as pulse:
        neighbour = asyncio.ensure_future(Source(server.port, beside, sample(options.seconds), options.speed).run())
        thrown = [bomb for bomb in made.values() for _ in range(options.count)]
        ends = await server.outliving(_throw_all(server, thrown))
        await server.outliving(neighbour)
        for _ in range(100):
            if not children(_pid(server)):
                break
            await asyncio.sleep(0.1)
        left = len(children(_pid(server)))
    equal = told(server.transcript(beside)) == told(plain)
    server.stop()
    traced, unended = server.log.count("Traceback"), sum(not end for end in ends)
    measured = f"{len(thrown)} of {len(made)} kinds: {unended} without an end, {traced} tracebacks; `/healthz` at most "
    measured += f"{pulse.worst:.2f} s, {pulse.grown:+.1f} MB, {left} processes left, the meeting beside "
    measured += "equal" if equal else "**differs**"
    passed = equal and not (unended or traced or left) and _unharmed(server, pulse, options.healthy)
    bar = f"`/healthz` ≤ {options.healthy:g} s, ≤ {ROOM:.0f} MB, no process left, neighbour equal"
    return Result(f"{len(thrown)} media bombs, {min(THROWN, len(thrown))} at once", bar, measured, passed)


async def _throw_all(server: Server, thrown: list[Bomb]) -> list[bool]:
    places = asyncio.Semaphore(THROWN)

    async def throw(bomb: Bomb) -> bool:
        async with places:
            return await _throw(server, server.new_meeting("bomb"), bomb)

    return await asyncio.gather(*map(throw, thrown))


async def _throw(server: Server, meeting: str, bomb: Bomb) -> bool:
    """Send a bomb as a source; whether the server brought it to an end."""
    start = {"type": "start", "version": 1, "audio": {"encoding": bomb.encoding, "sample_rate": 48_000, "channels": 1}}
    with contextlib.suppress(ConnectionClosed):
        address = f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}"
        async with connect(address, max_size=None, compression=None, ping_timeout=None, open_timeout=60) as socket:
            await socket.send(json.dumps({**start, "source": {"name": "bomb"}}))
            for seq, at in enumerate(range(0, len(bomb.data), 1 << 16)):
                await socket.send(AudioFrame(seq, 0, bomb.data[at : at + (1 << 16)]).encode())
            await socket.send('{"type":"stop"}')
            try:
                await asyncio.wait_for(_read(socket), 300)
            except asyncio.TimeoutError:
                return False
    return True


async def _read(socket: Any) -> None:
    async for _ in socket:
        pass


def _pid(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def _unharmed(server: Server, pulse: Pulse, healthy: float) -> bool:
    return pulse.worst <= healthy and pulse.grown <= ROOM and "Traceback" not in server.log
