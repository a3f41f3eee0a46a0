"""The tortures themselves: each must miss its bar when what it looks for is broken."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.torture import scenarios
from benchmarks.torture.shared import Options, Result
from meeting.storage.files.journal import Journal


def durability(folder: Path) -> Result:
    """The row of 20 frames."""
    return asyncio.run(scenarios.durability(Options(folder, "none", 20, 1.0, 0.0, seed=1)))


def test_frames_are_synced_where_that_was_asked_for_and_only_there(tmp_path: Path) -> None:
    result = durability(tmp_path)
    assert result.passed, result.row()
    assert "`os` 0, `fsync` 20 of 20 frames" in result.measured


@pytest.mark.parametrize("always", [False, True])
def test_a_journal_that_never_syncs_misses_the_bar_as_does_one_that_always_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    monkeypatch.setattr(scenarios, "Journal", lambda path, audio, fsync: Journal(path, audio, fsync=always))
    assert not durability(tmp_path).passed


class Early(Journal):
    """Syncs before it writes."""

    def append(self, frame: Any) -> None:
        """What was there is on the disk, and the frame is not."""
        if self._fsync:
            os.fsync(self._file.fileno())
        self._fsync, asked = False, self._fsync
        super().append(frame)
        self._fsync = asked


def test_a_journal_that_syncs_too_early_misses_the_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "Journal", Early)
    assert not durability(tmp_path).passed
