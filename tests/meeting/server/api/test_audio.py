"""Audio over HTTP, whole and in ranges."""

from __future__ import annotations

from meeting.core.records import Source
from meeting.storage.transcript_store import TranscriptStore
from tests.fakes.server_fakes import Serving


def test_audio_can_be_had_whole_and_in_ranges(served: Serving) -> None:
    path = f"/api/meetings/{served.held()}/audio"
    whole = served.http.get(path)
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.content[:4] == b"fLaC"
    part = served.http.get(path, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"LaC")
    assert part.headers["content-range"] == f"bytes 1-3/{len(whole.content)}"


def test_audio_is_that_of_the_source_that_spoke_not_of_one_that_was_cut_off_before(served: Serving) -> None:
    meeting_id = served.held()
    silent = Source("0", "", "room", "pcm_s16le", 16000, 1, audio=f"{meeting_id}.0.flac")
    TranscriptStore(served.app.state.rooms.store).save_source(meeting_id, silent).result()
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"] == "0"
    assert served.http.get(f"/api/meetings/{meeting_id}/audio").content[:4] == b"fLaC"


def test_audio_of_one_source_can_be_asked_for(served: Serving) -> None:
    meeting_id = served.held()
    source = served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"]
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source={source}").status_code == 200
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source=other").status_code == 404
    assert served.http.get(f"/api/meetings/{served.create()}/audio").status_code == 404
