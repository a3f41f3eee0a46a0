"""The pictures of `evaluate` are made, whatever there is to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.evaluation.scores import Latencies
from pipelines.errors import StoreError
from pipelines.types import Span, Turn

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from meeting.evaluation.plots import draw_latencies, draw_turns

PNG = b"\x89PNG\r\n"


def turn(start: int, end: int, speaker: str) -> Turn:
    return Turn(Span(start * 16_000, end * 16_000), speaker)


@pytest.mark.parametrize("heard", [[], [turn(0, 2, "spk1"), turn(1, 9, "?"), turn(3, 4, "spk2")]])
def test_who_spoke_when_is_drawn(tmp_path: Path, heard: list[Turn]) -> None:
    path = tmp_path / "new" / "a.png"
    draw_turns(path, "a", {"reference": [turn(0, 2, "Ann")], "live": heard}, {"live": 0.5, "refined": None})
    assert path.read_bytes().startswith(PNG)


def test_a_recording_in_which_nobody_speaks_is_drawn_too(tmp_path: Path) -> None:
    draw_turns(tmp_path / "a.png", "a", {"reference": [], "live": []}, {})
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("waits", [Latencies(), Latencies([0.1, 0.5], [0.2, 0.9], [-0.1])])
def test_the_distribution_of_latency_is_drawn(tmp_path: Path, waits: Latencies) -> None:
    draw_latencies(tmp_path / "a.png", waits)
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        draw_latencies(tmp_path / "file" / "a.png", Latencies())
