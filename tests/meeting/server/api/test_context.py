"""What an endpoint takes from its request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from meeting.core.access import FULL_ACCESS
from meeting.server.api.context import authenticator_of, grant_of, meeting_url, rooms_of, store_of
from meeting.server.security.forwarding import Forwarding


def request(public_url: str | None = None) -> Request:
    """A request to an app of made-up parts."""
    state = SimpleNamespace(rooms=SimpleNamespace(store="a store"), authenticator="authenticator")
    state.forwarding = Forwarding((), public_url)
    scope: dict[str, Any] = {"type": "http", "app": SimpleNamespace(state=state), "state": {"grant": FULL_ACCESS}}
    return Request(scope)


def test_an_endpoint_finds_the_parts_of_the_server() -> None:
    asked = request()
    assert cast(str, store_of(asked)) == cast(Any, rooms_of(asked)).store == "a store"
    assert cast(str, authenticator_of(asked)) == "authenticator"
    assert grant_of(asked) == FULL_ACCESS


@pytest.mark.parametrize(("url", "root"), [(None, ""), ("https://example.org/meet/", "/meet")])
def test_a_meeting_s_page_lies_below_the_server_s_first_and_a_token_in_the_fragment(url: str | None, root: str) -> None:
    assert meeting_url(request(url), "m1") == f"{root}/m/m1"
    assert meeting_url(request(url), "m1", "secret") == f"{root}/m/m1#t=secret"
