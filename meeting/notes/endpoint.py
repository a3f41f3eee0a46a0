"""Where transcripts go when somebody asks for notes, as the settings say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from meeting.config.secret_files import read_secret
from meeting.config.settings import Notes
from meeting.core.messages import JsonObject
from meeting.transport.addresses import is_loopback
from pipelines.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server with the OpenAI API, and a model there."""

    url: str
    """Without a slash at its end"""
    model: str
    key: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The name of the machine, and the port where the address has one."""
        return urlsplit(self.url).netloc

    @property
    def local(self) -> bool:
        """Whether it is surely this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way there can read along."""
        return self.local or self.url.startswith("https:")

    def told(self) -> JsonObject:
        """Where text goes, for clients."""
        return {"host": self.host, "model": self.model, "local": self.local, "encrypted": self.encrypted}


def endpoint_of(settings: Notes) -> Endpoint | None:
    """Where the settings let text go; None where notes are off. Raises SettingsError."""
    if settings.url is None and settings.model is None:
        return None
    if settings.url is None or settings.model is None or not settings.model.strip():
        raise SettingsError("notes need both notes.url and notes.model: set the other one too, or neither")
    if settings.key is not None and settings.key_file is not None:
        raise SettingsError("both notes.key and notes.key_file are set: take one of them away")
    key = settings.key if settings.key_file is None else read_secret(settings.key_file, "the key for notes in")
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise SettingsError("the key for notes must be one line of printable ASCII characters")
    return Endpoint(_checked_url(settings.url), settings.model.strip(), key)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or not url.strip().isprintable():
        # not shown: somebody may have written a password into it
        raise SettingsError(
            "notes.url must be an address such as http://127.0.0.1:11434/v1, without a name, password or query"
        )
    return url.strip().rstrip("/")
