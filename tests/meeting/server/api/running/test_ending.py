"""Meetings that are ended and deleted over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.server_fakes import Serving, tone


@pytest.mark.slow
def test_a_deleted_meeting_is_gone_with_its_files(served: Serving) -> None:
    meeting_id = served.held()
    folder: Path = served.app.state.rooms.store.data_dir / "audio"
    assert list(folder.glob(f"{meeting_id}*"))
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
    assert not list(folder.glob(f"{meeting_id}*"))
    assert served.http.get(f"/api/meetings/{meeting_id}").status_code == 404
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 404


def test_an_open_meeting_can_be_deleted_under_its_readers(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as viewer:
        viewer.receive()
        assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
        assert viewer.close_code() == 4404


def test_a_live_meeting_is_neither_deleted_nor_is_its_audio_given(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone())
        host.until("ack")
        answer = served.http.delete(f"/api/meetings/{meeting_id}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "live")
        assert served.http.get(f"/api/meetings/{meeting_id}/audio").status_code == 409
        body = served.http.get(f"/api/meetings/{meeting_id}").json()
        assert (body["state"], body["duration"]) == ("live", 1.0)
        host.send("stop")
        host.close_code()
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
