"""Only public addresses are connected to, however one is written, and those of networks that were allowed."""

from __future__ import annotations

import pytest

from meeting.webhooks.addresses import AddressPolicy
from pipelines.errors import SettingsError

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:168.63.129.16",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "2001::1",
    "100::1",
    "3fff::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "::ffff:8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_not_connected_to(address: str) -> None:
    assert not AddressPolicy().allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert AddressPolicy().allows(address)


@pytest.mark.parametrize("text", ["", "localhost", "example.org", "127.1", "0x7f.1", "2130706433"])
def test_what_is_no_address_is_not_connected_to(text: str) -> None:
    assert not AddressPolicy(["127.0.0.0/8"]).allows(text)


def test_a_network_that_was_allowed_is_connected_to_and_no_other() -> None:
    policy = AddressPolicy(["10.0.5.0/24", "127.0.0.1", "fd00:5::/32"])
    for address in ("10.0.5.7", "127.0.0.1", "::ffff:10.0.5.7", "fd00:5::1", "8.8.8.8"):
        assert policy.allows(address), address
    for address in ("10.0.6.7", "127.0.0.2", "::1", "fd00:6::1", "169.254.169.254"):
        assert not policy.allows(address), address


@pytest.mark.parametrize("text", ["", "localhost", "10.0.5.1/24", "10.0.0.0/33"])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"webhooks.private_networks must hold addresses or networks"):
        AddressPolicy([text])
