"""Meetings over HTTP: made, listed, shown, renamed."""

from __future__ import annotations

import pytest

from tests.fakes.access_fakes import Locked
from tests.fakes.server_fakes import FAKE_MODELS, Serving


def test_a_new_meeting_has_an_id_and_links(served: Serving) -> None:
    answer = served.http.post("/api/meetings", json={"title": "  Monday "})
    body = answer.json()
    path = f"/m/{body['id']}"
    assert answer.status_code == 201
    assert body == {
        "id": body["id"],
        "title": "Monday",
        "state": "open",
        "links": {"host": path, "speak": path, "view": path},
    }


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": "  "}])
def test_a_meeting_without_a_title_gets_one(served: Serving, body: dict[str, object]) -> None:
    assert served.http.post("/api/meetings", json=body).json()["title"].startswith("Meeting, 20")


def test_a_meeting_needs_no_body(served: Serving) -> None:
    assert served.http.post("/api/meetings").status_code == 201


@pytest.mark.parametrize("body", [{"title": 5}, {"title": "x" * 201}, {"titel": "x"}, [1], "x"])
def test_a_wrong_body_is_refused_in_one_sentence(served: Serving, body: object) -> None:
    answer = served.http.post("/api/meetings", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("given", "told"), [(4, "4"), ("4", "4"), ("2-5", "2-5"), ("5-2", "2-5"), ("3-3", "3"), (None, None)]
)
def test_a_meeting_knows_how_many_people_speak_where_somebody_has_said_so(
    served: Serving, given: object, told: str | None
) -> None:
    made = served.http.post("/api/meetings", json={"speakers": given})
    assert made.status_code == 201
    assert served.http.get(f"/api/meetings/{made.json()['id']}").json()["expected_speakers"] == told


@pytest.mark.parametrize("given", [0, 101, -1, 2.5, True, "", "two", "2-", "0-3", "2-101", [2, 5]])
def test_what_says_not_how_many_people_speak_is_refused_in_a_sentence(served: Serving, given: object) -> None:
    answer = served.http.post("/api/meetings", json={"speakers": given})
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        {
            "code": "invalid",
            "message": "speakers: how many people speak is a number such as 4, or from-to such as 2-5, from 1 to 100",
        },
    )


def test_a_body_that_is_no_json_is_refused(served: Serving) -> None:
    answer = served.http.post("/api/meetings", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.json()["error"]["code"] == "invalid"


def test_the_list_is_newest_first_and_paged(served: Serving) -> None:
    ids = [served.create(f"paged {i}") for i in range(3)]
    first = served.http.get("/api/meetings?limit=2").json()
    assert [meeting["id"] for meeting in first["meetings"]] == [ids[2], ids[1]]
    second = served.http.get("/api/meetings", params={"limit": 1, "before": first["next"]}).json()
    assert [meeting["id"] for meeting in second["meetings"]] == [ids[0]]


def test_the_list_is_narrowed_by_title_and_state(served: Serving) -> None:
    waiting, over = served.create("Größe der Würfel"), served.held("GRÖSSE der Bälle")

    def listed(**asked: object) -> list[str]:
        body = served.http.get("/api/meetings", params=asked).json()
        return [meeting["id"] for meeting in body["meetings"]]

    assert listed(title=" größe ") == [over, waiting]
    assert listed(title="größe", state="ended") == [over]
    assert listed(title="größe", state=["open", "ending"]) == [waiting]
    assert listed(title="größe der nichts") == []
    assert served.http.get("/api/meetings?state=gone").status_code == 422
    assert served.http.get("/api/meetings", params={"title": "x" * 201}).status_code == 422


def test_a_meeting_in_the_list_says_what_it_was(served: Serving) -> None:
    meeting_id = served.held("Told")
    (entry,) = [one for one in served.http.get("/api/meetings").json()["meetings"] if one["id"] == meeting_id]
    times = {key: entry.pop(key) for key in ("created_at", "started_at", "ended_at")}
    assert all(value.endswith("Z") for value in times.values())
    assert entry == {
        "id": meeting_id,
        "title": "Told",
        "state": "ended",
        "duration": 1.0,
        "segments": 1,
        "speakers": ["Speaker 1"],
        "models": FAKE_MODELS,
    }


def test_a_meeting_in_detail_names_its_sources_and_voices(served: Serving) -> None:
    body = served.http.get(f"/api/meetings/{served.held()}").json()
    (source,) = body["sources"]
    assert source["audio"] == {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1, "kept": True}
    assert (source["name"], source["duration"]) == ("Ann", 1.0)
    voice = {"id": "spk1", "name": None, "label": "Speaker 1", "color": 0, "merged_into": None, "recognized": False}
    assert body["speakers"] == [voice]


def test_who_knows_a_meeting_is_told_only_that_nothing_has_changed(served: Serving) -> None:
    path = f"/api/meetings/{served.held()}"
    first = served.http.get(path)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = served.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    line = served.http.get(f"{path}/transcript").json()["segments"][0]["id"]
    rev = 3  # partial, final, given to a voice
    assert served.http.patch(f"{path}/segments/{line}", json={"rev": rev, "text": "won"}).is_success
    changed = served.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()) == (200, first.json())
    assert changed.headers["etag"] != first.headers["etag"]


def test_what_is_known_in_one_role_is_not_what_another_is_told(closed: Locked) -> None:
    meeting = closed.held()
    path = f"/api/meetings/{meeting.id}"
    tag = closed.call("GET", path, meeting.view).headers["etag"]
    assert closed.call("GET", path, meeting.view, headers={"If-None-Match": tag}).status_code == 304
    assert closed.call("GET", path, meeting.host, headers={"If-None-Match": tag}).json()["role"] == "host"
    assert closed.call("GET", path, None, headers={"If-None-Match": tag}).status_code == 401


def test_a_new_title_is_kept_and_told_to_those_who_read_along(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as viewer:
        viewer.receive()
        answer = served.http.patch(f"/api/meetings/{meeting_id}", json={"title": "Tuesday"})
        assert answer.json() == {"id": meeting_id, "title": "Tuesday"}
        assert viewer.receive() == {"type": "state", "state": "open", "title": "Tuesday"}
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["title"] == "Tuesday"


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": " "}])
def test_an_empty_title_is_refused(served: Serving, body: dict[str, str]) -> None:
    assert served.http.patch(f"/api/meetings/{served.create()}", json=body).status_code == 422


def test_the_api_of_another_sites_page_is_closed(served: Serving) -> None:
    answer = served.http.post("/api/meetings", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_origin")


def test_the_facts_tell_the_role_of_who_asks(closed: Locked, served: Serving) -> None:
    meeting = closed.create()
    asked = {name: getattr(meeting, name) for name in ("view", "speak", "host")}
    roles = {name: closed.call("GET", f"/api/meetings/{meeting.id}", token).json() for name, token in asked.items()}
    assert {name: (facts["role"], facts["tokens"]) for name, facts in roles.items()} == {
        name: (name, True) for name in asked
    }
    facts = served.http.get(f"/api/meetings/{served.create()}").json()
    assert (facts["role"], facts["tokens"]) == ("server", False)
