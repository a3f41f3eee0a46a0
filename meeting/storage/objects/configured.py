"""The object store that the settings name."""

from __future__ import annotations

from meeting.config.settings import Storage
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects.audio_objects import CACHE, AudioObjects
from meeting.storage.objects.object_store import ObjectStore


def objects_of(settings: Storage, files: MeetingFiles) -> AudioObjects | None:
    """Where the audio is kept beside the data folder; None where it is there alone. Raises SettingsError."""
    if not settings.objects:
        return None
    return AudioObjects(store_of(settings.objects), files, files.folder.parent / CACHE, settings.objects_cache * 1e9)


def store_of(url: str) -> ObjectStore:
    """The store at a URL, which is asked for nothing. Raises SettingsError."""
    from meeting.storage.objects.fsspec_store import FsspecStore

    return FsspecStore(url)
