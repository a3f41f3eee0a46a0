"""Plain lines of a transcript."""

from __future__ import annotations

from dataclasses import replace

from meeting.client.transcript import TranscriptState
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.listen.plain import PATIENCE, PlainLines, clock


def line(id_: str, start: float, text: str = "one", speaker: str | None = "spk1", rev: int = 1) -> SegmentMessage:
    return SegmentMessage(id_, rev, True, "s", start, start + 1, speaker, text, len(text), ())


def state(*events: SegmentMessage | SpeakerMessage) -> TranscriptState:
    made = TranscriptState()
    made.apply(SpeakerMessage("spk1", None, 0, None))
    for event in events:
        made.apply(event)
    return made


def test_a_line_is_printed_once_and_when_it_is_final() -> None:
    lines, made = PlainLines(), state(replace(line("a", 65.0), final=False))
    assert lines.due(made) == []
    made.apply(line("a", 65.0, rev=2))
    assert lines.due(made) == ["01:05 Speaker 1: one"]
    assert lines.due(made) == []


def test_what_was_put_right_is_printed_again() -> None:
    lines, made = PlainLines(), state(line("a", 0.0))
    lines.due(made)
    made.apply(line("a", 0.0, "two", rev=2))
    assert lines.due(made) == ["00:00 Speaker 1: two  (corrected)"]
    made.apply(SpeakerMessage("spk1", "Ann", 0, None))
    assert lines.due(made) == ["00:00 Ann: two  (corrected)"]
    made.apply(line("a", 0.0, "", rev=3))
    assert lines.due(made) == ["(withdrawn) Ann: two"]
    assert lines.due(made) == []


def test_a_line_waits_for_its_speaker_but_not_for_ever() -> None:
    lines, made = PlainLines(), state(line("a", 0.0, speaker=None), line("b", PATIENCE / 2))
    assert lines.due(made) == ["00:05 Speaker 1: one"]
    made.apply(line("c", PATIENCE * 2))
    assert lines.due(made) == ["00:00 Unknown: one", "00:20 Speaker 1: one"]


def test_at_the_end_nothing_waits() -> None:
    assert PlainLines().due(state(line("a", 0.0, speaker=None)), over=True) == ["00:00 Unknown: one"]


def test_names_and_texts_give_a_terminal_no_commands() -> None:
    made = state(line("a", 0.0, "\x1b[2Jone"), SpeakerMessage("spk1", "A\nnn\x07", 0, None))
    (shown,) = PlainLines().due(made)
    assert shown == "00:00 A\\u000ann\\u0007: \\u001b[2Jone"


def test_times_have_hours_where_there_are_any() -> None:
    assert (clock(0), clock(59.99), clock(3600), clock(86_400)) == ("00:00", "00:59", "1:00:00", "24:00:00")
