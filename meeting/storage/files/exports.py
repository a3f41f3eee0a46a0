"""A meeting's exports as files in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meeting.core.export import export_file, format_named
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
    for kind in formats:
        paths.append(write_export(folder, f"{name}{format_named(kind).suffix}", export_file(record, kind, name)))
    return paths


def write_export(folder: Path, name: str, data: bytes) -> Path:
    """Write one file into `folder`, made when missing; raises StoreError."""
    path = folder / name
    try:
        make_folder(folder)
        with create(path) as file:
            file.buffer.write(data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    return path
