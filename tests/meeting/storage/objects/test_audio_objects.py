"""Journals that one server leaves in the object store and another goes on with; sound that is fetched to be heard."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from meeting.core.errors import OwnershipLost
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects import merging
from meeting.storage.objects.audio_objects import CACHED_SECONDS, AudioObjects
from meeting.storage.objects.chain import Generation
from pipelines.errors import NotFound, StoreError
from tests.meeting.storage.objects.fake_objects import FakeObjects, Inline

M, S = "m" * 16, "s" * 16


def server(folder: Path, objects: FakeObjects, cache_bytes: float = 1e6) -> AudioObjects:
    """What one of several servers has, with a folder of its own."""
    files = MeetingFiles(folder)
    files.folder.mkdir(parents=True)
    return AudioObjects(objects, files, folder / "sound", cache_bytes)


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
def a(tmp_path: Path, objects: FakeObjects) -> AudioObjects:
    return server(tmp_path / "a", objects)


@pytest.fixture
def b(tmp_path: Path, objects: FakeObjects) -> AudioObjects:
    return server(tmp_path / "b", objects)


def journal(of: AudioObjects) -> bytes:
    return of.files.journal_path(M, S).read_bytes()


def test_another_server_has_all_that_was_stored(a: AudioObjects, b: AudioObjects) -> None:
    writing = a.journal(M, S, fence=7)
    for data in (b"one", b"two", b"three"):
        writing.append(data)
    b.take_over(M, fence=9)
    assert journal(b) == b"onetwothree"
    assert b.files.journal_path(M, S).stat().st_mode & 0o777 == 0o600


def test_it_goes_on_behind_that_and_a_third_has_both(a: AudioObjects, b: AudioObjects, tmp_path: Path) -> None:
    a.journal(M, S, fence=7).append(b"one")
    b.take_over(M, fence=9)
    b.journal(M, S, fence=9).append(b"two")
    third = server(tmp_path / "c", FakeObjects())
    third.objects = a.objects
    third.take_over(M, fence=10)
    assert journal(third) == b"onetwo"


def test_what_the_first_stores_after_another_has_gone_on_changes_nothing(a: AudioObjects, b: AudioObjects) -> None:
    late = a.journal(M, S, fence=7)
    late.append(b"one")
    b.take_over(M, fence=9)
    late.append(b"late")
    b.journal(M, S, fence=9).append(b"two")
    a.take_over(M, fence=11)
    assert journal(a) == b"onetwo"


def test_the_same_server_goes_on_in_a_generation_of_its_own(a: AudioObjects) -> None:
    late = a.journal(M, S, fence=7)
    late.append(b"one")
    a.take_over(M, fence=7)
    late.append(b"late")
    a.journal(M, S, fence=7).append(b"two")
    a.take_over(M, fence=7)
    assert journal(a) == b"onetwo"


def test_what_lies_there_of_the_meeting_gives_way_but_for_what_is_kept_aside(a: AudioObjects, b: AudioObjects) -> None:
    a.journal(M, S, fence=7).append(b"one")
    old = {ending: b.files.folder / f"{M}.{S}{ending}" for ending in (".journal", ".flac", ".aside", ".hearing")}
    for path in old.values():
        path.write_bytes(b"old")
    b.take_over(M, fence=9)
    assert journal(b) == b"one"
    assert [ending for ending, path in old.items() if path.is_file()] == [".journal", ".aside", ".hearing"]


def test_a_server_that_has_the_meeting_no_more_takes_nothing_over(a: AudioObjects, b: AudioObjects) -> None:
    a.journal(M, S, fence=7).append(b"one")
    b.take_over(M, fence=9)
    with pytest.raises(OwnershipLost):
        a.take_over(M, fence=8)


def test_a_journal_of_which_a_part_is_gone_is_an_error_and_nothing_is_ended(
    a: AudioObjects, b: AudioObjects, objects: FakeObjects
) -> None:
    writing = a.journal(M, S, fence=7)
    for data in (b"one", b"two"):
        writing.append(data)
    b.take_over(M, fence=9)
    del objects.held[next(name for name in objects.held if name.endswith("00000002"))]
    with pytest.raises(StoreError, match="lost a part"):
        a.take_over(M, fence=10)


def test_a_store_that_is_away_is_an_error_and_leaves_what_lies_there(a: AudioObjects, objects: FakeObjects) -> None:
    a.files.journal_path(M, S).write_bytes(b"mine")
    objects.away = True
    with pytest.raises(StoreError):
        a.take_over(M, fence=9)
    assert journal(a) == b"mine"


def test_an_object_whose_answer_was_lost_is_stored_once(a: AudioObjects, b: AudioObjects, objects: FakeObjects) -> None:
    writing = a.journal(M, S, fence=7)
    writing.append(b"one")
    objects.deaf = 1
    with pytest.raises(StoreError):
        writing.append(b"two")
    writing.append(b"two")
    b.take_over(M, fence=9)
    assert journal(b) == b"onetwo"
    assert (a.counts.stored, a.counts.stored_bytes, a.counts.refused) == (2, 6, 1)


@pytest.mark.parametrize(("says_so", "objects_left"), [(True, 3), (False, 4)])
def test_small_objects_are_put_together_only_for_whoever_says_that_it_has_the_meeting(
    a: AudioObjects, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch, says_so: bool, objects_left: int
) -> None:
    monkeypatch.setattr(merging, "MERGE_OBJECTS", 2)
    monkeypatch.setattr(a, "_merges", Inline())
    a.files.journal_path(M, S).write_bytes(b"onetwothree")
    writing = a.journal(M, S, 7, lambda: True) if says_so else a.journal(M, S, 7)
    for data in (b"one", b"two", b"three"):
        writing.append(data)
        writing.acknowledged()
    assert len(objects.held) == objects_left
    assert a.counts.merged == says_so


def test_a_journal_that_is_removed_leaves_those_of_other_sources(a: AudioObjects, objects: FakeObjects) -> None:
    one, other = a.journal(M, S, fence=7), a.journal(M, "t" * 16, fence=7)
    one.append(b"one")
    other.append(b"other")
    one.remove()
    assert all("t" * 16 in name for name in objects.held)
    assert len(objects.held) == 2


def keep(of: AudioObjects, data: bytes, fence: int = 7) -> None:
    of.files.audio_path(M, S).write_bytes(data)
    of.keep(M, S, Generation(fence))


def test_sound_that_one_server_has_stored_any_other_can_fetch(a: AudioObjects, b: AudioObjects) -> None:
    keep(a, b"sound")
    path = b.fetched(M, S)
    assert path is not None
    assert path.read_bytes() == b"sound"
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_fetched_once_and_stays_for_a_while(a: AudioObjects, b: AudioObjects, objects: FakeObjects) -> None:
    keep(a, b"sound")
    first = b.fetched(M, S)
    objects.held = dict.fromkeys(objects.held, b"other")
    assert b.fetched(M, S) == first
    assert first is not None
    os.utime(first, (time.time() - 2 * CACHED_SECONDS,) * 2)
    b.prune()
    assert not first.is_file()


def test_the_sound_of_the_server_that_had_the_meeting_last_counts(a: AudioObjects, b: AudioObjects) -> None:
    keep(b, b"whole", fence=9)
    keep(a, b"woken too late", fence=7)
    path = a.fetched(M, S)
    assert path is not None
    assert path.read_bytes() == b"whole"


def test_no_more_sound_is_kept_than_may_be(tmp_path: Path, objects: FakeObjects) -> None:
    small = server(tmp_path / "small", objects, cache_bytes=10)
    for number in range(4):
        name = f"{number}" * 16
        objects.held[f"audio/{M}/{name}/{Generation(7).name}.flac"] = b"12345"
        path = small.fetched(M, name)
        assert path is not None
        os.utime(path, (time.time() - 100 + number,) * 2)
    assert len(list(small.cache.iterdir())) == 2


def test_sound_that_lies_here_need_not_be_fetched(a: AudioObjects, objects: FakeObjects) -> None:
    keep(a, b"sound")
    a.settle(M, S, Generation(7))
    assert not a.files.audio_path(M, S).is_file()
    objects.held = dict.fromkeys(objects.held, b"not asked for")
    path = a.fetched(M, S)
    assert path is not None
    assert path.read_bytes() == b"sound"


def test_where_no_sound_is_stored_there_is_none(a: AudioObjects) -> None:
    assert a.fetched(M, S) is None
    with pytest.raises(NotFound):
        a.fetched("../x", S)


def test_a_meeting_that_is_deleted_leaves_no_object_and_no_sound(a: AudioObjects, objects: FakeObjects) -> None:
    a.journal(M, S, fence=7).append(b"one")
    keep(a, b"sound")
    a.fetched(M, S)
    objects.held["audio/other/x"] = b"stays"
    assert a.after_removal(M, lambda: list(objects.held)).result() == ["audio/other/x"]
    assert list(a.cache.iterdir()) == []


def test_a_meeting_whose_objects_cannot_go_stays(a: AudioObjects, objects: FakeObjects) -> None:
    a.journal(M, S, fence=7).append(b"one")
    objects.away = True
    done: list[bool] = []
    with pytest.raises(StoreError):
        a.after_removal(M, lambda: done.append(True)).result()
    assert done == []


def test_a_store_that_cannot_be_used_is_found_out_without_storing_anything(
    a: AudioObjects, objects: FakeObjects
) -> None:
    a.check()
    assert objects.held == {}
    objects.away = True
    with pytest.raises(StoreError):
        a.check()
