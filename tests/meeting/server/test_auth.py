"""The server's token, and who is let in with which."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.config.settings import Server
from meeting.core.access import EVERYTHING, Denied, Link, Role, digest, new_token
from meeting.core.records import Meeting
from meeting.server.auth import Doorman, client_address, server_token
from meeting.storage.link_store import Links
from meeting.storage.store import Store
from pipelines.errors import NotFound, SettingsError

TOKEN = "a-token-of-this-test-server"
NOW = datetime.now(timezone.utc)


@pytest.fixture
def links(tmp_path: Path) -> Iterator[Links]:
    with Store(tmp_path) as store:
        store.create_meeting(Meeting("m1", "", "open", NOW)).result()
        yield Links(store)


def denial(doorman: Doorman, token: str | None, address: str = "10.0.0.1") -> Denied:
    with pytest.raises(Denied) as caught:
        asyncio.run(doorman.identify(token, address))
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_alone_no_token_is_needed(host: str) -> None:
    assert server_token(Server(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "meet.example.org"])
def test_beyond_it_one_is_or_doing_without_must_be_asked_for(host: str) -> None:
    with pytest.raises(SettingsError, match=r"MEETING_SERVER_TOKEN.*--token-file.*--insecure-no-auth"):
        server_token(Server(host=host))
    assert server_token(Server(host=host, insecure_no_auth=True)) is None
    assert server_token(Server(host=host, token=TOKEN)) == TOKEN


def test_of_two_tokens_neither_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with pytest.raises(SettingsError, match="take one of them away"):
        server_token(Server(token=TOKEN, token_file=tmp_path / "token"))


def test_behind_a_proxy_that_others_reach_one_is_needed_on_this_machine_too() -> None:
    with pytest.raises(SettingsError, match=r"can reach meet\.example\.org"):
        server_token(Server(public_url="https://meet.example.org/"))
    assert server_token(Server(public_url="https://meet.example.org/", token=TOKEN)) == TOKEN
    assert server_token(Server(public_url="https://meet.example.org/", insecure_no_auth=True)) is None
    assert server_token(Server(public_url="http://localhost:9000/meet/")) is None
    with pytest.raises(SettingsError, match=r"server\.public_url"):
        server_token(Server(public_url="meet.example.org"))


def test_a_token_can_be_in_a_file_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    assert server_token(Server(token_file=path)) == TOKEN
    assert not caplog.records
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING, "meeting"):
        server_token(Server(token_file=path))
    assert "chmod 600" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff\xfe" * 20, b"a token with spaces in it"])
def test_a_token_file_that_holds_none_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
        os.chmod(path, 0o600)
    with pytest.raises(SettingsError, match="token"):
        server_token(Server(token_file=path))


@pytest.mark.parametrize(
    "settings",
    [Server(token=TOKEN, token_file=Path("x")), Server(token=TOKEN, insecure_no_auth=True), Server(token="short")],
)
def test_settings_that_contradict_each_other_are_refused(settings: Server) -> None:
    with pytest.raises(SettingsError):
        server_token(settings)


def test_without_a_token_everyone_may_do_everything(links: Links) -> None:
    doorman = Doorman(None, links)
    assert not doorman.asks
    assert asyncio.run(doorman.identify(None, "10.0.0.1")) == EVERYTHING


def test_the_servers_token_opens_everything_and_a_link_its_meeting(links: Links) -> None:
    doorman = Doorman(TOKEN, links)
    ((token, link),) = asyncio.run(doorman.invite("m1", [Role.VIEW])).items()
    assert doorman.asks
    assert asyncio.run(doorman.identify(TOKEN, "10.0.0.1")) == EVERYTHING
    grant = asyncio.run(doorman.identify(token, "10.0.0.1"))
    assert (grant.role, grant.link) == (Role.VIEW, link)


@pytest.mark.parametrize(
    "token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], pytest.param(new_token(), id="made here"), "\ud800"]
)
def test_any_other_token_opens_nothing(links: Links, token: str | None) -> None:
    assert denial(Doorman(TOKEN, links), token).status == 401


def test_a_link_opens_until_it_expires(links: Links) -> None:
    early, late = new_token(), new_token()
    links.add({digest(early): Link("l1", "m1", Role.VIEW, NOW, NOW - timedelta(seconds=1))}).result()
    links.add({digest(late): Link("l2", "m1", Role.VIEW, NOW, NOW + timedelta(days=1))}).result()
    doorman = Doorman(TOKEN, links)
    assert "expired" in str(denial(doorman, early))
    assert asyncio.run(doorman.identify(late, "10.0.0.1")).role is Role.VIEW


def test_whoever_guesses_wrong_too_often_must_wait_while_links_and_others_go_on(links: Links) -> None:
    now = [0.0]
    doorman = Doorman(TOKEN, links, lambda: now[0])
    ((token, _),) = asyncio.run(doorman.invite("m1", [Role.VIEW])).items()
    statuses = [denial(doorman, "wrong").status for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    refused = denial(doorman, TOKEN)
    assert refused.status == 429
    assert refused.wait > 0
    assert asyncio.run(doorman.identify(token, "10.0.0.1")).role is Role.VIEW
    assert asyncio.run(doorman.identify(TOKEN, "10.0.0.2")) == EVERYTHING
    now[0] = 60.0
    assert asyncio.run(doorman.identify(TOKEN, "10.0.0.1")) == EVERYTHING


def test_links_of_meetings_that_are_gone_do_not_keep_the_servers_token_out(links: Links) -> None:
    """A clinic behind one address: two hundred people open yesterday's links again and again."""
    now = [0.0]
    doorman = Doorman(TOKEN, links, lambda: now[0])
    (stale,) = asyncio.run(doorman.invite("m1", [Role.VIEW]))
    (revoked,) = asyncio.run(doorman.invite("m1", [Role.HOST])).values()
    asyncio.run(doorman.revoke("m1", revoked.id))
    links._store.delete_meeting("m1").result()
    theirs = [stale, *(new_token() for _ in range(199))]
    for _ in range(20):
        now[0] += 1.0
        assert {denial(doorman, token).status for token in theirs} == {401}
        assert asyncio.run(doorman.identify(TOKEN, "10.0.0.1")) == EVERYTHING


@pytest.mark.parametrize("own", [TOKEN, pytest.param(new_token(), id="made here")])
def test_guesses_at_the_servers_token_are_limited_whatever_they_look_like(links: Links, own: str) -> None:
    doorman = Doorman(own, links, lambda: 0.0)
    for tries, guess in ((20, lambda: new_token()[:-1]), (600, new_token)):
        statuses = [denial(doorman, guess(), "10.0.0.1").status for _ in range(tries + 5)]
        assert statuses == [401] * tries + [429] * 5
    assert denial(doorman, own).status == 429
    assert asyncio.run(doorman.identify(own, "10.0.0.2")) == EVERYTHING


def test_worthless_links_that_are_remembered_are_bounded(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.server.auth.WORTHLESS", 100)
    doorman = Doorman(TOKEN, links, lambda: 0.0)
    for n in range(300):
        denial(doorman, new_token(), f"10.0.0.{n % 250}")
    assert len(doorman._known) == 100


def test_coming_without_any_token_is_no_guess(links: Links) -> None:
    doorman = Doorman(TOKEN, links)
    assert {denial(doorman, None).status for _ in range(50)} == {401}


def test_revoking_calls_out_whoever_is_in_with_that_link(links: Links) -> None:
    left: list[str] = []

    async def scene() -> None:
        doorman = Doorman(TOKEN, links)
        made = await doorman.invite("m1", [Role.VIEW, Role.VIEW])
        (one, first), (_, second) = made.items()
        grant = await doorman.identify(one, "10.0.0.1")
        with doorman.inside(grant, lambda: left.append("one")), doorman.inside(EVERYTHING, lambda: left.append("all")):
            await doorman.revoke("m1", second.id)
            assert left == []
            await doorman.revoke("m1", first.id)
        with pytest.raises(Denied):
            await doorman.identify(one, "10.0.0.1")
        with pytest.raises(NotFound):
            await doorman.revoke("m1", first.id)

    asyncio.run(scene())
    assert left == ["one"]


def test_of_two_who_came_in_with_one_link_the_one_who_stayed_is_called_out(links: Links) -> None:
    left: list[str] = []

    async def scene() -> None:
        doorman = Doorman(TOKEN, links)
        ((token, link),) = (await doorman.invite("m1", [Role.VIEW])).items()
        grant = await doorman.identify(token, "10.0.0.1")
        with doorman.inside(grant, lambda: left.append("stays")):
            with doorman.inside(grant, lambda: left.append("goes")):
                pass
            await doorman.revoke("m1", link.id)
        assert doorman._inside == {}

    asyncio.run(scene())
    assert left == ["stays"]


def test_whoever_is_on_the_way_in_while_the_link_is_revoked_is_called_out_too(links: Links) -> None:
    left: list[str] = []

    async def scene() -> None:
        doorman = Doorman(TOKEN, links)
        ((token, link),) = (await doorman.invite("m1", [Role.VIEW])).items()
        grant = await doorman.identify(token, "10.0.0.1")
        await doorman.revoke("m1", link.id)
        with doorman.inside(grant, lambda: left.append("out")):
            assert left == ["out"]

    asyncio.run(scene())


def test_whoever_is_in_is_called_out_when_the_link_expires(links: Links) -> None:
    async def scene() -> None:
        doorman = Doorman(TOKEN, links)
        ((token, _),) = (await doorman.invite("m1", [Role.VIEW], 2.0)).items()
        called = asyncio.Event()
        with doorman.inside(await doorman.identify(token, "10.0.0.1"), called.set):
            await asyncio.wait_for(called.wait(), 20)

    asyncio.run(scene())


def test_a_connection_without_an_address_has_one_too() -> None:
    assert client_address({"client": None}) == "?"
    assert client_address({"client": ("10.0.0.1", 5)}) == "10.0.0.1"
