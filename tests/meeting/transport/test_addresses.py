"""Which addresses are this machine's own, and which count as one client."""

from __future__ import annotations

import pytest

from meeting.transport.addresses import client_network, is_loopback


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
    assert client_network(address) == key
