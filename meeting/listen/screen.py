"""A transcript on a terminal: the newest lines, speakers in colour, what may still change dim, corrections in place."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from meeting.client.transcript import TranscriptState
from meeting.core.messages import SegmentMessage
from meeting.core.terminal_text import printable
from meeting.listen.plain import clock

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_magenta")
"""By the number that a speaker has in order of first appearance; then from the beginning again"""
REFRESH = 0.1
"""Seconds between two pictures, at least"""
FOOT = 2
"""Lines below the transcript"""


def line_text(line: SegmentMessage, state: TranscriptState) -> Text:
    """A line as it is shown: time, speaker in colour, words; those that may still change are dim."""
    speaker = state.speaker_of(line.speaker)
    colour = "dim" if speaker is None else f"bold {COLOURS[speaker.color % len(COLOURS)]}"
    text = Text().append(f"{clock(line.start):>7} ", style="dim")
    text.append(f"{printable(state.name_of(line.speaker))}: ", style=colour)
    stable = len(line.text) if line.final else min(line.stable_chars, len(line.text))
    text.append(printable(line.text[:stable]), style="default")
    text.append(printable(line.text[stable:]), style="dim italic")
    return text


class Screen:
    """The picture of a meeting that runs; a context manager. What is at its end is printed whole."""

    def __init__(self, console: Console, where: str) -> None:
        """`where` is what people open to read along."""
        self._console = console
        self._where = where
        self._note = ""
        self._shown_at = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Say something below the transcript, until something else is to be said; empty for nothing."""
        self._note = printable(text)
        self._shown_at = 0.0

    def show(self, state: TranscriptState, over: bool = False) -> None:
        """Draw what there is now, unless that was done a moment ago; once it is `over`, leave all of it behind."""
        if over:
            self._live.stop()
            for line in state.segments:
                self._console.print(line_text(line, state))
            if self._note:
                self._console.print(Text(self._note, style="bold"))
            return
        now = time.monotonic()
        if now - self._shown_at >= REFRESH:
            self._shown_at = now
            self._live.update(self.picture(state), refresh=True)

    def picture(self, state: TranscriptState) -> Group:
        """As many of the newest lines as the terminal has room for, and what is to be said below them."""
        width, room = self._console.width, max(1, self._console.height - FOOT - 1)
        shown: list[Text] = []
        for line in reversed(state.segments):
            text = line_text(line, state)
            room -= len(text.wrap(self._console, width))
            if room < 0 and shown:
                break
            shown.insert(0, text)
        title = printable(state.title) or "meeting"
        foot = Text(
            f"{title} · {state.state} · {printable(self._where)} · Ctrl-C stops", style="dim", overflow="ellipsis"
        )
        foot.no_wrap = True
        return Group(*shown, Text(self._note, style="bold yellow"), foot)
