"""Careful readings side by side: what is counted, what is asked for, and that a search is worth something."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.careful_readings.command import BEAMS, Reading, beam, main, named
from benchmarks.harness.recordings import SAMPLE
from benchmarks.hotwords import Line
from pipelines.asr.decoding.beam_search import BEAM, Beam
from tests.fakes.recogniser_fakes import FakeRecogniser, heard

SECOND = np.ones(16_000, np.float32)


def test_each_way_counts_its_own_errors_and_asks_for_what_it_is() -> None:
    all_of_us, us = FakeRecogniser(heard("we all agree")), FakeRecogniser(heard("we agree"))
    plainly, careful = Reading("plainly", all_of_us, careful=False), Reading("two views", us)
    for one in (plainly, careful):
        one.read(Line(SECOND, ("we", "agree")))
    assert (plainly.errors, careful.errors) == (1, 0)
    assert (all_of_us.careful, us.careful) == ([False], [True])


def test_a_row_is_beside_the_plain_reading() -> None:
    plainly, careful = (Reading(name, FakeRecogniser(), errors=2, cpu=cpu) for name, cpu in (("a", 2.0), ("b", 5.0)))
    assert careful.row(plainly, 8, 20.0) == {"name": "b", "errors": 2, "wer": 0.25, "cpu": 0.25, "ratio": 2.5}
    assert careful.row(Reading("c", FakeRecogniser()), 8, 20.0)["ratio"] is None


def test_beams_are_asked_for_by_width_and_pruning() -> None:
    assert beam("4:0.5") == Beam(4, 0.5)
    for wrong in ("4", "0:1", "4:-1", "4:nan", "four:1", "4:1:2"):
        with pytest.raises(argparse.ArgumentTypeError, match="such as 4:2"):
            beam(wrong)


def test_the_beam_that_is_used_is_among_those_that_are_compared() -> None:
    assert BEAM in BEAMS
    assert len({named(one) for one in BEAMS}) == len(BEAMS)


def test_folders_without_references_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "no recordings with references" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.model
def test_the_sample_is_read_in_each_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "found.json"
    assert main([str(SAMPLE), "--beams", "4:2", "--json", str(file)]) == 0
    plainly, careful = json.loads(file.read_text())["rows"]
    assert careful["errors"] <= plainly["errors"]
    assert careful["cpu"] > plainly["cpu"]
    assert "| two views, 4 hypotheses, pruning 2 |" in capsys.readouterr().out
