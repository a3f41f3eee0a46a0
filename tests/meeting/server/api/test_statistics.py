"""Who spoke how much, over HTTP: of a meeting that is over, and of one that is live."""

from __future__ import annotations

from tests.fakes.server_fakes import Serving, tone
from tests.fakes.stored import keep_two_sources


def test_statistics_grow_while_a_meeting_is_live_and_stay_once_it_is_over(served: Serving) -> None:
    meeting_id = served.create()
    path = f"/api/meetings/{meeting_id}/statistics"
    assert served.http.get(path).json()["speakers"] == []
    with served.connect(meeting_id) as source:
        source.start()
        source.frame(0, tone(2.0))
        while source.until("speaker_revision")["changes"][0]["id"] != "s1":
            pass
        live = served.http.get(path).json()
        assert (live["duration"], live["talk_time"]) == (2.0, 2.0)
        source.send("stop")
        source.close_code()
    (one,) = served.http.get(path).json()["speakers"]
    assert (one["name"], one["seconds"], one["turns"], one["words"]) == ("Speaker 1", 2.0, 1, 2)
    assert one["words_per_minute"] == 60.0
    assert served.http.get("/api/meetings/none/statistics").status_code == 404


def test_what_several_sources_heard_of_one_speaker_counts_once(served: Serving) -> None:
    meeting = keep_two_sources(served.app.state.rooms.store, "statistics")
    told = served.http.get(f"/api/meetings/{meeting.id}/statistics").json()
    assert [(one["name"], one["seconds"], one["turns"]) for one in told["speakers"]] == [
        ("Ann", 2.0, 1),
        ("Ben", 2.0, 1),
    ]
    assert (told["duration"], told["overlap"], told["silence"]) == (8.0, 0.0, 2.0)
