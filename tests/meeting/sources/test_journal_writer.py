"""Frames that the disk refuses wait, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting.core.errors import OwnershipLost
from meeting.core.messages import AudioInfo
from meeting.session.events import (
    Event,
    FrameAppended,
    SourceFailed,
    SourceFinished,
    StorageFailing,
    StorageWorking,
)
from meeting.sources.journal_writer import JournalWriter
from meeting.storage.files import journal
from meeting.storage.files.journal_format import PROCESSED, STOPPED, Mark
from meeting.storage.store import Store
from tests.fakes.server_fakes import tone
from tests.fakes.source_fakes import (
    MEETING,
    SOURCE,
    Bench,
    FullDisk,
    frame,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_a_full_disk_makes_the_source_wait_and_nothing_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, bench = FullDisk(monkeypatch), Bench(store)
    bench.worker.append(frame(0, tone(1.0)))
    trouble = bench.next(StorageFailing)
    assert isinstance(trouble, StorageFailing)
    assert trouble.what == "audio"
    assert str(store.data_dir) not in trouble.message
    disk.full.clear()
    assert bench.next(StorageWorking, FrameAppended) == StorageWorking("audio")
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 0, 16000)
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000)


def test_a_server_that_stops_does_not_wait_for_a_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    FullDisk(monkeypatch)
    bench = Bench(store)
    bench.worker.append(frame(0, tone(1.0)))
    bench.next(StorageFailing)
    bench.worker.finish(shutdown_fast=True)
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "storage", "no space left")
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 0)


def written(store: Store, processed: int | None = None) -> tuple[JournalWriter, list[Event], Path]:
    """A writer, and what it posts."""
    path, posted = store.files.journal_path(MEETING, SOURCE), list[Event]()
    opened = journal.Journal(path, AudioInfo())
    return JournalWriter(opened, processed, posted.append, threading.Event()), posted, path


def test_how_far_an_earlier_process_had_come_is_said_before_the_first_frame_and_once(store: Store) -> None:
    writer, posted, path = written(store, 16000)
    for seq in range(2):
        writer.append(frame(seq, tone(0.1)))
    writer.mark_stopped()
    entries = list(journal.entries(path))
    assert [entry.kind if isinstance(entry, Mark) else entry.seq for entry in entries] == [PROCESSED, 0, 1, STOPPED]
    assert posted == []
    writer.close()


def test_a_new_journal_says_nothing_of_what_was_before(store: Store) -> None:
    writer, _, path = written(store)
    writer.append(frame(0, tone(0.1)))
    assert list(writer.entries()) == list(journal.entries(path)) == [frame(0, tone(0.1))]
    follow = writer.follow()
    assert [next(follow), next(follow)] == [frame(0, tone(0.1)), None]
    assert (writer.next_seq, writer.stopped) == (1, False)
    writer.close()


def test_trouble_that_lasts_is_told_again_and_its_end_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch)
    monkeypatch.setattr("meeting.sources.journal_writer.REMIND_SECONDS", 0.03)
    writer, posted, _ = written(store)
    threading.Timer(0.5, disk.full.clear).start()
    writer.append(frame(0, tone(0.1)))
    assert posted[-1] == StorageWorking("audio")
    assert len(posted) >= 3
    assert {type(event) for event in posted[:-1]} == {StorageFailing}
    writer.close()


def test_a_server_whose_meeting_may_be_anothers_writes_nothing_more(tmp_path: Path) -> None:
    path, held = tmp_path / "m.s.journal", [True]
    with journal.Journal(path, AudioInfo()) as written:
        writer = JournalWriter(written, None, lambda event: None, threading.Event(), lambda: held[0])
        writer.append(frame(0, tone(0.1)))
        held[0] = False
        with pytest.raises(OwnershipLost):
            writer.append(frame(1, tone(0.1)))
        writer.mark_muted(True)
        writer.mark_stopped()
    assert list(journal.entries(path)) == [frame(0, tone(0.1))]


def test_a_frame_is_not_taken_for_kept_where_the_lease_ran_out_while_it_was_written(tmp_path: Path) -> None:
    path, answers = tmp_path / "m.s.journal", [True, False]
    with journal.Journal(path, AudioInfo()) as written:
        writer = JournalWriter(written, None, lambda event: None, threading.Event(), lambda: answers.pop(0))
        with pytest.raises(OwnershipLost):
            writer.append(frame(0, tone(0.1)))
    assert not answers
