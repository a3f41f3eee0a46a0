"""The role that every route takes."""

from __future__ import annotations

import pytest

from meeting.core.access import Role
from meeting.server.security.permissions import required_role


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
def test_every_route_has_its_required_role(method: str, path: str, expected: tuple[Role, str | None]) -> None:
    assert required_role(method, path) == expected


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
    assert required_role(method, path) == (Role.SERVER, None)
