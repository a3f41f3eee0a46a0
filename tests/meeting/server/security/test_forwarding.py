"""Who asks and for what behind a proxy: believed from those alone that the settings name."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from meeting.client import AudioInfo, Client, ServerUnreachable
from meeting.config.settings import Server
from meeting.server.security.forwarding import (
    Forwarding,
    OriginalRequest,
    PublicUrl,
    host_name,
    parse_networks,
    parse_origin,
    parse_public_url,
    parse_root_path,
)
from meeting.server.security.middleware import SecurityMiddleware
from pipelines.errors import SettingsError
from tests.fakes.access_fakes import locked
from tests.fakes.proxy_fakes import proxied
from tests.fakes.server_fakes import config, serving, tone
from tests.meeting.server.security.test_middleware import ask, echo

LOOPBACK = Server().trusted_proxies


def asked(
    forwarding: Forwarding,
    *lines: tuple[str, str],
    peer: str | None = "127.0.0.1",
    path: str = "/",
    scheme: str = "http",
) -> OriginalRequest:
    """A request as the server sees it."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (("host", "localhost:8765"), *lines)]
    client = None if peer is None else (peer, 5)
    scope: dict[str, Any] = {
        "type": "http", "path": path, "raw_path": path.encode(), "headers": raw, "client": client, "scheme": scheme
    }  # fmt: skip
    return forwarding.original(scope, Headers(raw=raw))


def client(*lines: tuple[str, str], trusted: tuple[str, ...] = LOOPBACK, peer: str = "127.0.0.1") -> str:
    """Whom a wrong token of a request counts against."""
    return str(asked(Forwarding(trusted), *lines, peer=peer).scope["client"][0])


def test_only_what_a_trusted_proxy_says_is_believed() -> None:
    told = ("x-forwarded-for", "10.0.0.7")
    assert client(told) == "10.0.0.7"
    assert client(told, peer="::1") == "10.0.0.7"
    assert client(told, peer="::ffff:127.0.0.1") == "10.0.0.7"
    assert client(told, peer="192.0.2.1") == "192.0.2.1"
    assert client(told, trusted=()) == "127.0.0.1"
    assert client(told, peer="192.0.2.1", trusted=("192.0.2.0/24",)) == "10.0.0.7"
    assert client() == "127.0.0.1"
    assert asked(Forwarding(LOOPBACK), told, peer=None).scope["client"] is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["6.6.6.6, 10.0.0.7"], "10.0.0.7"),
        (["6.6.6.6", "10.0.0.7"], "10.0.0.7"),
        (["10.0.0.7, 127.0.0.1, ::1"], "10.0.0.7"),
        (["127.0.0.1"], "127.0.0.1"),
        (["10.0.0.7:5000"], "10.0.0.7"),
        (["[2001:db8::1]:5000"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["6.6.6.6, unknown"], "unknown"),
        ([""], "127.0.0.1"),
        ([", ,"], "127.0.0.1"),
    ],
)
def test_the_last_address_that_no_proxy_of_ours_has_is_the_client(lines: list[str], expected: str) -> None:
    """What stands before it comes from the client, who may write there what he likes."""
    assert client(*(("x-forwarded-for", line) for line in lines)) == expected


def test_scheme_and_names_are_taken_from_a_trusted_proxy() -> None:
    lines = [("x-forwarded-proto", "https"), ("x-forwarded-host", "example.org"), ("x-forwarded-port", "8443")]
    found = asked(Forwarding(LOOPBACK), *lines)
    assert found.scope["scheme"] == "https"
    assert found.hosts == ("localhost:8765", "example.org", "example.org:8443")
    assert asked(Forwarding(LOOPBACK), *lines, scheme="ws").scope["scheme"] == "wss"
    strange = asked(Forwarding(LOOPBACK), *lines, peer="192.0.2.1")
    assert (strange.scope["scheme"], strange.hosts) == ("http", ("localhost:8765",))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org", PublicUrl("https", "example.org")),
        ("https://Example.org/", PublicUrl("https", "example.org")),
        ("https://example.org:443/meet/", PublicUrl("https", "example.org", "/meet")),
        ("http://example.org:8080/a/b", PublicUrl("http", "example.org:8080", "/a/b")),
        ("http://[::1]:80/Meet-1_~x.y", PublicUrl("http", "[::1]", "/Meet-1_~x.y")),
    ],
)
def test_the_address_that_people_open_is_taken_apart(url: str, expected: PublicUrl) -> None:
    assert parse_public_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "ftp://example.org", "https://", "https://exa mple.org", "https://a/b?c", "https://a/b#c",
     "https://user@a/", "https://a//b", "https://a/../b", "https://a/./", "https://a/m", "https://a/api/x",
     "https://a/static", "https://a:port/", "http://[", "https://ä.example/"],
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.public_url"):
        parse_public_url(url)


@pytest.mark.parametrize("trusted", ["*", "proxy", "10.0.0.1/24", "10.0.0.0/33", ""])
def test_a_proxy_that_is_no_address_is_refused(trusted: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.trusted_proxies"):
        parse_networks([trusted])


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/meet/", "/"), ("/meet/m/x", "/m/x"), ("/m/x", "/m/x"), ("/meeting/x", "/meeting/x"), ("/meet", "/meet")],
)
def test_the_path_of_the_proxy_is_taken_away_where_it_has_not_done_so(path: str, expected: str) -> None:
    found = asked(Forwarding((), "https://example.org/meet/"), path=path)
    assert (found.scope["path"], found.scope["raw_path"]) == (expected, expected.encode())


def test_names_and_origins_are_read_as_what_they_are_or_not_at_all() -> None:
    assert host_name("Example.org:80") == "example.org"
    assert host_name("[::1]:80") == "::1"
    assert parse_origin("HTTPS://Example.org:443") == ("https", "example.org")
    assert parse_origin("http://example.org:443") == ("http", "example.org:443")
    for broken in (
        "http://[",
        "http://",
        "null",
        "http://a/",
        "http://a b",
        "http://a@b",
        "http://a:b",
        "//a",
        "http://a\n",
    ):
        assert parse_origin(broken) is None
    for broken in ("", "[", "a b", "a:b", "a:123456", "a/b", "a\n", "ä", "a:²"):
        assert host_name(broken) is None


TEXTS = st.text(st.characters(max_codepoint=255), max_size=30)
PIECES = st.lists(
    st.sampled_from(["http", "://", "[", "]", ":", "::1", "a", "80", "²", "/", ",", "@", "\x00", "%", " "])
)
VALUES = TEXTS | PIECES.map("".join)
NAMES = st.sampled_from(
    ["host", "origin", "content-length", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"]
)


@given(
    lines=st.lists(st.tuples(NAMES, VALUES)),
    kind=st.sampled_from(["http", "websocket"]),
    path=VALUES,
    public=st.sampled_from([None, "https://example.org:8443/meet/"]),
)
def test_no_header_whatever_is_in_it_is_more_than_a_refusal(
    lines: list[tuple[str, str]], kind: str, path: str, public: str | None
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    scope = {
        "type": kind, "method": "POST", "path": f"/{path}", "headers": raw, "client": ("127.0.0.1", 1), "scheme": "http"
    }  # fmt: skip
    guard = SecurityMiddleware(echo, frozenset({"localhost", "example.org"}), Forwarding(LOOPBACK, public))
    asyncio.run(guard(scope, receive, send))
    if kind == "http":
        assert sent[0]["status"] in (200, 308, 403, 413, 421)
    else:
        assert sent[0]["type"] in ("websocket.http.response.start", "websocket.accept")
        assert sent[0].get("status") in (None, 403, 413, 421)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "example.org:8443", "origin": "https://example.org:8443"}, 200),
        ({"host": "example.org", "origin": "https://example.org:8443"}, 403),
        ({"host": "example.org", "origin": "https://example.org:8443", "x_forwarded_port": "8443"}, 200),
        ({"host": "127.0.0.1:8765", "origin": "https://example.org:8443", "x_forwarded_host": "example.org:8443"}, 200),
        ({"host": "127.0.0.1:8765", "origin": "https://example.org:8443"}, 403),
        ({"host": "127.0.0.1:8765", "origin": "https://evil.example", "x_forwarded_host": "evil.example"}, 403),
        # A page that makes its own name point here may send any header: the name that it asks for stays its own.
        ({"host": "evil.example", "origin": "http://evil.example", "x_forwarded_host": "127.0.0.1:8765"}, 421),
        ({"host": "example.org:443", "origin": "https://example.org"}, 200),
        ({"host": "example.org", "origin": "https://example.org:443"}, 200),
        ({"host": "example.org:80", "origin": "https://example.org"}, 403),
    ],
)
def test_a_page_is_ours_under_the_names_that_a_trusted_proxy_tells(headers: dict[str, Any], status: int) -> None:
    hosts = frozenset({"127.0.0.1", "example.org"})
    asked_with: dict[str, Any] = {"forwarding": Forwarding(LOOPBACK), "method": "POST", **headers}
    assert ask(hosts, **asked_with)[0]["status"] == status
    socket = ask(hosts, kind="websocket", **asked_with)[0]["type"]
    assert socket == ("websocket.accept" if status == 200 else "websocket.http.response.start")


def test_a_page_is_ours_at_the_address_that_people_open_whatever_name_the_proxy_asks_for() -> None:
    known = Forwarding((), "https://example.org:8443/meet/")
    for host in ("127.0.0.1:8765", "example.org"):
        hosts = frozenset({"127.0.0.1", "example.org"})
        own = ask(hosts, method="POST", forwarding=known, host=host, origin="https://example.org:8443")
        assert own[0]["status"] == 200
        for origin in ("http://example.org:8443", "https://example.org:8444", "https://example.org.evil.example:8443"):
            assert ask(hosts, method="POST", forwarding=known, host=host, origin=origin)[0]["status"] == 403


def test_no_variable_decides_whose_address_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn takes FORWARDED_ALLOW_IPS: with "*" each client chooses the address that its guesses count against."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with locked(tmp_path) as server:
        url = f"http://127.0.0.1:{server.serving.port}/api/meetings"
        elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=elsewhere, trust_env=False) as stranger:
            statuses = []
            for n in range(22):
                headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": f"10.0.0.{n}"}
                statuses.append(stranger.get(url, headers=headers).status_code)
        assert statuses == [401] * 20 + [429] * 2
        through = {"X-Forwarded-For": "10.0.0.7"}
        assert [
            server.call("GET", "/api/meetings", "wrong", headers=through).status_code for _ in range(22)
        ] == statuses
        assert server.call("GET", "/api/meetings", headers={"X-Forwarded-For": "10.0.0.8"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "root"), [("/meet", "/meet"), ("/meet/", "/meet"), ("/a/b-c/", "/a/b-c"), ("/", ""), ("", "")]
)
def test_a_root_path_is_a_path_without_its_last_slash(path: str, root: str) -> None:
    assert parse_root_path(path) == root
    assert Forwarding((), root_path=path).root_path == root


@pytest.mark.parametrize(
    "path", ["meet", "/a//b", "/../x", "/a?b", "/a b", "/ä", "https://x/meet", "/m", "/api/x", "/static"]
)
def test_what_is_no_root_path_is_told(path: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.root_path"):
        Forwarding((), root_path=path)


def test_a_root_path_and_the_path_of_the_public_address_must_be_one() -> None:
    url = "https://example.org/meet/"
    assert Forwarding((), url, "/meet").root_path == "/meet"
    assert Forwarding((), url).root_path == "/meet"
    with pytest.raises(SettingsError, match="differ"):
        Forwarding((), url, "/other")


@pytest.mark.parametrize("path", ["/meet/api/meetings", "/api/meetings"])
def test_below_a_root_path_a_proxy_may_take_it_away_or_not(path: str) -> None:
    request = asked(Forwarding((), root_path="/meet"), path=path)
    assert (request.scope["path"], request.scope["raw_path"]) == ("/api/meetings", b"/api/meetings")


@pytest.mark.slow
@pytest.mark.parametrize("stripped", [True, False])
def test_page_api_and_socket_work_below_a_root_path_behind_a_real_proxy(tmp_path: Path, stripped: bool) -> None:
    settings = config(tmp_path)
    settings = replace(settings, server=replace(settings.server, root_path="/meet"))
    with serving(settings) as served, proxied(served.port, "/meet", stripped) as proxy:
        root = f"http://localhost:{proxy.port}/meet"
        if not stripped:  # one that takes the path away redirects by itself
            assert httpx.get(root).headers["location"] == "/meet/"
        home = httpx.get(f"{root}/")
        assert home.status_code == 200
        for part in re.findall(r'="\./(static/[^"]+)"', home.text):
            assert httpx.get(f"{root}/{part}").status_code == 200
        made = httpx.post(f"{root}/api/meetings", json={"title": "Monday"}).json()
        assert made["links"]["view"] == f"/meet/m/{made['id']}"
        page = httpx.get(f"http://localhost:{proxy.port}{made['links']['view']}")
        assert '"./../static/' in page.text

        async def speak() -> list[str]:
            program = Client(f"{root}/m/{made['id']}")
            return [event.type async for event in program.transcribe(tone(2.0), AudioInfo())]

        assert asyncio.run(speak())[-1] == "ended"
        assert httpx.get(f"{root}/api/meetings/{made['id']}").json()["segments"] == 2
        with pytest.raises(ServerUnreachable, match="no meeting server"):
            asyncio.run(Client(f"http://localhost:{proxy.port}").create_meeting())
