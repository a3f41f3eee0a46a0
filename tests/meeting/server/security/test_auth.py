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
from meeting.core.access import FULL_ACCESS, Link, Role, digest, new_token
from meeting.core.errors import AccessDenied, ErrorCode
from meeting.core.records import Meeting, State
from meeting.server.security.auth import Authenticator, client_address, server_token
from meeting.storage.link_store import LinkStore
from meeting.storage.store import Store
from pipelines.errors import NotFound, SettingsError

TOKEN = "a-token-of-this-test-server"
NOW = datetime.now(timezone.utc)


@pytest.fixture
def links(tmp_path: Path) -> Iterator[LinkStore]:
    with Store(tmp_path) as store:
        store.create_meeting(Meeting("m1", "", State.OPEN, NOW)).result()
        yield LinkStore(store)


def denial(authenticator: Authenticator, token: str | None, address: str = "10.0.0.1") -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        asyncio.run(authenticator.authenticate(token, address))
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


def test_without_a_token_everyone_may_do_everything(links: LinkStore) -> None:
    authenticator = Authenticator(None, links)
    assert not authenticator.required
    assert asyncio.run(authenticator.authenticate(None, "10.0.0.1")) == FULL_ACCESS


def test_the_servers_token_opens_everything_and_a_link_its_meeting(links: LinkStore) -> None:
    authenticator = Authenticator(TOKEN, links)
    ((token, link),) = asyncio.run(authenticator.create_links("m1", [Role.VIEW])).items()
    assert authenticator.required
    assert asyncio.run(authenticator.authenticate(TOKEN, "10.0.0.1")) == FULL_ACCESS
    grant = asyncio.run(authenticator.authenticate(token, "10.0.0.1"))
    assert (grant.role, grant.link) == (Role.VIEW, link)


@pytest.mark.parametrize(
    "token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], pytest.param(new_token(), id="made here"), "\ud800"]
)
def test_any_other_token_opens_nothing(links: LinkStore, token: str | None) -> None:
    assert denial(Authenticator(TOKEN, links), token).code == ErrorCode.UNAUTHORIZED


def test_a_link_opens_until_it_expires(links: LinkStore) -> None:
    early, late = new_token(), new_token()
    links.add({digest(early): Link("l1", "m1", Role.VIEW, NOW, NOW - timedelta(seconds=1))}).result()
    links.add({digest(late): Link("l2", "m1", Role.VIEW, NOW, NOW + timedelta(days=1))}).result()
    authenticator = Authenticator(TOKEN, links)
    assert "expired" in str(denial(authenticator, early))
    assert asyncio.run(authenticator.authenticate(late, "10.0.0.1")).role is Role.VIEW


def test_whoever_guesses_wrong_too_often_must_wait_while_links_and_others_go_on(links: LinkStore) -> None:
    now = [0.0]
    authenticator = Authenticator(TOKEN, links, lambda: now[0])
    ((token, _),) = asyncio.run(authenticator.create_links("m1", [Role.VIEW])).items()
    codes = [denial(authenticator, "wrong").code for _ in range(25)]
    assert codes == [ErrorCode.UNAUTHORIZED] * 20 + [ErrorCode.TOO_MANY] * 5
    refused = denial(authenticator, TOKEN)
    assert refused.code == ErrorCode.TOO_MANY
    assert refused.wait > 0
    assert asyncio.run(authenticator.authenticate(token, "10.0.0.1")).role is Role.VIEW
    assert asyncio.run(authenticator.authenticate(TOKEN, "10.0.0.2")) == FULL_ACCESS
    now[0] = 60.0
    assert asyncio.run(authenticator.authenticate(TOKEN, "10.0.0.1")) == FULL_ACCESS


@pytest.mark.slow
def test_links_of_meetings_that_are_gone_do_not_keep_the_servers_token_out(links: LinkStore) -> None:
    """A clinic behind one address: two hundred people open yesterday's links again and again."""
    now = [0.0]
    authenticator = Authenticator(TOKEN, links, lambda: now[0])
    (stale,) = asyncio.run(authenticator.create_links("m1", [Role.VIEW]))
    (revoked,) = asyncio.run(authenticator.create_links("m1", [Role.HOST])).values()
    asyncio.run(authenticator.revoke("m1", revoked.id))
    links._store.delete_meeting("m1").result()
    theirs = [stale, *(new_token() for _ in range(199))]
    for _ in range(20):
        now[0] += 1.0
        assert {denial(authenticator, token).code for token in theirs} == {ErrorCode.UNAUTHORIZED}
        assert asyncio.run(authenticator.authenticate(TOKEN, "10.0.0.1")) == FULL_ACCESS


@pytest.mark.slow
@pytest.mark.parametrize("own", [TOKEN, pytest.param(new_token(), id="made here")])
def test_guesses_at_the_servers_token_are_limited_whatever_they_look_like(links: LinkStore, own: str) -> None:
    authenticator = Authenticator(own, links, lambda: 0.0)
    for tries, guess in ((20, lambda: new_token()[:-1]), (600, new_token)):
        codes = [denial(authenticator, guess(), "10.0.0.1").code for _ in range(tries + 5)]
        assert codes == [ErrorCode.UNAUTHORIZED] * tries + [ErrorCode.TOO_MANY] * 5
    assert denial(authenticator, own).code == ErrorCode.TOO_MANY
    assert asyncio.run(authenticator.authenticate(own, "10.0.0.2")) == FULL_ACCESS


def test_worthless_links_that_are_remembered_are_bounded(links: LinkStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.server.security.auth.MAX_REMEMBERED", 100)
    authenticator = Authenticator(TOKEN, links, lambda: 0.0)
    for n in range(300):
        denial(authenticator, new_token(), f"10.0.0.{n % 250}")
    assert len(authenticator._shown) == 100


def test_coming_without_any_token_is_no_guess(links: LinkStore) -> None:
    authenticator = Authenticator(TOKEN, links)
    assert {denial(authenticator, None).code for _ in range(50)} == {ErrorCode.UNAUTHORIZED}


def test_revoking_calls_out_whoever_is_in_with_that_link(links: LinkStore) -> None:
    left: list[str] = []

    async def scene() -> None:
        authenticator = Authenticator(TOKEN, links)
        made = await authenticator.create_links("m1", [Role.VIEW, Role.VIEW])
        (one, first), (_, second) = made.items()
        grant = await authenticator.authenticate(one, "10.0.0.1")
        with (
            authenticator.while_valid(grant, lambda: left.append("one")),
            authenticator.while_valid(FULL_ACCESS, lambda: left.append("all")),
        ):
            await authenticator.revoke("m1", second.id)
            assert left == []
            await authenticator.revoke("m1", first.id)
        with pytest.raises(AccessDenied):
            await authenticator.authenticate(one, "10.0.0.1")
        with pytest.raises(NotFound):
            await authenticator.revoke("m1", first.id)

    asyncio.run(scene())
    assert left == ["one"]


def test_of_two_who_came_in_with_one_link_the_one_who_stayed_is_called_out(links: LinkStore) -> None:
    left: list[str] = []

    async def scene() -> None:
        authenticator = Authenticator(TOKEN, links)
        ((token, link),) = (await authenticator.create_links("m1", [Role.VIEW])).items()
        grant = await authenticator.authenticate(token, "10.0.0.1")
        with authenticator.while_valid(grant, lambda: left.append("stays")):
            with authenticator.while_valid(grant, lambda: left.append("goes")):
                pass
            await authenticator.revoke("m1", link.id)
        assert authenticator._present == {}

    asyncio.run(scene())
    assert left == ["stays"]


def test_whoever_is_on_the_way_in_while_the_link_is_revoked_is_called_out_too(links: LinkStore) -> None:
    left: list[str] = []

    async def scene() -> None:
        authenticator = Authenticator(TOKEN, links)
        ((token, link),) = (await authenticator.create_links("m1", [Role.VIEW])).items()
        grant = await authenticator.authenticate(token, "10.0.0.1")
        await authenticator.revoke("m1", link.id)
        with authenticator.while_valid(grant, lambda: left.append("out")):
            assert left == ["out"]

    asyncio.run(scene())


def test_whoever_is_in_is_called_out_when_the_link_expires(links: LinkStore) -> None:
    async def scene() -> None:
        authenticator = Authenticator(TOKEN, links)
        ((token, _),) = (await authenticator.create_links("m1", [Role.VIEW], 2.0)).items()
        called = asyncio.Event()
        with authenticator.while_valid(await authenticator.authenticate(token, "10.0.0.1"), called.set):
            await asyncio.wait_for(called.wait(), 20)

    asyncio.run(scene())


def test_a_connection_without_an_address_has_one_too() -> None:
    assert client_address({"client": None}) == "?"
    assert client_address({"client": ("10.0.0.1", 5)}) == "10.0.0.1"
