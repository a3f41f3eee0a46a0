"""Links into meetings over HTTP."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import segno

from meeting.storage.link_store import MAX_LINKS
from tests.fakes.access_fakes import Locked
from tests.fakes.server_fakes import Serving


def test_links_of_a_server_that_asks_for_tokens_carry_them_in_their_fragments(closed: Locked) -> None:
    body = closed.call("POST", "/api/meetings", json={"title": "Monday"}).json()
    assert set(body["links"]) == {"host", "speak", "view"}
    tokens = {url.removeprefix(f"/m/{body['id']}#t=") for url in body["links"].values()}
    assert len(tokens) == 3
    assert all(len(token) == 32 for token in tokens)


def test_links_are_listed_without_their_tokens_and_one_knows_ones_own(closed: Locked) -> None:
    meeting = closed.create()
    closed.link(meeting, "view", expires_in=3600)
    answer = closed.call("GET", f"/api/meetings/{meeting.id}/links", meeting.host)
    links = answer.json()["links"]
    assert sorted(link["role"] for link in links) == ["host", "speak", "view", "view"]
    assert [link["role"] for link in links if link["mine"]] == ["host"]
    assert sum(link["expires_at"] is not None for link in links) == 1
    assert meeting.view not in answer.text


def test_a_host_can_make_and_revoke_links(closed: Locked) -> None:
    meeting = closed.create()
    path = f"/api/meetings/{meeting.id}/links"
    made = closed.call("POST", path, meeting.host, json={"role": "view"}).json()
    token = made["url"].removeprefix(f"/m/{meeting.id}#t=")
    assert closed.call("GET", f"/api/meetings/{meeting.id}", token).status_code == 200
    assert closed.call("DELETE", f"{path}/{made['id']}", meeting.host).status_code == 204
    assert closed.call("GET", f"/api/meetings/{meeting.id}", token).status_code == 401
    assert closed.call("DELETE", f"{path}/{made['id']}", meeting.host).status_code == 404


def test_a_link_of_another_meeting_cannot_be_revoked(closed: Locked) -> None:
    one, other = closed.create(), closed.create()
    link_id, token = closed.link(other, "view")
    assert closed.call("DELETE", f"/api/meetings/{one.id}/links/{link_id}", one.host).status_code == 404
    assert closed.call("GET", f"/api/meetings/{other.id}", token).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"role": "server"}, {"role": "VIEW"}, {"role": "view", "expires_in": 5}, {"role": "view", "expires_in": 1e99},
     {"role": "view", "expires_in": "NaN"}, {"role": "view", "x": 1}],
)  # fmt: skip
def test_a_wrong_link_is_refused(closed: Locked, body: dict[str, object]) -> None:
    assert closed.call("POST", f"/api/meetings/{closed.create().id}/links", json=body).status_code == 422


def test_a_meeting_has_only_so_many_links(closed: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.storage.link_store.MAX_LINKS", 4)
    assert MAX_LINKS > 4
    meeting = closed.create()
    closed.link(meeting, "view")
    answer = closed.call("POST", f"/api/meetings/{meeting.id}/links", json={"role": "view"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many")


def test_where_no_tokens_are_asked_for_a_meetings_address_is_its_link(served: Serving) -> None:
    path = f"/api/meetings/{served.create()}/links"
    answer = served.http.post(path, json={"role": "view"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_tokens")
    assert served.http.get(path).json() == {"links": []}
    assert served.http.get("/api/meetings/none/links").status_code == 404


@pytest.mark.parametrize("base", ["http://127.0.0.1:8765", "https://example.org:8443/below/a/path"])
def test_a_link_is_drawn_as_a_picture_that_names_nothing_else(closed: Locked, base: str) -> None:
    meeting = closed.create()
    pictures = set()
    for link in (f"{base}/m/{meeting.id}#t={meeting.view}", f"{base}/m/{meeting.id}/captions?size=60#t={meeting.view}"):
        answer = closed.call("POST", f"/api/meetings/{meeting.id}/links/qr", meeting.view, json={"link": link})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        picture = ElementTree.fromstring(answer.text)
        assert [element.tag.rpartition("}")[2] for element in picture.iter()] == ["svg", "path", "path"]
        assert meeting.view not in answer.text
        _, _, width, height = picture.attrib["viewBox"].split()
        assert int(width) == int(height) == segno.make_qr(link, error="m").symbol_size()[0]
        pictures.add(answer.text)
    assert len(pictures) == 2


@pytest.mark.parametrize(
    ("link", "status"),
    [
        ("http://a/m/another#t=x", 400),
        ("http://a/m/{id}x", 400),
        ("http://[", 400),
        ("http://a/?/m/{id}", 400),
        ("javascript:alert(1)//m/{id}", 422),
        ("/m/{id}", 422),
        ("http://a/m/{id} ", 422),
        ("http://a/m/{id}#" + "x" * 1000, 422),
    ],
)
def test_only_a_link_into_the_meeting_is_drawn(served: Serving, link: str, status: int) -> None:
    meeting_id = served.create()
    body = {"link": link.replace("{id}", meeting_id)}
    assert served.http.post(f"/api/meetings/{meeting_id}/links/qr", json=body).status_code == status
