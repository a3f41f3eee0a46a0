"""What processes cost, read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.harness.process import TICKS, children, command_line, family, family_cpu_seconds, parent


def test_a_process_knows_its_parent_and_its_parent_knows_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert parent(child.pid) == os.getpid()
        assert child.pid in children(os.getpid())


def test_a_family_is_a_process_and_all_that_came_of_it() -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", grandchild], stdin=subprocess.PIPE) as child:
        while len(found := family(child.pid)) < 2:
            pass
        assert found[0] == child.pid
        assert parent(found[1]) == child.pid
        assert "import subprocess" in command_line(child.pid)
    assert command_line(child.pid) == ""


def test_what_a_child_has_spent_still_counts_when_it_has_ended() -> None:
    before = family_cpu_seconds(os.getpid())
    spend = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", spend], check=True)
    assert family_cpu_seconds(os.getpid()) - before >= 0.3 - 2 / TICKS
