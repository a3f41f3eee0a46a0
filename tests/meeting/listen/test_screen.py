"""The transcript on a terminal."""

from __future__ import annotations

import io
import re
from typing import Any

from rich.console import Console

from meeting.client.transcript import TranscriptState
from meeting.core.messages import ChangeMessage, SegmentMessage, SpeakerMessage, SpeakerRevisionMessage
from meeting.listen.screen import Screen, line_text


def line(id_: str, start: float, text: str, speaker: str | None = "spk1", **more: Any) -> SegmentMessage:
    fields = {"rev": 1, "final": True, "stable_chars": len(text), **more}
    return SegmentMessage(
        id_, fields["rev"], fields["final"], "s", start, start + 1, speaker, text, fields["stable_chars"], ()
    )


def state(*events: Any) -> TranscriptState:
    made = TranscriptState()
    for event in (SpeakerMessage("spk1", "Ann", 0, None), SpeakerMessage("spk2", "Ben", 1, None), *events):
        made.apply(event)
    return made


def console(height: int = 10, width: int = 60) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system="standard")


def styles(text: Any) -> dict[str, str]:
    """Style of each part of a line."""
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans}


def drawn(made: TranscriptState, on: Console, note: str = "") -> list[str]:
    """Rows of a picture, without colours."""
    screen = Screen(on, "http://x/m/abc")
    screen.note(note)
    with on.capture() as capture:
        on.print(screen.picture(made))
    return [row.rstrip() for row in re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()]


def test_speakers_have_colours_of_their_own_and_the_unknown_none() -> None:
    made = state()
    found = [styles(line_text(line("a", 0.0, "hi", who), made)) for who in ("spk1", "spk2", None)]
    assert (found[0]["Ann: "], found[1]["Ben: "], found[2]["Unknown: "]) == ("bold cyan", "bold green", "dim")


def test_what_may_still_change_is_dim() -> None:
    text = line_text(line("a", 0.0, "so far so", final=False, stable_chars=6), state())
    assert styles(text)[" so"] == "dim italic"
    assert styles(text)["so far"] == "default"
    assert "dim italic" not in styles(line_text(line("a", 0.0, "so far so"), state())).values()


def test_the_newest_lines_are_shown_as_far_as_there_is_room() -> None:
    made = state(*(line(f"s{number}", number, f"line {number}") for number in range(50)))
    rows = drawn(made, console(height=10), "careful")
    assert len(rows) <= 10
    assert rows[-3].endswith("Ann: line 49")
    assert rows[0].endswith("Ann: line 43")
    assert rows[-2] == "careful"
    assert "http://x/m/abc" in rows[-1]


def test_long_lines_take_the_room_that_they_need() -> None:
    made = state(line("a", 0.0, "short"), line("b", 1.0, "word " * 40))
    rows = drawn(made, console(height=9, width=40))
    assert len(rows) <= 9
    assert sum(row.count("word") for row in rows) == 40
    assert not any("short" in row for row in rows)


def test_a_corrected_line_is_drawn_as_it_is_now() -> None:
    made = state(line("a", 0.0, "one"))
    made.apply(SpeakerRevisionMessage((ChangeMessage("a", 2, "spk1", "spk2"),), "live"))
    assert drawn(made, console())[0].endswith("Ben: one")


def test_a_name_gives_the_terminal_no_commands() -> None:
    made = state(SpeakerMessage("spk1", "\x1b]0;owned\x07", 0, None), line("a", 0.0, "\x1b[2J[bold]x[/bold]"))
    assert drawn(made, console())[0].endswith("\\u001b]0;owned\\u0007: \\u001b[2J[bold]x[/bold]")


def test_at_the_end_the_whole_transcript_stays() -> None:
    on = console(height=5)
    made = state(*(line(f"s{number}", number, f"line {number}") for number in range(20)))
    with Screen(on, "x") as screen:
        screen.show(made)
        screen.show(made, over=True)
    text = on.file.getvalue()  # type: ignore[attr-defined]
    after = text[text.rindex("line 0\x1b") if "line 0\x1b" in text else text.rindex("line 0") :]
    assert [f"line {number}" in after for number in range(20)] == [True] * 20
