"""Where a request comes from and what it asked for, also where a reverse proxy has passed it on.

What proxies say is believed from those addresses alone that the settings name: no variable of the environment and no
client decides it. By default these are the addresses of this machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from pipelines.errors import SettingsError

_NAME = r"\[[0-9a-f:.]+\]|[a-z0-9._-]+"
_HOST = re.compile(rf"({_NAME})(?::[0-9]{{1,5}})?", re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"(https?)://((?:{_NAME})(?::[0-9]{{1,5}})?)", re.IGNORECASE | re.ASCII)
_PATH = re.compile(r"((?:/[a-z0-9._~-]+)*)/?", re.IGNORECASE | re.ASCII)
_URL = re.compile(rf"{_ORIGIN.pattern}{_PATH.pattern}", re.IGNORECASE | re.ASCII)
_OWN_PATHS = frozenset({"m", "static", "api", "ws", "docs", "openapi.json", "healthz", "readyz", "metrics"}) | {
    "transcribe",
    "transcription",
    "v1",
    "v2",
}
"""First parts of our own paths"""
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ENCRYPTED = {"http": "https", "ws": "wss"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """The address at which people reach the server."""

    scheme: str
    """"http" or "https" """
    host: str
    """Name and port, in small letters; without the port where it is the scheme's own"""
    root_path: str = ""
    """Path of the first page, without the slash at its end"""


def parse_public_url(url: str) -> PublicUrl:
    """The parts of `server.public_url`; raises SettingsError."""
    found = _URL.fullmatch(url.strip())
    if found is None or not _is_path(found[3]):
        raise SettingsError(f"server.public_url must be an address such as https://example.org/meet/, not {url!r}")
    _check_path(found[3], "server.public_url")
    scheme = found[1].lower()
    return PublicUrl(scheme, _without_default_port(found[2], scheme), found[3])


def parse_root_path(path: str) -> str:
    """`server.root_path` without the slash at its end, empty for `/`; raises SettingsError."""
    found = _PATH.fullmatch(path.strip())
    if found is None or not _is_path(found[1]):
        raise SettingsError(f"server.root_path must be a path such as /meet, not {path!r}")
    _check_path(found[1], "server.root_path")
    return found[1]


def _is_path(path: str) -> bool:
    return not {".", ".."} & set(path.split("/"))


def _check_path(path: str, setting: str) -> None:
    first = path.split("/")[1] if path else ""
    if first in _OWN_PATHS:
        raise SettingsError(f"{setting} cannot begin with /{first}, which is a path of ours: take another")


def parse_networks(addresses: Iterable[str]) -> tuple[Network, ...]:
    """The parts of `server.trusted_proxies`; raises SettingsError."""
    try:
        return tuple(ipaddress.ip_network(one) for one in addresses)
    except ValueError as error:
        raise SettingsError(
            f"server.trusted_proxies must hold addresses, such as 10.0.0.7, or networks, such as 10.0.0.0/24: {error}"
        ) from error


def host_name(host: str) -> str | None:
    """The name in a `Host` header, in small letters and without port or brackets; None where it is no such header."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else None


def parse_origin(origin: str) -> tuple[str, str] | None:
    """Scheme and host of an `Origin` header, in small letters, as in `PublicUrl`; None where it names no website."""
    found = _ORIGIN.fullmatch(origin)
    return (found[1].lower(), _without_default_port(found[2], found[1].lower())) if found else None


def _without_default_port(host: str, scheme: str) -> str:
    return host.lower().removesuffix(_DEFAULT_PORTS[scheme])


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """A request as whoever sent it first meant it."""

    scope: Scope
    """With the path as the server knows it, and the address and scheme of who asked"""
    hosts: tuple[str, ...]
    """The `Host` header, then other names under which the request may have been sent"""

    def is_same_origin(self, origin: str, public: PublicUrl | None) -> bool:
        """Whether a page of this server sent it."""
        named = parse_origin(origin)
        if named is None:
            return False
        if public is not None and named == (public.scheme, public.host):
            return True
        return any(named[1] == _without_default_port(host, named[0]) for host in self.hosts)


class Forwarding:
    """What the settings say of proxies, applied to requests."""

    def __init__(
        self, trusted: Iterable[str] = (), public_url: str | None = None, root_path: str | None = None
    ) -> None:
        """Raises SettingsError."""
        self._trusted = parse_networks(trusted)
        self.public = None if public_url is None else parse_public_url(public_url)
        self.root_path = "" if root_path is None else parse_root_path(root_path)
        """What stands before the server's own paths where people reach it"""
        if self.public is not None:
            if root_path is not None and self.root_path != self.public.root_path:
                raise SettingsError("server.root_path and the path of server.public_url differ: take one of them away")
            self.root_path = self.public.root_path

    @property
    def host_names(self) -> tuple[str, ...]:
        """Host names that the settings make known, as `host_name` gives them."""
        name = None if self.public is None else host_name(self.public.host)
        return () if name is None else (name,)

    def original(self, scope: Scope, headers: Headers) -> OriginalRequest:
        """A request without what proxies between have made of it."""
        host = headers.get("host", "")
        scope = {**scope, **self._path_below_root(scope)}
        peer = scope.get("client")
        if peer is None or not self.is_trusted(peer[0]):
            return OriginalRequest(scope, (host,))
        hosts = [host, *filter(None, [_first_value(headers, "x-forwarded-host")])]
        port = _first_value(headers, "x-forwarded-port")
        if port.isascii() and port.isdigit():
            hosts += [f"{name}:{port}" for name in hosts if not re.search(r":[0-9]+$", name)]
        scope["client"] = (self._client_address(headers) or peer[0], 0)
        if _first_value(headers, "x-forwarded-proto").lower() in ("https", "wss"):
            scope["scheme"] = _ENCRYPTED.get(scope["scheme"], scope["scheme"])
        return OriginalRequest(scope, tuple(hosts))

    def _path_below_root(self, scope: Scope) -> Scope:
        """The path without what the proxy's begins with, whether the proxy has taken that away or not."""
        path, root = scope["path"], self.root_path
        if not root or not path.startswith(f"{root}/"):
            return {}
        raw: bytes = scope.get("raw_path") or path.encode()
        return {"path": path[len(root) :], "raw_path": raw.removeprefix(root.encode())}

    def _client_address(self, headers: Headers) -> str | None:
        """The last address on the way here that no trusted proxy has: what stands before it anyone can write."""
        passed = [one.strip() for line in headers.getlist("x-forwarded-for") for one in line.split(",")]
        found = None
        for one in reversed(passed):
            found = _without_port(one)
            if not self.is_trusted(found):
                break
        return found or None

    def is_trusted(self, address: str) -> bool:
        """Whether a proxy that the settings name has this address."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _first_value(headers: Headers, name: str) -> str:
    return headers.get(name, "").partition(",")[0].strip()


def _without_port(address: str) -> str:
    found = re.fullmatch(r"\[(.*)\](?::[0-9]+)?|([0-9.]+):[0-9]+", address)
    return (found[1] or found[2] or "") if found else address
