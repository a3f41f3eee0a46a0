"""Several sources in one meeting over real sockets: they come and go, and a host mutes or ends one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.fakes.server_fakes import Serving, tone


def test_two_clients_are_two_sources_and_the_meeting_ends_with_the_last_one(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as ann, served.connect(meeting_id) as bob:
        first, second = ann.start()["source_id"], bob.start()["source_id"]
        assert first != second
        ann.frame(0, tone(1.0))
        ann.until("ack")
        bob.frame(0, tone(0.5))
        assert bob.until("ack")["audio"] == 0.5
        details = served.http.get(f"/api/meetings/{meeting_id}").json()
        assert [(one["id"], one["number"], one["state"]) for one in details["sources"]] == [
            (first, 1, "live"),
            (second, 2, "live"),
        ]
        ann.send("stop")
        while ann.until("source") != {**ann.seen[-1], "id": first, "state": "ended"}:
            pass
        assert served.http.get(f"/api/meetings/{meeting_id}").json()["state"] == "live"
        bob.frame(1, tone(0.5))
        assert bob.until("ack")["audio"] == 1.0
        bob.send("stop")
        bob.until("ended")
        ann.until("ended")
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["state"] == "ended"


def test_a_muted_source_is_kept_as_silence_and_is_heard_again_later(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        source_id = host.start()["source_id"]
        url = f"/api/meetings/{meeting_id}/sources/{source_id}"
        for seq, muted in enumerate((False, True, False)):
            answer = served.http.patch(url, json={"muted": muted})
            assert (answer.status_code, answer.json()["muted"]) == (200, muted)
            host.frame(seq, tone(1.0))
            while host.until("ack")["seq"] < seq:
                pass
        host.send("stop")
        host.until("ended")
    folder: Path = served.app.state.rooms.store.data_dir / "audio"
    sound, _ = soundfile.read(next(folder.glob(f"{meeting_id}*.flac")))
    loud = [bool(np.abs(part).max() > 0.01) for part in np.split(sound[:48_000], 3)]
    assert loud == [True, False, True]


def test_a_source_that_a_host_ends_goes_and_the_meeting_goes_on(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as ann, served.connect(meeting_id) as bob:
        ann.start()
        source_id = bob.start()["source_id"]
        assert served.http.delete(f"/api/meetings/{meeting_id}/sources/{source_id}").status_code == 204
        assert bob.until("error")["code"] == "removed"
        assert bob.close_code() == 4409
        ann.frame(0, tone(0.5))
        assert ann.until("ack")["audio"] == 0.5
        ann.send("stop")
        ann.until("ended")


def test_sources_of_a_meeting_that_is_not_live_are_left_as_they_are(served: Serving) -> None:
    meeting_id = served.held()
    (source,) = served.http.get(f"/api/meetings/{meeting_id}").json()["sources"]
    url = f"/api/meetings/{meeting_id}/sources/{source['id']}"
    for answer in (served.http.patch(url, json={"muted": True}), served.http.delete(url)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_live")
    assert served.http.delete("/api/meetings/nothing/sources/x").status_code == 404


def test_a_source_that_there_is_not_is_told(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        assert served.http.patch(f"/api/meetings/{meeting_id}/sources/x", json={"muted": True}).status_code == 404
        host.send("stop")
        host.until("ended")
