"""An object store of any kind that fsspec knows, such as S3; the library is loaded only where one is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meeting.core.errors import ObjectStoreError
from meeting.storage.objects.object_store import StoredObject
from pipelines.errors import SettingsError

FORM = "storage.objects is written as s3://BUCKET/PREFIX"
MISSING = (
    "storage.objects names an object store, and a package for it is missing: "
    "install it with pip install 'meeting-transcriber[objects]'"
)
CONNECT_SECONDS, READ_SECONDS = 5, 20
"""After which a store that does not answer counts as away"""
GETS_AT_ONCE = 16
"""Objects that are fetched side by side"""
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}},
    "file": {"auto_mkdir": True},
}
"""What a kind of store needs beyond its own settings"""
GET_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"max_concurrency": 1}}
"""The same for fetching an object: one that may come in several streams is asked for its size first, a request more"""


class FsspecStore:
    """Objects below the URL of an `ObjectStore` that has them all at once in its lists, as S3 does."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError, which never quotes what is set; asks the store for nothing."""
        parts = urlsplit(url)
        if not parts.scheme or not (parts.netloc or parts.path) or "@" in parts.netloc:
            raise SettingsError(FORM)
        try:
            import fsspec

            options = OPTIONS.get(parts.scheme, {})
            # Lists are never remembered: what other servers store must be in them.
            self._files, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except ImportError as error:
            raise SettingsError(MISSING) from error
        except ValueError as error:
            raise SettingsError(FORM) from error
        self._get_options = GET_OPTIONS.get(parts.scheme, {})
        self._root = str(root).rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        """As `ObjectStore.put`."""
        with _errors():
            self._files.pipe_file(self._path(name), data)

    def put_file(self, name: str, path: Path) -> None:
        """As `ObjectStore.put_file`."""
        with _errors():
            self._files.put_file(str(path), self._path(name))

    def get(self, names: Sequence[str]) -> list[bytes]:
        """As `ObjectStore.get`."""
        with _errors(), ThreadPoolExecutor(GETS_AT_ONCE) as threads:
            # Not all in one call: that asks for each of them first whether it is there.
            return list(threads.map(self._get, names))

    def _get(self, name: str) -> bytes:
        return bytes(self._files.cat_file(self._path(name), **self._get_options))

    def get_file(self, name: str, path: Path) -> None:
        """As `ObjectStore.get_file`."""
        with _errors():
            self._files.get_file(self._path(name), str(path))

    def list(self, folder: str) -> list[StoredObject]:
        """As `ObjectStore.list`."""
        with _errors():
            self._files.invalidate_cache()
            found = self._files.find(self._path(folder) + "/", detail=True)
            skipped = len(self._root) + 1
            told = (StoredObject(path[skipped:], int(info["size"]), _time(info)) for path, info in found.items())
            return sorted(told, key=lambda one: one.name)

    def folders(self, folder: str) -> Sequence[str]:
        """As `ObjectStore.folders`."""
        with _errors():
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return []
            inside = (str(one["name"]) for one in found if one["type"] == "directory")
            return sorted(name.rstrip("/").rpartition("/")[2] for name in inside)

    def remove(self, names: Sequence[str]) -> None:
        """As `ObjectStore.remove`."""
        with _errors():
            for start in range(0, len(names), 1000):
                try:
                    self._files.rm([self._path(name) for name in names[start : start + 1000]])
                except FileNotFoundError:
                    continue

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextmanager
def _errors() -> Iterator[None]:
    """Turns what a store's library throws into an ObjectStoreError that says nothing of what is stored."""
    try:
        yield
    except Exception as error:  # each kind of store has a library of its own, with errors of its own
        raise ObjectStoreError(f"the object store cannot be used ({type(error).__name__})") from error


def _time(info: dict[str, Any]) -> datetime:
    """When an object was stored: each kind of store tells it in its own way."""
    told = next(
        (info[key] for key in ("LastModified", "last_modified", "updated", "mtime", "created") if key in info), 0
    )
    if isinstance(told, datetime):
        return told.astimezone(timezone.utc) if told.tzinfo else told.replace(tzinfo=timezone.utc)
    if isinstance(told, str):
        return datetime.fromisoformat(told.replace("Z", "+00:00")).astimezone(timezone.utc)
    return datetime.fromtimestamp(float(told), timezone.utc)
