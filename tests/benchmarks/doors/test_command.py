"""What an endpoint comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.doors import command
from benchmarks.doors.told import Told, row
from benchmarks.harness.latency import Text
from benchmarks.harness.recordings import Recording, gather


@pytest.fixture(scope="module")
def recording() -> Recording:
    return gather([])[0]


def test_an_endpoint_without_mistakes_has_no_errors(recording: Recording) -> None:
    pytest.importorskip("meeteval")
    texts = [
        Text(line["end_time"] + 0.5, str(at), line["start_time"], line["end_time"], tuple(line["words"].split()), True)
        for at, line in enumerate(recording.rows)
    ]
    one = [row("everybody", line["start_time"], line["end_time"], line["words"]) for line in recording.rows]
    found = command.figures([recording], [Told(texts, one, list(recording.rows))])
    assert (found["WER"], found["cpWER_end"]) == (0.0, 0.0)
    assert found["cpWER_told"] > 0.3
    assert found["final_p50"] == pytest.approx(0.5, abs=0.01)


def test_what_an_endpoint_does_not_say_is_not_judged(recording: Recording) -> None:
    pytest.importorskip("meeteval")
    found = command.figures([recording], [Told([], None, list(recording.rows))])
    assert [found[key] for key in ("final_p50", "final_p95", "cpWER_told")] == [None] * 3
    assert all(figure in (*found, "endpoint", "memory_before", "memory_peak") for figure in command.LIVE.values())


def test_recordings_that_are_not_there_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "require_extra", lambda: None)  # which is told first where it is not installed
    assert command.main([str(tmp_path)]) == 2
    assert f"error: {tmp_path} " in capsys.readouterr().err
