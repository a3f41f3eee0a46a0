"""Files for their owner only: made, replaced, and told as a sentence where the disk refuses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting.storage.files.private_files import create, make_folder, store_errors, sync_folder
from pipelines.errors import StoreError


@pytest.fixture
def open_umask() -> Iterator[None]:
    """As if the system kept nothing from anybody."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.usefixtures("open_umask")
def test_a_file_is_its_owners_only_before_anything_is_in_it_and_replaces_one_that_is_there(tmp_path: Path) -> None:
    for text in ("longer than the other\n", "shorter\n"):
        with create(tmp_path / "a.txt") as file:
            assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o600
            file.write(text)
        assert (tmp_path / "a.txt").read_bytes() == text.encode()


@pytest.mark.usefixtures("open_umask")
def test_folders_that_are_missing_are_their_owners_only_and_others_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    make_folder(tmp_path / "old" / "new" / "newer")
    names = ("old", "old/new", "old/new/newer")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names] == [0o755, 0o700, 0o700]


def test_a_folder_is_synced_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    sync_folder(tmp_path)
    assert synced == [True]


@pytest.mark.parametrize(
    ("error", "sentence"), [(OSError(28, "No space left"), "No space left"), (ValueError("x"), "does not take")]
)
def test_what_a_disk_refuses_is_a_sentence_about_the_file(error: Exception, sentence: str) -> None:
    with (
        pytest.raises(StoreError, match=f"a.journal cannot be used: .*{sentence}"),
        store_errors(Path("a.journal"), (OSError, ValueError)),
    ):
        raise error
