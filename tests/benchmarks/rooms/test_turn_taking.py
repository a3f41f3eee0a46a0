"""Counting how people take turns, and drawing from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rooms import turn_taking
from benchmarks.rooms.turn_taking import KINDS, PERCENTILES, classify, count, cut, load
from pipelines.errors import MeetingError
from pipelines.types import Span, Turn, samples


def turn(start: float, end: float, speaker: str) -> Turn:
    return Turn(Span(samples(start), samples(end)), speaker)


@pytest.mark.parametrize(
    ("after", "kind", "value"),
    [
        (turn(3.5, 5, "a"), "hold", 1.5),
        (turn(2.25, 5, "b"), "switch", 0.25),
        (turn(1.5, 5, "b"), "interruption", 0.5),
        (turn(1.0, 1.5, "b"), "backchannel", 0.5),
        (turn(1.0, 2.0, "b"), "backchannel", 0.5),
    ],
)
def test_a_transition_is_one_of_four_kinds(after: Turn, kind: str, value: float) -> None:
    assert classify(turn(0, 2, "a"), after) == (kind, pytest.approx(value))


def test_a_backchannel_leaves_the_floor_to_whoever_has_it() -> None:
    found = count([[turn(0, 4, "a"), turn(1, 1.5, "b"), turn(5, 6, "a")]])
    assert found.transitions["backchannel"].count == 1
    assert found.transitions["hold"].count == 1
    assert found.transitions["hold"].percentiles[0] == 1.0
    assert found.transitions["switch"].count == 0


def test_time_is_counted_as_silence_and_overlap() -> None:
    found = count([[turn(1, 3, "a"), turn(2, 4, "b"), turn(5, 6, "a")]])
    assert found.silence == pytest.approx(0.2)
    assert found.overlap == pytest.approx(0.25)


def test_going_back_is_counted_with_a_third_person_only() -> None:
    two = [turn(0, 1, "a"), turn(1, 2, "b"), turn(2, 3, "a")]
    assert count([two]).returns == 0.0
    assert count([[*two, turn(4, 5, "c")]]).returns == pytest.approx(0.5)


def test_nobody_is_an_error() -> None:
    with pytest.raises(MeetingError, match="nobody"):
        count([[]])


def test_joined_recordings_are_counted_by_piece() -> None:
    pieces = cut([turn(0, 12, "a"), turn(25, 31, "b")], 10)
    assert [[(one.span.start, one.speaker) for one in piece] for piece in pieces] == [
        [(0, "a")],
        [(samples(10), "a")],
        [(samples(25), "b")],
        [(samples(30), "b")],
    ]
    assert len(cut([turn(0, 12, "a")], None)) == 1


def test_what_make_uses_is_there_and_says_where_it_comes_from() -> None:
    found = load()
    assert set(found.transitions) == set(KINDS)
    assert sum(one.count for one in found.transitions.values()) >= 200
    assert "AMI" in json.loads(turn_taking.COMMITTED.read_text(encoding="utf-8"))["source"]


def test_draws_have_the_distribution() -> None:
    found, random = load(), np.random.default_rng(0)
    drawn = [found.transitions["switch"].draw(random) for _ in range(2000)]
    middle = found.transitions["switch"].percentiles[len(PERCENTILES) // 2 - 1]
    assert np.median(drawn) == pytest.approx(middle, abs=0.08)
    assert max(drawn) <= found.transitions["switch"].percentiles[-1]
    kinds = [found.kind(random) for _ in range(2000)]
    assert "backchannel" not in kinds  # they lie within turns, as often as these are long
    told = [found.transitions[kind].count for kind in KINDS[:3]]
    assert kinds.count("hold") / 2000 == pytest.approx(told[0] / sum(told), abs=0.05)


@pytest.mark.parametrize("text", ["", "{}", '{"statistics": {"transitions": {}}}', '{"statistics": []}'])
def test_another_file_holds_no_statistics(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(MeetingError, match=r"x\.json"):
        load(tmp_path / "x.json")
