"""Terms that are likely to be said: given, shown and changed over HTTP, also while the meeting runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.access_fakes import Locked
from tests.fakes.server_fakes import FakeBackend, Serving, config, serving, tone


def test_a_meeting_is_made_with_terms_and_gets_others(served: Serving) -> None:
    made = served.http.post("/api/meetings", json={"title": "t", "hotwords": [" Zebra ", "New York"]})
    path = f"/api/meetings/{made.json()['id']}/hotwords"
    assert served.http.get(path).json() == {"hotwords": ["Zebra", "New York"]}
    changed = served.http.put(path, json={"hotwords": ["Okapi"]})
    assert (changed.status_code, changed.json()) == (200, {"hotwords": ["Okapi"]})
    assert served.http.get(path).json() == changed.json()
    assert served.http.put(path, json={"hotwords": []}).json() == {"hotwords": []}


def test_a_meeting_without_terms_expects_none(served: Serving) -> None:
    assert served.http.get(f"/api/meetings/{served.create()}/hotwords").json() == {"hotwords": []}


@pytest.mark.parametrize(
    "terms", [None, "Zebra", [5], [""], ["  "], ["x" * 101], ["x"] * 201, [None], {"Zebra": 1}, [["Zebra"]]]
)
def test_terms_beyond_the_limits_are_refused_and_change_nothing(served: Serving, terms: object) -> None:
    path = f"/api/meetings/{served.create()}/hotwords"
    served.http.put(path, json={"hotwords": ["Zebra"]})
    for answer in (
        served.http.put(path, json={"hotwords": terms}),
        served.http.post("/api/meetings", json={"hotwords": terms}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert served.http.get(path).json() == {"hotwords": ["Zebra"]}


def test_as_many_and_as_long_terms_as_on_the_wire_are_taken(served: Serving) -> None:
    terms = [f"{number:0100}" for number in range(200)]
    path = f"/api/meetings/{served.create()}/hotwords"
    assert served.http.put(path, json={"hotwords": terms}).json() == {"hotwords": terms}


def test_an_unknown_meeting_expects_nothing(served: Serving) -> None:
    assert served.http.get("/api/meetings/nowhere/hotwords").status_code == 404
    assert served.http.put("/api/meetings/nowhere/hotwords", json={"hotwords": []}).status_code == 404


def test_terms_are_for_hosts_alone(closed: Locked) -> None:
    given = closed.create()
    path = f"/api/meetings/{given.id}/hotwords"
    assert closed.call("PUT", path, given.host, json={"hotwords": ["Okapi"]}).status_code == 200
    for token in (given.view, given.speak):
        assert closed.call("GET", path, token).status_code == 403
        assert closed.call("PUT", path, token, json={"hotwords": []}).status_code == 403
        assert "Okapi" not in closed.call("GET", f"/api/meetings/{given.id}", token).text
    assert closed.call("GET", path, given.host).json() == {"hotwords": ["Okapi"]}


def test_what_is_said_next_in_a_running_meeting_is_heard_with_the_new_terms(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as served:
        made = served.http.post("/api/meetings", json={"hotwords": ["Zebra"]}).json()["id"]
        with served.connect(made) as host:
            host.start(hotwords=["Gnu"])
            host.frame(0, tone())
            host.until("ack")
            (pipeline,) = backend.pipelines
            assert pipeline.hotwords == ("Gnu", "Zebra")
            served.http.put(f"/api/meetings/{made}/hotwords", json={"hotwords": ["Okapi"]})
            host.frame(1, tone())
            host.send("stop")
            host.close_code()
        assert pipeline.hotwords == ("Gnu", "Okapi")
