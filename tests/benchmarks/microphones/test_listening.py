"""What is heard of several microphones when a meeting is played: both mixes, and what is understood of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.microphones.hearing import MIX, Heard
from benchmarks.microphones.joined import Shown
from benchmarks.microphones.listening import Played, listen, mixes, table
from benchmarks.microphones.making import Meeting
from benchmarks.microphones.scenes import Microphone
from benchmarks.microphones.scoring import Figures
from meeting.evaluation.scores import Accuracy, Share
from meeting.storage.files.mix_gains import FULL, SOFT
from pipelines.types import SAMPLE_RATE, Segment, Span, Word


def microphone(name: str) -> Microphone:
    return Microphone(name, "room", "table", 0.0, 0.0, 0.1, 0.01, 0.2, 1)


def said(source: str, start: float, end: float, text: str) -> Segment:
    span = Span(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    return Segment(f"{source}-{start}", 1, True, source, span, "spk1", (Word(text, span),))


def constant(value: float, seconds: int) -> np.ndarray:
    return np.full(seconds * SAMPLE_RATE, value, np.float32)


def test_in_one_mix_all_are_added_up_and_in_the_other_whose_words_are_not_shown_is_softer() -> None:
    heard = [Heard(microphone(name), 8 * SAMPLE_RATE, ()) for name in ("mic1", "mic2")]
    anchors = {"mic1": (), "mic2": ((0, 2 * SAMPLE_RATE),)}
    lines = (said("mic1", 2, 4, "one"), said("mic2", 6, 8, "two"))
    added, gained = mixes(Shown(lines, (), {}, anchors=anchors), heard, [constant(0.25, 8), constant(0.125, 8)])
    assert (len(added), len(gained)) == (10 * SAMPLE_RATE, 10 * SAMPLE_RATE)
    at = [round(seconds * SAMPLE_RATE) for seconds in (1, 3, 5, 7, 9)]
    assert added[at].tolist() == [0.25, 0.375, 0.375, 0.375, 0.125]
    soft = SOFT / FULL
    expected = [0.25, 0.25 + soft * 0.125, 0.375, 0.125 + soft * 0.25, 0.125]
    assert gained[at].tolist() == pytest.approx(expected, abs=1e-4)


class Clock:
    """Stands for a backend: its pipelines hear a word for each second that is loud enough."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Segment]] = []

    def load_engine(self, models: object, report: object) -> str:
        return "engine"

    def open_pipeline(self, engine: object, request, emit: object, on_backlog: object) -> Clock:  # type: ignore[no-untyped-def]
        self.told = []
        return self

    def feed(self, audio: np.ndarray) -> None:
        loud = [
            second for second in range(len(audio) // SAMPLE_RATE) if audio[(2 * second + 1) * SAMPLE_RATE // 2] > 0.3
        ]
        self.told = [(len(audio), said("mix", second, second + 1, f"w{second}")) for second in loud]

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_both_are_heard_and_compared_with_what_was_said(tmp_path: Path) -> None:
    pytest.importorskip("meeteval")
    ones = (microphone("mic1"), microphone("mic2"))
    for one in ones:
        soundfile.write(tmp_path / f"{one.id}.flac", constant(0.25, 4), SAMPLE_RATE)
    row = {"speaker": "A", "start_time": 0.0, "end_time": 4.0, "words": "w0 w1 w2 w3"}
    (tmp_path / "reference.seglst.json").write_text(json.dumps([row]), encoding="utf-8")
    (tmp_path / "reference.turns.json").write_text(json.dumps([{"speaker": "A", "start": 0.0, "end": 4.0}]))
    meeting = Meeting(tmp_path, "room_choose_0", "choose", "room", 4.0, ones)
    told = ((4 * SAMPLE_RATE, said("mic1", 0, 4, "w0")),)
    heard = [Heard(ones[0], 4 * SAMPLE_RATE, told), Heard(ones[1], 4 * SAMPLE_RATE, ()), Heard(microphone(MIX), 0, ())]
    found = listen(meeting, heard, Clock(), tmp_path / "wav")  # type: ignore[arg-type]
    assert (found.scene, found.added.rate("WER"), found.gained.rate("WER")) == ("room", 0.0, 1.0)
    names = {path.name for path in (tmp_path / "wav").iterdir()}
    assert names == {"room_choose_0_added.wav", "room_choose_0_played.wav"}


def test_errors_of_both_stand_side_by_side() -> None:
    def figures(wrong: float) -> Figures:
        return Figures(Accuracy(Share(wrong, 10), Share(wrong, 10), Share(wrong, 10)))

    text = table([Played("room", figures(4), figures(2)), Played("call", figures(6), figures(1))])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert rows[0][:4] == ["heard", "meetings", "WER, added up", "WER, as played"]
    assert [row[:4] for row in rows[2:]] == [
        ["room", "1", "0.400", "0.200"],
        ["call", "1", "0.600", "0.100"],
        ["all", "2", "0.500", "0.150"],
    ]
