"""What the API says of jobs, and what it does not take; their way through a server stands in tests/meeting/jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from meeting.config.settings import Cluster
from tests.fakes.models.other_models import CHOICES
from tests.fakes.server_fakes import Serving, wait_ready


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a.wav"},
        {"name": " ", "size": 10},
        {"name": "a.wav", "size": 0},
        {"name": "a.wav", "size": "10"},
        {"name": "a.wav", "size": 10, "modified": -1},
        {"name": "a.wav", "size": 10, "speakers": "many"},
        {"name": "a.wav", "size": 10, "more": 1},
        {"name": "a.wav", "size": 10, "recorded_at": "2019-07-14T09:30:00"},
        {"name": "a.wav", "size": 10, "recorded_at": "0001-01-01T00:00:00+14:00"},
        {"name": "a.wav", "size": 10, "recorded_at": "9999-12-31T23:59:59-14:00"},
        {"name": "a.wav", "size": 10, "recorded_at": "2250-01-01T00:00:00Z"},
        {"name": "a" * 256, "size": 10},
    ],
)
def test_a_recording_that_is_not_described_as_it_should_be_is_not_taken(
    open_server: Serving, body: dict[str, Any]
) -> None:
    answer = open_server.http.post("/api/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_a_language_that_nobody_knows_and_a_file_that_is_too_large_are_refused_with_a_sentence(
    open_server: Serving,
) -> None:
    answer = open_server.http.post("/api/jobs", json={"name": "a.wav", "size": 10, "language": "klingon"})
    assert answer.status_code == 400
    assert "language" in answer.json()["error"]["message"]
    answer = open_server.http.post("/api/jobs", json={"name": "a.wav", "size": 2_000_000_001})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_large")
    assert "limits.recording" in answer.json()["error"]["message"]
    assert open_server.http.get("/api/jobs").json() == {"jobs": []}


def test_a_clock_that_is_ahead_by_a_little_dates_no_recording_into_the_future(open_server: Serving) -> None:
    ahead = (datetime.now(timezone.utc) + timedelta(minutes=20)).isoformat()
    job = open_server.http.post("/api/jobs", json={"name": "a.wav", "size": 10, "recorded_at": ahead}).json()
    assert job["recorded_at"] <= job["created_at"]
    assert open_server.http.delete(f"/api/jobs/{job['id']}").status_code == 204


@pytest.mark.parametrize("headers", [{}, {"Upload-Offset": "-1"}, {"Upload-Offset": "x"}])
def test_a_part_says_where_it_belongs(open_server: Serving, headers: dict[str, str]) -> None:
    assert open_server.http.patch("/api/jobs/none/recording", content=b"sound", headers=headers).status_code == 422


def test_a_title_is_what_was_said_or_the_name_without_its_ending(open_server: Serving) -> None:
    titles = [("Stand-up 3.11.mp4", None, "Stand-up 3.11"), (".hidden", None, ".hidden"), ("a.wav", "Plans", "Plans")]
    for name, title, expected in titles:
        job = open_server.http.post("/api/jobs", json={"name": name, "size": 10, "title": title}).json()
        assert job["title"] == expected
        assert open_server.http.delete(f"/api/jobs/{job['id']}").status_code == 204


@pytest.mark.parametrize("path", ["/api/jobs", "/api/meetings/none/transcription"])
def test_a_number_of_people_that_nobody_can_have_meant_is_explained(open_server: Serving, path: str) -> None:
    answer = open_server.http.post(path, json={"speakers": "0"})
    assert answer.status_code == 422
    assert "how many people speak is a number such as 4" in answer.json()["error"]["message"]


def test_models_that_are_not_there_are_refused_before_the_meeting_is_looked_for(open_server: Serving) -> None:
    assert open_server.http.get("/api/models").json() == {"models": []}
    answer = open_server.http.post("/api/meetings/none/transcription", json={"models": "owl"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert "this server's machine has: none" in answer.json()["error"]["message"]
    assert open_server.http.post("/api/meetings/none/transcription", json={"models": ""}).status_code == 422


def test_models_are_listed_with_what_they_read_and_whether_they_run(
    open_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_ready(open_server)
    monkeypatch.setattr(open_server.app.state.jobs.others, "find", lambda: CHOICES)
    assert open_server.http.get("/api/models").json()["models"] == [
        {"name": "parrot", "speech": "fake", "languages": ["en"], "running": True},
        {"name": "owl", "speech": "Owl", "languages": ["de", "en"], "running": False},
        {"name": "fox", "speech": "Fox", "languages": None, "running": False},
    ]
    several = replace(open_server.app.state.jobs.others.config, cluster=Cluster(address="https://a.example.org"))
    monkeypatch.setattr(open_server.app.state.jobs.others, "config", several)
    assert open_server.http.get("/api/models").json() == {"models": []}
    answer = open_server.http.post("/api/meetings/none/transcription", json={"models": "owl"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "refused")
