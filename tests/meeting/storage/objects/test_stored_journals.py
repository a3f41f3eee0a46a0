"""Journals are found in the store, and fetched whole, also while something is put together there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from meeting.core.errors import OwnershipLost
from meeting.storage.objects import stored_journals
from meeting.storage.objects.chain import Generation, Part, Stretch, encode_head, put_together
from meeting.storage.objects.object_store import StoredObject
from meeting.storage.objects.stored_journals import fetch_journal, find_journals
from pipelines.errors import StoreError
from tests.meeting.storage.objects.fake_objects import FakeObjects

M, S = "m" * 16, "s" * 16
FOLDER = f"journals/{M}/{S}"
OLD = Generation(7)


def stored(pieces: Sequence[bytes]) -> FakeObjects:
    """A store with a journal of these pieces."""
    objects = FakeObjects()
    objects.held[f"{FOLDER}/{Part(OLD, 0).name}"] = encode_head(())
    for number, piece in enumerate(pieces, 1):
        objects.held[f"{FOLDER}/{Part(OLD, number).name}"] = piece
    return objects


def merge(objects: FakeObjects, first: int, last: int) -> None:
    """Put some together."""
    names = [f"{FOLDER}/{Part(OLD, number).name}" for number in range(first, last + 1)]
    pieces = [objects.held.pop(name) for name in names]
    part = Part(OLD, first, len(pieces))
    objects.held[f"{FOLDER}/{part.name}"] = put_together([len(one) for one in pieces], b"".join(pieces))


def fetched(objects: FakeObjects, path: Path) -> bytes:
    fetch_journal(objects, find_journals(objects, M, fence=9)[S], path)
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_bytes()


def test_a_journal_is_found_with_what_was_appended_and_where_it_is_gone_on_with() -> None:
    objects = stored([b"one", b"two", b"three"])
    merge(objects, 1, 2)
    found = find_journals(objects, M, fence=9)[S]
    assert found.stretches == (Stretch(OLD, 3),)
    assert (found.folder, found.next) == (FOLDER, Generation(9))
    with pytest.raises(OwnershipLost):
        find_journals(objects, M, fence=6)


def test_it_is_fetched_from_large_and_small_objects(tmp_path: Path) -> None:
    objects = stored([b"one", b"two", b"three", b"four"])
    merge(objects, 2, 3)
    assert fetched(objects, tmp_path / "j") == b"onetwothreefour"


def test_so_many_bytes_are_fetched_together_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_journals, "AT_ONCE", 3)
    monkeypatch.setattr(stored_journals, "AT_ONCE_BYTES", 10)
    objects = stored([b"x" * size for size in (1, 1, 1, 1, 5, 5, 12, 1)])
    asked: list[int] = []
    get = objects.get

    def count(names: Sequence[str]) -> list[bytes]:
        asked.append(len(names))
        return get(names)

    monkeypatch.setattr(objects, "get", count)
    assert len(fetched(objects, tmp_path / "j")) == 27
    assert asked == [1, 3, 2, 1, 1, 1]  # the first is the head


def test_what_is_put_together_between_a_list_and_its_objects_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = stored([b"one", b"two", b"three"])
    found = find_journals(objects, M, fence=9)[S]
    merge(objects, 1, 2)
    fetch_journal(objects, found, tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == b"onetwothree"


def test_a_store_that_is_away_is_not_asked_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = stored([b"one"])
    found = find_journals(objects, M, fence=9)[S]
    asked: list[Sequence[str]] = []

    def refuse(names: Sequence[str]) -> list[bytes]:
        asked.append(names)
        raise StoreError("the object store is away")

    monkeypatch.setattr(objects, "get", refuse)
    with pytest.raises(StoreError, match="away"):
        fetch_journal(objects, found, tmp_path / "j")
    assert len(asked) == 1
    assert not (tmp_path / "j").exists()


def test_what_a_list_misses_in_both_forms_the_next_one_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = stored([b"one", b"two"])
    merge(objects, 1, 2)
    whole, calls = objects.list, 0

    def torn(folder: str) -> list[StoredObject]:
        nonlocal calls
        calls += 1
        return [one for one in whole(folder) if calls > 1 or "-" not in one.name]

    monkeypatch.setattr(objects, "list", torn)
    assert fetched(objects, tmp_path / "j") == b"onetwo"
