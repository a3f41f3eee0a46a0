"""Files of meetings: each name tells its meeting and its source, and no id can leave the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meeting.storage.files.meeting_files import MeetingFiles, owner
from pipelines.errors import NotFound, StoreError


@pytest.fixture
def files(tmp_path: Path) -> MeetingFiles:
    """An empty folder of files."""
    files = MeetingFiles(tmp_path)
    files.make_folder()
    return files


def test_audio_lies_below_the_audio_folder(files: MeetingFiles) -> None:
    assert files.audio_path("m1", "a").parent == files.folder
    assert files.journal_path("m1", "a").parent == files.folder
    assert files.audio_path("m1", "a") != files.audio_path("m1", "b") != files.journal_path("m1", "b")


@pytest.mark.parametrize("id_", ["", "..", "../x", "a/b", "a.b", "/etc/passwd", "a\0b", "ä", "x" * 65, "*"])
def test_an_id_that_could_leave_the_folder_is_not_found(files: MeetingFiles, id_: str) -> None:
    with pytest.raises(NotFound):
        files.audio_path(id_, "a")
    with pytest.raises(NotFound):
        files.journal_path("m1", id_)


def test_the_name_of_a_file_tells_its_meeting_and_its_source(files: MeetingFiles) -> None:
    for path in (files.audio_path("m1", "a"), files.journal_path("m1", "a"), files.folder / "m1.a.flac.part"):
        assert owner(path) == ("m1", "a")
    assert owner(Path("m1.journal")) == ("m1", "")
    assert owner(Path("README")) == ("README", "")


def test_the_files_of_a_meeting_are_all_of_its_own_and_no_others(files: MeetingFiles) -> None:
    names = ["m1.a.aside", "m1.a.flac", "m1.b.journal"]
    for name in (*names, "m1-2.a.flac", "m2.a.journal"):
        (files.folder / name).touch()
    assert [path.name for path in files.of("m1")] == names
    assert files.of("*") == []
    assert [path.name for path in files.journals()] == ["m1.b.journal", "m2.a.journal"]


def test_what_is_removed_is_gone_before_the_folder_is_synced(
    files: MeetingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    for name in ("m1.a.flac", "m1.a.journal", "older.flac", "m2.a.flac"):
        (files.folder / name).touch()
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(sorted(os.listdir(descriptor))))
    files.remove("m1", ["older.flac", "../m2.a.flac/x"])
    assert seen == [["m2.a.flac"]]


def test_folders_and_links_are_no_files_of_a_meeting(files: MeetingFiles) -> None:
    (files.folder / "m1.a.flac").touch()
    (files.folder / "m1.b.flac").symlink_to(files.folder / "m1.a.flac")
    (files.folder / "folder").mkdir()
    assert [path.name for path in files.all()] == ["m1.a.flac"]
    assert stat.S_IMODE(files.folder.stat().st_mode) & 0o077 == 0


def test_a_folder_that_cannot_be_read_is_told_as_every_trouble_of_the_store(
    files: MeetingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, pattern: str = "") -> object:
        raise OSError(5, "Input/output error")

    for name in ("glob", "iterdir"):
        monkeypatch.setattr(Path, name, refuse)
    for looked_for in (lambda: files.of("m1"), files.journals, files.all):
        with pytest.raises(StoreError, match="Input/output error"):
            looked_for()
