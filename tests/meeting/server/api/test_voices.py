"""Voices that are remembered, over HTTP: from a meeting that runs to the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from meeting.session.events import OutputReceived
from pipelines.types import Voice, VoicesHeard
from tests.fakes.server_fakes import Client, Serving, tone

ANN, BEN = np.eye(2, dtype=np.float32)


@pytest.fixture(autouse=True)
def nobody_is_remembered(served: Serving) -> None:
    """No test finds voices of another one."""
    for voice in listed(served):
        call(served, "DELETE", f"voices/{voice['id']}")


@contextmanager
def speaking(
    served: Serving, voice: Any = ANN, seconds: float = 20.0, model: str = "ge2e"
) -> Iterator[tuple[str, Client]]:
    """A meeting in which `spk1` is heard to sound like this."""
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone(1.0))
        host.until("speaker_revision")
        heard = VoicesHeard((Voice("spk1", voice, seconds),), model)
        served.app.state.rooms.get(meeting_id).post_from_thread(OutputReceived(heard))
        yield meeting_id, host
        host.send("stop")
        host.until("ended")


def call(served: Serving, method: str, path: str, **body: object) -> tuple[int, Any]:
    """Status and answer."""
    answer = served.http.request(method, f"/api/{path}", **({"json": body} if body else {}))
    return answer.status_code, answer.json() if answer.content else None


def listed(served: Serving) -> list[dict[str, Any]]:
    """The voices that are kept."""
    voices: list[dict[str, Any]] = call(served, "GET", "voices")[1]["voices"]
    return voices


def remember(served: Serving, name: str = "Ann", **how: Any) -> tuple[int, Any]:
    """Name the speaker of a meeting, and ask to remember the voice."""
    with speaking(served, **how) as (meeting_id, _):
        assert call(served, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=name)[0] == 200
        return call(served, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")


def test_a_voice_is_remembered_recognised_in_the_next_meeting_confirmed_and_counted(served: Serving) -> None:
    status, body = remember(served)
    assert (status, body["voice"]["name"], body["voice"]["seconds"]) == (200, "Ann", 20.0)
    assert [(one["name"], one["meetings"], one["used"]) for one in listed(served)] == [("Ann", 1, True)]
    with speaking(served) as (meeting_id, host):
        told = host.until("speaker")
        assert (told["id"], told["name"], told["recognized"]) == ("spk1", "Ann", True)
        with served.connect(meeting_id) as viewer:
            assert viewer.until("snapshot")["speakers"] == [told]
        assert call(served, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")[0] == 409  # nobody said it is Ann
    path = f"meetings/{meeting_id}/speakers/spk1"
    export = served.http.get(f"/api/meetings/{meeting_id}/export?format=json").json()
    assert export["speakers"] == [{"id": "spk1", "name": "Ann", "name_recognized": True}]
    assert "Ann: one" in served.http.get(f"/api/meetings/{meeting_id}/export?format=srt").text
    assert call(served, "PATCH", path, name="Ann")[1]["speakers"][0]["recognized"] is False
    assert listed(served)[0]["meetings"] == 2
    export = served.http.get(f"/api/meetings/{meeting_id}/export?format=json").json()
    assert export["speakers"] == [{"id": "spk1", "name": "Ann"}]
    assert call(served, "PATCH", path, name=None)[0] == 200
    assert listed(served)[0]["meetings"] == 1


def test_a_wrong_recognition_is_taken_away_and_does_not_come_back(served: Serving) -> None:
    remember(served)
    with speaking(served) as (meeting_id, host):
        host.until("speaker")
        assert call(served, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=None)[0] == 200
        again = OutputReceived(VoicesHeard((Voice("spk1", ANN, 40.0),), "ge2e"))
        served.app.state.rooms.get(meeting_id).post_from_thread(again)
    assert [one["name"] for one in host.seen if one["type"] == "speaker"][-1] is None
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["speakers"][0]["name"] is None


def test_who_sounds_otherwise_or_is_heard_by_another_model_stays_unknown(served: Serving) -> None:
    remember(served)
    for how in ({"voice": BEN}, {"model": "wespeaker"}, {"seconds": 1.0}):
        with speaking(served, **how) as (meeting_id, _):
            pass
        assert served.http.get(f"/api/meetings/{meeting_id}").json()["speakers"][0]["name"] is None


def test_a_voice_is_renamed_and_forgotten_for_meetings_that_run(served: Serving) -> None:
    voice = remember(served)[1]["voice"]["id"]
    with speaking(served) as (_, host):
        assert host.until("speaker")["name"] == "Ann"
        assert call(served, "PATCH", f"voices/{voice}", name="Anna")[0] == 204
        assert host.until("speaker")["name"] == "Anna"
        assert call(served, "DELETE", f"voices/{voice}")[0] == 204
        assert host.until("speaker")["name"] is None
    assert listed(served) == []
    assert call(served, "DELETE", f"voices/{voice}")[0] == 404


def test_a_host_sees_and_takes_back_what_was_remembered_in_the_meeting(served: Serving) -> None:
    with speaking(served) as (meeting_id, _):
        path = f"meetings/{meeting_id}/speakers/spk1"
        call(served, "PATCH", path, name="Ann")
        assert call(served, "GET", f"{path}/voice") == (200, {"voice": None})
        assert call(served, "PUT", f"{path}/voice")[0] == 200
        assert call(served, "GET", f"{path}/voice")[1]["voice"]["name"] == "Ann"
        assert call(served, "DELETE", f"{path}/voice")[0] == 204
        assert call(served, "GET", f"{path}/voice") == (200, {"voice": None})
        assert call(served, "DELETE", f"{path}/voice")[0] == 404
    assert listed(served) == []


@pytest.mark.parametrize(
    ("how", "name", "code"),
    [
        ({"seconds": 9.9}, "Ann", "too_little"),
        ({}, None, "no_name"),
        ({}, "ann  MARIE", "name_taken"),
    ],
)
def test_what_cannot_be_remembered_says_why(served: Serving, how: dict[str, Any], name: str | None, code: str) -> None:
    remember(served, "Ann Marie", voice=BEN)
    with speaking(served, **how) as (meeting_id, _):
        if name is not None:
            call(served, "PATCH", f"meetings/{meeting_id}/speakers/spk1", name=name)
        status, body = call(served, "PUT", f"meetings/{meeting_id}/speakers/spk1/voice")
    assert (status, body["error"]["code"]) == (409, code)
    assert len(listed(served)) == 1


def test_an_unknown_speaker_or_meeting_is_not_found(served: Serving) -> None:
    meeting_id = served.held()
    for path in (f"meetings/{meeting_id}/speakers/spk9/voice", "meetings/nowhere/speakers/spk1/voice"):
        assert call(served, "PUT", path)[0] == 404


def test_how_anybody_sounds_is_stored_only_where_it_was_asked_for(served: Serving) -> None:
    sound = np.random.default_rng(3).normal(size=256).astype(np.float32)
    sound /= np.linalg.norm(sound)
    with speaking(served, voice=sound):
        pass
    folder = served.app.state.rooms.store.data_dir
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert sound.tobytes()[:64] not in stored
    assert json.dumps(float(sound[0]))[:8].encode() not in stored
