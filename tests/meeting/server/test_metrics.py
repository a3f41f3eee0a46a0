"""MetricsCollector of a server for a monitoring system."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.server_fakes import config, serving, tone, wait_ready


def test_figures_follow_a_meeting(tmp_path: Path) -> None:
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        meeting_id = served.create()
        with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
            viewer.receive()
            host.start()
            host.frame(0, tone())
            host.until("ack")
            during = served.http.get("/metrics").text
            host.send("stop")
            host.close_code()
        while "meeting_finished_total 0.0" in (after := served.http.get("/metrics").text):
            pass
    assert {"meeting_live 1.0", "meeting_viewers 1.0", "meeting_audio_seconds_total 1.0"} <= set(during.splitlines())
    assert {"meeting_live 0.0", "meeting_viewers 0.0", "meeting_audio_seconds_total 1.0"} <= set(after.splitlines())
    assert "meeting_models_ready 1.0" in after
