"""All that a meeting's page shows, as one value: what messages, failures, sound and time make of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.web_fakes import EMPTY_SNAPSHOT, segment, speaker
from tests.web.conftest import Run

MICROPHONE = {"kind": "microphone", "sampleRate": 1000}
SAMPLE = {"kind": "sample", "sampleRate": 1000, "muted": False}
LIVE = {"state": "live", "attempt": 0, "unsent": 0, "lost": 0}


def received(message: dict[str, Any], now: float = 0.0, unsent: float = 0.0) -> tuple[Any, ...]:
    """A message has come, at a time in milliseconds."""
    return ("received", message, {"now": now, "unsent": unsent})


def snapshot(state: str = "live", **more: Any) -> tuple[Any, ...]:
    """The first message."""
    return received(EMPTY_SNAPSHOT | {"state": state} | more)


def connected(**more: Any) -> tuple[Any, ...]:
    """The connection has changed."""
    return ("connectionChanged", LIVE | more, None)


def failed(close: int, message: str = "") -> tuple[Any, ...]:
    """The connection was refused."""
    problem = {"code": close, "message": message, "close": close}
    return ("connectionChanged", LIVE | {"state": "failed"}, problem)


def facts(role: str, tokens: bool = True, **more: Any) -> tuple[Any, ...]:
    """What the HTTP API tells of the meeting."""
    return ("withFacts", {"created_at": None, "state": "live", "role": role, "tokens": tokens, **more})


def frame(samples: int = 100, peak: float = 0.5, level: float = 0.1) -> tuple[Any, ...]:
    """A frame was captured; a thousand samples are a second."""
    return ("frameCaptured", {"samples": samples, "level": level, "peak": peak})


RECORDING = (("connecting", "source"), ("recordingBegan", MICROPHONE), connected())


def test_who_opens_a_meeting_waits_for_it_and_who_made_it_is_in_it_already(page: Run) -> None:
    visitor = page()
    assert (visitor["transcript"]["phase"], visitor["following"], visitor["role"]) == ("connecting", False, "viewer")
    maker = page(opened={"title": "Mine", "recording": True})
    assert (maker["transcript"]["phase"], maker["transcript"]["title"], maker["following"]) == ("open", "Mine", True)


def test_of_saving_and_not_saving_only_what_was_told_last_stands_there(page: Run) -> None:
    failing = received({"type": "error", "code": "storage", "message": "the disk is full", "fatal": False})
    working = received({"type": "error", "code": "storage_ok", "message": "all is saved", "fatal": False})
    saved = {"text": "The server can save again: everything that was heard is being saved."}
    assert list(page(failing)["notices"]) == ["error storage"]
    assert page(failing, working)["notices"] == {"saved": saved}
    assert list(page(failing, working, failing)["notices"]) == ["error storage"]


@pytest.mark.parametrize(("state", "following"), [("open", True), ("live", True), ("ended", False)])
def test_the_first_snapshot_decides_whether_the_newest_line_is_followed(page: Run, state: str, following: bool) -> None:
    assert page(snapshot(state))["following"] is following
    left = page(snapshot("live"), ("recordingChanged", {}), snapshot("live"), shown=("following",))
    assert left == {"following": True}


def test_a_snapshot_takes_back_that_models_are_loading_and_nothing_else(page: Run) -> None:
    loading = received({"type": "error", "code": "loading", "message": "wait", "fatal": False})
    odd = received({"type": "error", "code": "odd", "message": "it is odd", "fatal": False})
    assert list(page(loading, odd)["notices"]) == ["loading", "error odd"]
    assert page(loading, odd, snapshot())["notices"] == {"error odd": {"text": "It is odd."}}
    fatal = received({"type": "error", "code": "odd", "message": "it is odd", "fatal": True})
    assert page(fatal)["notices"] == {}


def test_final_lines_are_announced_once_and_the_last_six_are_kept(page: Run) -> None:
    merged = [received(speaker("spk1", 0, "Ann")), received(speaker("spk2", 1, merged_into="spk1"))]
    lines = [received(segment(i, i, i + 1, f"line {i}", "spk2" if i < 8 else None)) for i in range(9)]
    again = received(segment(8, 8, 9, "line 8 again", rev=2))
    partial = received(segment(9, 9, 10, "not yet", "spk1", final=False))
    told = [row["text"] for row in page(*merged, *lines, again, partial)["announcements"]]
    assert told == [*(f"Ann: line {i}" for i in range(3, 8)), "Unknown speaker: line 8"]


def test_the_lag_is_measured_from_the_last_word_of_a_growing_line_and_smoothed(page: Run) -> None:
    def grown(rev: int, end: float, now: float) -> tuple[Any, ...]:
        return received(segment(1, 0.0, end, "word " * rev, rev=rev, final=False), now=now)

    start = (snapshot(audio=10.0), connected())
    assert page(*start, grown(1, 11.0, 3000.0))["lag"] == pytest.approx(2.0)
    assert page(*start, grown(1, 11.0, 3000.0), grown(2, 12.0, 5000.0))["lag"] == pytest.approx(0.7 * 2 + 0.3 * 3)
    assert page(*start, received(segment(1, 0.0, 1.0, "done"), now=3000.0))["lag"] is None


def test_the_clock_of_a_reader_runs_while_the_meeting_is_live(page: Run) -> None:
    live = (snapshot(audio=10.0), connected(), ("ticked", 2500.0, LIVE))
    assert page(*live)["elapsed"] == 12.5
    assert page(snapshot("open", audio=10.0), connected(), ("ticked", 2500.0, LIVE))["elapsed"] == 10.0


def test_the_clock_of_who_came_before_the_meeting_began_starts_with_it(page: Run) -> None:
    begun = received({"type": "state", "state": "live"}, now=60_000.0)
    steps = (snapshot("open"), connected(), begun, ("ticked", 61_500.0, LIVE))
    assert page(*steps)["elapsed"] == 1.5
    renamed = received({"type": "state", "state": "live", "title": "Plan"}, now=62_000.0)
    assert page(*steps, renamed, ("ticked", 62_500.0, LIVE))["elapsed"] == 2.5


def test_the_clock_of_a_recording_counts_what_was_captured(page: Run) -> None:
    seen = page(snapshot(audio=7.0), *RECORDING, frame(), frame(), shown=("elapsed",))
    assert seen == {"elapsed": 7.2}
    late = page(*RECORDING, frame(), snapshot(audio=9.0), facts("host", duration=9.0), shown=("elapsed",))
    assert late == {"elapsed": 0.1}
    over = page(*RECORDING, frame(), ("recordingReleased",), frame(), shown=("elapsed",))
    assert over == {"elapsed": 0.1}


def test_silence_is_told_after_eight_seconds_and_sound_takes_it_back(page: Run) -> None:
    hush = [frame(1000, peak=0.0)] * 8
    assert "quiet" not in page(*RECORDING, *hush)["notices"]
    assert "No sound" in page(*RECORDING, *hush, frame(1, peak=0.0))["notices"]["quiet"]["text"]
    assert "quiet" not in page(*RECORDING, *hush, frame(1, peak=0.0), frame())["notices"]
    assert "quiet" not in page(*RECORDING, *hush, frame(1, peak=0.0), ("recordingReleased",))["notices"]
    assert page(("recordingBegan", SAMPLE), *hush, frame(1, peak=0.0))["notices"] == {}


def test_levels_are_heights_of_the_newest_frames(page: Run) -> None:
    levels = page(*RECORDING, frame(level=1.0), frame(level=0.001), frame(level=0.0))["recording"]["levels"]
    assert len(levels) == 24
    assert levels[:21] == [0] * 21
    assert levels[-3:] == [1, pytest.approx(0.0), 0]


def test_a_recording_that_somebody_else_ended_says_what_is_missing(page: Run) -> None:
    begun = received({"type": "session", "meeting_id": "m", "source_id": "s", "resume_token": "t", "next_seq": 0})
    end = {"type": "ended", "segments": 3}
    cut = page(*RECORDING, begun, frame(), received(end, unsent=4.4))
    assert "The last 4 s of your audio did not reach it" in cut["notices"]["problem"]["text"]
    assert (cut["recording"]["kind"], cut["recording"]["capturing"], cut["resumable"]) == (None, False, False)
    assert not cut["isRecording"]
    assert "did not reach" not in page(*RECORDING, received(end, unsent=1.0))["notices"]["problem"]["text"]
    stopped = page(*RECORDING, ("recordingChanged", {"stopping": True}), received(end, unsent=4.4))
    assert stopped["notices"] == {}
    assert page(snapshot(), received(end))["notices"] == {}


@pytest.mark.parametrize(
    ("close", "role", "screen", "label"),
    [
        (4404, "viewer", "missing", None),
        (4404, "source", "missing", None),
        (4401, "viewer", "locked", None),
        (4401, "source", "meeting", "Read along"),
        (4409, "source", "meeting", "Read along"),
        (4413, "source", "meeting", None),
        (4429, "viewer", "meeting", "Try again"),
        (1011, "source", "meeting", "Try again"),
    ],
)
def test_a_refused_connection_lets_the_sound_go_and_says_what_can_be_done(
    page: Run, close: int, role: str, screen: str, label: str | None
) -> None:
    start = RECORDING if role == "source" else (connected(),)
    state = page(*start, failed(close), opened={"resumable": True})
    assert state["screen"] == screen
    assert state["notices"].get("problem", {}).get("label") == label
    assert (state["recording"]["kind"], state["isRecording"]) == (None, False)
    assert state["resumable"] is (close != 4401)
    if screen == "meeting":
        again = page(*start, failed(close), connected(), opened={"resumable": True})
        assert again["notices"] == {}


@pytest.mark.parametrize(("status", "screen"), [(404, "missing"), (401, "locked"), (500, "meeting"), (0, "meeting")])
def test_facts_that_are_refused_decide_what_can_be_shown(page: Run, status: int, screen: str) -> None:
    assert page(("refused", status))["screen"] == screen


def test_time_that_nobody_can_see_pass_changes_nothing(javascript: Run) -> None:
    same = javascript(
        """async ([snapshot, live]) => {
          const page = await load('state/page-state.js')
          const opened = page.received(page.openedPage(), snapshot, { now: 0, unsent: 0 })
          const first = page.ticked(page.connectionChanged(opened, live, null), 1000, live)
          const later = (now, status) => page.ticked(first, now, { ...live, ...status }) === first
          const [slower, lost] = [{ unsent: 0.1 }, { state: 'reconnecting' }]
          return [later(1999, {}), later(2000, {}), later(1250, slower), later(1250, lost)]
        }""",
        [EMPTY_SNAPSHOT | {"state": "live"}, LIVE],
    )
    assert same == [True, False, False, False]


def test_a_full_server_and_lost_audio_are_told_as_time_passes(page: Run) -> None:
    stats = {"type": "stats", "rtf": 1.0, "asr_lag": 1, "diarization_lag": 1, "dropped_partials": 0, "load": 1}
    busy, free = (received(stats | {"left_out": left_out}) for left_out in ("no_partials", "none"))
    tick = ("ticked", 10.0, LIVE)
    assert list(page(snapshot(), connected(), busy, tick)["notices"]) == ["busy"]
    assert page(snapshot(), connected(), busy, tick, free, tick)["notices"] == {}
    assert page(snapshot("ended"), connected(), busy, tick)["notices"] == {}
    lost = page(*RECORDING, ("ticked", 10.0, LIVE | {"lost": 3.2}))["notices"]
    assert "3 s of audio could not be kept" in lost["lost"]["text"]


@pytest.mark.parametrize(
    ("role", "tokens", "share", "rename", "edit"),
    [
        ("view", True, "Copy link", False, False),
        ("speak", True, None, False, False),
        ("host", True, "Share", True, True),
        ("server", True, "Share", True, True),
        ("server", False, "Copy link", True, True),
    ],
)
def test_what_is_offered_follows_from_what_the_token_allows(
    page: Run, role: str, tokens: bool, share: str | None, rename: bool, edit: bool
) -> None:
    state = page(facts(role, tokens))
    assert state["shareButton"] == (share and {"label": share})
    assert (state["mayRename"], state["mayEdit"]) == (rename, edit)


def test_before_the_facts_are_known_a_title_can_be_written_and_lines_cannot(page: Run) -> None:
    state = page()
    assert (state["mayRename"], state["mayEdit"]) == (True, False)


@pytest.mark.parametrize(
    ("phase", "role", "resumable", "label"),
    [
        ("open", "speak", False, "Start with my microphone"),
        ("open", "view", False, None),
        ("live", "host", False, "Share my microphone"),
        ("live", "speak", False, "Share my microphone"),
        ("live", "view", False, None),
        ("live", "host", True, "Go on recording"),
        ("ending", "host", False, None),
        ("ended", "host", True, None),
    ],
)
def test_a_microphone_can_be_shared_while_the_meeting_waits_or_runs(
    page: Run, phase: str, role: str, resumable: bool, label: str | None
) -> None:
    opened = {"resumable": resumable}
    state = page(connected(), snapshot(phase), facts(role), opened=opened)
    assert state["startButton"] == (label and {"label": label})
    lost = page(connected(state="reconnecting"), snapshot(phase), facts(role), opened=opened, shown=("startButton",))
    assert lost == {"startButton": None}


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        ((snapshot("live"), facts("host")), {"label": "End meeting", "ending": False}),
        ((snapshot("ending"), facts("host")), {"label": "Finishing…", "ending": True}),
        ((snapshot("live"), facts("speak")), None),
        ((snapshot("open"), facts("host")), None),
        ((*RECORDING, snapshot("live"), facts("host")), None),
    ],
)
def test_a_host_ends_a_meeting_that_is_recorded_elsewhere(page: Run, steps: Any, end: Any) -> None:
    assert page(*steps)["endButton"] == end


def test_a_recording_counts_as_live_before_the_server_says_so(page: Run) -> None:
    opened = {"recording": True}
    assert page(*RECORDING, opened=opened)["shownPhase"] == "live"
    assert page(*RECORDING[:2], opened=opened)["shownPhase"] == "open"


# Notes

ENDPOINT = {"host": "127.0.0.1:11434", "model": "tiny", "local": True, "encrypted": True}
MADE = {"model": "tiny", "host": "a.example", "made_at": "x", "incomplete": False,
        "summary": [], "decisions": [], "actions": []}  # fmt: skip


def told(state: str | None = None, **more: Any) -> tuple[Any, ...]:
    """What the server tells of notes."""
    empty = {"endpoint": ENDPOINT, "problem": None, "progress": None, "notes": None, "outdated": False}
    return ("withNotes", {**empty, "state": state, **more})


def panel(page: Run, role: str, *steps: tuple[Any, ...], phase: str = "ended") -> Any:
    """What is shown of the notes of a meeting."""
    return page(snapshot(phase), facts(role), *steps, shown=("notesPanel",))["notesPanel"]


@pytest.mark.parametrize(("role", "offered"), [("view", False), ("speak", False), ("host", True), ("server", True)])
def test_notes_are_offered_to_hosts_and_shown_to_all(page: Run, role: str, offered: bool) -> None:
    offer = panel(page, role, told())
    assert (offer is not None) == offered
    if offered:
        assert (offer["make"], offer["remove"], offer["made"]) == ("Make notes", "", None)
        assert "tiny at 127.0.0.1:11434, on this server’s own machine." in offer["where"]
    made = panel(page, role, told("done", notes=MADE))
    assert made["made"] == MADE
    assert (made["make"], made["remove"]) == (("Make again", "Delete notes") if offered else ("", ""))
    assert bool(made["where"]) == offered


def test_notes_are_neither_shown_nor_offered_before_the_end_or_where_there_is_no_model(page: Run) -> None:
    assert panel(page, "host", told(), phase="live") is None
    assert panel(page, "host") is None
    assert panel(page, "host", told(endpoint=None)) is None
    kept = panel(page, "host", told("done", notes=MADE, endpoint=None))
    assert (kept["make"], kept["remove"], kept["where"]) == ("", "Delete notes", "")


def test_while_notes_are_made_everybody_sees_how_far_and_a_host_can_stop_it(page: Run) -> None:
    running = told("running", progress={"done": 1, "parts": 5})
    assert panel(page, "view", running)["progress"] == "Notes are being written, part 2 of 5…"
    shown = panel(page, "host", running)
    assert (shown["make"], shown["remove"]) == ("", "Stop")


def test_why_notes_failed_is_told_to_those_who_can_do_something_about_it(page: Run) -> None:
    failed = told("failed", problem="the model is down")
    assert panel(page, "host", failed)["problem"] == "The notes were not made. The model is down."
    assert panel(page, "view", failed) is None
    assert panel(page, "host", told("done", notes=MADE, problem=None))["problem"] == ""


def test_notes_that_were_waited_for_are_announced(page: Run) -> None:
    ended = (snapshot("ended"), facts("host"))
    assert page(*ended, told("done", notes=MADE))["announcements"] == []
    after = page(*ended, told("running"), told("running"), told("done", notes=MADE))
    assert [one["text"] for one in after["announcements"]] == ["The notes are ready."]


def test_a_meeting_of_any_number_of_microphones_may_be_transcribed_again(page: Run) -> None:
    spoke = {"audio": {"kept": True}, "duration": 60.0}
    for sources, state, role, offered in (
        ([spoke], "ended", "server", True),
        ([spoke, spoke], "ended", "server", True),
        ([spoke], "ended", "host", False),
        ([spoke], "live", "server", False),
    ):
        told = page(snapshot(state), facts(role, state=state, sources=sources), shown=("offersAgain",))
        assert told["offersAgain"] is offered


def test_the_end_of_a_meeting_is_announced_to_whoever_was_there(page: Run) -> None:
    ended = received({"type": "ended", "segments": 1})
    assert page(snapshot(), ended)["announcements"] == [{"text": "The meeting is over."}]
    assert page(snapshot("ended"), ended)["announcements"] == []
