"""The object store that the settings name."""

from __future__ import annotations

from meeting.config.settings import Storage
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects.audio_objects import CACHE, AudioObjects


def objects_of(settings: Storage, files: MeetingFiles) -> AudioObjects | None:
    """Where the audio is kept beside the data folder; None where it is there alone. Raises SettingsError."""
    if not settings.objects:
        return None
    from meeting.storage.objects.fsspec_store import FsspecStore

    store = FsspecStore(settings.objects)
    return AudioObjects(store, files, files.folder.parent / CACHE, settings.objects_cache * 1e9)
