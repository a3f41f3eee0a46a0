"""Many meetings at once: real servers and sockets, fake models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.listener import Told
from benchmarks.harness.process import Moment, Watch
from benchmarks.harness.recordings import Play, gather
from benchmarks.load import command as load
from benchmarks.load import plot as load_plot
from benchmarks.load.command import Alone, arrived, edges, figures, settings


def segment(id: str, start: float, words: str, final: bool = True) -> dict[str, Any]:
    texts = words.split()
    each = 1.0 / max(1, len(texts))
    timed = [
        {"text": word, "start": start + at * each, "end": start + (at + 1) * each} for at, word in enumerate(texts)
    ]
    return {"type": "segment", "id": id, "rev": 1, "start": start, "end": start + 1, "words": timed, "final": final}


def told(seconds: float = 20.0) -> Told:
    """A meeting with two lines, of which the first was cut."""
    made = Told(Play(gather([])[0]), seconds)
    rows = [
        (1.5, segment("s0", 0.6, "Good", final=False)),
        (2.5, segment("s0", 0.6, "Good")),
        (2.5, segment("s0.2", 1.6, "morning, everyone.")),
        (4.0, {"type": "stats", "rtf": 0.5, "asr_lag": 1.0, "diarization_lag": 0.5, "dropped_partials": 3}),
        (6.0, segment("s1", 4.7, "Yes.")),
    ]
    made.log = [{"wall": wall, "event": event} for wall, event in rows]
    made.began, made.sent, made.ended, made.late = 100.0, seconds, seconds + 0.5, [0.01]
    return made


def watch() -> Watch:
    return Watch(0, [Moment(100.0 + at, 0.2 * at, 1000 + at) for at in range(22)])


def test_pieces_of_a_line_count_as_one_line() -> None:
    one = told()
    assert (one.lines, one.words) == (2, ["Good", "morning,", "everyone.", "Yes."])


def test_a_row_says_what_it_cost_and_what_was_dropped() -> None:
    pytest.importorskip("whisper_normalizer", reason="the extra eval is not installed")
    refused = Told(told().play, 20.0, refused="the server has as many live meetings as it takes (1)")
    row = figures([told(), refused], watch(), 1000.0, {})
    assert (row["live"], row["refused"], row["lost"]) == (1, 1, 0)
    assert row["refusals"] == [refused.refused]
    assert (row["dropped_partials"], row["asr_lag"], row["diarization_lag"]) == (3, 1.0, 0.5)
    assert row["cpu_per_second"] == pytest.approx(0.2 * 21 / 20)
    assert row["cores"] == pytest.approx(0.2)
    assert (row["memory_peak"], row["memory_per_meeting"]) == (1021, 21)
    assert row["stored_after"] == pytest.approx(0.5)
    assert row["partials_per_second"] == 1 / 20
    assert row["final_p50"] is not None
    assert row["own_final_p95"] is not None


def test_a_row_without_meetings_has_no_latencies() -> None:
    row = figures([Told(told().play, 20.0, problem="closed early")], watch(), 1000.0, {})
    assert (row["live"], row["lost"], row["problems"]) == (0, 1, ["closed early"])
    assert row["word_p50"] is None
    assert row["cpu_per_second"] is None


def test_what_arrives_is_compared_with_what_comes_alone() -> None:
    one = told()
    same = {one.play: Alone(2, tuple(one.words))}
    assert arrived([one, one], same) == {"lines": "4/4", "words": "8/8", "equal": "2/2"}
    assert arrived([one], {one.play: Alone(3, (*one.words, "more"))}) == {
        "lines": "2/3",
        "words": "4/5",
        "equal": "0/1",
    }
    assert arrived([one], {}) == {"lines": 2, "words": 4, "equal": None}


def test_the_ends_of_a_long_meeting_stand_side_by_side() -> None:
    made = {name: values for name, *values in edges(told(), watch(), 1000.0)}
    assert made["seconds"] == ["0–10", "10–20"]
    assert made["word p50"][1] is None
    assert made["CPU/s"] == pytest.approx([0.2, 0.2])
    assert made["MB, most"] == [1010, 1020]


def test_settings_reach_the_server_as_its_environment() -> None:
    assert settings(["speech.partial_interval=1"], 20) == {
        "MEETING_SPEECH_PARTIAL_INTERVAL": "1",
        "MEETING_LIMITS_MEETINGS": "20",
    }
    assert settings([], None) == {}


@pytest.mark.slow
def test_meetings_at_once_are_measured_and_refusals_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    out, plot = tmp_path / "load.json", tmp_path / "load.png"
    asked = ["--models", "fake", "--meetings", "1", "3", "--seconds", "2", "--limit", "2"]
    assert load.main([*asked, "--json", str(out), "--plot", str(plot)]) == 0
    one, three = json.loads(out.read_text())["rows"]
    assert (one["live"], one["refused"], one["lost"], one["lines"], one["equal"]) == (1, 0, 0, "2/2", "1/1")
    assert (three["live"], three["refused"], three["lost"], three["lines"], three["equal"]) == (2, 1, 0, "4/4", "2/2")
    assert "as many live meetings as it takes (2)" in three["refusals"][0]
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.count("| 3 | ") == 2
    assert "Models: fake" in printed


@pytest.mark.slow
def test_one_long_meeting_is_measured_at_both_ends(tmp_path: Path) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    out = tmp_path / "long.json"
    assert load.main(["--models", "fake", "--minutes", "0.05", "--json", str(out)]) == 0
    ends = json.loads(out.read_text())["endurance"]
    assert ends["seconds"] == ["0–2", "2–3"]
    assert all(value > 0 for value in ends["final p50"] if value is not None)


def test_a_picture_bears_rows_without_latencies(tmp_path: Path) -> None:
    keys = ("word_p50", "word_p95", "final_p50", "final_p95", "cpu_per_second")
    rows = [{"live": live, "cores": 0.5, **dict.fromkeys(keys)} for live in (1, 2)]
    load_plot.draw(tmp_path / "a.png", rows)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_folder_without_recordings_is_said_to_be_one(tmp_path: Path) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    assert load.main([str(tmp_path)]) == 2


@pytest.mark.slow
def test_sources_of_one_meeting_are_measured_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    out = tmp_path / "load.json"
    asked = ["--models", "fake", "--sources", "1", "3", "--seconds", "3", "--json", str(out)]
    assert load.main(asked) == 0
    one, three = json.loads(out.read_text())["rows"]
    assert (one["live"], one["lost"], one["equal"]) == (1, 0, "1/1")
    assert (three["live"], three["lost"], three["refused"]) == (3, 0, 0)
    assert capsys.readouterr().out.count("| sources | ") == 2
