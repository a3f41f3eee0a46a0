"""Sockets on a server that asks for tokens."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from meeting.server.security import handshake
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.server_fakes import tone


def test_a_token_may_come_in_a_header(server: Locked) -> None:
    meeting = server.create()
    for token in (meeting.view, meeting.speak, meeting.host, TOKEN):
        with server.connect(meeting.id, token) as client:
            assert client.receive()["type"] == "snapshot"


def test_a_token_may_come_as_a_subprotocol_and_is_not_sent_back(server: Locked) -> None:
    meeting = server.create()
    offered: Any = ["meeting.v1", f"bearer.{meeting.view}"]
    with server.serving.connect(meeting.id, subprotocols=offered) as client:
        assert client.socket.subprotocol == "meeting.v1"
        assert client.receive()["type"] == "snapshot"


def test_a_token_may_come_in_a_first_message(server: Locked) -> None:
    meeting = server.create()
    with server.serving.connect(meeting.id) as client:
        client.send("auth", token=meeting.speak)
        assert client.receive()["type"] == "snapshot"
        assert client.start()["type"] == "session"


@pytest.mark.parametrize(
    "first", ['{"type":"stop"}', '{"type":"auth"}', '{"type":"auth","token":""}', "rubbish", "{}", b"\0" * 40]
)
def test_anything_else_first_closes_with_4401(server: Locked, first: str | bytes) -> None:
    with server.serving.connect(server.create().id) as client:
        client.socket.send(first)
        assert client.receive()["code"] == "unauthorized"
        assert client.close_code() == 4401


def test_whoever_says_nothing_is_sent_away(server: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "FIRST_MESSAGE_SECONDS", 0.05)
    with server.serving.connect(server.create().id) as client:
        assert client.close_code() == 4401


def test_wrong_tokens_and_those_of_another_meeting_close_with_4401(server: Locked) -> None:
    meeting, other = server.create(), server.create()
    for token in ("wrong", other.view, other.host):
        with server.connect(meeting.id, token) as client:
            assert client.receive()["type"] == "error"
            assert client.close_code() == 4401


def test_nobody_learns_without_a_token_which_meetings_there_are(server: Locked) -> None:
    meeting = server.create()
    for meeting_id in ("none", meeting.id):
        with server.connect(meeting_id, "wrong") as client:
            assert client.receive()["code"] == "unauthorized"


def test_the_servers_token_on_a_meeting_that_is_not_there_closes_with_4404(server: Locked) -> None:
    with server.connect("none", TOKEN) as client:
        assert client.close_code() == 4404


def test_a_reader_cannot_speak_and_the_meeting_goes_on(server: Locked) -> None:
    meeting = server.create()
    with server.connect(meeting.id, meeting.speak) as source, server.connect(meeting.id, meeting.view) as reader:
        assert reader.start()["code"] == "unauthorized"
        assert reader.close_code() == 4401
        with server.connect(meeting.id, meeting.view) as stopper:
            stopper.receive()
            stopper.send("stop")
            assert stopper.close_code() == 4400
        source.start()
        source.frame(0, tone())
        assert source.until("ack")["seq"] == 0


def test_a_revoked_link_is_out_at_once_and_for_good(server: Locked) -> None:
    meeting = server.create()
    link_id, token = server.link(meeting, "view")
    with server.connect(meeting.id, token) as out, server.connect(meeting.id, meeting.view) as stays:
        out.receive()
        stays.receive()
        assert server.call("DELETE", f"/api/meetings/{meeting.id}/links/{link_id}").status_code == 204
        assert "no longer valid" in out.until("error")["message"]
        assert out.close_code() == 4401
        server.call("PATCH", f"/api/meetings/{meeting.id}", json={"title": "Goes on"})
        assert stays.until("state")["title"] == "Goes on"
    with server.connect(meeting.id, token) as back:
        assert back.close_code() == 4401


def test_a_page_of_another_site_gets_no_socket_even_with_a_token(server: Locked) -> None:
    meeting = server.create()
    with (
        pytest.raises(InvalidStatus),
        server.serving.connect(
            meeting.id, origin="https://evil.example", additional_headers={"Authorization": f"Bearer {TOKEN}"}
        ),
    ):
        pass


def test_where_no_token_is_asked_for_offering_one_does_no_harm(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.fakes.server_fakes import config, serving

    with serving(config(tmp_path_factory.mktemp("open"))) as served:
        offered: Any = ["meeting.v1", "bearer.anything"]
        with served.connect(served.create(), subprotocols=offered) as client:
            assert client.socket.subprotocol == "meeting.v1"
            assert client.receive()["type"] == "snapshot"
            client.send("auth", token="anything")
            assert client.start()["type"] == "session"
