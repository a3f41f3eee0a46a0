"""What every object store does: one that speaks S3 on this machine, a folder, and the one that other tests use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.storage.objects.fsspec_store import FsspecStore
from meeting.storage.objects.object_store import ObjectStore
from tests.meeting.storage.objects.fake_objects import BUCKET, FakeObjects, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


@pytest.fixture(params=["s3", "file", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    if request.param == "file":
        return FsspecStore(f"file://{tmp_path}/objects")
    if request.param == "fake":
        return FakeObjects()
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return FsspecStore(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.mark.slow
def test_what_is_stored_is_listed_at_once_and_read_in_the_order_asked_for(store: ObjectStore) -> None:
    assert store.list("a") == []
    for number in range(20):
        store.put(f"a/{number:03d}/x", b"%d" % number)
    store.put("ab/x", b"of another folder")
    names = [f"a/{number:03d}/x" for number in range(20)]
    assert [one.name for one in store.list("a")] == names
    assert [one.size for one in store.list("a")][9:11] == [1, 2]
    assert store.get(names[::-1]) == [b"%d" % number for number in reversed(range(20))]
    assert abs(store.list("a")[0].stored_at - datetime.now(timezone.utc)) < timedelta(minutes=5)


def test_an_object_takes_the_place_of_one_with_its_name(store: ObjectStore) -> None:
    store.put("a/x", b"one")
    store.put("a/x", b"other")
    assert store.get(["a/x"]) == [b"other"]


def test_files_come_and_go_whole(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"sound" * 1000)
    store.put_file("a/x.flac", tmp_path / "from")
    store.get_file("a/x.flac", tmp_path / "to")
    assert (tmp_path / "to").read_bytes() == b"sound" * 1000


def test_folders_are_told_by_their_names_alone(store: ObjectStore) -> None:
    assert store.folders("a") == []
    for name in ("a/one/x", "a/two/deep/y", "a/two/z", "b/other/x"):
        store.put(name, b"1")
    assert store.folders("a") == ["one", "two"]


def test_what_is_removed_is_not_listed_and_what_is_gone_does_no_harm(store: ObjectStore) -> None:
    for name in ("a/x", "a/y", "b/x"):
        store.put(name, b"1")
    store.remove([one.name for one in store.list("a")])
    store.remove([])
    assert store.list("a") == []
    assert [one.name for one in store.list("b")] == ["b/x"]
