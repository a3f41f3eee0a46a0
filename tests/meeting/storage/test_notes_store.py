"""Notes in a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.records import MeetingNotes, NotedLine, NotesState, Statement
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.summary import read_summary
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from tests.fakes.stored import kept

pytestmark = pytest.mark.usefixtures("every_database")

NOTES = MeetingNotes(
    (Statement("They met the wombat.", (NotedLine("s1", 16_000), NotedLine("s2", 32_000)), False),),
    (),
    (Statement("Write it.", (), True, "Ben", "Friday"),),
    "tiny",
    "127.0.0.1:1",
    datetime(2026, 5, 4, 13, 0, 0, 123456, timezone.utc),
    "print",
    True,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two meetings."""
    with Store(tmp_path) as opened:
        kept(opened, "m1")
        kept(opened, "m2")
        yield opened


def on_disk(store: Store, word: str) -> bool:
    """Whether any file of the database holds a word."""
    return any(word.encode() in path.read_bytes() for path in store.data_dir.iterdir() if path.is_file())


def test_notes_come_back_as_they_were_and_belong_to_the_record(store: Store) -> None:
    notes = NotesStore(store)
    assert notes.find("m1") is None
    assert read_summary(store, "m1").notes_changed_at is None
    notes.save("m1", NOTES).result()
    found = notes.find("m1")
    assert found is not None
    assert (found.state, found.problem, found.notes) == (NotesState.DONE, None, NOTES)
    assert TranscriptStore(store).record("m1").notes == NOTES
    assert read_summary(store, "m1").notes_changed_at == found.changed_at
    assert notes.find("m2") is None
    assert TranscriptStore(store).record("m2").notes is None


def test_finished_notes_stay_while_others_are_made_and_where_these_fail(store: Store) -> None:
    notes = NotesStore(store)
    notes.save("m1", NOTES).result()
    notes.begin("m1").result()
    found = notes.find("m1")
    assert found is not None
    assert (found.state, found.notes) == (NotesState.RUNNING, NOTES)
    notes.fail("m1", "the model is down").result()
    found = notes.find("m1")
    assert found is not None
    assert (found.state, found.problem, found.notes) == (NotesState.FAILED, "the model is down", NOTES)


def test_only_what_is_being_made_can_fail(store: Store) -> None:
    notes = NotesStore(store)
    notes.fail("m1", "late").result()
    assert notes.find("m1") is None
    notes.save("m1", NOTES).result()
    notes.fail("m1", "late").result()
    found = notes.find("m1")
    assert found is not None
    assert found.state is NotesState.DONE


def test_notes_need_a_meeting(store: Store) -> None:
    notes = NotesStore(store)
    for work in (notes.begin("none"), notes.save("none", NOTES), notes.remove("none")):
        with pytest.raises(NotFound):
            work.result()
    with pytest.raises(NotFound):
        notes.find("none")


@pytest.mark.usefixtures("sqlite_file")
def test_notes_go_with_their_meeting_or_alone_and_leave_no_word_on_the_disk(store: Store) -> None:
    notes = NotesStore(store)
    for meeting_id in ("m1", "m2"):
        notes.save(meeting_id, NOTES).result()
    assert on_disk(store, "wombat")
    notes.remove("m1").result()
    assert notes.find("m1") is None
    assert on_disk(store, "wombat")
    store.delete_meeting("m2").result()
    assert not on_disk(store, "wombat")
