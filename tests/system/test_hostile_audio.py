"""Audio that ends, bloats or stops its decoder, sent to a real server: it costs its own source, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.session.events import OpenSource, SourceFailed, SourceFinished, SourceRecovered
from meeting.storage.files import journal
from meeting.storage.store import Store
from tests.fakes.bombs import claiming
from tests.fakes.children import children, memory
from tests.fakes.containers import encoded
from tests.fakes.server_fakes import Serving, config, serving, tone, wait_ready
from tests.meeting.sources.test_source_worker import MEETING, SOURCE, Bench

WEBM = AudioInfo("webm", 0, 0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        wait_ready(running)
        yield running


def lines(served: Serving, meeting_id: str) -> int:
    segments: list[dict[str, Any]] = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()["segments"]
    return len(segments)


@pytest.mark.parametrize("channels", [8, 12, 32])
def test_a_source_of_many_channels_is_heard(served: Serving, channels: int) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start("wav")
        data = encoded("wav", 2.0, channels, 16_000)
        for seq, at in enumerate(range(0, len(data), 60_000)):
            host.frame(seq, data[at : at + 60_000])
        host.send("stop")
        assert host.until("ended")["segments"] == 2


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_decoder_that_dies_ends_its_source_and_nothing_else(served: Serving, number: signal.Signals) -> None:
    meeting_id, beside = served.create(), served.create()
    with served.connect(beside) as neighbour, served.connect(meeting_id) as viewer, served.connect(meeting_id) as host:
        neighbour.start()
        neighbour.frame(0, tone(1.0))
        host.start("webm")
        data = encoded("webm", 4.0)
        host.frame(0, data[: 3 * len(data) // 4])
        assert viewer.until("segment")["text"] == "one"
        (pid,) = children()
        os.kill(pid, number)
        host.frame(1, data[3 * len(data) // 4 :])
        error = host.until("error")
        assert error["code"] == "bad_audio"
        assert "this webm audio cannot be decoded" in error["message"]
        assert host.close_code() == 4400
        assert viewer.until("ended")["segments"] >= 2
        neighbour.frame(1, tone(1.0))
        neighbour.send("stop")
        assert neighbour.until("ended")["segments"] == 2
    assert lines(served, meeting_id) >= 2
    assert children() == []


def test_many_bombs_at_once_leave_the_server_as_it_was(served: Serving) -> None:
    for _ in range(2):
        for meeting_id in [served.create() for _ in range(3)]:
            with served.connect(meeting_id) as host:
                host.start("m4a")
                host.frame(0, claiming(80_000_000))
                assert served.http.get("/healthz").status_code == 200
                assert sum(map(memory, children())) < 40 << 20
                host.send("stop")
                host.close_code()
    assert children() == []


AGAIN = OpenSource(SOURCE, WEBM, None, (), recover=True)


def left_behind(store: Store, data: bytes) -> None:
    """A journal as a killed process leaves it."""
    with journal.Journal(store.files.journal_path(MEETING, SOURCE), WEBM) as written:
        for seq, at in enumerate(range(0, len(data), 4000)):
            written.append(AudioFrame(seq, 0, data[at : at + 4000]))


def test_a_container_is_heard_again_as_it_was(tmp_path: Any) -> None:
    with Store(tmp_path) as store:
        left_behind(store, encoded("webm", 4.0))
        bench = Bench(store, job=AGAIN)
        assert isinstance(bench.next(SourceRecovered, SourceFailed), SourceRecovered)
        assert bench.rest()[-1] == SourceFinished(SOURCE, 64_000)
        bench.end()
    assert children() == []


def test_a_decoder_that_is_killed_in_a_recovery_leaves_what_was_acknowledged_for_another_time(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.audio import decoder_process

    code = "import os; os.kill(os.getpid(), {})"
    for number, expected in ((signal.SIGKILL, "storage"), (signal.SIGSEGV, "bad_audio")):
        dying = [sys.executable, "-c", code.format(int(number))]
        monkeypatch.setattr(decoder_process, "_command", lambda *_, dying=dying: dying)
        with Store(tmp_path / str(int(number))) as store:
            left_behind(store, encoded("webm", 4.0))
            bench = Bench(store, job=AGAIN)
            failed = bench.next(SourceFailed)
            assert isinstance(failed, SourceFailed)
            assert failed.code == expected
            assert store.files.journal_path(MEETING, SOURCE).stat().st_size > 4000
            bench.end()
