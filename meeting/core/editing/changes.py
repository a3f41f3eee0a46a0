"""What a person may ask to be changed: values; the rules of each stand in `edits`."""

from __future__ import annotations

from dataclasses import dataclass

from meeting.core.editing.steps import Step
from pipelines.types import Word


@dataclass(frozen=True, slots=True)
class SpeakerChange:
    """A person names a speaker, or says that it is the same one as another."""

    id: str
    rename: bool = False
    name: str | None = None
    """With `rename`: None takes the name away"""
    merge_into: str | None = None


@dataclass(frozen=True, slots=True)
class Respelling:
    """What `respell` made of a line's words."""

    recognised: tuple[Word, ...]
    written: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """A person gives a line to another speaker, or writes what was said."""

    id: str
    rev: int
    """The revision that the person saw"""
    relabel: bool = False
    speaker: str | None = None
    """With `relabel`: None for a speaker that is not known"""
    text: str | None = None
    respelling: Respelling | None = None
    """What the text comes to, as long as the line has the words that it was worked out for"""


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line as a person saw it."""

    id: str
    rev: int


@dataclass(frozen=True, slots=True)
class LinesChange:
    """A person gives several lines to a speaker, all of them or none."""

    lines: tuple[SeenLine, ...]
    speaker: str | None = None
    """None for a speaker that is not known"""
    new_speaker: str | None = None
    """The name of a speaker that there is not yet, in the place of `speaker`"""


@dataclass(frozen=True, slots=True)
class SplitChange:
    """A person makes two lines of one."""

    id: str
    rev: int
    texts: tuple[str, str]
    """What each of the two reads"""
    respelling: Respelling | None = None
    """As in `SegmentChange`, of both texts together"""

    @property
    def text(self) -> str:
        """What both read."""
        return " ".join(self.texts)


@dataclass(frozen=True, slots=True)
class JoinChange:
    """A person makes one line of two; it is said by the speaker of the first."""

    first: SeenLine
    second: SeenLine


@dataclass(frozen=True, slots=True)
class Undo:
    """A person takes a change back, or one that took another back."""

    step: Step
    """What that change did"""


Change = SpeakerChange | SegmentChange | LinesChange | SplitChange | JoinChange | Undo


def written_line(change: Change) -> str | None:
    """The id of the line whose words a person has written, where the change has any."""
    if isinstance(change, SegmentChange | SplitChange) and change.text is not None:
        return change.id
    return None
