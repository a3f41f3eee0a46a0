"""The endpoints of webhooks as the settings name them: what each may say, and what is wrong with what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from meeting.config.hints import hint
from pipelines.errors import SettingsError

STARTED, FINAL, ENDED = "meeting.started", "segment.final", "meeting.ended"
EVENTS = (STARTED, FINAL, ENDED)
"""What may be told"""
DEFAULT_EVENTS = (STARTED, ENDED)
"""What is told where nothing else is asked for: no text"""
SECRETS = ("secret", "secret_env", "secret_file")
"""Where the secret of an endpoint may stand: one of them"""
MOST_ENDPOINTS = 20
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One address to which events are sent."""

    url: str = field(repr=False)
    """Never shown whole: it may hold a token"""
    name: str
    """What logs, metrics and the list of deliveries call it"""
    events: tuple[str, ...] = DEFAULT_EVENTS
    secret: str | None = field(default=None, repr=False)
    secret_env: str | None = None
    """Name of the environment variable that holds it instead"""
    secret_file: Path | None = None
    """File that holds it instead"""

    @property
    def host(self) -> str:
        """The host that is sent to, with its port where the address names one."""
        return split_url(self.url).netloc


def split_url(url: str) -> SplitResult:
    """The parts of an address to send to; raises SettingsError, which does not quote it, where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise SettingsError("url must be an address such as https://example.org/hook, in ASCII, without blanks")
    if "@" in parts.netloc or parts.fragment:
        raise SettingsError("url must hold neither a user nor a fragment (#): the signature says who sends")
    return parts


def read_endpoints(value: Sequence[Any], where: str) -> tuple[WebhookEndpoint, ...]:
    """The endpoints of a list of mappings; raises SettingsError naming the endpoint and the key that is wrong."""
    if len(value) > MOST_ENDPOINTS:
        raise SettingsError(f"{where} may hold at most {MOST_ENDPOINTS} endpoints, not {len(value)}")
    found: list[WebhookEndpoint] = []
    for number, item in enumerate(value, 1):
        try:
            endpoint = _endpoint(item)
            if endpoint.name in [one.name for one in found]:
                raise SettingsError(f"there is another endpoint called {endpoint.name!r}: give each a name of its own")
        except SettingsError as error:
            raise SettingsError(f"{where}, number {number}: {error}") from error
        found.append(endpoint)
    return tuple(found)


def _endpoint(item: Any) -> WebhookEndpoint:
    if not isinstance(item, Mapping):
        raise SettingsError("must hold keys and values: url, events, and secret, secret_env or secret_file")
    known = [spec.name for spec in fields(WebhookEndpoint)]
    for key in item:
        if key not in known:
            raise SettingsError(f"unknown key {key!r}{hint(str(key), known)}")
    texts = {key: value for key, value in item.items() if key != "events" and value is not None}
    for key, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f"{key} must be a text")
    parts = split_url(texts.get("url", ""))
    given = [key for key in SECRETS if key in texts]
    if len(given) != 1:
        raise SettingsError(f"needs one of {', '.join(SECRETS)}{'' if not given else ', not ' + ' and '.join(given)}")
    name = texts.get("name", parts.netloc)
    if len(name) > 100 or not name.isprintable():
        raise SettingsError("name must be a line of at most 100 characters")
    path = Path(texts["secret_file"]).expanduser() if "secret_file" in texts else None
    events = _events(item.get("events", DEFAULT_EVENTS))
    return WebhookEndpoint(texts["url"], name, events, texts.get("secret"), texts.get("secret_env"), path)


def _events(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise SettingsError(f"events must be a list of {', '.join(EVENTS)}")
    for event in value:
        if event not in EVENTS:
            raise SettingsError(f"unknown event {event!r}{hint(str(event), EVENTS)}")
    return tuple(event for event in EVENTS if event in value)
