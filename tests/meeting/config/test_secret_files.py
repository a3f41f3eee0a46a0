"""A secret in a file is read without blanks around it; one that cannot be read is told with its file and the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.config.secret_files import read_secret
from pipelines.errors import SettingsError


def test_a_secret_is_what_the_file_holds_without_blanks_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" quokka wombat\n\n")
    assert read_secret(tmp_path / "key", "the key in") == "quokka wombat"


def test_a_file_that_is_not_there_or_is_no_file_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^the key in .*none cannot be read: No such file or directory$"):
        read_secret(tmp_path / "none", "the key in")
    with pytest.raises(SettingsError, match=r"cannot be read: Is a directory$"):
        read_secret(tmp_path, "the key in")


def test_a_file_that_is_not_text_is_told_without_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"quokka\xff")
    with pytest.raises(SettingsError, match=r"^the key in .*key cannot be read: it is not text$") as caught:
        read_secret(tmp_path / "key", "the key in")
    assert "quokka" not in str(caught.value)
