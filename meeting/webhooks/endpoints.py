"""The endpoints of the settings with their keys, which may stand in the environment or in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meeting.config.secret_files import read_secret
from meeting.config.webhooks import FINAL, WebhookEndpoint
from meeting.webhooks.signature import parse_secret
from pipelines.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to which events are sent, and what signs them."""

    name: str
    url: str = field(repr=False)
    host: str
    """What may be shown of the address"""
    events: tuple[str, ...]
    keys: tuple[bytes, ...] = field(repr=False)

    def describe(self) -> str:
        """What is sent and where to, for people."""
        facts = ["titles and times of meetings"] if set(self.events) - {FINAL} else []
        text = ["what is said in meetings"] if FINAL in self.events else []
        told = f"webhook {self.name}: {self.host} is told {' and '.join(facts + text)} ({', '.join(self.events)})"
        return told if self.url.startswith("https:") else f"{told}, without https: all on the way can read it"


def with_keys(configured: Sequence[WebhookEndpoint], environment: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """The endpoints, ready to be sent to; raises SettingsError naming the one whose secret cannot be had."""
    return tuple(_with_keys(one, environment) for one in configured)


def _with_keys(one: WebhookEndpoint, environment: Mapping[str, str]) -> Endpoint:
    try:
        return Endpoint(one.name, one.url, one.host, one.events, parse_secret(_secret(one, environment)))
    except SettingsError as error:
        raise SettingsError(f"webhook {one.name}: {error}") from error


def _secret(one: WebhookEndpoint, environment: Mapping[str, Any]) -> str:
    if one.secret_env is not None:
        if one.secret_env not in environment:
            raise SettingsError(f"secret_env names {one.secret_env}, which is not in the environment")
        return str(environment[one.secret_env])
    if one.secret_file is not None:
        return read_secret(one.secret_file, "secret_file")
    return one.secret or ""
