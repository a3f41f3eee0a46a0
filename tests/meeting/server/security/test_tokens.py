"""How tokens are compared, checked and found in requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting.server.security.tokens import (
    SUBPROTOCOL,
    checked_server_token,
    secrets_equal,
    token_from_header,
    token_from_subprotocols,
)
from pipelines.errors import SettingsError


@given(st.text(), st.text())
def test_secrets_are_the_same_only_when_equal(one: str, other: str) -> None:
    assert secrets_equal(one, other) == (one == other)
    assert secrets_equal(one, one)


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
        ("Token abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer", None),
        ("", None),
        (None, None),
    ],
)
def test_the_token_of_a_header(header: str | None, token: str | None) -> None:
    assert token_from_header(header) == token


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
    assert token_from_subprotocols(offered) == token
