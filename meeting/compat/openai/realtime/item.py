"""One item of a realtime session: what is said from one pause, or one `commit`, to the next. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from meeting.compat.lines import Lines, Speech
from meeting.core.messages import SegmentMessage, WordMessage
from pipelines.spacing import join_words


@dataclass(slots=True)
class Item:
    """The lines of an item, and what has been told of them; times of the meeting in seconds."""

    id: str
    start: float
    """Where its audio begins"""
    changed_at: float
    """When it was last changed, on any steady clock"""
    end: float | None = None
    """Where its audio ends; None while it goes on"""
    by_hand: bool = False
    """Whether the client has said that it ends"""
    cleared: bool = False
    """Whether the client does not want to be told of it"""
    settled_at: float | None = None
    """When all of it will have been heard, where the client has ended it"""
    held: dict[str, float] = field(default_factory=dict)
    """Final lines that wait for their speakers -> until when"""
    _speech: Speech = field(default_factory=Speech)
    _pieces: dict[str, dict[str, bool]] = field(default_factory=dict)
    """Lines as they are heard -> the parts they are cut into -> whether these are final"""
    _told: dict[str, int] = field(default_factory=dict)
    """Lines as they are heard -> how many of their words have been told"""

    @property
    def open(self) -> bool:
        """Whether a line of it still grows."""
        return bool(self._speech.growing)

    @property
    def goes_on(self) -> bool:
        """Whether somebody is speaking: no pause is known behind its words."""
        return self._speech.goes_on

    @property
    def lines(self) -> list[str]:
        """The lines as they are heard that are final."""
        return [whole for whole, pieces in self._pieces.items() if all(pieces.values())]

    def holds(self, whole: str) -> bool:
        """Whether a line, or a part of it, is here."""
        return whole in self._pieces

    def take(self, whole: str, line: SegmentMessage, now: float) -> None:
        """A line that is new or has changed."""
        pieces = self._pieces.setdefault(whole, {})
        pieces[line.id] = line.final or not line.text
        self._speech.apply(line)
        self.changed_at = now

    def fresh(self, lines: Lines) -> list[str]:
        """The words that will not change, and have not been told, in order: behind a line that goes on they wait."""
        fresh: list[str] = []
        for whole, pieces in self._pieces.items():
            words, certain = self._words(whole, lines)
            told = self._told.get(whole, 0)
            self._told[whole] = max(told, certain)
            fresh += [word.text for word in words[told:certain]]
            if not all(pieces.values()):
                break
        return fresh

    @property
    def silent(self) -> bool:
        """Whether no word has been told."""
        return not any(self._told.values())

    def text(self, lines: Lines) -> str:
        """All that was said, as far as it is final."""
        words = [word for whole in self.lines for word in self._words(whole, lines)[0]]
        return join_words(word.text for word in sorted(words, key=lambda word: word.start))

    def last_word_end(self, lines: Lines) -> float:
        """Where the last word ends; the item's start where there is none."""
        return max((word.end for whole in self._pieces for word in self._words(whole, lines)[0]), default=self.start)

    def _words(self, whole: str, lines: Lines) -> tuple[list[WordMessage], int]:
        """A line's words over all its parts, and how many of them at the start will not change."""
        found = [line for id_ in self._pieces[whole] if (line := lines.line(id_)) is not None]
        words: list[WordMessage] = []
        certain, sure = 0, True
        for line in sorted(found, key=lambda line: line.start):
            if words and line.words and line.words[0].start <= words[-1].start:
                continue  # a part that is about to be withdrawn: its words stand in the one before
            words += line.words
            if sure:
                count = len(line.words) if line.final else _whole_words(line)
                certain, sure = certain + count, count == len(line.words)
        return words, certain


def _whole_words(line: SegmentMessage) -> int:
    """How many words lie within what of a line is stable."""
    return len(line.text[: line.stable_chars].split()) if line.stable_chars else 0
