"""How a transcript is cut into parts that a model's context holds, and how the notes of parts are put together; pure.

A token is taken for three bytes of UTF-8: more than most tokenizers need for European languages, about what they need
for Chinese or Japanese. So a part fits although the model's own tokenizer is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from meeting.core.records import Record
from meeting.notes.errors import NotesError

Item = TypeVar("Item")

BYTES_PER_TOKEN = 3
INSTRUCTIONS = 700
"""Tokens that are left for everything around the lines"""
MOST_ANSWER = 4096
"""Tokens that one answer may have, where the context is large"""
MOST_PARTS = 200
"""Parts of one meeting: so many questions are asked at most, and about as many again to put the answers together"""


@dataclass(frozen=True, slots=True)
class Budget:
    """How the context of a model is shared out, in tokens."""

    context: int

    @property
    def answer(self) -> int:
        """What an answer may have: little enough that two of them fit into a question."""
        return min(self.context // 6, MOST_ANSWER)

    @property
    def text(self) -> int:
        """What a question may hold beside its instructions."""
        return self.context - self.answer - INSTRUCTIONS


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line of the transcript, or a piece of a long one, as it is sent."""

    number: int
    """Of the line: by it the model says what a sentence rests on"""
    speaker: str
    text: str

    def __str__(self) -> str:
        return f"[{self.number}] {self.speaker}: {self.text}"


def tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def numbered_lines(record: Record) -> list[NumberedLine]:
    """The lines of a meeting, numbered from 1 in order of time."""
    return [
        NumberedLine(number, _one_line(record.speaker_name(segment.speaker)), _one_line(segment.text))
        for number, segment in enumerate(record.segments, 1)
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def split_lines(lines: Iterable[NumberedLine], budget: Budget) -> list[list[NumberedLine]]:
    """The lines in parts that each fit into a question, cut between lines; a line that alone is too long is cut.

    Raises NotesError where there would be too many.
    """
    pieces = [piece for line in lines for piece in _fitting(line, budget.text)]
    parts = list(_groups(pieces, [tokens(f"{piece}\n") for piece in pieces], budget.text, least=1))
    if len(parts) > MOST_PARTS:
        raise NotesError(
            f"the meeting is too long for a context of {budget.context} tokens: it would take {len(parts)} questions, "
            f"and {MOST_PARTS} is the most; use a model with a larger context and say so in notes.context"
        )
    return parts


def _fitting(line: NumberedLine, most: int) -> Iterator[NumberedLine]:
    room = most - tokens(f"{NumberedLine(line.number, line.speaker, '')}\n")
    if tokens(line.text) <= room:
        yield line
        return
    words = [word[at : at + room // 2] for word in line.text.split(" ") for at in range(0, len(word), room // 2)]
    for group in _groups(words, [tokens(f"{word} ") for word in words], room, least=1):
        yield NumberedLine(line.number, line.speaker, " ".join(group))


def group_answers(answers: Sequence[str], budget: Budget) -> list[list[int]]:
    """Which answers are put together in one question each, by their places: neighbours, two at least.

    The last one may stay alone. Raises NotesError where two do not fit.
    """
    sizes = [tokens(answer) + 10 for answer in answers]
    groups = list(_groups(range(len(answers)), sizes, budget.text, least=2))
    if any(sum(sizes[at] for at in group) > budget.text for group in groups):
        raise NotesError(
            "the model writes more about a part of the meeting than fits twice into its context: "
            "use a model with a larger context and say so in notes.context"
        )
    return groups


def _groups(items: Sequence[Item], sizes: Sequence[int], most: int, least: int) -> Iterator[list[Item]]:
    """Neighbours together, as many as fit; `least` of them even where they do not."""
    group: list[Item] = []
    taken = 0
    for item, size in zip(items, sizes, strict=True):
        if len(group) >= least and taken + size > most:
            yield group
            group, taken = [], 0
        group.append(item)
        taken += size
    if group:
        yield group
