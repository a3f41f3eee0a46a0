"""What becomes of the sources that a page sends: muted, removed, ended, refused, while the meeting goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.web_fakes import source
from tests.web.conftest import Run
from tests.web.state.sources.test_source_rows import SESSION
from tests.web.state.test_page_state import (
    EMPTY_SNAPSHOT,
    LIVE,
    RECORDING,
    connected,
    facts,
    failed,
    frame,
    received,
    snapshot,
)

HEARD = (*RECORDING, snapshot("live"), received(SESSION), received(source(1, "Ann")), received(source(2, "Ben")))
STOPPING = (("recordingChanged", {"stopping": True}), ("recordingReleased",))


def refused(code: str, close: int) -> tuple[Any, ...]:
    """The connection was refused, after an error that says why."""
    return ("connectionChanged", LIVE | {"state": "failed"}, {"code": code, "message": "", "close": close})


def test_who_is_muted_by_a_host_reads_it_until_that_is_over(page: Run) -> None:
    muted = page(*HEARD, received(source(1, "Ann", muted=True)))
    assert "A host has muted your microphone" in muted["notices"]["muted microphone"]["text"]
    assert page(*HEARD, received(source(1, "Ann", muted=True)), received(source(1, "Ann")))["notices"] == {}
    assert page(*HEARD, received(source(2, "Ben", muted=True)))["notices"] == {}
    back = page(*HEARD, received(EMPTY_SNAPSHOT | {"state": "live", "sources": [source(1, muted=True)]}))
    assert list(back["notices"]) == ["muted microphone"]


def test_who_stops_goes_on_reading_and_may_share_again(page: Run) -> None:
    stopped = page(*HEARD, frame(), *STOPPING, received(source(1, "Ann", state="ended")), facts("speak"))
    assert (stopped["role"], stopped["isRecording"], stopped["own"]["microphone"]) == ("viewer", False, None)
    assert (stopped["recording"]["kind"], stopped["recording"]["stopping"], stopped["resumable"]) == (
        None,
        False,
        False,
    )
    assert stopped["notices"] == {}
    assert stopped["startButton"] == {"label": "Share my microphone"}
    assert stopped["connectionLine"] == ["live", "Live"]


def test_a_microphone_that_ends_unasked_is_told(page: Run) -> None:
    over = page(*HEARD, frame(), received(source(1, "Ann", state="ended")))
    assert "Your microphone is not heard any more" in over["notices"]["source microphone"]["text"]
    assert not over["isRecording"]


@pytest.mark.parametrize("stopping", [True, False])
def test_a_source_whose_last_words_are_to_come_ends_at_once_unless_it_was_stopped_here(
    page: Run, stopping: bool
) -> None:
    steps = STOPPING if stopping else ()
    ending = page(*HEARD, frame(), *steps, received(source(1, "Ann", state="ending")))
    assert (ending["role"], ending["isRecording"]) == (("source", True) if stopping else ("viewer", False))
    if stopping:
        assert ending["connectionLine"] == ["ending", "Finishing the last words…"]
    others = page(*HEARD, received(source(2, "Ben", state="ending")))
    assert others["stopLabel"] == "Stop"


@pytest.mark.parametrize("ended_first", [True, False])
def test_who_was_removed_reads_who_did_it_and_reads_along(page: Run, ended_first: bool) -> None:
    ended = [received(source(1, "Ann", state="ended"))] if ended_first else []
    out = page(*HEARD, frame(), *ended, refused("removed", 4409))
    assert "A host has removed your microphone" in out["notices"]["source microphone"]["text"]
    assert "problem" not in out["notices"]
    assert (out["screen"], out["recording"]["kind"], out["resumable"]) == ("meeting", None, False)


def test_one_more_than_a_meeting_takes_reads_along(page: Run) -> None:
    full = page(snapshot("live"), *RECORDING, refused("too_many", 4429))
    assert list(full["notices"]) == ["source microphone"]
    assert page(snapshot("open"), *RECORDING, refused("too_many", 4429))["notices"]["problem"]["label"] == "Try again"
    assert page(snapshot("live"), *RECORDING, failed(4409))["notices"]["problem"]["label"] == "Read along"


def test_a_stopped_source_that_the_server_does_not_know_any_more_has_ended(page: Run) -> None:
    gone = page(*HEARD, *STOPPING, refused("unauthorized", 4401))
    assert (gone["notices"], gone["screen"]) == ({}, "meeting")
    lost = page(*HEARD, refused("unauthorized", 4401))
    assert "Your microphone is not heard any more" in lost["notices"]["source microphone"]["text"]
    assert (lost["screen"], lost["resumable"]) == ("meeting", False)


def test_a_tab_that_is_shared_is_recording_and_its_end_is_told_unless_asked_for(page: Run) -> None:
    def run(sharing: str, *steps: tuple[Any, ...]) -> Any:
        """The state of a page that shares a tab, whose source is the second."""
        start = {"sharing": sharing, "own": {"microphone": None, "tab": "src2"}}
        return page(connected(), snapshot("live"), *steps, start=start)

    assert run("on")["isRecording"]
    over = run("on", received(source(2, state="ended")))
    assert (over["sharing"], over["own"]["tab"], over["isRecording"]) == ("off", None, False)
    assert "not heard any more" in over["notices"]["source tab"]["text"]
    assert run("stopping", received(source(2, state="ended")))["notices"] == {}
    muted = run("on", received(source(2, muted=True)))
    assert list(muted["notices"]) == ["muted tab"]


def test_others_who_come_and_go_are_announced_and_oneself_is_not(page: Run) -> None:
    steps = (*HEARD, received(source(2, "Ben", state="away")), received(source(2, "Ben", muted=True, state="away")))
    gone = (received(source(2, "Ben", state=state)) for state in ("ending", "ended"))
    said = [row["text"] for row in page(*steps, *gone)["announcements"]]
    assert said == ["Ben is heard now.", "Ben has lost the connection.", "Ben is not heard any more."]


@pytest.mark.parametrize(
    ("others", "role", "stop", "end"),
    [
        (False, "host", "Stop", None),
        (True, "speak", "Stop my microphone", None),
        (True, "host", "Stop my microphone", "End for everybody"),
    ],
)  # fmt: skip
def test_stopping_oneself_and_ending_for_all_are_two_buttons_where_others_are_heard(
    page: Run,
    others: bool,
    role: str,
    stop: str,
    end: str | None,
) -> None:
    state = page(*(HEARD if others else HEARD[:-1]), facts(role))
    assert (state["stopLabel"], (state["endButton"] or {}).get("label")) == (stop, end)


def test_who_joins_counts_on_from_where_the_meeting_is(page: Run) -> None:
    joined = (snapshot("live", audio=60.0), connected(), ("ticked", 5000.0, LIVE))
    assert page(*joined, *RECORDING, frame(), shown=("elapsed",)) == {"elapsed": pytest.approx(65.1)}


def test_a_microphone_that_is_muted_here_says_so_and_is_not_taken_for_a_broken_one(page: Run) -> None:
    silent = [frame(1000, peak=0.0, level=0.0)] * 10
    muted = page(*HEARD, ("recordingChanged", {"muted": True}), *silent)
    assert muted["connectionLine"] == ["muted", "Live — your microphone is muted"]
    assert "quiet" not in muted["notices"]
