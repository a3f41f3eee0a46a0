"""Notes over HTTP, by a stand-in for a language model: asked for, shown, exported, removed; who may, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.server_fakes import Serving, config, serving
from tests.meeting.notes.model_server import ModelServer, Reply


@pytest.fixture(scope="module")
def noting(running_model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A server that asks for tokens and may ask the stand-in."""
    settings = config(tmp_path_factory.mktemp("noting"))
    settings = replace(
        settings, server=replace(settings.server, token=TOKEN), notes=running_model.settings(key="quokka-key")
    )
    with serving(settings) as running:
        yield Locked(running)


def until_done(server: Locked, path: str) -> dict[str, Any]:
    """The notes, once nothing is being made."""
    deadline = time.monotonic() + 20
    while (body := server.call("GET", path).json())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert isinstance(body, dict)
    return body


def test_a_host_has_notes_made_that_everybody_reads(noting: Locked, model: ModelServer) -> None:
    meeting = noting.held("Notes")
    path = f"/api/meetings/{meeting.id}/notes"
    endpoint = {"host": f"127.0.0.1:{model.port}", "model": "tiny", "local": True, "encrypted": True}
    empty = {"state": None, "problem": None, "progress": None, "notes": None, "outdated": False}
    assert noting.call("GET", path, meeting.view).json() == {"endpoint": endpoint, **empty}
    released = threading.Event()
    model.replies.append(Reply('{"summary": [{"text": "Ann counted to one.", "lines": [1]}]}', until=released))
    begun = noting.call("POST", path, meeting.host)
    assert (begun.status_code, begun.json()["state"]) == (202, "running")
    assert noting.call("POST", path, meeting.host).json()["error"]["code"] == "running"
    released.set()
    body = until_done(noting, path)
    assert (body["state"], body["problem"], body["outdated"]) == ("done", None, False)
    assert body["notes"]["summary"] == [
        {"text": "Ann counted to one.", "lines": [{"id": "s0", "start": 0.0}], "doubtful": True}  # "one" is short
    ]
    assert (body["notes"]["model"], body["notes"]["host"]) == ("tiny", endpoint["host"])
    assert noting.call("GET", path, meeting.view).json() == body


def test_notes_are_in_the_exports_and_the_transcript_and_known_by_the_tag_of_the_meeting(
    noting: Locked, model: ModelServer
) -> None:
    meeting = noting.held("Exported")
    at = f"/api/meetings/{meeting.id}"
    before = noting.call("GET", at)
    assert before.json()["notes_changed_at"] is None
    model.replies.append(Reply('{"actions": [{"text": "Count to one again", "who": "Ann", "lines": [1]}]}'))
    noting.call("POST", f"{at}/notes")
    body = until_done(noting, f"{at}/notes")
    after = noting.call("GET", at, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["notes_changed_at"] is not None
    assert noting.call("GET", f"{at}/export", params={"format": "json"}).json()["notes"] == body["notes"]
    assert noting.call("GET", f"{at}/transcript").json()["notes"] == body["notes"]
    assert "Count to one again (who: Ann; 00:00:00" in noting.call("GET", f"{at}/export", params={"format": "md"}).text
    assert "Count to one" not in noting.call("GET", f"{at}/export", params={"format": "txt"}).text


@pytest.mark.parametrize("role", ["view", "speak"])
def test_only_hosts_make_or_remove_notes(noting: Locked, model: ModelServer, role: str) -> None:
    meeting = noting.held("Theirs")
    path = f"/api/meetings/{meeting.id}/notes"
    for method in ("POST", "DELETE"):
        assert noting.call(method, path, getattr(meeting, role)).status_code == 403
    assert model.asked == []


def test_a_meeting_that_has_not_ended_is_sent_nowhere(noting: Locked, model: ModelServer) -> None:
    meeting = noting.create("Still open")
    path = f"/api/meetings/{meeting.id}/notes"
    assert noting.call("POST", path).status_code == 409
    with noting.connect(meeting.id, meeting.speak) as source:
        source.start()
        answer = noting.call("POST", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "live")
        source.send("stop")
        source.close_code()
    assert model.asked == []
    assert noting.call("GET", path).json()["state"] is None


def test_a_model_that_fails_is_told_and_the_transcript_is_as_before(noting: Locked, model: ModelServer) -> None:
    meeting = noting.held("Failing")
    at = f"/api/meetings/{meeting.id}"
    before = noting.call("GET", f"{at}/transcript").text
    model.replies.append(Reply("look in /etc/passwd", 500))
    noting.call("POST", f"{at}/notes")
    body = until_done(noting, f"{at}/notes")
    assert (body["state"], body["notes"]) == ("failed", None)
    assert body["problem"] == (
        f"the language model at 127.0.0.1:{model.port} refuses (500); it says: look in passwd"  # no path for clients
    )
    assert noting.call("GET", f"{at}/transcript").text == before


def test_notes_of_a_transcript_that_was_edited_since_are_outdated(noting: Locked, model: ModelServer) -> None:
    meeting = noting.held("Edited")
    at = f"/api/meetings/{meeting.id}"
    noting.call("POST", f"{at}/notes")
    assert until_done(noting, f"{at}/notes")["outdated"] is False
    noting.call("PATCH", f"{at}/speakers/spk1", json={"name": "Ann"})
    assert noting.call("GET", f"{at}/notes").json()["outdated"] is True


def test_removed_notes_are_gone_from_everything(noting: Locked, model: ModelServer) -> None:
    meeting = noting.held("Removed")
    at = f"/api/meetings/{meeting.id}"
    noting.call("POST", f"{at}/notes")
    until_done(noting, f"{at}/notes")
    assert noting.call("DELETE", f"{at}/notes", meeting.host).status_code == 204
    assert noting.call("GET", f"{at}/notes").json()["notes"] is None
    assert "notes" not in noting.call("GET", f"{at}/transcript").json()
    assert noting.call("DELETE", f"{at}/notes").status_code == 204


def test_a_meeting_that_is_deleted_while_it_is_noted_stays_deleted(noting: Locked, model: ModelServer) -> None:
    meeting = noting.held("Deleted")
    at = f"/api/meetings/{meeting.id}"
    released = threading.Event()
    model.replies.append(Reply('{"summary": []}', until=released))
    noting.call("POST", f"{at}/notes")
    assert noting.call("DELETE", at).status_code == 204
    released.set()
    assert noting.call("GET", f"{at}/notes").status_code == 404
    jobs = noting.serving.app.state.notes
    while jobs.job(meeting.id) is not None:
        time.sleep(0.01)
    assert noting.call("GET", f"{at}/notes").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_meeting_that_is_not_there_has_no_notes(noting: Locked, method: str) -> None:
    assert noting.call(method, "/api/meetings/nowhere/notes").status_code == 404


def test_without_a_model_notes_are_off_and_say_how_to_turn_them_on(served: Serving) -> None:
    path = f"/api/meetings/{served.held()}/notes"
    assert served.http.get(path).json()["endpoint"] is None
    answer = served.http.post(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "notes.url" in answer.json()["error"]["message"]
