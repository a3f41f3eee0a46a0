"""Plain lines of a transcript."""

from __future__ import annotations

from dataclasses import replace

from meeting.client.transcript import TranscriptState
from meeting.core.messages import SegmentMessage, SpeakerMessage
from meeting.listen.plain import PATIENCE, SETTLED, PlainLines, clock


def line(id_: str, start: float, text: str = "one", speaker: str | None = "spk1", rev: int = 1) -> SegmentMessage:
    return SegmentMessage(id_, rev, True, "s", start, start + 1, speaker, text, len(text), ())


def state(*events: SegmentMessage | SpeakerMessage) -> TranscriptState:
    made = TranscriptState()
    made.apply(SpeakerMessage("spk1", None, 0, None))
    for event in events:
        made.apply(event)
    return made


def test_a_line_is_printed_once_when_it_is_final_and_has_stayed_for_a_while() -> None:
    lines, made = PlainLines(), state(replace(line("a", 65.0), final=False))
    assert [lines.due(made, at) for at in (0.0, 100.0)] == [[], []]
    made.apply(line("a", 65.0, rev=2))
    assert lines.due(made, 100.0) == ["01:05 Speaker 1: one"]
    assert lines.due(made, 200.0) == []


def test_a_line_that_still_moves_is_not_printed() -> None:
    lines, made, printed = PlainLines(), state(), []
    for rev in range(1, 8):
        made.apply(line("a", 0.0, "word " * rev, rev=rev))
        printed += lines.due(made, rev * SETTLED / 2)
    assert printed == []
    assert lines.due(made, 100.0) == ["00:00 Speaker 1: " + "word " * 7]


def test_what_was_put_right_is_printed_again_once_it_has_settled() -> None:
    lines, made = PlainLines(), state(line("a", 0.0))
    lines.due(made, 0.0)
    assert lines.due(made, 10.0) == ["00:00 Speaker 1: one"]
    made.apply(line("a", 0.0, "two", rev=2))
    assert lines.due(made, 20.0) == []
    made.apply(line("a", 0.0, "three", rev=3))
    assert lines.due(made, 21.0) == []
    assert lines.due(made, 30.0) == ["00:00 Speaker 1: three  (corrected)"]
    made.apply(SpeakerMessage("spk1", "Ann", 0, None))
    assert lines.due(made, 40.0) + lines.due(made, 50.0) == ["00:00 Ann: three  (corrected)"]
    made.apply(line("a", 0.0, "", rev=4))
    assert lines.due(made, 60.0) == ["00:00 Ann: three  (withdrawn)"]
    assert lines.due(made, 70.0) == []


def test_a_line_that_was_never_printed_goes_without_a_word() -> None:
    lines, made = PlainLines(), state(line("a", 0.0))
    lines.due(made, 0.0)
    made.apply(line("a", 0.0, "", rev=2))
    assert lines.due(made, 100.0) == []


def test_a_line_waits_for_its_speaker_but_not_for_ever_and_those_behind_it_wait_as_well() -> None:
    lines, made = PlainLines(), state(line("a", 0.0, speaker=None), line("b", 5.0))
    assert [lines.due(made, at) for at in (0.0, SETTLED + 1)] == [[], []]
    assert lines.due(made, PATIENCE) == ["00:00 Unknown: one", "00:05 Speaker 1: one"]


def test_at_the_end_nothing_waits() -> None:
    made = state(line("a", 0.0, speaker=None), line("b", 5.0))
    assert PlainLines().due(made, 0.0, over=True) == ["00:00 Unknown: one", "00:05 Speaker 1: one"]


def test_names_and_texts_give_a_terminal_no_commands() -> None:
    made = state(line("a", 0.0, "\x1b[2Jone"), SpeakerMessage("spk1", "A\nnn\x07", 0, None))
    (shown,) = PlainLines().due(made, 0.0, over=True)
    assert shown == "00:00 A\\u000ann\\u0007: \\u001b[2Jone"


def test_times_have_hours_where_there_are_any() -> None:
    assert (clock(0), clock(59.99), clock(3600), clock(86_400)) == ("00:00", "00:59", "1:00:00", "24:00:00")
