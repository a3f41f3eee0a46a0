"""What processes cost, read from /proc."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.harness.process import TICKS, children, family_cpu_seconds, parent


def test_a_process_knows_its_parent_and_its_parent_knows_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert parent(child.pid) == os.getpid()
        assert child.pid in children(os.getpid())


def test_what_a_child_has_spent_still_counts_when_it_has_ended() -> None:
    before = family_cpu_seconds(os.getpid())
    spend = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", spend], check=True)
    assert family_cpu_seconds(os.getpid()) - before >= 0.3 - 2 / TICKS
