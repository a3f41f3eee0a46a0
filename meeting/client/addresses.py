"""Where a server is, as people write it: an address, a host and a port, or a link into a meeting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from meeting.client.errors import ClientError

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MEETING = re.compile(r"(.*)/m/([^/]+)", re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server, who asks it, and perhaps which meeting is meant."""

    base: str
    """Such as `https://example.org/meet`: without a slash at its end"""
    token: str | None = field(default=None, repr=False)
    meeting_id: str | None = None

    @classmethod
    def parse(cls, text: str, token: str | None = None) -> ServerAddress:
        """The parts of an address; a token of its own takes the place of the one in a link. Raises ClientError.

        >>> ServerAddress.parse("example.org:8443").base
        'http://example.org:8443'
        >>> link = ServerAddress.parse("https://example.org/meet/m/abc#t=secret")
        >>> link.base, link.token, link.meeting_id
        ('https://example.org/meet', 'secret', 'abc')
        """
        wrong = ClientError("a server's address looks like http://127.0.0.1:8765, or is a link into a meeting")
        try:
            parts = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
            port = parts.port
        except ValueError:
            raise wrong from None
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not parts.hostname or parts.query or parts.username is not None:
            raise wrong
        path = parts.path.rstrip("/")
        found = _MEETING.fullmatch(path)
        path, meeting_id = (found[1], unquote(found[2])) if found else (path, None)
        name, _, secret = parts.fragment.partition("=")
        token = token or (secret if name == "t" else None) or None
        if token is not None and not _TOKEN.fullmatch(token):
            raise ClientError("a token holds letters, digits and any of - _ . ~ only")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{scheme}://{host}{'' if port is None else f':{port}'}{path}", token, meeting_id)

    @property
    def headers(self) -> dict[str, str]:
        """What shows the token; empty where there is none."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def api_url(self, path: str) -> str:
        """Where a request of the HTTP API goes, `path` such as `/api/meetings`."""
        return self.base + path

    def socket_url(self, meeting_id: str) -> str:
        """Where a meeting's socket is."""
        return f"{self.base.replace('http', 'ws', 1)}/ws/meetings/{quote(meeting_id, safe='')}"

    def moved_to(self, base: str | None) -> ServerAddress | None:
        """Another server of several, which this one has named; None where a token would be shown to another host.

        >>> ServerAddress("https://example.org", "secret").moved_to("https://example.org/servers/a").base
        'https://example.org/servers/a'
        >>> ServerAddress("https://example.org", "secret").moved_to("https://example.com") is None
        True
        """
        try:
            there = ServerAddress.parse(base or "", self.token)
        except ClientError:
            return None
        same = urlsplit(there.base)[:2] == urlsplit(self.base)[:2]
        return there if same or self.token is None else None

    def absolute(self, link: str) -> str:
        """A link as the server tells it, which begins with its path, with the server before it."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}{link}"
