"""Roles, links, and random tokens."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from meeting.core.access import FULL_ACCESS, LINK_ROLES, Grant, Link, Role, digest, is_link_token, new_token
from meeting.server.security.tokens import checked_server_token, secrets_equal

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
    assert all(FULL_ACCESS.allows(role, meeting_id) for role in Role for meeting_id in ("m1", None))


def test_tokens_are_long_all_different_and_fit_everywhere() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(is_link_token(token) for token in tokens)
    assert all(checked_server_token(token, "it") == token for token in tokens)


def test_nothing_of_a_token_is_in_its_digest() -> None:
    assert len(digest("a")) == len(digest("a" * 1000)) == 64
    assert secrets_equal("\ud800", "\ud800")
