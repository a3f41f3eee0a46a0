"""Search over HTTP: what is told of a hit, who may search what, and what is refused."""

from __future__ import annotations

import http.client

import pytest

from tests.fakes.access_fakes import TOKEN, Given, Locked
from tests.fakes.server_fakes import Serving


@pytest.fixture(scope="module")
def meetings(closed: Locked) -> tuple[Given, Given]:
    """Two meetings in which "one" was said twice."""
    return closed.held("First", 2.0), closed.held("Second", 2.0)


def found(closed: Locked, token: str | None, **asked: object) -> set[str]:
    """Meetings in which a search finds something."""
    answer = closed.call("GET", "/api/search", token, params={"q": "one", "limit": 100, **asked})
    assert answer.status_code == 200, answer.text
    return {hit["meeting"] for hit in answer.json()["hits"]}


def test_a_hit_says_where_it_is_and_what_stands_there(served: Serving) -> None:
    meeting_id = served.held("Searched", 2.0)
    body = served.http.get("/api/search", params={"q": "ONE", "meeting": meeting_id, "limit": 1}).json()
    (hit,) = body["hits"]
    assert hit.pop("began") == served.http.get(f"/api/meetings/{meeting_id}").json()["started_at"]
    assert hit == {
        "meeting": meeting_id,
        "title": "Searched",
        "segment": "s1",
        "start": 1.0,
        "end": 2.0,
        "speaker": "spk1",
        "speaker_name": "Speaker 1",
        "excerpt": "one",
        "marks": [[0, 3]],
    }
    more = served.http.get("/api/search", params={"q": "one", "meeting": meeting_id, "cursor": body["next"]}).json()
    assert ([hit["segment"] for hit in more["hits"]], more["next"]) == (["s0"], None)


def test_a_meeting_that_is_deleted_is_found_no_more(served: Serving) -> None:
    meeting_id = served.held("Deleted", 1.0)
    asked = {"q": "one", "meeting": meeting_id}
    assert len(served.http.get("/api/search", params=asked).json()["hits"]) == 1
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
    assert served.http.get("/api/search", params=asked).json() == {"hits": [], "next": None}


def test_who_may_list_meetings_searches_all_and_a_link_its_own(closed: Locked, meetings: tuple[Given, Given]) -> None:
    first, second = meetings
    assert found(closed, TOKEN) >= {first.id, second.id}
    for token in (first.host, first.speak, first.view):
        assert found(closed, token) == {first.id}
        assert found(closed, token, meeting=first.id) == {first.id}
        assert found(closed, token, meeting="") == {first.id}
        refused = closed.call("GET", "/api/search", token, params={"q": "one", "meeting": second.id})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("token", [None, "wrong", "x" * 32])
def test_nobody_searches_without_a_token_that_is_valid(closed: Locked, token: str | None) -> None:
    closed.forget_guesses()
    assert closed.call("GET", "/api/search", token, params={"q": "one"}).status_code == 401


def test_a_link_that_was_revoked_finds_nothing(closed: Locked, meetings: tuple[Given, Given]) -> None:
    link, token = closed.link(meetings[0], "view")
    assert found(closed, token) == {meetings[0].id}
    assert closed.call("DELETE", f"/api/meetings/{meetings[0].id}/links/{link}").status_code == 204
    assert closed.call("GET", "/api/search", token, params={"q": "one"}).status_code == 401


def test_only_days_and_speakers_that_are_asked_for_are_searched(closed: Locked, meetings: tuple[Given, Given]) -> None:
    own = {"meeting": meetings[0].id}
    assert found(closed, TOKEN, speaker="speaker 1", **own)
    assert not found(closed, TOKEN, speaker="speaker 2", **own)
    assert found(closed, TOKEN, since="2020-01-01", until="2999-01-01", **own)
    assert not found(closed, TOKEN, until="2020-01-01", **own)
    assert not found(closed, TOKEN, since="2999-01-01T00:00:00Z", **own)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"q": ""}, "nothing to search for"),
        ({"q": '"*"'}, "nothing to search for"),
        ({"q": "x" * 30_000}, "at most 500 characters, not 30000"),
        ({"q": "x " * 40}, "at most 32 words"),
        ({"q": "x*"}, "at least 2 letters"),
        ({"q": "one", "since": "yesterday"}, "a day is written as"),
        ({"q": "one", "until": "2026-99-99"}, "a day is written as"),
        ({"q": "one", "cursor": "'"}, "not a place in what was found"),
    ],
)
def test_a_search_that_makes_no_sense_says_why(served: Serving, asked: dict[str, str], said: str) -> None:
    answer = served.http.get("/api/search", params=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert said in answer.json()["error"]["message"]


def test_a_request_that_is_far_too_long_is_refused(served: Serving) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("GET", f"/api/search?q={'x' * 100_000}")
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("limit", ["0", "101", "x"])
def test_a_page_has_a_bound(served: Serving, limit: str) -> None:
    assert served.http.get("/api/search", params={"q": "one", "limit": limit}).status_code == 422


@pytest.mark.parametrize(
    "query", ['" OR "', "NEAR(one two)", "text:one", "-one", "{one}", "^one", "'; DROP TABLE x", "one)("]
)
def test_the_language_of_the_index_means_nothing(served: Serving, query: str) -> None:
    assert served.http.get("/api/search", params={"q": query}).status_code in (200, 400)
