"""Journals as they are in the store: found, and fetched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meeting.core.errors import OwnershipLost
from meeting.storage.files.private_files import store_errors
from meeting.storage.objects import chain
from meeting.storage.objects.chain import Excerpt, Generation, Part, Stretch
from meeting.storage.objects.object_store import ObjectStore, StoredObject
from pipelines.errors import StoreError

AT_ONCE = 64
"""Objects that are fetched together"""
AT_ONCE_BYTES = 32 << 20
"""Bytes of them, but where one object has more: they are in memory"""
TRIES = 5
"""How often a journal is fetched from objects that are others now"""


@dataclass(frozen=True, slots=True)
class FoundJournal:
    """A journal in the store."""

    folder: str
    stretches: tuple[Stretch, ...]
    parts: Mapping[Part, StoredObject]
    """All that there is in its folder"""
    next: Generation
    """In which it can be gone on with"""
    stored_at: float
    """When the last of its objects was stored, seconds since 1970"""


def find_journals(objects: ObjectStore, meeting_id: str, fence: int) -> dict[str, FoundJournal]:
    """The journals of a meeting, by the ids of their sources.

    Raises StoreError, and OwnershipLost where a server has the meeting that came after the one with this fence.
    """
    prefix = f"{chain.JOURNALS}/{meeting_id}"
    sources: dict[str, dict[Part, StoredObject]] = {}
    for one in _listed(objects, prefix).values():
        source_id, _, rest = one.name[len(prefix) + 1 :].partition("/")
        part = chain.parse_part(rest)
        if part is not None:
            sources.setdefault(source_id, {})[part] = one
    found = {}
    for source_id, parts in sources.items():
        generation = chain.latest(parts)
        if generation is None:  # nothing of it was ever acknowledged
            continue
        if generation.fence > fence:
            raise OwnershipLost("another server has this meeting now")
        head = Part(generation, chain.HEAD)
        (told,) = objects.get([parts[head].name])
        stretches = (*chain.parse_head(told), chain.appended(parts, generation))
        read = [head, *(excerpt.part for excerpt in chain.excerpts(stretches, parts))]
        last = max(parts[part].stored_at for part in read)
        folder = chain.journal_folder(meeting_id, source_id)
        found[source_id] = FoundJournal(folder, stretches, parts, chain.following(parts, fence), last.timestamp())
    return found


def fetch_journal(objects: ObjectStore, journal: FoundJournal, path: Path) -> None:
    """Make a file of a journal, at once or not at all; raises StoreError."""
    copy = path.with_name(path.name + ".copy")
    parts, tries = journal.parts, 1
    while True:
        wanted = chain.excerpts(journal.stretches, list(parts))
        try:
            _write(objects, wanted, parts, copy)
            break
        except StoreError:
            # The server that had the meeting may just have put some together, and removed them.
            parts = _parts(objects, journal.folder)
            if tries == TRIES or chain.excerpts(journal.stretches, list(parts)) == wanted:
                raise
            tries += 1
    with store_errors(path):
        copy.replace(path)
        # When its last frame came is told by its time.
        os.utime(path, (journal.stored_at, journal.stored_at))


def _write(objects: ObjectStore, wanted: Sequence[Excerpt], parts: Mapping[Part, StoredObject], path: Path) -> None:
    with store_errors(path), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for batch in _batches(wanted, parts):
            for excerpt, data in zip(batch, objects.get([parts[one.part].name for one in batch]), strict=True):
                file.write(chain.read_excerpt(excerpt, data))


def _batches(wanted: Sequence[Excerpt], parts: Mapping[Part, StoredObject]) -> Iterator[Sequence[Excerpt]]:
    """What is fetched together."""
    batch: list[Excerpt] = []
    size = 0
    for excerpt in wanted:
        size += parts[excerpt.part].size
        if batch and (len(batch) == AT_ONCE or size > AT_ONCE_BYTES):
            yield batch
            batch, size = [], parts[excerpt.part].size
        batch.append(excerpt)
    if batch:
        yield batch


def _listed(objects: ObjectStore, folder: str) -> dict[str, StoredObject]:
    """What is in a folder, by name.

    Listed twice: where some are put together while a list is made, it may show neither what they were nor what they
    are. But what was removed then had its place taken before, and that is in the next list.
    """
    return {one.name: one for _ in range(2) for one in objects.list(folder)}


def _parts(objects: ObjectStore, folder: str) -> dict[Part, StoredObject]:
    found = _listed(objects, folder)
    named = ((chain.parse_part(name[len(folder) + 1 :]), one) for name, one in found.items())
    return {part: one for part, one in named if part is not None}
