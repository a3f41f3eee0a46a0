"""The parts of the tortures in `benchmarks/torture/faults.py`: what they do to a server is what they say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.harness import server as servers
from benchmarks.harness.process import children
from benchmarks.harness.server import Over, Server
from benchmarks.torture import command as torture
from benchmarks.torture import faults
from benchmarks.torture.bombs import BOMBS
from benchmarks.torture.faults import KINDS, Damage, Pulse
from benchmarks.torture.shared import Options, Result
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.storage.files.journal import Journal, read
from pipelines.audio.decoding import open_decoder
from pipelines.errors import AudioError

FRAMES = [bytes([number]) * 320 for number in range(1, 6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of five frames."""
    with Journal(tmp_path / "a.journal", AudioInfo()) as journal:
        for seq, frame in enumerate(FRAMES):
            journal.append(AudioFrame(seq, 0, frame))
    return tmp_path / "a.journal"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("record", range(5))
def test_the_damaged_record_is_the_one_that_was_named(path: Path, kind: str, record: int) -> None:
    before = path.read_bytes()
    Damage(record, kind).do(path, FRAMES)
    after = path.read_bytes()
    whole = [frame.payload for frame in read(path)]
    assert whole[:record] == FRAMES[:record]
    assert FRAMES[record] not in whole
    assert (len(after) < len(before)) == kind.endswith("cut")
    if not kind.endswith("cut"):
        assert all(frame in after for frame in FRAMES[record + 1 :])


class Slow:
    """A server that takes its time, and memory."""

    def __init__(self, answers: list[float], memory: list[float]) -> None:
        self._answers, self._memory = answers, memory

    def get(self, path: str) -> Any:
        """Answer, late."""
        time.sleep(self._answers.pop(0) if self._answers else 0.0)
        return {}

    def memory(self) -> float:
        """Megabytes."""
        return self._memory.pop(0) if len(self._memory) > 1 else self._memory[0]


def test_the_slowest_answer_and_the_most_memory_count() -> None:
    async def beat() -> Pulse:
        slow: Any = Slow([0.0, 0.3], [100.0, 180.0, 120.0])
        async with Pulse(slow, 100.0).beating() as pulse:
            await asyncio.sleep(0.6)
        return pulse

    pulse = asyncio.run(beat())
    assert pulse.worst >= 0.3
    assert pulse.grown == 80.0


@pytest.mark.parametrize(
    ("worst", "grown", "log", "well"), [(0.5, 10, "", True), (1.5, 10, "", False), (0.5, 70, "", False)]
)
def test_late_answers_and_much_memory_miss_the_bar(worst: float, grown: float, log: str, well: bool) -> None:
    pulse: Any = SimpleNamespace(worst=worst, grown=grown)
    server: Any = SimpleNamespace(log=log)
    assert faults._unharmed(server, pulse, Options.healthy) is well


def test_processes_that_a_server_has_left_behind_are_found() -> None:
    script = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); input(); p.kill()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        child = int(running.stdout.readline())
        assert children(running.pid) == [child]
        running.communicate(b"\n")
    assert children(running.pid) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_each_bomb_is_small_and_is_at_least_looked_into(name: str, tmp_path: Path) -> None:
    bomb = BOMBS[name](tmp_path)
    assert 500 < len(bomb.data) < 8 << 20
    decoder, said = open_decoder(bomb.encoding, 48_000, 1), ""
    try:
        for _ in decoder.decode(bomb.data[:200_000]):
            break
    except AudioError as error:
        said = str(error)
    finally:
        decoder.close()
    assert "first bytes are of another format" not in said


def test_a_server_that_ends_or_says_nothing_more_ends_what_is_waited_for(tmp_path: Path) -> None:
    server = Server(tmp_path)
    (tmp_path / "log").write_text("Segmentation fault")
    with subprocess.Popen(["sleep", "60"]) as running:
        server.process = running
        assert asyncio.run(server.outliving(asyncio.sleep(0.01, "done"))) == "done"
        with pytest.raises(Over, match="waited in vain"):
            asyncio.run(server.outliving(asyncio.sleep(60), patience=0.1))
        running.kill()
        running.wait()
        with pytest.raises(Over, match="the server has ended with -9:\nSegmentation fault"):
            asyncio.run(server.outliving(asyncio.sleep(60)))


def test_a_torture_whose_server_ends_has_missed_its_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = subprocess.Popen(["sleep", "60"])

    async def fatal(options: Options) -> Result:
        servers.LAUNCHED.append(left)
        raise Over("the server has ended with -11:\nSegmentation fault")

    result = asyncio.run(torture.run(fatal, Options(tmp_path, "fake", 1, 1.0, 1.0, 1)))
    assert not result.passed
    assert "**the server has ended with -11**" in result.row()
    assert "Segmentation fault" in capsys.readouterr().err
    assert left.poll() is not None
