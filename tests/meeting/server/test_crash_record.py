"""A server that crashes says so to the next one."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from meeting.server.crash_record import CRASH, crash_record
from pipelines.errors import StoreError

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import os, signal, sys
from pathlib import Path
from meeting.server.crash_record import crash_record
with crash_record(Path(sys.argv[1])):
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
"""


@pytest.mark.parametrize(("signal", "crashed"), [("SIGSEGV", True), ("SIGABRT", True), ("SIGKILL", False)])
def test_a_fault_of_its_own_is_told_to_the_next_start_and_a_kill_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, signal: str, crashed: bool
) -> None:
    caplog.set_level(logging.CRITICAL)
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), signal], cwd=ROOT, check=False, capture_output=True)
    with crash_record(tmp_path) as before:
        assert before is crashed
    assert not (tmp_path / CRASH).exists()


def test_a_record_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / CRASH).mkdir()
    with pytest.raises(StoreError, match="cannot be used"), crash_record(tmp_path):
        pass
