"""The object store that the settings name."""

from __future__ import annotations

from pathlib import Path

from meeting.config.settings import Storage
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects.configured import objects_of


def test_by_default_there_is_none(tmp_path: Path) -> None:
    assert objects_of(Storage(data_dir=tmp_path), MeetingFiles(tmp_path)) is None


def test_one_that_is_named_is_used_with_its_cache_in_the_data_folder(tmp_path: Path) -> None:
    made = objects_of(Storage(objects=f"file://{tmp_path}/objects", objects_cache=0.5), MeetingFiles(tmp_path / "data"))
    assert made is not None
    assert made.cache == tmp_path / "data" / "sound"
    assert made.cache_bytes == 5e8
