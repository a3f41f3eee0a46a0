"""CPU by part: the taps on fakes, and once on the real engine."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.profile import command as profile
from benchmarks.profile.taps import PARTS, Patience, tap


class Session:
    """What ONNX Runtime gives."""

    name = "session"

    def run(self, value: int) -> int:
        return value + 1


def engine() -> SimpleNamespace:
    recogniser = SimpleNamespace(_encoder=Session(), _decoder=Session())
    finder = SimpleNamespace(_segment=lambda value: value * 2, _embed=lambda value, alone: value)
    speech = SimpleNamespace(recogniser=recogniser)
    return SimpleNamespace(_speech=speech, _vad=SimpleNamespace(_session=Session()), _find_speakers=finder)


def test_taps_count_calls_and_change_nothing() -> None:
    tapped = engine()
    spent, absent = tap(tapped)
    assert absent == []
    assert tapped._speech.recogniser._encoder.run(1) == 2
    assert tapped._speech.recogniser._encoder.name == "session"
    assert [tapped._find_speakers._segment(value) for value in (1, 2)] == [2, 4]
    assert spent.calls == {"speech encoder": 1, "segmentation": 2}
    assert all(seconds >= 0 for seconds in spent.seconds.values())
    spent.clear()
    assert spent.calls == {}


def test_parts_that_an_engine_lacks_are_named() -> None:
    tapped = engine()
    del tapped._speech.recogniser._decoder
    assert tap(tapped)[1] == ["speech decoder"]
    assert tap(SimpleNamespace())[1] == list(PARTS)


def test_patience_waits_for_every_answer() -> None:
    done: list[str] = []

    class Answer(Future[str]):
        def exception(self, timeout: float | None = None) -> BaseException | None:
            done.append("waited")
            return super().exception(timeout)

    def ask(*args: object) -> Future[str]:
        answer = Answer()
        answer.set_result("heard")
        return answer

    asked = SimpleNamespace(recognise=ask, find_speakers=ask)
    patience = Patience(asked)
    assert asked.recognise("utterance").result() == "heard"
    asked.find_speakers("window")
    patience.wait()
    patience.wait()
    assert done == ["waited", "waited"]


def test_the_parts_and_all_else_make_up_the_whole() -> None:
    found = {"seconds": 10.0, "cpu": 2.0, "wall": 3.0, "parts": {"segmentation": {"cpu": 1.5, "calls": 20}}}
    assert profile.rows(found) == [
        ["segmentation", 0.15, "75%", 2.0, 75.0],
        ["all else", 0.05, "25%", None, None],
        ["**all**", 0.2, "100%", None, None],
        ["by the clock", 0.3, None, None, None],
    ]


@pytest.mark.slow
@pytest.mark.model
def test_every_part_of_the_embedded_models_is_found(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    assert profile.main(["--seconds", "5", "--json", str(out)]) == 0
    body = json.loads(out.read_text())
    assert set(body["parts"]) == set(PARTS)
    assert body["finals"] >= 1
    assert body["partials"] >= 3
    assert sum(part["cpu"] for part in body["parts"].values()) < body["cpu"]
