"""What events add up to."""

from __future__ import annotations

import json
from typing import Any

from meeting.client.events import Disconnected, parse_event
from meeting.client.transcript import MAX_WITHDRAWN, TranscriptState
from meeting.core.messages import (
    Ack,
    ChangeMessage,
    EarlierMessage,
    Ended,
    GapMessage,
    SegmentMessage,
    SnapshotMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    StateMessage,
)
from tests.meeting.client.sockets import segment


def line(id_: str, rev: int = 1, text: str = "one", speaker: str | None = "spk1", start: float = 0.0) -> SegmentMessage:
    return SegmentMessage(id_, rev, True, "s", start, start + 1, speaker, text, len(text), ())


def state(*events: Any) -> TranscriptState:
    made = TranscriptState()
    for event in events:
        made.apply(event)
    return made


def texts(made: TranscriptState) -> list[tuple[str, str, str | None]]:
    return [(one.id, one.text, one.speaker) for one in made.segments]


def test_lines_stand_in_order_of_time_and_the_higher_revision_counts() -> None:
    made = state(line("b", start=5.0), line("a"), line("b", 3, "two", start=5.0), line("b", 2, "old", start=5.0))
    assert texts(made) == [("a", "one", "spk1"), ("b", "two", "spk1")]


def test_a_line_without_text_is_withdrawn_and_nothing_older_brings_it_back() -> None:
    made = state(line("a"), line("a", 3, ""), line("a", 2, "old"))
    assert texts(made) == []
    assert made.apply(line("a", 4, "back"))
    assert texts(made) == [("a", "back", "spk1")]


def test_withdrawn_lines_do_not_fill_the_memory() -> None:
    made = state(*(line(f"x{number}", text="") for number in range(MAX_WITHDRAWN + 10)))
    assert len(made._withdrawn) == MAX_WITHDRAWN


def test_a_revision_gives_lines_to_somebody_else_unless_it_is_older() -> None:
    change = SpeakerRevisionMessage(
        (ChangeMessage("a", 2, "spk1", "spk2"), ChangeMessage("gone", 9, None, "x")), "live"
    )
    made = state(line("a"), change)
    assert texts(made) == [("a", "one", "spk2")]
    assert not made.apply(change)


def test_a_voice_that_turned_out_to_be_another_has_the_others_name() -> None:
    made = state(SpeakerMessage("spk1", None, 0, None), SpeakerMessage("spk2", None, 1, None))
    assert (made.name_of("spk2"), made.name_of(None), made.name_of("spk9")) == ("Speaker 2", "Unknown", "Unknown")
    made.apply(SpeakerMessage("spk1", "Ann", 0, None))
    made.apply(SpeakerMessage("spk2", None, 1, "spk1"))
    assert made.name_of("spk2") == "Ann"


def test_a_snapshot_takes_the_place_of_all_before_and_earlier_lines_are_added() -> None:
    snapshot = SnapshotMessage((line("b"),), (), "live", "Monday", 7.0, {"speech": "x"}, (GapMessage(1, 2, "lost"),), 1)
    made = state(line("a"), GapMessage(5, 6, "x"), snapshot, EarlierMessage((line("c"), line("b", 0, "old")), 0))
    assert texts(made) == [("b", "one", "spk1"), ("c", "one", "spk1")]
    assert (made.title, made.state, made.audio, made.left) == ("Monday", "live", 7.0, 0)
    assert [gap.end for gap in made.gaps] == [2]


def test_a_gap_grows() -> None:
    assert [gap.end for gap in state(GapMessage(1, 2, "lost"), GapMessage(1, 4, "lost")).gaps] == [4]


def test_states_and_the_end_are_known() -> None:
    assert state(StateMessage("live", "Tuesday")).title == "Tuesday"
    assert state(Ended(3)).state == "ended"


def test_what_says_nothing_of_the_transcript_changes_nothing() -> None:
    assert not TranscriptState().apply(Ack(1, 1.0))
    assert not TranscriptState().apply(Disconnected("x", 1.0))


def test_its_snapshot_has_the_effect_of_all_that_came() -> None:
    voices = SpeakerMessage("spk1", "Ann", 0, None), SpeakerMessage("spk2", None, 1, "spk1")
    made = state(line("b", start=3.0), line("a"), *voices, GapMessage(1, 2, "lost"), StateMessage("live", "x"))
    again = state(made.snapshot())
    assert again.snapshot() == made.snapshot()
    assert again.name_of("spk2") == "Ann"


def test_it_takes_what_was_read_from_a_server() -> None:
    event = parse_event(json.dumps(segment()))
    assert event is not None
    assert texts(state(event)) == [("s0", "one", "spk1")]
