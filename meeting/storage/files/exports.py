"""A meeting's exports as files in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meeting.core.export import format_named
from meeting.core.records import Record
from meeting.storage.files.private_files import create, make_folder
from pipelines.errors import StoreError

REPLAY_FORMATS = ("json", "srt", "rttm", "seglst", "txt", "md")
"""Formats that `replay --out` writes"""


def write_exports(record: Record, folder: Path, name: str, formats: Iterable[str] = REPLAY_FORMATS) -> list[Path]:
    """Write `NAME.json`, `NAME.srt` and so on into `folder`, made when missing; raises StoreError."""
    if not name or Path(name).name != name or "\0" in name:
        raise StoreError(f"{name!r} cannot be the name of a file")
    paths = []
    for format_ in map(format_named, formats):
        path = folder / f"{name}{format_.suffix}"
        try:
            make_folder(folder)
            with create(path) as file:
                file.write(format_.write(record, name))
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error
        paths.append(path)
    return paths
