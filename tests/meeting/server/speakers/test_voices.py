"""Voices that are remembered, over HTTP: from a meeting that runs to the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from meeting.session.events import OutputReceived
from pipelines.types import Speaker, Voice, VoicesHeard
from tests.fakes.server_fakes import Client, Serving, tone

ANN, BEN = np.eye(2, dtype=np.float32)


@pytest.fixture(autouse=True)
def nobody_is_remembered(open_server: Serving) -> None:
    """No test finds voices of another one."""
    for voice in listed(open_server):
        call(open_server, "DELETE", f"voices/{voice['id']}")


@contextmanager
def speaking(
    open_server: Serving, voice: Any = ANN, seconds: float = 20.0, model: str = "ge2e"
) -> Iterator[tuple[str, Client]]:
    """A meeting in which `spk1` is heard to sound like this."""
    meeting_id = open_server.create()
    with open_server.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone(1.0))
        host.until("speaker_revision")
        heard = VoicesHeard((Voice("spk1", voice, seconds),), model)
        room = open_server.app.state.rooms.get(meeting_id)
        room.post_from_thread(OutputReceived(room.sources[0], heard))
        yield meeting_id, host
        host.send("stop")
        host.until("ended")


def call(open_server: Serving, method: str, path: str, **body: object) -> tuple[int, Any]:
    """Status and answer."""
    answer = open_server.http.request(method, f"/api/{path}", json=body or None)
    return answer.status_code, answer.json() if answer.content else None


def listed(open_server: Serving) -> list[dict[str, Any]]:
    """The voices that are kept."""
    voices: list[dict[str, Any]] = call(open_server, "GET", "voices")[1]["voices"]
    return voices


def remember(open_server: Serving, name: str = "Ann", **how: Any) -> tuple[int, Any]:
    """Name the speaker of a meeting, and ask to remember the voice."""
    with speaking(open_server, **how) as (meeting_id, _):
        assert call(open_server, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=name)[0] == 200
        return call(open_server, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")


@pytest.mark.slow
def test_a_voice_is_remembered_recognised_in_the_next_meeting_confirmed_and_counted(open_server: Serving) -> None:
    status, body = remember(open_server)
    assert (status, body["voice"]["name"], body["voice"]["seconds"]) == (200, "Ann", 20.0)
    assert [(one["name"], one["meetings"], one["used"]) for one in listed(open_server)] == [("Ann", 1, True)]
    with speaking(open_server) as (meeting_id, host):
        told = host.until("speaker")
        assert (told["id"], told["name"], told["recognized"]) == ("spk1", "Ann", True)
        with open_server.connect(meeting_id) as viewer:
            assert viewer.until("snapshot")["speakers"] == [told]
        assert call(open_server, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")[0] == 409  # nobody said it is Ann
    path = f"meetings/{meeting_id}/speakers/spk1"
    export = open_server.http.get(f"/api/meetings/{meeting_id}/export?format=json").json()
    assert export["speakers"] == [{"id": "spk1", "name": "Ann", "name_recognized": True}]
    assert "Ann: one" in open_server.http.get(f"/api/meetings/{meeting_id}/export?format=srt").text
    assert call(open_server, "PATCH", path, name="Ann")[1]["speakers"][0]["recognized"] is False
    assert listed(open_server)[0]["meetings"] == 2
    export = open_server.http.get(f"/api/meetings/{meeting_id}/export?format=json").json()
    assert export["speakers"] == [{"id": "spk1", "name": "Ann"}]
    assert call(open_server, "PATCH", path, name=None)[0] == 200
    assert listed(open_server)[0]["meetings"] == 1


def test_a_wrong_recognition_is_taken_away_and_does_not_come_back(open_server: Serving) -> None:
    remember(open_server)
    with speaking(open_server) as (meeting_id, host):
        host.until("speaker")
        assert call(open_server, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=None)[0] == 200
        room = open_server.app.state.rooms.get(meeting_id)
        again = OutputReceived(room.sources[0], VoicesHeard((Voice("spk1", ANN, 40.0),), "ge2e"))
        room.post_from_thread(again)
    assert [one["name"] for one in host.seen if one["type"] == "speaker"][-1] is None
    assert open_server.http.get(f"/api/meetings/{meeting_id}").json()["speakers"][0]["name"] is None


def test_who_sounds_otherwise_or_is_heard_by_another_model_stays_unknown(open_server: Serving) -> None:
    remember(open_server)
    for how in ({"voice": BEN}, {"model": "wespeaker"}, {"seconds": 1.0}):
        with speaking(open_server, **how) as (meeting_id, _):
            pass
        assert open_server.http.get(f"/api/meetings/{meeting_id}").json()["speakers"][0]["name"] is None


def test_a_voice_is_renamed_and_forgotten_for_meetings_that_run(open_server: Serving) -> None:
    voice = remember(open_server)[1]["voice"]["id"]
    with speaking(open_server) as (_, host):
        assert host.until("speaker")["name"] == "Ann"
        assert call(open_server, "PATCH", f"voices/{voice}", name="Anna")[0] == 204
        assert host.until("speaker")["name"] == "Anna"
        assert call(open_server, "DELETE", f"voices/{voice}")[0] == 204
        assert host.until("speaker")["name"] is None
    assert listed(open_server) == []
    assert call(open_server, "DELETE", f"voices/{voice}")[0] == 404


def test_a_host_sees_and_takes_back_what_was_remembered_in_the_meeting(open_server: Serving) -> None:
    with speaking(open_server) as (meeting_id, _):
        path = f"meetings/{meeting_id}/speakers/spk1"
        call(open_server, "PATCH", path, name="Ann")
        assert call(open_server, "GET", f"{path}/voice") == (200, {"voice": None})
        assert call(open_server, "PUT", f"{path}/voice")[0] == 200
        assert call(open_server, "GET", f"{path}/voice")[1]["voice"]["name"] == "Ann"
        assert call(open_server, "DELETE", f"{path}/voice")[0] == 204
        assert call(open_server, "GET", f"{path}/voice") == (200, {"voice": None})
        assert call(open_server, "DELETE", f"{path}/voice")[0] == 404
    assert listed(open_server) == []


def test_what_was_remembered_can_be_taken_back_once_the_speaker_is_another_one(open_server: Serving) -> None:
    with speaking(open_server) as (meeting_id, host):
        path = f"meetings/{meeting_id}/speakers"
        call(open_server, "PATCH", f"{path}/spk1", name="Ann")
        assert call(open_server, "PUT", f"{path}/spk1/voice")[0] == 200
        room = open_server.app.state.rooms.get(meeting_id)
        room.post_from_thread(OutputReceived(room.sources[0], Speaker("spk2", color=1)))
        while host.until("speaker")["id"] != "spk2":
            pass
        assert call(open_server, "PATCH", f"{path}/spk1", merge_into="spk2")[0] == 200
        assert call(open_server, "GET", f"{path}/spk2/voice")[1]["voice"]["name"] == "Ann"
        assert call(open_server, "DELETE", f"{path}/spk2/voice")[0] == 204
        assert call(open_server, "GET", f"{path}/spk2/voice") == (200, {"voice": None})
    assert listed(open_server) == []


@pytest.mark.parametrize(
    ("how", "name", "code"),
    [
        ({"seconds": 9.9}, "Ann", "too_little"),
        ({}, None, "no_name"),
        ({}, "ann  MARIE", "name_taken"),
    ],
)
def test_what_cannot_be_remembered_says_why(
    open_server: Serving, how: dict[str, Any], name: str | None, code: str
) -> None:
    remember(open_server, "Ann Marie", voice=BEN)
    with speaking(open_server, **how) as (meeting_id, _):
        if name is not None:
            call(open_server, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=name)
        status, body = call(open_server, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")
    assert (status, body["error"]["code"]) == (409, code)
    assert len(listed(open_server)) == 1


def test_an_unknown_speaker_or_meeting_is_not_found(open_server: Serving) -> None:
    meeting_id = open_server.held()
    for path in (f"meetings/{meeting_id}/speakers/spk9/voice", "meetings/nowhere/speakers/spk1/voice"):
        assert call(open_server, "PUT", path)[0] == 404


def test_how_anybody_sounds_is_stored_only_where_it_was_asked_for(open_server: Serving) -> None:
    sound = np.random.default_rng(3).normal(size=256).astype(np.float32)
    sound /= np.linalg.norm(sound)
    with speaking(open_server, voice=sound):
        pass
    folder = open_server.app.state.rooms.store.data_dir
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert sound.tobytes()[:64] not in stored
    assert json.dumps(float(sound[0]))[:8].encode() not in stored
