"""Of which objects a journal consists, and what they are called; pure.

A server that begins a journal, or goes on with one, writes into a folder of its own, a generation, which is numbered by
the fence under which it has the meeting. The first object there, the head, tells which objects of earlier generations
come before; the others are the bytes that were appended, in order. So what a server that was stopped for a while
stores too late lies in a folder that is not gone on with, and belongs to no journal.

Many that are small are put together to one that holds the same bytes and takes their place. For a while, or for ever
where somebody dies in between, both are there: each appended piece counts once, and is read from the larger one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.errors import StoreError

JOURNALS, AUDIO = "journals", "audio"
"""Folders below the prefix of the settings"""
SET_ASIDE = "set-aside"
"""Name of an object beside the generations of a journal of which something was not heard: it stays with its meeting"""
HEAD = 0
"""Number of a head; what was appended is in 1, 2, …"""

LOST = "the object store has lost a part of a journal"

_NAME = re.compile(r"(\d{20})\.(\d{4})/(\d{8})(?:-(\d{8}))?")
_SIZES_BYTES = 1 << 20
"""Within which the line ends with which an object begins that was put together"""


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
    """The pieces 1 to `count` that were appended in a generation."""

    generation: Generation
    count: int


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One object of a journal: a head, a piece that was appended, or several of them that were put together."""

    generation: Generation
    number: int
    """Of its first piece"""
    count: int = 1
    """Pieces that it holds"""

    @property
    def last(self) -> int:
        """Number of its last piece."""
        return self.number + self.count - 1

    @property
    def name(self) -> str:
        """Below the folder of its journal.

        >>> Part(Generation(12, 3), 65, 64).name
        '00000000000000000012.0003/00000065-00000128'
        """
        several = f"-{self.last:08d}" if self.count > 1 else ""
        return f"{self.generation.name}/{self.number:08d}{several}"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Pieces of a journal that follow each other, as they are to be read from one object."""

    part: Part
    skipped: int
    """Pieces at the beginning of the object that are not meant"""
    count: int


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
    fence, opening, number = map(int, found.groups()[:3])
    count = 1 if found[4] is None else int(found[4]) - number + 1
    if found[4] is not None and (count < 2 or number == HEAD):
        return None
    return Part(Generation(fence, opening), number, count)


def latest(parts: Iterable[Part]) -> Generation | None:
    """The generation that counts: the last one that was begun, which is so once its head is stored."""
    return max((part.generation for part in parts if part.number == HEAD), default=None)


def appended(parts: Iterable[Part], generation: Generation) -> Stretch:
    """What was appended in a generation, as far as nothing is missing: it is stored one after the other."""
    count = 0
    for part in _of(parts, generation):
        if part.number > count + 1:
            break
        count = max(count, part.last)
    return Stretch(generation, count)


def following(parts: Iterable[Part], fence: int) -> Generation:
    """The generation in which a server goes on that has the meeting under a fence, whatever is there already."""
    openings = [part.generation.opening for part in parts if part.generation.fence == fence]
    return Generation(fence, max(openings, default=-1) + 1)


def excerpts(stretches: Iterable[Stretch], parts: Collection[Part]) -> list[Excerpt]:
    """Where a journal is to be read, in its order, each piece once; raises StoreError where one is nowhere."""
    return [excerpt for stretch in stretches for excerpt in _excerpts(stretch, _of(parts, stretch.generation))]


def _of(parts: Iterable[Part], generation: Generation) -> list[Part]:
    """The objects of a generation but for its head, in order."""
    return sorted(part for part in parts if part.generation == generation and part.number != HEAD)


def _excerpts(stretch: Stretch, parts: Sequence[Part]) -> Iterator[Excerpt]:
    done, at = 0, 0
    furthest: Part | None = None
    while done < stretch.count:
        while at < len(parts) and parts[at].number <= done + 1:
            furthest = parts[at] if furthest is None or parts[at].last > furthest.last else furthest
            at += 1
        if furthest is None or furthest.last <= done:
            raise StoreError(LOST)
        count = min(furthest.last, stretch.count) - done
        yield Excerpt(furthest, done + 1 - furthest.number, count)
        done += count


def put_together(sizes: Sequence[int], data: bytes) -> bytes:
    """The object that holds several pieces: a line with their sizes in bytes, and then what they hold.

    >>> put_together([3, 2], b"onetw")
    b'{"version": 1, "sizes": [3, 2]}\\nonetw'
    """
    return json.dumps({"version": 1, "sizes": list(sizes)}).encode() + b"\n" + data


def read_excerpt(excerpt: Excerpt, data: bytes) -> bytes:
    """The bytes of an excerpt in what its object holds; raises StoreError where that is not what its name says."""
    if excerpt.part.count == 1:
        return data
    end = data.find(b"\n", 0, _SIZES_BYTES)
    try:
        told = json.loads(data[: max(0, end)])
        sizes = [int(size) for size in told["sizes"]]
        if told["version"] == 1 and len(sizes) == excerpt.part.count and sum(sizes) == len(data) - end - 1:
            start = end + 1 + sum(sizes[: excerpt.skipped])
            return data[start : start + sum(sizes[excerpt.skipped : excerpt.skipped + excerpt.count])]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError("the object store holds a damaged part of a journal") from error
    raise StoreError("the object store holds a damaged part of a journal, or one of a later version of this program")


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
