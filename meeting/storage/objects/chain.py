"""Of which objects a journal consists, and what they are called; pure.

A server that begins a journal, or goes on with one, writes into a folder of its own, a generation, which is numbered by
the fence under which it has the meeting. The first object there, the head, tells which objects of earlier generations
come before; the others are the bytes that were appended, in order. So what a server that was stopped for a while
stores too late lies in a folder that is not gone on with, and belongs to no journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pipelines.errors import StoreError

JOURNALS, AUDIO = "journals", "audio"
"""Folders below the prefix of the settings"""
HEAD = 0
"""Number of a head; what was appended is in 1, 2, …"""

_NAME = re.compile(r"(\d{20})\.(\d{4})/(\d{8})")


@dataclass(frozen=True, slots=True, order=True)
class Generation:
    """One opening of a journal: the later one is the greater."""

    fence: int
    """Under which its server had the meeting"""
    opening: int = 0
    """How often it had been opened under that fence before"""

    @property
    def name(self) -> str:
        """As it stands in the names of objects.

        >>> Generation(12, 3).name
        '00000000000000000012.0003'
        """
        return f"{self.fence:020d}.{self.opening:04d}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The objects 1 to `count` of a generation."""

    generation: Generation
    count: int


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One object of a journal."""

    generation: Generation
    number: int

    @property
    def name(self) -> str:
        """Below the folder of its journal."""
        return f"{self.generation.name}/{self.number:08d}"


def journal_folder(meeting_id: str, source_id: str) -> str:
    """Where the objects of a source's journal lie."""
    return f"{JOURNALS}/{meeting_id}/{source_id}"


def audio_folder(meeting_id: str, source_id: str) -> str:
    """Where a source's FLAC lies, under the name of the generation that made it."""
    return f"{AUDIO}/{meeting_id}/{source_id}"


def parse_part(name: str) -> Part | None:
    """What a name below the folder of a journal stands for; None where it is none of ours.

    >>> parse_part("00000000000000000012.0003/00000001")
    Part(generation=Generation(fence=12, opening=3), number=1)
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    fence, opening, number = map(int, found.groups())
    return Part(Generation(fence, opening), number)


def latest(parts: Iterable[Part]) -> Generation | None:
    """The generation that counts: the last one that was begun, which is so once its head is stored."""
    return max((part.generation for part in parts if part.number == HEAD), default=None)


def appended(parts: Collection[Part], generation: Generation) -> Stretch:
    """What was appended in a generation, as far as nothing is missing: they are stored one after the other."""
    numbers, count = {part.number for part in parts if part.generation == generation}, 0
    while count + 1 in numbers:
        count += 1
    return Stretch(generation, count)


def following(parts: Iterable[Part], fence: int) -> Generation:
    """The generation in which a server goes on that has the meeting under a fence, whatever is there already."""
    openings = [part.generation.opening for part in parts if part.generation.fence == fence]
    return Generation(fence, max(openings, default=-1) + 1)


def parts_of(stretches: Iterable[Stretch]) -> list[Part]:
    """The objects of a journal in their order."""
    return [Part(one.generation, number + 1) for one in stretches for number in range(one.count)]


def encode_head(before: Iterable[Stretch]) -> bytes:
    """The head of a generation, before whose objects others come."""
    told = [[one.generation.fence, one.generation.opening, one.count] for one in before if one.count]
    return json.dumps({"version": 1, "before": told}).encode()


def parse_head(data: bytes) -> list[Stretch]:
    """What a head tells; raises StoreError where it tells nothing that this version knows."""
    try:
        told = json.loads(data)
        if told["version"] == 1:
            return [
                Stretch(Generation(int(fence), int(opening)), int(count)) for fence, opening, count in told["before"]
            ]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError("the object store holds a damaged head of a journal") from error
    raise StoreError("a later version of this program wrote a journal to the object store: update this one")
