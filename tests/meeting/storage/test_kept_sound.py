"""Where the sound of a meeting is to be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from meeting.core.records import Meeting, State
from meeting.storage.kept_sound import kept_sound
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.chain import Generation
from meeting.storage.store import Store
from tests.meeting.storage.objects.fake_objects import FakeObjects

OVER = Meeting("m" * 16, "t", State.ENDED, datetime.now(timezone.utc))
S = "s" * 16


def with_objects(folder: Path) -> Store:
    store = Store(folder)
    objects = FakeObjects()
    store.objects = AudioObjects(objects, store.files, folder / "sound", 1e9)
    objects.held[f"audio/{OVER.id}/{S}/{Generation(7).name}.flac"] = b"stored"
    return store


def test_without_an_object_store_it_is_beside_the_database(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert kept_sound(store, OVER, S) == store.files.audio_path(OVER.id, S)


def test_that_of_a_meeting_which_is_over_is_fetched(tmp_path: Path) -> None:
    assert kept_sound(with_objects(tmp_path), OVER, S).read_bytes() == b"stored"


def test_that_of_a_meeting_which_runs_is_where_it_is_written(tmp_path: Path) -> None:
    store = with_objects(tmp_path)
    assert kept_sound(store, replace(OVER, state=State.LIVE), S) == store.files.audio_path(OVER.id, S)


def test_what_is_not_in_the_store_may_be_here(tmp_path: Path) -> None:
    store = with_objects(tmp_path)
    assert kept_sound(store, OVER, "t" * 16) == store.files.audio_path(OVER.id, "t" * 16)
