"""Systems side by side: how they are judged, and that each of them hears."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.latency import Text
from benchmarks.harness.recordings import Recording, gather
from benchmarks.peers import command as peers
from benchmarks.peers import systems
from benchmarks.peers.systems import Audio, Clock, Result, spoken


def result(recording: Recording, **changes: Any) -> dict[str, Any]:
    """A system that makes no mistake, and shows every line half a second after its end."""
    texts = [
        Text(row["end_time"] + 0.5, str(at), row["start_time"], row["end_time"], tuple(row["words"].split()), True)
        for at, row in enumerate(recording.rows)
    ]
    turns = [(turn.span.start / 16_000, turn.span.end / 16_000, turn.speaker) for turn in recording.turns]
    made = Result(10.0, 2.0, 0.1, 500.0, [asdict(text) for text in texts], list(recording.rows), turns)
    body: dict[str, Any] = json.loads(json.dumps(asdict(made)))
    return {**body, **changes}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return gather([])[0]


def test_a_system_without_mistakes_has_no_errors(recording: Recording) -> None:
    pytest.importorskip("meeteval")
    found = peers.figures([recording], [result(recording)])
    assert (found["WER"], found["cpWER"]) == (0.0, 0.0)
    assert found["DER"] == pytest.approx(0.0, abs=0.001)
    assert found["final_p50"] == pytest.approx(0.5, abs=0.01)
    assert found["cpu_per_second"] == 0.2
    assert found["behind"] == 0.1


def test_what_a_system_does_not_give_is_not_judged(recording: Recording) -> None:
    pytest.importorskip("meeteval")
    mute = peers.figures([recording], [result(recording, texts=[], rows=None)])
    assert [mute[key] for key in ("word_p50", "final_p95", "WER", "cpWER")] == [None] * 4
    assert mute["DER"] == pytest.approx(0.0, abs=0.001)
    nobody = peers.figures([recording], [result(recording, turns=None)])
    assert (nobody["WER"], nobody["cpWER"], nobody["DER"]) == (0.0, None, None)


def span(start: float, duration: float, speaker: int) -> SimpleNamespace:
    return SimpleNamespace(start_time=start, duration=duration, speaker_index=speaker)


def test_words_of_a_line_go_to_the_speaker_in_whose_time_they_fall() -> None:
    spans = [span(1.0, 1.9, 0), span(3.0, 2.0, 1)]
    line = SimpleNamespace(start_time=1.0, duration=4.0, text="one two six ten", speaker_spans=spans)
    rows, turns = spoken([line])
    assert [(row["speaker"], row["words"]) for row in rows] == [("0", "one two"), ("1", "six ten")]
    assert turns == [(1.0, 2.9, "0"), (3.0, 5.0, "1")]


def test_a_line_without_speakers_is_nobodys() -> None:
    line = SimpleNamespace(start_time=1.0, duration=1.0, text="hello there", speaker_spans=None)
    empty = SimpleNamespace(start_time=3.0, duration=1.0, text="", speaker_spans=None)
    rows, turns = spoken([line, empty])
    assert rows == [{"speaker": "?", "start_time": 1.0, "end_time": 2.0, "words": "hello there"}]
    assert len(turns) == 2


def test_a_frame_comes_once_it_has_been_spoken() -> None:
    audio, clock = np.zeros(4000, np.float32), Clock()
    for end, frame in zip((0.1, 0.2, 0.25), clock.frames(audio), strict=True):
        assert clock.wall >= end
        assert len(frame) <= 1600


def test_a_system_leaves_its_result_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(systems.SYSTEMS, "still", ("says nothing", lambda audio: Result(seconds=len(audio) / 16_000)))
    np.save(tmp_path / "a.npy", np.zeros(8000, np.float32))
    assert peers.main(["--hear", "still", str(tmp_path / "a.npy"), str(tmp_path / "r.json")]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["seconds"] == 0.5


def test_the_table_has_a_row_for_each_system(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("meeteval")
    monkeypatch.setattr(peers, "apart", lambda name, one: result(one))
    out = tmp_path / "p.json"
    assert peers.main(["--systems", "diart", "ours", "--seconds", "20", "--json", str(out)]) == 0
    body = json.loads(out.read_text())
    assert list(body["systems"]) == ["diart", "ours"]
    assert body["recordings_each"]["ours"]["sample"]["WER"] == 0.0
    printed = capsys.readouterr().out
    assert "| this program | 0.200 |" in printed
    assert "Recordings: sample (20 s)" in printed


# Each of them for real, as fast as it can


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def frames(self: Clock, audio: Audio, size: int = 1600) -> Iterator[Audio]:
        yield from (audio[at : at + size] for at in range(0, len(audio), size))

    monkeypatch.setattr(Clock, "frames", frames)


@pytest.mark.slow
@pytest.mark.model
def test_moonshine_hears_words(recording: Recording, at_once: None) -> None:
    found = systems.moonshine(recording.cut(9.0).audio.astype(np.float32) / 32768)
    assert "phones" in " ".join(row["words"] for row in found.rows or []).lower()
    assert found.turns is None
    assert any(text["final"] for text in found.texts)
    assert found.cpu > 0


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.filterwarnings("ignore")
def test_diart_hears_voices(recording: Recording, at_once: None) -> None:
    found = systems.diart(recording.cut(9.0).audio.astype(np.float32) / 32768)
    assert found.rows is None
    assert found.turns
    assert all(0 <= start < end <= 10 for start, end, _ in found.turns)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.filterwarnings("ignore")
def test_ours_hears_both(recording: Recording) -> None:
    found = systems.ours(recording.cut(5.0).audio.astype(np.float32) / 32768)
    assert "morning" in " ".join(row["words"] for row in found.rows or []).lower()
    assert found.turns
    assert found.texts
