"""Objects in a real store: one that speaks S3, on this machine, and a folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting.storage.objects import fsspec_store
from meeting.storage.objects.fsspec_store import FsspecStore
from pipelines.errors import SettingsError, StoreError
from tests.meeting.storage.objects.fake_objects import BUCKET, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    return FsspecStore(f"file://{tmp_path}/objects")


def test_an_object_that_is_not_there_is_an_error_that_names_nothing_of_it(store: FsspecStore) -> None:
    with pytest.raises(StoreError, match=r"^the object store cannot be used \(FileNotFoundError\)$"):
        store.get(["a/secret"])


@pytest.mark.slow
def test_a_store_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch, s3: dict[str, str]) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="cannot be used"):
        FsspecStore("s3://no-such-bucket/x").put("a", b"1")


@pytest.mark.slow
def test_each_object_takes_one_request_to_store_and_one_to_fetch(
    monkeypatch: pytest.MonkeyPatch, s3: dict[str, str]
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    store, asked = FsspecStore(f"s3://{BUCKET}/x"), list[str]()
    store.list("a")  # connects
    store._files.s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    for number in range(3):
        store.put(f"a/{number}", b"x" * 100)
    store.get([f"a/{number}" for number in range(3)])
    store.remove([f"a/{number}" for number in range(3)])
    assert asked == ["PutObject"] * 3 + ["GetObject"] * 3 + ["DeleteObjects"]


def test_objects_are_fetched_side_by_side_and_only_so_many_at_once(
    store: FsspecStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsspec_store, "GETS_AT_ONCE", 4)
    together, lock, most, now = threading.Barrier(4), threading.Lock(), 0, 0

    def cat_file(path: str) -> bytes:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        together.wait(20)  # which needs four at once
        with lock:
            now -= 1
        return path.rpartition("/")[2].encode()

    monkeypatch.setattr(store._files, "cat_file", cat_file)
    names = [str(number) for number in range(12)]
    assert store.get(names) == [name.encode() for name in names]
    assert most == 4


@pytest.mark.parametrize("url", ["", "bucket", "s3://", "nothing://bucket/x", "s3://key:secret@bucket/x"])
def test_a_url_of_no_store_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        FsspecStore(url)
    assert "secret" not in str(raised.value)
    assert "s3://BUCKET/PREFIX" in str(raised.value)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(SettingsError, match=r"pip install 'meeting-transcriber\[objects\]'"):
        FsspecStore("s3://bucket/x")
