"""Every route of the server with every kind of token, from one table; a route that is not in it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from meeting.core.access import Role
from meeting.server.security.permissions import REQUIRED_ROLES
from tests.fakes.access_fakes import TOKEN, Given, Locked
from tests.fakes.containers import wav
from tests.fakes.server_fakes import tone

NOBODY, WRONG, VIEW, SPEAK, HOST, SERVER = "nobody", "wrong", "view", "speak", "host", "server"
EVERYONE = (NOBODY, WRONG, VIEW, SPEAK, HOST, SERVER)
READERS = (VIEW, SPEAK, HOST, SERVER)
HOSTS = (HOST, SERVER)


@dataclass(frozen=True)
class Row:
    """One route: who may, and a request that works for them."""

    allowed: tuple[str, ...]
    status: int = 200
    options: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    """What stands for the route, where filling in ids does not do"""


TABLE = {
    "GET /": Row(EVERYONE),
    "GET /search": Row(EVERYONE),
    "GET /voices": Row(EVERYONE),
    "GET /m/{meeting_id}": Row(EVERYONE),
    "GET /m/{meeting_id}/": Row(EVERYONE),
    "GET /m/{meeting_id}/captions": Row(EVERYONE),
    "GET /static/{path:path}": Row(EVERYONE, path="/static/app.js"),
    "GET /docs": Row(EVERYONE),
    "GET /openapi.json": Row(EVERYONE),
    "GET /healthz": Row(EVERYONE),
    "GET /readyz": Row(EVERYONE),
    "GET /metrics": Row((SERVER,)),
    "GET /api/meetings": Row((SERVER,)),
    "POST /api/meetings": Row((SERVER,), 201),
    "GET /api/search": Row(READERS, path="/api/search?q=one&meeting={meeting_id}"),
    "GET /api/meetings/{meeting_id}": Row(READERS),
    "PATCH /api/meetings/{meeting_id}": Row(HOSTS, options={"json": {"title": "Other"}}),
    "DELETE /api/meetings/{meeting_id}": Row(HOSTS, 204),
    "GET /api/meetings/{meeting_id}/hotwords": Row(HOSTS),
    "PUT /api/meetings/{meeting_id}/hotwords": Row(HOSTS, options={"json": {"hotwords": ["Zebra"]}}),
    "POST /api/meetings/{meeting_id}/end": Row(HOSTS),
    "PATCH /api/meetings/{meeting_id}/sources/{source_id}": Row(HOSTS, 409, options={"json": {"muted": True}}),
    "DELETE /api/meetings/{meeting_id}/sources/{source_id}": Row(HOSTS, 409),
    "PATCH /api/meetings/{meeting_id}/speakers/{speaker_id}": Row(HOSTS, options={"json": {"name": "Ann"}}),
    "PATCH /api/meetings/{meeting_id}/segments/{segment_id}": Row(HOSTS, options={"json": {"rev": 3, "speaker": None}}),
    "GET /api/meetings/{meeting_id}/speakers/{speaker_id}/voice": Row(HOSTS),
    "PUT /api/meetings/{meeting_id}/speakers/{speaker_id}/voice": Row(HOSTS, 409),  # it has no name
    "DELETE /api/meetings/{meeting_id}/speakers/{speaker_id}/voice": Row(HOSTS, 404),
    "GET /api/voices": Row((SERVER,)),
    "PATCH /api/voices/{voice_id}": Row((SERVER,), 404, {"json": {"name": "Ann"}}, "/api/voices/v1"),
    "DELETE /api/voices/{voice_id}": Row((SERVER,), 404, path="/api/voices/v1"),
    "GET /api/meetings/{meeting_id}/segments/{segment_id}": Row(READERS),
    "PATCH /api/meetings/{meeting_id}/segments": Row(
        HOSTS, options={"json": {"lines": [{"id": "s0", "rev": 3}], "speaker": None}}
    ),
    "POST /api/meetings/{meeting_id}/segments/{segment_id}/split": Row(
        HOSTS, options={"json": {"rev": 3, "texts": ["one", "two"]}}
    ),
    "POST /api/meetings/{meeting_id}/segments/{segment_id}/join": Row(
        HOSTS,
        404,  # there is one line only
        {"json": {"rev": 3, "next": "s1", "next_rev": 1}},
    ),
    "POST /api/meetings/{meeting_id}/changes/{change_id}/undo": Row(HOSTS),
    "GET /api/meetings/{meeting_id}/transcript": Row(READERS),
    "GET /api/meetings/{meeting_id}/export": Row(READERS, options={"params": {"format": "txt"}}),
    "GET /api/meetings/{meeting_id}/statistics": Row(READERS),
    "GET /api/meetings/{meeting_id}/notes": Row(READERS),
    "POST /api/meetings/{meeting_id}/notes": Row(HOSTS, 400),  # this server knows no language model
    "DELETE /api/meetings/{meeting_id}/notes": Row(HOSTS, 204),
    "GET /api/meetings/{meeting_id}/audio": Row(HOSTS),
    "GET /api/meetings/{meeting_id}/links": Row(HOSTS),
    "POST /api/meetings/{meeting_id}/links": Row(HOSTS, 201, {"json": {"role": "view"}}),
    "POST /api/meetings/{meeting_id}/links/qr": Row(READERS, 400, {"json": {"link": "http://a/m/b"}}),  # of another
    "DELETE /api/meetings/{meeting_id}/links/{link_id}": Row(HOSTS, 204),
    "WEBSOCKET /ws/meetings/{meeting_id}": Row(READERS),
    "WEBSOCKET /transcribe": Row((SERVER,)),  # see tests/meeting/compat
    "WEBSOCKET /transcription": Row((SERVER,)),
    "WEBSOCKET /v1/listen": Row((SERVER,)),
    "WEBSOCKET /v2/listen": Row((SERVER,)),
    "WEBSOCKET /v1/realtime": Row((SERVER,)),
    "POST /v1/listen": Row((SERVER,), options={"content": wav(tone(0.5))}),
    "POST /v1/audio/transcriptions": Row((SERVER,), options={"files": {"file": ("a.wav", wav(tone(0.5)))}}),
    "POST /v1/audio/translations": Row((SERVER,), 400, {"files": {"file": ("a.wav", wav(tone(0.5)))}}),
    "POST /api/meetings/{meeting_id}/transcription": Row((SERVER,), 202),
    "GET /api/models": Row((SERVER,)),
    "GET /api/jobs": Row((SERVER,)),
    "POST /api/jobs": Row((SERVER,), 400, {"json": {"name": "a.wav", "size": 1 << 50}}),
    "GET /api/jobs/{job_id}": Row((SERVER,), 404, path="/api/jobs/none"),
    "DELETE /api/jobs/{job_id}": Row((SERVER,), 404, path="/api/jobs/none"),
    "GET /api/jobs/{job_id}/recording": Row((SERVER,), 404, path="/api/jobs/none/recording"),
    "PATCH /api/jobs/{job_id}/recording": Row(
        (SERVER,), 404, {"content": b"", "headers": {"Upload-Offset": "0"}}, path="/api/jobs/none/recording"
    ),
    "POST /mcp": Row(
        READERS,
        options={
            "json": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
            "headers": {"Accept": "application/json, text/event-stream"},
        },
    ),
    "GET /v1/models": Row((SERVER,)),
    "GET /v1/models/{model_id}": Row((SERVER,), path="/v1/models/whisper-1"),
}
ROUTES = pytest.mark.parametrize("route", [route for route in TABLE if not route.startswith("WEBSOCKET")])


@pytest.fixture(scope="module")
def other(server: Locked) -> Given:
    """Another meeting."""
    return server.held("Other")


def routes(app: Any) -> Iterator[str]:
    """Every route of an app, those of included routers and mounts too."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:  # an included router, in newer versions of FastAPI
            yield from routes(inner)
        elif hasattr(route, "methods"):
            for method in (route.methods or {"WEBSOCKET"}) - {"HEAD"}:
                yield f"{method} {route.path}"
        elif hasattr(route, "endpoint"):
            yield f"WEBSOCKET {route.path}"
        else:
            yield f"GET {route.path}/{{path:path}}"


def test_every_route_is_in_the_table_and_has_a_rule(server: Locked) -> None:
    found = set(routes(server.serving.app))
    assert len(found) >= 20
    assert found == set(TABLE), (
        "a new route needs a row in this table and a rule in meeting/server/security/permissions.py"
    )
    assert found == {f"{method} {path}" for method, path in REQUIRED_ROLES}


def test_the_rules_say_what_the_table_says() -> None:
    least = {Role.ANYONE: NOBODY, Role.VIEW: VIEW, Role.SPEAK: SPEAK, Role.HOST: HOST, Role.SERVER: SERVER}
    rules = {f"{method} {path}": least[role] for (method, path), role in REQUIRED_ROLES.items()}
    rules = {
        route: least for route, least in rules.items() if not route.startswith("WEBSOCKET")
    }  # these ask themselves
    assert rules == {route: row.allowed[0] for route, row in TABLE.items() if route in rules}


def ask(server: Locked, route: str, meeting: Given, token: str | None) -> int:
    """The status of a route's request about a meeting."""
    row = TABLE[route]
    method, path = route.split()
    link_id = server.link(meeting, "view")[0] if "{link_id}" in path else ""
    ids = {"meeting_id": meeting.id, "link_id": link_id, "speaker_id": "spk1", "segment_id": "s0", "source_id": "x"}
    if "{change_id}" in path:
        made = server.call("PATCH", f"/api/meetings/{meeting.id}/speakers/spk1", json={"name": "Ann"})
        ids["change_id"] = made.json()["change"] if made.is_success else "none"
    path = re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], row.path or path)
    assert not re.search(r"[{}]", path)
    return server.call(method, path, token, **row.options).status_code


@ROUTES
@pytest.mark.parametrize("who", EVERYONE)
def test_each_route_lets_in_whom_the_table_names_and_nobody_else(server: Locked, route: str, who: str) -> None:
    meeting = server.held("Mine") if who in TABLE[route].allowed else server.create("Mine")
    server.forget_guesses()  # this file guesses wrong more often than one may
    tokens = {VIEW: meeting.view, SPEAK: meeting.speak, HOST: meeting.host, SERVER: TOKEN, WRONG: "wrong", NOBODY: None}
    status = ask(server, route, meeting, tokens[who])
    if who in TABLE[route].allowed:
        assert status == TABLE[route].status
    else:
        assert status == (401 if who in (NOBODY, WRONG) else 403)


OF_ONE_MEETING = [route for route in TABLE if NOBODY not in TABLE[route].allowed and route != "POST /mcp"]
"""Routes with a meeting's id, and those of the whole server; agents name a meeting in a call, if at all"""


@pytest.mark.parametrize("route", [route for route in OF_ONE_MEETING if "WEBSOCKET" not in route])
@pytest.mark.parametrize("role", [VIEW, SPEAK, HOST])
def test_each_route_refuses_the_links_of_another_meeting(server: Locked, other: Given, route: str, role: str) -> None:
    assert ask(server, route, server.create("Mine"), getattr(other, role)) == 403


@pytest.mark.parametrize("who", EVERYONE)
def test_the_socket_lets_in_whom_the_table_names(server: Locked, other: Given, who: str) -> None:
    meeting = server.create()
    tokens = {
        VIEW: meeting.view,
        SPEAK: meeting.speak,
        HOST: meeting.host,
        SERVER: TOKEN,
        WRONG: other.host,
        NOBODY: None,
    }
    with server.connect(meeting.id, tokens[who]) as client:
        if who == NOBODY:
            client.send("stop")
        if who in TABLE["WEBSOCKET /ws/meetings/{meeting_id}"].allowed:
            assert client.receive()["type"] == "snapshot"
        else:
            assert client.close_code() == 4401


@pytest.mark.parametrize(
    "path", ["/api/new", "/api/meetings/x/secret", "/api/meetings/", "/api", "/admin", "//api/meetings"]
)
def test_what_has_no_rule_is_refused_without_a_word(server: Locked, path: str) -> None:
    assert server.call("GET", path, None).status_code == 401


def test_a_socket_without_a_rule_is_refused(server: Locked) -> None:
    from tests.patient_clients import connect

    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.serving.port}/ws/other"):
        pass


def test_a_link_does_not_tell_which_other_meetings_there_are(server: Locked, other: Given) -> None:
    answers = [server.call("GET", f"/api/meetings/{id_}", other.view) for id_ in ("none", server.create().id)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, answers[0].text)}


def test_a_refused_request_is_not_even_parsed(server: Locked) -> None:
    answer = server.call("POST", "/api/meetings", "wrong", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("query", ["token", "t", "access_token", "auth"])
def test_no_token_is_taken_from_an_address(server: Locked, query: str) -> None:
    assert server.call("GET", "/api/meetings", None, params={query: TOKEN}).status_code == 401


def test_too_many_wrong_tokens_are_answered_with_429(server: Locked) -> None:
    server.forget_guesses()
    meeting = server.create()
    answers = [server.call("GET", "/api/meetings", "wrong") for _ in range(25)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert server.call("GET", f"/api/meetings/{meeting.id}", meeting.view).status_code == 200
    server.forget_guesses()
    assert server.call("GET", "/api/meetings").status_code == 200


def test_behind_a_proxy_guessers_are_told_apart(server: Locked) -> None:
    server.forget_guesses()
    here, there = {"X-Forwarded-For": "198.51.100.7"}, {"X-Forwarded-For": "203.0.113.9"}
    statuses = [server.call("GET", "/api/meetings", "wrong", headers=here).status_code for _ in range(21)]
    assert statuses[-1] == 429
    assert server.call("GET", "/api/meetings", headers=here).status_code == 429
    assert server.call("GET", "/api/meetings", headers=there).status_code == 200
    server.forget_guesses()
