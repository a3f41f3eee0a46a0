"""An object that a client has sent, read field by field: wrong values are refused, what nobody reads is named. Pure."""

from __future__ import annotations

from typing import Any

from meeting.compat.parameters import refused, warning
from meeting.core.messages import JsonObject


class Fields:
    """One object; a message about a field begins with its name."""

    def __init__(self, given: object, name: str) -> None:
        if given is not None and not isinstance(given, dict):
            raise refused(f"{name} must be an object")
        self.name = name
        self._given: dict[str, Any] = dict(given or {})
        self._parts: list[Fields] = []
        self._warnings: list[JsonObject] = []

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def is_null(self, name: str) -> bool:
        """Whether a field is there and says null."""
        return name in self and self._given[name] is None

    def take(self, name: str, default: Any = None) -> Any:
        """A field as it came; the default where it is null or not there."""
        found = self._given.pop(name, None)
        return default if found is None else found

    def part(self, name: str) -> Fields:
        """A field that is an object; an empty one where it is null or not there."""
        self._parts.append(Fields(self._given.pop(name, None), f"{self.name}.{name}"))
        return self._parts[-1]

    def text(self, name: str) -> str:
        """A field that is text."""
        found = self.take(name, "")
        if not isinstance(found, str):
            raise refused(f"{self.name}.{name} must be text")
        return found

    def texts(self, name: str) -> list[str]:
        """A field that is a list of texts."""
        found = self.take(name, [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise refused(f"{self.name}.{name} must be a list of texts")
        return found

    def number(self, name: str, most: float, default: float) -> float:
        """A field that is a number from 0 on."""
        found = self.take(name, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= most:
            raise refused(f"{self.name}.{name} must be a number from 0 to {most:g}")
        return found

    def warn(self, name: str, message: str) -> None:
        """Say of a field that it does not do what it should."""
        self._warnings.append(warning(f"{self.name}.{name}", message))

    def warnings(self) -> list[JsonObject]:
        """What was given and means nothing here, in this object and those within it."""
        unread = (name for name, value in self._given.items() if value not in (None, [], {}))
        return [
            *self._warnings,
            *(warning(f"{self.name}.{name}") for name in unread),
            *(told for part in self._parts for told in part.warnings()),
        ]
