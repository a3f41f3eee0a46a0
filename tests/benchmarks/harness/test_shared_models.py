"""What the processes of a Ray cluster are counted as."""

from __future__ import annotations

import pytest

from benchmarks.harness.shared_models import PARTS, part_of


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("ray::ServeReplica:speech:Recogniser", "replicas"),
        ("ray::ProxyActor", "proxy"),
        ("ray::ServeController", "controller"),
        ("/site/ray/core/src/ray/gcs/gcs_server --log_dir=/tmp", "gcs_server"),
        ("/site/ray/core/src/ray/raylet/raylet --monitor.py", "raylet"),
        ("ray::DashboardAgent", "agents, dashboard"),
        ("/bin/python /site/ray/dashboard/dashboard.py --host=127.0.0.1", "agents, dashboard"),
        ("/bin/python -u /site/ray/_private/log_monitor.py --session-dir=/tmp", "log monitor"),
        ("/bin/python -u /site/ray/autoscaler/_private/monitor.py --logs-dir=/tmp", "autoscaler's monitor"),
        ("/bin/python -m meeting models serve --models embedded", "others"),
        ("", "others"),
    ],
)
def test_each_process_belongs_to_one_part(command: str, part: str) -> None:
    assert part_of(command) == part
    assert part in [*PARTS, "others"]
