"""A source whose audio is in an object store: what is acknowledged when, and what is there at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meeting.core.messages import AudioFrame
from meeting.session.events import (
    FrameAppended,
    SourceFinished,
    SourceOpened,
    SourceReopened,
    StorageFailing,
    StorageWorking,
)
from meeting.sources import source_worker
from meeting.storage.objects import journal_copy, merging, source_objects
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.source_objects import SourceObjects
from meeting.storage.store import Store
from tests.fakes.server_fakes import tone
from tests.fakes.source_fakes import AGAIN, MEETING, SOURCE, Bench
from tests.meeting.storage.objects.fake_objects import FakeObjects


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
def store(tmp_path: Path, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(journal_copy, "OBJECT_SECONDS", 0.01)
    monkeypatch.setattr(journal_copy, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(source_objects, "RETRY_SECONDS", 0.01)
    with Store(tmp_path / "data") as opened:
        opened.objects = AudioObjects(objects, opened.files, tmp_path / "sound", 1e9)
        yield opened


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that a thread does."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def frame(seq: int) -> AudioFrame:
    return AudioFrame(seq, seq * 1_000_000, tone())


def journals(objects: FakeObjects) -> list[str]:
    return [name for name in objects.held if name.startswith("journals/")]


def sounds(objects: FakeObjects) -> list[str]:
    return [name for name in objects.held if name.startswith("audio/")]


def test_a_frame_is_acknowledged_once_its_object_is_stored(store: Store, objects: FakeObjects) -> None:
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    bench.worker.append(frame(0))
    appended = bench.next(FrameAppended)
    assert isinstance(appended, FrameAppended)
    assert appended.seq == 0
    assert len(journals(objects)) >= 2
    bench.worker.abandon()


def test_while_the_store_is_away_all_is_heard_and_nothing_acknowledged_and_that_is_told(
    store: Store, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_copy, "REMIND_SECONDS", 0.1)
    objects.away = True
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    for seq in range(3):
        bench.worker.append(frame(seq))
    told = bench.next(StorageFailing, FrameAppended)
    assert told == StorageFailing("audio", source_worker.STORE_AWAY)
    (pipeline,) = bench.backend.pipelines
    until(lambda: len(pipeline._audio) == 3 * 16000)
    objects.away = False
    assert isinstance(bench.next(StorageWorking, FrameAppended), StorageWorking)
    while (appended := bench.next(FrameAppended)).seq < 2:  # type: ignore[union-attr]
        assert isinstance(appended, FrameAppended)
    bench.worker.abandon()


def test_when_it_ends_its_flac_is_stored_first_and_then_its_journal_goes(store: Store, objects: FakeObjects) -> None:
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    bench.worker.append(frame(0))
    bench.worker.finish()
    finished = bench.next(SourceFinished)
    assert isinstance(finished, SourceFinished)
    assert finished.complete
    assert len(sounds(objects)) == 1
    assert journals(objects)
    bench.worker.remove_journal()
    until(lambda: not journals(objects))
    assert not store.files.of(MEETING)
    assert store.objects is not None
    assert store.objects.fetched(MEETING, SOURCE) is not None
    assert bench.worker.wait(20)


@pytest.mark.slow
def test_its_end_waits_for_a_store_that_is_away_and_is_left_to_another_time_where_there_is_none(
    store: Store, objects: FakeObjects
) -> None:
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    bench.worker.append(frame(0))
    bench.next(FrameAppended)
    objects.away = True
    bench.worker.finish()
    assert isinstance(bench.next(SourceFinished, StorageFailing), StorageFailing)
    bench.worker.finish(shutdown_fast=True)
    finished = bench.next(SourceFinished)
    assert isinstance(finished, SourceFinished)
    assert not finished.complete
    bench.worker.abandon()


def test_a_source_that_was_taken_over_goes_on_behind_what_is_in_the_store(
    store: Store, objects: FakeObjects, tmp_path: Path
) -> None:
    first = Bench(store, fence=7)
    first.next(SourceOpened)
    for seq in range(2):
        first.worker.append(frame(seq))
    while first.next(FrameAppended).seq < 1:  # type: ignore[union-attr]
        pass
    first.worker.abandon()
    assert first.worker.wait(20)
    with Store(tmp_path / "other") as other:
        other.objects = AudioObjects(objects, other.files, tmp_path / "other-sound", 1e9)
        other.objects.take_over(MEETING, 9)
        second = Bench(other, fence=9, job=AGAIN)
        reopened = second.next(SourceReopened)
        assert isinstance(reopened, SourceReopened)
        assert reopened.frames == 2
        second.worker.append(frame(2))
        second.worker.finish()
        finished = second.next(SourceFinished)
        assert isinstance(finished, SourceFinished)
        assert finished.samples == 3 * 16000
        second.worker.remove_journal()
        assert second.worker.wait(20)
    assert len(sounds(objects)) == 1


def test_no_sound_is_stored_where_none_is_to_be_kept(store: Store, objects: FakeObjects) -> None:
    bench = Bench(store, fence=7, keep_audio=False)
    bench.next(SourceOpened)
    bench.worker.append(frame(0))
    bench.worker.finish()
    bench.next(SourceFinished)
    bench.worker.remove_journal()
    assert bench.worker.wait(20)
    until(lambda: not journals(objects))
    assert not objects.held


def test_a_journal_of_which_something_was_not_heard_is_marked_before_the_source_has_ended(
    store: Store, objects: FakeObjects
) -> None:
    assert store.objects is not None
    made = SourceObjects(store.objects, MEETING, SOURCE, 7, lambda: True, threading.Event(), lambda working: None)
    path = store.files.journal_path(MEETING, SOURCE)
    path.write_bytes(b"")
    made.begin(path, 0)
    objects.away = True
    threading.Timer(0.1, lambda: setattr(objects, "away", False)).start()
    made.finish(keep_audio=False, keep_journal=True)
    assert list(objects.held) == [f"journals/{MEETING}/{SOURCE}/set-aside"]
    made.close()


def test_a_server_that_lost_the_meeting_acknowledges_nothing_though_it_was_stored(
    store: Store, objects: FakeObjects
) -> None:
    held = threading.Event()
    held.set()
    bench = Bench(store, fence=7, held=held.is_set)
    bench.next(SourceOpened)
    objects.gate.clear()
    bench.worker.append(frame(0))
    until(lambda: len(bench.backend.pipelines[0]._audio) > 0)
    held.clear()
    objects.gate.set()
    bench.worker.append(frame(1))  # which fails: another server may have the meeting
    told: list[object] = []
    bench.worker.abandon()
    assert bench.worker.wait(20)
    while not bench.events.empty():
        told.append(bench.events.get())
    assert not [one for one in told if isinstance(one, FrameAppended)]


def test_while_a_source_runs_its_small_objects_are_put_together(
    store: Store, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MERGE_OBJECTS", 3)
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    assert store.objects is not None
    for seq in range(100):
        bench.worker.append(frame(seq))
        bench.next(FrameAppended)
        if store.objects.counts.merged:
            break
    assert store.objects.counts.merged
    bench.worker.abandon()
    assert bench.worker.wait(20)
    journal = store.files.journal_path(MEETING, SOURCE).read_bytes()
    store.objects.take_over(MEETING, 9)
    assert store.files.journal_path(MEETING, SOURCE).read_bytes() == journal


def test_what_waits_is_counted_for_whoever_watches(store: Store, objects: FakeObjects) -> None:
    assert store.objects is not None
    objects.gate.clear()
    bench = Bench(store, fence=7)
    bench.next(SourceOpened)
    bench.worker.append(frame(0))
    until(lambda: store.objects is not None and store.objects.waiting > 32_000)
    objects.gate.set()
    bench.next(FrameAppended)
    until(lambda: store.objects is not None and store.objects.waiting == 0)
    bench.worker.abandon()
