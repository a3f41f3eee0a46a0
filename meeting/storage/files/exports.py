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
        paths.append(write_export(folder, f"{name}{format_.suffix}", format_.write(record, name)))
    return paths


def write_export(folder: Path, name: str, text: str) -> Path:
    """Write one file into `folder`, made when missing; raises StoreError."""
    path = folder / name
    try:
        make_folder(folder)
        with create(path) as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return path
