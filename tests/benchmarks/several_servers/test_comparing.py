"""The rows of the comparison of one server with several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from benchmarks.several_servers.comparing import COLUMNS, LEFT_OUT, Transcribed, longest_first, names, rows
from pipelines.engine.load_shedding import Shedding
from tests.benchmarks.several_servers.test_transcripts import line


def recording(folder: Path, name: str, seconds: int) -> Path:
    """A silent recording."""
    path = folder / f"{name}.flac"
    soundfile.write(path, np.zeros(16000 * seconds, np.int16), 16000)
    return path


def test_servers_are_named_by_letters() -> None:
    assert names(3) == ["a", "b", "c"]


def test_long_recordings_are_sent_first(tmp_path: Path) -> None:
    short, long = recording(tmp_path, "a", 1), recording(tmp_path, "b", 3)
    assert longest_first([short, long]) == [long, short]


def test_all_that_the_engine_may_leave_out_is_known_in_its_order() -> None:
    assert tuple(one.label for one in sorted(Shedding)) == LEFT_OUT


def test_a_row_says_which_server_had_it_and_the_last_one_how_many_are_equal(tmp_path: Path) -> None:
    first, second = recording(tmp_path, "first", 1), recording(tmp_path, "second", 2)
    one = {
        second: Transcribed([line("a b")], None, "no_partials", 1),
        first: Transcribed([line("a b")]),
    }
    several = {first: Transcribed([line("a b")], "b"), second: Transcribed([line("a c")], "a", losses=1)}
    made = rows(one, several)
    assert made[0] == ["first", "1", "b", "none", "0", "1", "2", "equal", "equal", "equal"]
    assert made[1][:5] == ["second", "2", "a", "no_partials / none", "2"]
    assert made[1][7] == "2 differ, first at 1.0 s"
    assert made[2][0] == "equal in all: 1 of 2"
    assert {len(row) for row in made} == {len(COLUMNS)}
