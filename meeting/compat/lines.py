"""What the messages of a stream add up to: the lines so far, each with the speaker that it is now known to have."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import replace

from meeting.core.messages import SegmentMessage, ServerMessage, SpeakerMessage, SpeakerRevisionMessage, WordMessage
from meeting.core.records import display_name
from meeting.core.transcript import follow
from pipelines.types import Speaker

_AROUND = "\"'“”‘’«».,;:!?…()[]{}¡¿-–—"
"""What stands around words and is none of them"""


class Lines:
    """A transcript made of messages; pure, the same messages in the same order give the same lines."""

    def __init__(self) -> None:
        self._lines: dict[str, SegmentMessage] = {}
        self._revs: dict[str, int] = {}
        self._order: list[tuple[float, str]] = []
        self._speakers: dict[str, SpeakerMessage] = {}
        self._numbers: dict[str, int] = {}

    def apply(self, message: ServerMessage) -> bool:
        """Take in one message; whether it changed what is shown."""
        if isinstance(message, SegmentMessage):
            return self._segment(message)
        if isinstance(message, SpeakerRevisionMessage):
            return sum(self._label(change.id, change.rev, change.after) for change in message.changes) > 0
        if isinstance(message, SpeakerMessage):
            changed = self._speakers.get(message.id) != message
            self._speakers[message.id] = message
            return changed
        return False

    def __iter__(self) -> Iterator[SegmentMessage]:
        """The lines in order of time, with the speakers that theirs turned out to be."""
        return (self.resolved(self._lines[id_]) for _, id_ in tuple(self._order))

    def __reversed__(self) -> Iterator[SegmentMessage]:
        """The same from the last one on."""
        return (self.resolved(self._lines[id_]) for _, id_ in reversed(self._order))

    def line(self, id_: str) -> SegmentMessage | None:
        """A line as it is now; None where it was withdrawn, or never came."""
        found = self._lines.get(id_)
        return None if found is None else self.resolved(found)

    def resolved(self, line: SegmentMessage) -> SegmentMessage:
        """A line with the speaker that its own turned out to be."""
        speaker = self.speaker(line.speaker)
        return line if speaker == line.speaker else replace(line, speaker=speaker)

    def speaker(self, id_: str | None) -> str | None:
        """The speaker that one turned out to be."""
        return None if id_ is None else follow(id_, {one.id: one.merged_into for one in self._speakers.values()})

    def name(self, id_: str | None) -> str | None:
        """What people call a speaker: its name, "Speaker 2", or None for nobody known."""
        speaker = self.speaker(id_)
        return None if speaker is None else display_name(Speaker(speaker, self.given_name(speaker)))

    def given_name(self, id_: str | None) -> str | None:
        """The name that somebody has given a speaker; None for none."""
        known = self._speakers.get(self.speaker(id_) or "")
        return None if known is None else known.name

    def number(self, id_: str | None) -> int | None:
        """A speaker's number, from 0 in the order in which they were first asked for; None for nobody known."""
        speaker = self.speaker(id_)
        return None if speaker is None else self._numbers.setdefault(speaker, len(self._numbers))

    def _segment(self, message: SegmentMessage) -> bool:
        if message.rev <= self._revs.get(message.id, -1):
            return False
        self._revs[message.id] = message.rev
        before = self._lines.pop(message.id, None)
        if before is not None:
            del self._order[bisect_left(self._order, (before.start, before.id))]
        if message.text:
            self._lines[message.id] = message
            insort(self._order, (message.start, message.id))
        return before is not None or bool(message.text)

    def _label(self, id_: str, rev: int, speaker: str | None) -> bool:
        line = self._lines.get(id_)
        if line is None or rev <= line.rev:
            return False
        self._revs[id_] = rev
        self._lines[id_] = replace(line, rev=rev, speaker=speaker)
        return True


class Speech:
    """Whether somebody is speaking, by the lines as they come: from the first words to the pause behind the last.

    A line may become final while its speaker goes on. Only `pause` of a line says that nobody does.
    """

    def __init__(self) -> None:
        self.growing: dict[str, None] = {}
        """Lines that still grow"""
        self._unpaused = False
        self._end = 0.0
        """Where the last final line ends, in seconds"""

    @property
    def goes_on(self) -> bool:
        """Whether words have come behind which no pause is known."""
        return bool(self.growing) or self._unpaused

    def apply(self, line: SegmentMessage) -> None:
        """A line that is new or has changed."""
        if line.text and not line.final:
            self.growing[line.id] = None
            return
        self.growing.pop(line.id, None)
        if line.final and (line.text or line.pause) and line.end >= self._end:
            self._unpaused, self._end = not line.pause, line.end


def bare(text: str) -> str:
    """A word in small letters, without what stands around it."""
    return text.strip(_AROUND).lower() or text


def word_key(word: WordMessage) -> tuple[float, str]:
    """What makes a word the same one in another line: where a line is cut, its capitals may change."""
    return word.start, bare(word.text)
