"""The sources of a meeting as messages tell them: who they are, what they do, how far behind their text is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.web_fakes import EMPTY_SNAPSHOT, source
from tests.web.conftest import Run

STEPS = """async (messages) => {
  const { NO_SOURCES, afterMessage, jointFigures, presentSources } = await load('state/sources/sources.js')
  const sources = messages.reduce(afterMessage, NO_SOURCES)
  const last = messages.filter(({ type }) => type === 'stats').at(-1) ?? null
  return {
    all: Object.fromEntries(sources), present: presentSources(sources).map(({ id }) => id),
    joint: jointFigures(sources, last), same: afterMessage(sources, { type: 'state', state: 'live' }) === sources,
  }
}"""


def stats(id: str | None, asr: float = 0.0, diarization: float = 0.0, **more: Any) -> dict[str, Any]:
    """The figures of a source."""
    figures = {"rtf": 0.1, "asr_lag": asr, "diarization_lag": diarization, "language": None, "level": -30.0}
    return {"type": "stats", "source_id": id, **figures, **more}


@pytest.fixture
def told(javascript: Run) -> Run:
    """What the messages add up to."""
    return lambda *messages: javascript(STEPS, list(messages))


def test_sources_come_change_and_end_and_a_snapshot_takes_the_place_of_all(told: Run) -> None:
    came = told(source(2, "Ben"), source(1, "Ann", muted=True), source(2, "Ben", state="away"))
    assert came["present"] == ["src1", "src2"]
    assert came["all"]["src1"] == {**source(1, "Ann", muted=True), "stats": None}
    assert came["all"]["src2"]["state"] == "away"
    assert came["same"]
    assert told(source(1), source(2), source(1, state="ended"))["present"] == ["src2"]
    assert told(source(1), EMPTY_SNAPSHOT | {"sources": [source(3)]})["present"] == ["src3"]
    assert told(source(1), {key: value for key, value in EMPTY_SNAPSHOT.items() if key != "sources"})["present"] == []


def test_the_figures_of_a_source_stay_with_it_and_those_of_a_stranger_are_left_out(told: Run) -> None:
    seen = told(source(1), stats("src1", 0.5), stats("src9", 9.0), source(1, "Ann"))
    assert seen["all"]["src1"]["stats"]["asr_lag"] == 0.5
    assert list(seen["all"]) == ["src1"]
    again = told(source(1), stats("src1", 0.5), EMPTY_SNAPSHOT | {"sources": [source(1), source(2)]})["all"]
    assert (again["src1"]["stats"]["asr_lag"], again["src2"]["stats"]) == (0.5, None)


def test_the_source_that_is_furthest_behind_decides_and_every_language_is_told(told: Run) -> None:
    both = (
        source(1),
        source(2),
        stats("src1", 2.0, 0.5, language="de"),
        stats("src2", 0.2, 0.9, rtf=0.4, language="en"),
    )
    joint = told(*both)["joint"]
    assert [joint["stats"][name] for name in ("asr_lag", "diarization_lag", "rtf")] == [2.0, 0.9, 0.4]
    assert joint["languages"] == ["de", "en"]
    away = told(*both, source(1, state="away"))["joint"]
    assert (away["stats"]["asr_lag"], away["languages"]) == (0.2, ["en"])


def test_a_server_that_tells_of_no_sources_has_the_figures_of_the_last_message(told: Run) -> None:
    joint = told(stats(None, 1.5, language="de"))["joint"]
    assert (joint["stats"]["asr_lag"], joint["languages"]) == (1.5, ["de"])
    assert told()["joint"] == {"stats": None, "languages": []}
