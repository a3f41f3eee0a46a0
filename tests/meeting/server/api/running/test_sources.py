"""Several sources in one meeting over real sockets: they come and go, and a host mutes or ends one."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.cluster.ownership import Claim
from meeting.core.errors import Elsewhere
from meeting.core.messages import AudioFrame
from meeting.storage.files import journal
from meeting.storage.files.journal import Journal
from pipelines.errors import StoreError
from tests.fakes.server_fakes import NO_AUDIO, Serving, config, serving, tone, wait_ready


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


def test_who_asks_a_server_that_has_just_lost_the_meeting_is_sent_to_the_one_that_has_it(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting_id = served.held()

    async def take(subject: str) -> Claim:
        raise Elsewhere("https://b.example/servers/b")

    monkeypatch.setattr(served.app.state.rooms.ownership, "take", take)
    path = f"/api/meetings/{meeting_id}/sources/x"
    for answer in (served.http.patch(path, json={"muted": True}), served.http.delete(path)):
        assert (answer.status_code, answer.headers["location"]) == (307, f"https://b.example/servers/b{path}")


def test_a_source_that_there_is_not_is_told(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        assert served.http.patch(f"/api/meetings/{meeting_id}/sources/x", json={"muted": True}).status_code == 404
        host.send("stop")
        host.until("ended")


def lines(served: Serving, meeting_id: str) -> list[tuple[str, str | None, float, str]]:
    """What is kept of a meeting: source, speaker, start and text of each line."""
    body = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()
    return [(one["id"], one["speaker"], round(one["start"]), one["text"]) for one in body["segments"]]


@pytest.mark.slow
def test_two_sources_of_a_server_that_died_go_on_where_they_were(tmp_path: Path) -> None:
    """The data folder is copied while the meeting runs: what a process leaves that is killed at this moment."""
    with serving(config(tmp_path / "first")) as first:
        wait_ready(first)
        meeting_id = first.create()
        with first.connect(meeting_id) as ann, first.connect(meeting_id) as bob:
            of_ann = ann.start(source={"name": "Ann", "kind": "room"})
            ann.frame(0, tone(1.0))
            ann.until("ack")
            of_bob = bob.start(source={"name": "Bob", "kind": "solo"})
            bob.frame(0, tone(1.0))
            bob.until("ack")
            while not (len(lines(first, meeting_id)) == 2 and all(one[1] for one in lines(first, meeting_id))):
                pass
            before = lines(first, meeting_id)
            shutil.copytree(tmp_path / "first", tmp_path / "second", ignore=shutil.ignore_patterns("*.lock"))
            ann.send("stop")
            bob.send("stop")
            ann.until("ended")
    with serving(config(tmp_path / "second")) as second:
        wait_ready(second)
        assert lines(second, meeting_id) == before
        with second.connect(meeting_id) as ann, second.connect(meeting_id) as bob:
            for client, known in ((ann, of_ann), (bob, of_bob)):
                resume = {"source_id": known["source_id"], "token": known["resume_token"]}
                again = client.start(resume=resume)
                assert (again["source_id"], again["next_seq"]) == (known["source_id"], 1)
                client.frame(1, tone(1.0))
                client.until("ack")
            ann.send("stop")
            bob.send("stop")
            bob.until("ended")
        kept = second.http.get(f"/api/meetings/{meeting_id}").json()
        assert [(one["name"], one["duration"]) for one in kept["sources"]] == [("Ann", 2.0), ("Bob", 2.0)]
        assert {one["label"] for one in kept["speakers"]} == {"Speaker 1", "Bob"}
        after = lines(second, meeting_id)
        assert [one for one in after if one in before] == before
        assert len(after) == 4


def test_the_voice_of_somebody_alone_at_a_microphone_has_the_name_of_its_source(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start(source={"name": "Ann", "kind": "solo"})
        host.frame(0, tone(1.0))
        host.send("stop")
        host.until("ended")
    (speaker,) = served.http.get(f"/api/meetings/{meeting_id}").json()["speakers"]
    assert (speaker["name"], speaker["label"]) == ("Ann", "Ann")
    assert [one[1] for one in lines(served, meeting_id)] == [speaker["id"]]


@pytest.mark.slow
def test_what_two_microphones_in_one_room_hear_is_shown_once(served: Serving) -> None:
    meeting_id, rng = served.create(), np.random.default_rng(1)
    # As speech has it: louder and quieter every tenth of a second, in all bands.
    loud = np.repeat(rng.uniform(0.005, 0.3, 80), 1600)
    heard = loud * rng.standard_normal(len(loud)), 0.5 * loud * rng.standard_normal(len(loud))
    with served.connect(meeting_id) as ann, served.connect(meeting_id) as bob:
        clients = [ann, bob]
        for client in clients:
            client.start()
        for seq in range(80):
            for client, sound in zip(clients, heard, strict=True):
                part = np.clip(sound[seq * 1600 : (seq + 1) * 1600], -1, 1)
                client.frame(seq, (part * 32767).astype("<i2").tobytes())
            time.sleep(0.1)
        for client in clients:
            client.send("stop")
        ann.until("ended")
    starts = [start for _, _, start, _ in lines(served, meeting_id)]
    assert starts == list(range(8))


def test_a_disk_that_refuses_holds_back_both_sources_and_loses_nothing(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting_id, append, full = served.create(), Journal.append, threading.Event()

    def refusing(written: Journal, frame: AudioFrame) -> None:
        if full.is_set():
            raise StoreError("the disk is full")
        append(written, frame)

    monkeypatch.setattr(Journal, "append", refusing)
    with served.connect(meeting_id) as ann, served.connect(meeting_id) as bob:
        ids = [client.start()["source_id"] for client in (ann, bob)]
        full.set()
        for client in (ann, bob):
            client.frame(0, tone(1.0))
            assert client.until("error", "ack")["code"] == "storage"
        full.clear()
        files = served.app.state.rooms.store.files
        for client, source_id in zip((ann, bob), ids, strict=True):
            assert client.until("ack")["audio"] == 1.0
            kept = journal.read(files.journal_path(meeting_id, source_id))
            assert [frame.payload for frame in kept] == [tone(1.0)]
            client.send("stop")
        ann.until("ended")
    assert len(lines(served, meeting_id)) == 2


def test_a_source_that_sends_no_audio_goes_alone(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as ann, served.connect(meeting_id) as bob:
        ann.start()
        bob.start()
        bob.frame(0, NO_AUDIO)
        assert bob.until("error")["code"] == "bad_audio"
        assert bob.close_code() == 4400
        ann.frame(0, tone(1.0))
        assert ann.until("ack")["audio"] == 1.0
        ann.send("stop")
        ann.until("ended")
    assert len(lines(served, meeting_id)) == 1
