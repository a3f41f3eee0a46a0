"""Tables: the best microphone of each meeting beside what is joined."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.microphones import tables
from benchmarks.microphones.hearing import MIX, Heard
from benchmarks.microphones.joined import Shown
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scenes import Microphone
from benchmarks.microphones.scoring import Figures
from meeting.evaluation.scores import Accuracy, Share
from pipelines.types import SAMPLE_RATE, Segment, Span, Turn, TurnsRevised, Word


def microphones(count: int) -> tuple[Microphone, ...]:
    return tuple(Microphone(f"mic{at}", "room", "table", 0.0, 0.0, 0.1, 0.0, 0.2, at) for at in range(1, count + 1))


def figures(wer: float, twice: int = 0, late: float = 1.0) -> Figures:
    some = Share(wer, 10)
    return Figures(
        Accuracy(some, some, some, Share(0, 10), Share(0, 10), 2, 2),
        twice,
        5,
        Share(1, 10),
        [late],
        changed=Share(wer, 4),
    )


def result(group: str, alone: list[float], joined: float) -> tables.Result:
    meeting = Meeting(Path("nowhere"), f"{group}_choose_0", "choose", group, 10.0, microphones(len(alone)))
    each = {f"mic{at}": figures(wer) for at, wer in enumerate(alone, 1)}
    return tables.Result(meeting, group, each, None, figures(joined, twice=1, late=3.0), Shown((), (), {}))


def cells(text: str, table: str, row: str) -> list[str]:
    """A row of one of the tables, which are named by their first column."""
    (one,) = (part for part in text.split("\n\n") if part.startswith(f"| {table} |"))
    (line,) = (line for line in one.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_best_of_each_meeting_is_what_joining_is_measured_by() -> None:
    text = tables.summary([result("call", [2, 4], 1), result("call", [6, 1], 3), result("headsets", [5, 5], 5)])
    assert cells(text, "WER", "call") == ["2", "0.325", "–", "0.150", "0.200", "1/2"]
    assert cells(text, "DER", "headsets")[-1] == "1/1"
    assert cells(text, "cpWER", "all")[0] == "3"
    assert cells(text, "lines", "call") == ["10", "2", "0.100", "0.100", "1.000", "3.000", "0.000", "0.500"]


def test_the_mix_is_told_where_every_meeting_has_one() -> None:
    mixed = replace(result("call", [2, 4], 1), mix=figures(5))
    assert cells(tables.summary([mixed]), "WER", "call")[2] == "0.500"
    assert cells(tables.summary([mixed, result("call", [2, 4], 1)]), "WER", "call")[2] == "–"


def test_all_figures_of_a_meeting_are_told() -> None:
    one = result("call", [2, 4], 1)
    text = tables.each(one)
    assert text.startswith("call_choose_0, call\n")
    assert "| mic2, table | 0.400 |" in text
    assert "| joined | 0.100 |" in text
    assert one.told()["alone"]["mic1"]["WER"] == 0.2
    assert one.told()["mix"] is None
    json.dumps(one.told())


@pytest.fixture
def room(tmp_path: Path) -> tuple[Meeting, list[Heard]]:
    """Three microphones that all hear one line, the second with an error, and a mix."""
    meeting = Meeting(tmp_path, "room_choose_0", "choose", "room", 4.0, microphones(3))
    said = [{"speaker": "Ann", "start_time": 1.0, "end_time": 3.0, "words": "we meet again on Tuesday"}]
    turns = [{"speaker": "Ann", "start": 1.0, "end": 3.0}]
    (tmp_path / "reference.seglst.json").write_text(json.dumps(said), encoding="utf-8")
    (tmp_path / "reference.turns.json").write_text(json.dumps(turns), encoding="utf-8")
    span, whole = Span(SAMPLE_RATE, 3 * SAMPLE_RATE), 4 * SAMPLE_RATE
    heard = []
    mix = Microphone(MIX, "room", "all mixed", 0.0, 0.0, 0.1, 0.0, 0.2, 1)
    for at, one in enumerate((*meeting.microphones, mix)):
        soundfile.write(tmp_path / f"{one.id}.flac", np.zeros(whole), SAMPLE_RATE)
        words = ["we", "meet", "again", "on", "Thursday" if at == 1 else "Tuesday"]
        line = Segment("s1", 1, True, one.id, span, "spk1", tuple(Word(word, span) for word in words))
        revised = TurnsRevised(Span(0, whole), (Turn(span, "spk1"),))
        heard.append(Heard(one, whole, ((whole, line), (whole, revised))))
    return meeting, heard


def test_a_room_is_scored_with_two_microphones_and_with_more(room: tuple[Meeting, list[Heard]]) -> None:
    pytest.importorskip("meeteval", reason="the extra eval is not installed")
    found = tables.results(*room)
    assert [(one.group, len(one.alone)) for one in found] == [("room, 2", 2), ("room, 3", 3)]
    assert [one.rate("WER") for one in found[1].alone.values()] == [0.0, 0.2, 0.0]
    assert found[0].mix is not None
    assert found[0].mix.rate("DER") == 0.0
    assert found[0].joined.lines == len(found[0].shown.lines)


def test_lines_stand_beside_what_was_said(room: tuple[Meeting, list[Heard]]) -> None:
    meeting, heard = room
    lines = [next(output for _, output in one.told if isinstance(output, Segment)) for one in heard[:2]]
    shown = Shown((lines[0], Segment("m2s1", 1, True, "mic2", lines[1].span, "spk2", lines[1].words)), (), {})
    text = tables.lines(tables.Result(meeting, "room, 2", {}, None, figures(1), shown))
    assert "Ann: we meet again on Tuesday" in text
    assert text.count("[twice, see") == 1
