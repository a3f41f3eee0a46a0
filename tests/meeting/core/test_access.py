"""Roles, the rule for every route, tokens, and how often one may guess."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.core.access import (
    EVERYTHING,
    LINK_ROLES,
    SUBPROTOCOL,
    Denied,
    Grant,
    Limiter,
    Link,
    Role,
    checked_server_token,
    digest,
    from_header,
    from_subprotocols,
    is_loopback,
    made_here,
    network,
    new_token,
    rule,
    same,
)
from pipelines.errors import SettingsError

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def link(role: Role, meeting_id: str = "m1") -> Grant:
    return Grant(role, Link("l1", meeting_id, role, NOW))


@pytest.mark.parametrize("role", LINK_ROLES.values())
def test_a_link_allows_its_role_and_the_lesser_ones_in_its_meeting_only(role: Role) -> None:
    allowed = {wanted for wanted in Role if link(role).allows(wanted, "m1")}
    assert allowed == {wanted for wanted in Role if wanted <= role}
    assert {wanted for wanted in Role if link(role).allows(wanted, "m2")} == {Role.ANYONE}
    assert not link(role).allows(Role.VIEW, None)


def test_the_server_token_allows_everything() -> None:
    assert all(EVERYTHING.allows(role, meeting_id) for role in Role for meeting_id in ("m1", None))


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", (Role.ANYONE, None)),
        ("HEAD", "/static/sample/sample.flac", (Role.ANYONE, None)),
        ("GET", "/api/meetings", (Role.SERVER, None)),
        ("GET", "/api/meetings/m1/export", (Role.VIEW, "m1")),
        ("HEAD", "/api/meetings/m1/audio", (Role.HOST, "m1")),
        ("DELETE", "/api/meetings/m1", (Role.HOST, "m1")),
    ],
)
def test_every_route_has_its_rule(method: str, path: str, expected: tuple[Role, str | None]) -> None:
    assert rule(method, path) == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/meetings/m1"),
        ("GET", "/api/new"),
        ("GET", "/api/meetings/m1/"),
        ("GET", "/api/meetings//links"),
        ("OPTIONS", "/"),
        ("GET", "/m/a/b"),
        ("WEBSOCKET", "/ws/other"),
        ("GET", "/api/meetings/m1/export\n"),
    ],
)
def test_what_has_no_rule_takes_the_server_token(method: str, path: str) -> None:
    assert rule(method, path) == (Role.SERVER, None)


def test_tokens_are_long_all_different_and_fit_everywhere() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(made_here(token) for token in tokens)
    assert all(checked_server_token(token, "it") == token for token in tokens)


@given(st.text(), st.text())
def test_secrets_are_the_same_only_when_equal(one: str, other: str) -> None:
    assert same(one, other) == (one == other)
    assert same(one, one)


def test_nothing_of_a_token_is_in_its_digest() -> None:
    assert len(digest("a")) == len(digest("a" * 1000)) == 64
    assert same("\ud800", "\ud800")


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "long enough but with spaces", "long/enough/but/slashes", "é" * 20]
)
def test_a_server_token_that_is_easy_to_guess_or_fits_nowhere_is_refused_unseen(token: str) -> None:
    with pytest.raises(SettingsError, match=r"server\.token must be at least 16") as caught:
        checked_server_token(token, "server.token")
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer", None),
        ("", None),
        (None, None),
    ],
)
def test_the_token_of_a_header(header: str | None, token: str | None) -> None:
    assert from_header(header) == token


@pytest.mark.parametrize(
    ("offered", "token"),
    [
        ([SUBPROTOCOL, "bearer.abc"], "abc"),
        (["bearer.abc"], "abc"),
        ([SUBPROTOCOL], None),
        (["bearer."], None),
        ([], None),
    ],
)
def test_the_token_of_a_socket(offered: list[str], token: str | None) -> None:
    assert from_subprotocols(offered) == token


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("", False),
        ("meet.example.org", False),
        ("127.meet.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_only_this_machines_addresses_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("odd", "odd"),
    ],
)
def test_one_customer_is_one_guesser(address: str, key: str) -> None:
    assert network(address) == key


def test_too_many_wrong_tokens_make_one_wait_and_waiting_helps() -> None:
    limiter = Limiter(tries=3, seconds=30)
    for _ in range(3):
        assert limiter.wait("10.0.0.1", 0) == 0
        limiter.failed("10.0.0.1", 0)
    assert limiter.wait("10.0.0.1", 0) == pytest.approx(10)
    assert limiter.wait("10.0.0.1", 9) == pytest.approx(1)
    assert limiter.wait("10.0.0.1", 10) == 0
    assert limiter.wait("10.0.0.2", 0) == 0


def test_guessing_on_while_blocked_does_not_block_for_longer() -> None:
    limiter = Limiter(tries=3, seconds=30)
    for _ in range(1000):
        limiter.failed("10.0.0.1", 0)
    assert limiter.wait("10.0.0.1", 10) == 0


def test_the_memory_of_guessers_is_bounded() -> None:
    limiter = Limiter(addresses=100)
    for i in range(10_000):
        limiter.failed(f"10.0.{i // 256}.{i % 256}", i)
    assert len(limiter) == 100


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (403, "forbidden"), (429, "too_many")])
def test_a_denial_has_a_code(status: int, code: str) -> None:
    assert Denied("no", status).code == code
