"""A data folder has one server."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.storage.files.lock import only_server
from pipelines.errors import StoreError


def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    with only_server(tmp_path), pytest.raises(StoreError, match="another server uses"), only_server(tmp_path):
        pass
    with only_server(tmp_path):
        assert (tmp_path / "serve.lock").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used: Not a directory"), only_server(tmp_path / "file" / "data"):
        pass
