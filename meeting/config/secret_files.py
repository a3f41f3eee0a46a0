"""Secrets that stand in a file of their own."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import SettingsError


def read_secret(path: Path, called: str) -> str:
    """What a file holds, without blanks around it; `called` is said before its path where it cannot be read.

    Raises SettingsError, which never quotes what it holds.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{called} {path} cannot be read: {reason}") from error
