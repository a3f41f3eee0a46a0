"""The sources as they are listed: what is said of each, what hosts may do, which buttons lead there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.web_fakes import source
from tests.web.conftest import Run
from tests.web.state.sources.test_sources import stats
from tests.web.state.test_page_state import LIVE, RECORDING, connected, facts, received, snapshot

STEPS = """async (steps) => {
  const page = await load('state/page-state.js')
  const rows = await load('state/sources/source-rows.js')
  const state = steps.reduce((state, [step, ...given]) => page[step](state, ...given), page.openedPage())
  const { goesOnWithout, othersHeard, sourceRows, sourcesButton, tabButton } = rows
  return {
    rows: sourceRows(state), list: sourcesButton(state), tab: tabButton(state), others: othersHeard(state),
    goesOn: goesOnWithout(state),
  }
}"""
SESSION = {"type": "session", "meeting_id": "m", "source_id": "src1", "resume_token": "t", "next_seq": 0}


@pytest.fixture
def shown(javascript: Run) -> Run:
    """What is shown after steps, each a function of page-state.js with its arguments."""
    return lambda *steps: javascript(STEPS, [connected(), *steps])


def told(*messages: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Messages that have come."""
    return [received(message) for message in messages]


def test_a_row_says_who_is_heard_how_loud_and_how_far_behind(shown: Run) -> None:
    (ann, room) = shown(
        snapshot("live"), *told(source(2, ""), source(1, "Ann", "solo"), stats("src1", 1.24, 0.3, level=-30.0))
    )["rows"]
    assert (ann["name"], ann["kind"], ann["state"], ann["lag"]) == ("Ann", "one person", "Heard", "Text 1.2 s behind")
    assert ann["level"] == pytest.approx(0.5)
    assert (room["name"], room["kind"], room["level"], room["lag"]) == ("Source 2", "several people", None, "")


def test_silence_is_an_empty_bar_and_what_is_muted_or_away_has_no_figures(shown: Run) -> None:
    silent = stats("src1", level=None)
    assert shown(snapshot("live"), *told(source(1), silent))["rows"][0]["level"] == 0
    for look, changes in (
        ("muted", {"muted": True}),
        ("away", {"state": "away"}),
        ("away", {"state": "away", "muted": True}),
    ):
        (row,) = shown(snapshot("live"), *told(source(1, **changes), stats("src1")))["rows"]
        assert (row["look"], row["level"], row["lag"]) == (look, None, "")


@pytest.mark.parametrize(("role", "governed"), [("view", False), ("speak", False), ("host", True), ("server", True)])
def test_hosts_govern_sources(shown: Run, role: str, governed: bool) -> None:
    (row,) = shown(snapshot("live"), facts(role), *told(source(1)))["rows"]
    assert row["governed"] is governed


def test_what_comes_from_this_page_is_marked(shown: Run) -> None:
    seen = shown(*RECORDING, snapshot("live"), *told(SESSION, source(1, "Ann"), source(2, "Ben")))
    assert [row["own"] for row in seen["rows"]] == [True, False]
    assert (seen["others"], seen["goesOn"]) == (True, True)
    alone = shown(*RECORDING, snapshot("live"), *told(SESSION, source(1, "Ann")))
    assert (alone["others"], alone["goesOn"]) == (False, False)


@pytest.mark.parametrize("state", ["open", "live", "ending", "ended"])
def test_the_list_is_offered_while_something_is_heard(shown: Run, state: str) -> None:
    offered = {"label": "2 sound sources", "count": 2, "open": False} if state in ("live", "ending") else None
    assert shown(snapshot(state, sources=[source(1), source(2), source(3, state="ended")]))["list"] == offered
    assert shown(snapshot(state))["list"] is None


@pytest.mark.parametrize(
    ("state", "role", "offered"),
    [
        ("open", "speak", True),
        ("live", "speak", True),
        ("live", "host", True),
        ("live", "view", False),
        ("ended", "host", False),
    ],
)  # fmt: skip
def test_a_tabs_sound_can_be_shared_by_those_who_may_speak(shown: Run, state: str, role: str, offered: bool) -> None:
    button = {"label": "Share a tab’s sound", "disabled": False, "on": False} if offered else None
    assert shown(snapshot(state), facts(role))["tab"] == button
    assert (
        shown(snapshot(state), facts(role), ("connectionChanged", LIVE | {"state": "reconnecting"}, None))["tab"]
        is None
    )
