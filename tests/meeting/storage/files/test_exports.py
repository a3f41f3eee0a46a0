"""Exports as files: named after the recording, for their owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meeting.core.export import export
from meeting.storage.files.exports import write_exports
from pipelines.errors import StoreError
from tests.meeting.core.test_export import SHORT


def test_replay_writes_six_files(tmp_path: Path) -> None:
    paths = write_exports(SHORT, tmp_path / "new" / "out", "libri2")
    assert sorted(path.name for path in paths) == [
        "libri2.json", "libri2.md", "libri2.rttm", "libri2.seglst.json", "libri2.srt", "libri2.txt",
    ]  # fmt: skip
    assert paths[0].read_text(encoding="utf-8") == export(SHORT, "json", "libri2")
    assert "SPEAKER libri2 1" in (tmp_path / "new" / "out" / "libri2.rttm").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "a/b", ".", "../x", "a\0b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        write_exports(SHORT, tmp_path, name)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_exports(SHORT, tmp_path / "file", "x")


def test_what_is_written_is_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        paths = write_exports(SHORT, tmp_path / "new" / "out", "libri2")
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new", tmp_path / "new" / "out")} == {0o700}
