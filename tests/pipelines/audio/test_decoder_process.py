"""Real decoders: whatever becomes of one costs its own source only, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.audio import decoder_process
from pipelines.audio.decoder_process import DecoderDied, start_decoder
from pipelines.audio.decoder_worker import AUDIO, FAILED, FORMAT, FORMAT_BODY, MAX_OUTPUT, OUTPUT_HEADER, WANTS_INPUT
from pipelines.audio.decoding import ContainerDecoder, open_decoder
from pipelines.errors import AudioError, StoreError
from pipelines.types import SAMPLE_RATE, Samples
from tests.fakes.bombs import BOMBS, claiming, flac_block, long_m4a
from tests.fakes.children import alive, children, memory
from tests.fakes.containers import encoded, pieces, silence

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test ends its decoders: no process, zombie or pipe is left of them."""
    before = descriptors()
    yield
    assert children() == []
    assert descriptors() == before


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def within(seconds: float, ready: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.01)
    return ready()


def begun(encoding: str = "webm", seconds: float = 4.0) -> tuple[ContainerDecoder, int, int]:
    """A decoder in the middle of its sound, its process, and the samples so far."""
    decoder = open_decoder(encoding, 0, 0)
    assert isinstance(decoder, ContainerDecoder)
    data = encoded(encoding, seconds)
    samples = sum(map(len, decoder.decode(data[: len(data) // 2])))
    (pid,) = children()
    return decoder, pid, samples


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (signal.SIGSEGV, r"cannot be decoded: it crashes its decoder \(SIGSEGV\)"),
        (signal.SIGABRT, r"it crashes its decoder \(SIGABRT\)"),
        (signal.SIGKILL, "its decoder was killed, perhaps as there was no memory left"),
        (signal.SIGXCPU, "it keeps its decoder computing without any sound"),
    ],
)
def test_a_decoder_that_dies_is_told_and_what_was_heard_stays(number: signal.Signals, says: str) -> None:
    decoder, pid, samples = begun()
    assert samples > SAMPLE_RATE
    os.kill(pid, number)
    with pytest.raises(DecoderDied, match=says):
        list(decoder.decode(encoded("webm", 4.0)[:1000]))
    with pytest.raises(DecoderDied, match=says):
        list(decoder.flush())
    decoder.close()


def test_a_decoder_that_dies_at_the_end_is_told_as_well() -> None:
    decoder, pid, _ = begun()
    os.kill(pid, signal.SIGSEGV)
    with pytest.raises(DecoderDied):
        list(decoder.flush())
    decoder.close()


def test_signals_for_the_server_do_not_end_a_decoder_before_its_work_is_done() -> None:
    decoder, pid, samples = begun()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
    data = encoded("webm", 4.0)
    samples += sum(map(len, decoder.decode(data[len(data) // 2 :]))) + sum(map(len, decoder.flush()))
    decoder.close()
    assert samples == pytest.approx(4 * SAMPLE_RATE, abs=500)


def test_a_decoder_is_in_a_session_of_its_own() -> None:
    decoder, pid, _ = begun()
    assert os.getsid(pid) == pid
    decoder.close()


def test_a_decoder_is_started_by_the_first_bytes_that_may_be_right_and_not_before() -> None:
    decoder = open_decoder("webm", 0, 0)
    list(decoder.decode(encoded("webm")[:1000]))
    with pytest.raises(AudioError):
        open_decoder("webm", 0, 0).decode(bytes(2000))
    assert children() == []
    list(decoder.decode(encoded("webm")[1000:2000]))
    assert len(children()) == 1
    decoder.close()


def test_a_decoder_knows_no_secret_and_loads_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEETING_SERVER_TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-secret-value")
    decoder, pid, _ = begun()
    assert b"a-secret-value" not in Path(f"/proc/{pid}/environ").read_bytes()
    mapped = Path(f"/proc/{pid}/maps").read_text()
    for library in ("torch", "onnxruntime", "numpy", "ctranslate2"):
        assert library not in mapped
    opened = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
    assert {name.split(":")[0] for name in opened} <= {"pipe", "/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    decoder.close()


def test_a_decoder_has_limits() -> None:
    decoder, pid, _ = begun()
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()
    limits = {row[:26].strip(): row[26:].split()[0] for row in rows}
    assert (limits["Max core file size"], limits["Max file size"], limits["Max processes"]) == ("0", "0", "0")
    assert int(limits["Max open files"]) <= 16
    assert 10 < int(limits["Max data size"]) / 1e6 < 100
    assert 30 < int(limits["Max cpu time"]) < 120
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    decoder.close()


def test_a_decoder_needs_neither_the_folder_nor_the_path_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what lies about in the folder that the server was started in is not imported in place of libraries
    for name in ("av", "numpy", "struct", "pipelines"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    decoder, _, samples = begun()
    assert samples > SAMPLE_RATE
    decoder.close()


PARENT = """
    import os, sys, time
    from pipelines.audio.decoding import open_decoder
    from tests.fakes.children import children
    from tests.fakes.containers import encoded, silence
    busy = sys.argv[1] == "busy"
    decoder = open_decoder("flac", 0, 0)
    pieces = decoder.decode(silence(600, "flac", "flac", 8000) if busy else encoded("flac"))
    next(pieces)
    print(*children(), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("doing", ["busy", "waiting"])
def test_a_decoder_ends_when_the_server_is_killed(doing: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PARENT), doing]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert within(20, lambda: not alive(pid))


def test_dozens_of_sources_at_once_are_heard_and_nothing_is_left_of_them() -> None:
    data = encoded("webm_opus", 2.0)
    results: list[int] = []

    def hear() -> None:
        decoder = open_decoder("webm_opus", 0, 0)
        total = sum(len(piece) for chunk in pieces(data, [4000]) for piece in decoder.decode(chunk))
        results.append(total + sum(map(len, decoder.flush())))
        decoder.close()

    threads = [threading.Thread(target=hear) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(results) == {2 * SAMPLE_RATE}
    assert len(results) == 24


def test_no_room_for_another_process_is_no_fault_of_the_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(decoder_process.subprocess, "Popen", full)
    with pytest.raises(StoreError, match="no decoder can be started on the server: Resource temporarily unavailable"):
        open_decoder("webm", 0, 0).decode(encoded("webm"))


def lying(monkeypatch: pytest.MonkeyPatch, told: bytes, then: str = "sys.stdin.buffer.read()") -> ContainerDecoder:
    """A decoder whose process was taken over, and tells this."""
    code = f"import sys; sys.stdout.buffer.write({told!r}); sys.stdout.buffer.flush(); {then}"
    monkeypatch.setattr(decoder_process, "_command", lambda *_: [sys.executable, "-c", code])
    decoder = open_decoder("webm", 0, 0)
    assert isinstance(decoder, ContainerDecoder)
    return decoder


@pytest.mark.parametrize(
    "told",
    [
        OUTPUT_HEADER.pack(b"?", 0),
        OUTPUT_HEADER.pack(WANTS_INPUT, 4) + bytes(4),
        OUTPUT_HEADER.pack(AUDIO, 400) + bytes(400),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size)
        + FORMAT_BODY.pack(48_000, 2)
        + OUTPUT_HEADER.pack(AUDIO, 12)
        + bytes(12),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size)
        + FORMAT_BODY.pack(48_000, 1)
        + OUTPUT_HEADER.pack(AUDIO, MAX_OUTPUT + 4),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size)
        + FORMAT_BODY.pack(48_000, 1)
        + OUTPUT_HEADER.pack(AUDIO, 0xFFFFFFFF),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size) + FORMAT_BODY.pack(1, 1),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size) + FORMAT_BODY.pack(48_000, 0),
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size) + FORMAT_BODY.pack(48_000, 33),
        OUTPUT_HEADER.pack(FORMAT, 1 << 31),
        OUTPUT_HEADER.pack(FAILED, 1 << 31),
    ],
)
def test_a_decoder_that_tells_what_it_cannot_have_to_tell_is_ended(
    told: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = lying(monkeypatch, told)
    with pytest.raises(DecoderDied, match="its decoder failed"):
        list(decoder.decode(encoded("webm")))
    assert children() == []
    decoder.close()


def test_what_a_decoder_says_went_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said = b"\x1b[2Jno\nsuch \xff audio"
    decoder = lying(monkeypatch, OUTPUT_HEADER.pack(FAILED, len(said)) + said)
    with pytest.raises(AudioError) as caught:
        list(decoder.decode(encoded("webm")))
    assert str(caught.value) == " [2Jno such \ufffd audio"
    decoder.close()


def test_sound_that_is_no_number_does_not_get_far(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.array([np.nan, np.inf, 1e30, 0.5], "<f4").tobytes()
    said = (
        OUTPUT_HEADER.pack(FORMAT, FORMAT_BODY.size)
        + FORMAT_BODY.pack(16_000, 1)
        + OUTPUT_HEADER.pack(AUDIO, 16)
        + noise
        + OUTPUT_HEADER.pack(b"D", 0)
    )
    decoder = lying(monkeypatch, said)
    np.testing.assert_array_equal(np.concatenate(list(decoder.decode(encoded("webm")))), [0, 1, 1, 0.5])
    decoder.close()


def test_a_decoder_that_never_ends_is_ended_by_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    lying(monkeypatch, OUTPUT_HEADER.pack(WANTS_INPUT, 0), "exec('while True: pass')")
    decoder = start_decoder("webm")
    assert decoder.receive() is None
    assert alive(decoder.pid)
    decoder.close()
    decoder.close()


@pytest.mark.parametrize("told", [b"", OUTPUT_HEADER.pack(WANTS_INPUT, 0) * 9])
def test_a_decoder_that_neither_speaks_nor_listens_is_ended(told: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "STALL_TIMEOUT", 0.5)
    decoder = lying(monkeypatch, told, "import time; time.sleep(60)")
    with pytest.raises(DecoderDied, match="its decoder failed"):
        list(decoder.decode(encoded("webm", 4.0) * 20))
    assert children() == []
    decoder.close()


@pytest.mark.slow
def test_a_decoder_that_computes_for_ever_is_ended_by_its_limit() -> None:
    code = """
        import pipelines.audio.decoder_worker as decoder
        decoder.MAX_IDLE_CPU = 1
        decoder.ResourceLimits(threads=False)
        while True:
            pass
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, timeout=120, check=False)
    assert done.returncode == -signal.SIGXCPU


MEMORY = 30
"""Megabytes that a decoder may have for itself, whatever it is sent: 12 of them are there before it reads a byte"""


def said(pieces: Iterator[Samples]) -> str | None:
    """Take all sound, while no decoder takes much memory; what was wrong, if anything was."""
    try:
        for piece in pieces:
            assert len(piece)
            assert sum(map(memory, children())) < MEMORY << 20
    except AudioError as error:
        return str(error)
    assert sum(map(memory, children())) < MEMORY << 20
    return None


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_no_more_than_other_audio(name: str) -> None:
    encoding, make = BOMBS[name]
    decoder = open_decoder(encoding, 0, 0)
    refused = said(decoder.decode(make())) or said(decoder.flush())
    decoder.close()
    assert refused is None or (len(refused) < 200 and "its decoder" not in refused)


def test_six_bombs_at_once_cost_what_six_sources_cost() -> None:
    decoders = [open_decoder("m4a", 0, 0) for _ in range(6)]
    for decoder in decoders:
        list(decoder.decode(claiming(80_000_000)))
    assert sum(map(memory, children())) < 6 * 16 << 20
    for decoder in decoders:
        decoder.close()


@pytest.mark.slow
@pytest.mark.parametrize("fragmented", [True, False])
@pytest.mark.parametrize("hours", [2, 12])
def test_an_honest_m4a_of_hours_is_heard(hours: int, fragmented: bool) -> None:
    data = long_m4a(hours, fragmented)
    head = 0 if fragmented else data.index(b"mdat")
    decoder = open_decoder("m4a", 0, 0)
    samples = sum(len(piece) for chunk in pieces(data[: head + 1_000_000], [64_000]) for piece in decoder.decode(chunk))
    decoder.close()
    assert samples > 60 * SAMPLE_RATE


@pytest.mark.parametrize("megabytes", [1, 10])
def test_an_honest_picture_is_no_bomb(megabytes: int) -> None:
    size = megabytes << 20
    data = flac_block(6, size, bytes(size))
    decoder = open_decoder("flac", 0, 0)
    total = sum(len(piece) for chunk in pieces(data, [64_000]) for piece in decoder.decode(chunk))
    assert total + sum(map(len, decoder.flush())) == SAMPLE_RATE
    decoder.close()


@pytest.mark.slow
def test_what_a_decoder_of_minutes_in_few_bytes_holds_does_not_grow() -> None:
    decoder = open_decoder("flac", 0, 0)
    held = []
    for piece in decoder.decode(silence(900, "flac", "flac", 8000)):
        assert len(piece)
        held += [memory(pid) for pid in children()]
    decoder.close()
    assert max(held) < held[0] + (4 << 20)
