"""Addresses and links as people write them."""

from __future__ import annotations

import pytest

from meeting.client.addresses import ServerAddress
from meeting.client.errors import ClientError


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        (" https://Example.org/meet/ ", "https://example.org/meet"),
        ("ws://localhost:1", "http://localhost:1"),
        ("wss://localhost", "https://localhost"),
        ("http://[::1]:8765", "http://[::1]:8765"),
    ],
)
def test_an_address_is_taken_as_people_write_it(text: str, base: str) -> None:
    assert ServerAddress.parse(text) == ServerAddress(base)


@pytest.mark.parametrize(
    "text",
    ["", "http://", "ftp://x", "http://x:port", "http://x:99999", "http://me:secret@x", "http://x/?a=1", "a b://c"],
)
def test_what_is_no_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ClientError, match="a server's address looks like"):
        ServerAddress.parse(text)


def test_a_link_holds_the_meeting_and_its_token() -> None:
    link = ServerAddress.parse("https://example.org/meet/m/abc/#t=the-token")
    assert link == ServerAddress("https://example.org/meet", "the-token", "abc")
    assert link.headers == {"Authorization": "Bearer the-token"}
    assert "the-token" not in repr(link)


def test_a_token_of_its_own_takes_the_place_of_the_links() -> None:
    assert ServerAddress.parse("http://x/m/abc#t=one", "two").token == "two"


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "ä", "a" * 513])
def test_a_token_that_no_server_has_made_is_refused(token: str) -> None:
    with pytest.raises(ClientError, match="a token holds"):
        ServerAddress.parse("http://x", token)


def test_socket_and_requests_lie_below_the_path() -> None:
    address = ServerAddress.parse("https://example.org/http")
    assert address.socket_url("a/b") == "wss://example.org/http/ws/meetings/a%2Fb"
    assert address.api_url("/api/meetings") == "https://example.org/http/api/meetings"
    assert address.absolute("/http/m/abc#t=x") == "https://example.org/http/m/abc#t=x"
