"""To which addresses the server may connect by itself: public ones, and those of networks that were allowed; pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pipelines.errors import SettingsError

NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that a translator turns into the IPv4 address in their last 32 bits"""
SIX_TO_FOUR = IPv6Network("2002::/16")
"""Addresses that hold an IPv4 address behind their first 16 bits"""
NOT_PUBLIC = tuple(
    map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/23", "3fff::/20"))
)
"""What some versions of Python call public: a cloud's service for its own machines, and what IANA has reserved"""


class AddressPolicy:
    """Says of an address, never of a name, whether it may be connected to."""

    def __init__(self, private_networks: Sequence[str] = ()) -> None:
        """`private_networks` may be connected to although they are not public; raises SettingsError."""
        self._allowed = [_network(text) for text in private_networks]

    def allows(self, address: str) -> bool:
        """Whether an IP address, as a name was resolved to it, may be connected to."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        inner = _inner(found)
        return any(inner in network or found in network for network in self._allowed) or _is_public(inner)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise SettingsError(
            f"webhooks.private_networks must hold addresses or networks such as 10.0.5.0/24, not {text!r}"
        ) from error


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that is reached by an IPv6 address, where it is one of those; else the same."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    # `is_global` alone counts groups of receivers (multicast) and addresses that were given up as public.
    odd = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return address.is_global and not odd and not any(address in network for network in NOT_PUBLIC)
