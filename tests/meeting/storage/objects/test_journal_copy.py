"""What is appended to a journal comes to the object store in order, and is told once it is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meeting.storage.objects import journal_copy
from meeting.storage.objects.journal_copy import JournalCopy
from pipelines.errors import StoreError


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that the thread does."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Fake:
    """The objects of one journal."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.asked: list[bytes] = []
        self.refusals = 0
        self.acknowledgements = 0
        self.removed, self.closed = threading.Event(), threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def append(self, data: bytes) -> None:
        self.asked.append(data)
        self.gate.wait(20)
        if self.refusals:
            self.refusals -= 1
            raise StoreError("away")
        self.parts.append(data)

    def acknowledged(self) -> None:
        self.acknowledgements += 1

    def close(self) -> None:
        self.closed.set()

    def remove(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("away")
        self.removed.set()


class Bench:
    """A journal that grows, and its copy."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects = Fake()
        self.held = True
        self.told: list[int] = []
        self.failing, self.working = threading.Event(), threading.Event()
        self.copy = JournalCopy(self.objects, path, lambda: self.held, self.failing.set, self.working.set)
        path.write_bytes(b"")

    def write(self, data: bytes, given_up: Callable[[], bool] = lambda: False) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        end = self.path.stat().st_size
        self.copy.written(end, lambda: self.told.append(end), given_up)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(journal_copy, "FIRST_PAUSE", 0.01)
    made = Bench(tmp_path / "a.journal")
    yield made
    made.objects.gate.set()
    made.copy.close()


def test_all_that_is_written_is_stored_in_order_and_then_told(bench: Bench) -> None:
    bench.copy.start(0)
    for number in range(50):
        bench.write(b"%d," % number)
    bench.copy.settle()
    assert b"".join(bench.objects.parts) == bench.path.read_bytes()
    assert bench.told == sorted(bench.told)
    assert bench.told[-1] == bench.path.stat().st_size
    assert bench.copy.waiting == 0


def test_nothing_is_told_before_it_is_stored(bench: Bench) -> None:
    bench.objects.gate.clear()
    bench.copy.start(0)
    bench.write(b"a" * journal_copy.OBJECT_BYTES)
    until(lambda: len(bench.objects.asked) > 0)
    assert bench.told == []
    bench.objects.gate.set()
    bench.copy.settle()
    assert len(bench.told) == 1


def test_what_is_in_the_store_already_is_not_brought_there_again(bench: Bench) -> None:
    bench.path.write_bytes(b"before")
    bench.copy.start(6)
    bench.write(b"behind")
    bench.copy.settle()
    assert bench.objects.parts == [b"behind"]


def test_little_is_gathered_and_much_is_stored_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "OBJECT_SECONDS", 3600.0)
    bench.copy.start(0)
    bench.write(b"a")
    bench.write(b"b" * journal_copy.OBJECT_BYTES)
    until(lambda: len(bench.told) > 0)
    bench.write(b"c")
    bench.copy.settle()
    assert [len(part) for part in bench.objects.parts] == [journal_copy.OBJECT_BYTES + 1, 1]


def test_a_store_that_refuses_is_asked_again_with_the_same_bytes(bench: Bench) -> None:
    bench.objects.refusals = 3
    bench.write(b"first")
    bench.copy.start(0)
    bench.copy.settle()
    assert bench.objects.asked == [b"first"] * 4
    assert bench.told == [5]


def test_what_had_to_wait_is_stored_in_few_objects_that_end_with_a_frame(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "LARGEST_BYTES", 25)
    for _ in range(6):
        bench.write(b"a" * 10)
    bench.copy.start(0)
    bench.copy.settle()
    assert [len(part) for part in bench.objects.parts] == [20, 20, 20]


def test_a_frame_larger_than_an_object_is_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "LARGEST_BYTES", 25)
    bench.write(b"a" * 100)
    bench.write(b"b")
    bench.copy.start(0)
    bench.copy.settle()
    assert [len(part) for part in bench.objects.parts] == [100, 1]


def test_what_was_stored_after_the_meeting_was_lost_is_not_told(bench: Bench) -> None:
    bench.held = False
    bench.write(b"late")
    bench.copy.start(0)
    bench.copy.settle()
    assert bench.told == []
    assert bench.objects.acknowledgements == 0


def test_objects_are_told_what_was_acknowledged_and_let_go_of_at_the_end(bench: Bench) -> None:
    bench.copy.start(0)
    bench.write(b"a")
    bench.copy.settle()
    assert bench.objects.acknowledgements == 1
    assert not bench.objects.closed.is_set()
    bench.copy.close()
    assert bench.objects.closed.is_set()


def test_trouble_that_lasts_is_told_and_its_end_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "REMIND_SECONDS", 0.0)
    bench.objects.refusals = 3
    bench.write(b"first")
    bench.copy.start(0)
    bench.copy.settle()
    assert bench.failing.is_set()
    assert bench.working.wait(5)


def test_a_request_that_hangs_is_told_as_well(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "OBJECT_SECONDS", 0.0)
    bench.objects.gate.clear()
    bench.copy.start(0)
    bench.write(b"first")
    monkeypatch.setattr(journal_copy, "REMIND_SECONDS", 0.0)
    bench.write(b"second")
    assert bench.failing.is_set()


def test_no_more_waits_than_may_and_whoever_writes_can_give_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "MAX_WAITING_BYTES", 2000)
    bench.objects.gate.clear()
    bench.copy.start(0)
    bench.write(b"a" * 1000)
    with pytest.raises(StoreError, match="does not take"):
        bench.write(b"b" * 1000, given_up=lambda: True)


def test_who_waits_for_all_to_be_stored_can_give_up(bench: Bench) -> None:
    bench.objects.gate.clear()
    bench.copy.start(0)
    bench.write(b"a")
    with pytest.raises(StoreError, match="does not take"):
        bench.copy.settle(lambda: True)


def test_what_waits_is_left_when_it_is_closed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_copy, "OBJECT_SECONDS", 3600.0)
    bench.copy.start(0)
    bench.write(b"a")
    bench.copy.close()
    assert bench.objects.parts == []
    with pytest.raises(StoreError):
        bench.copy.settle()


def test_objects_are_removed_however_often_the_store_refuses_it(bench: Bench) -> None:
    bench.copy.start(0)
    bench.objects.refusals = 3
    bench.copy.remove()
    bench.copy.close()
    assert bench.objects.removed.wait(20)


def test_a_journal_that_is_shorter_than_was_said_is_not_taken_for_stored(bench: Bench) -> None:
    bench.copy.start(0)
    bench.copy.written(10)
    with pytest.raises(StoreError):
        bench.copy.settle(lambda: True)
    assert bench.objects.parts == []
