"""Where the sound of a meeting is to be read: beside the database, or fetched from an object store."""

from __future__ import annotations

from pathlib import Path

from meeting.core.records import Meeting, State
from meeting.storage.store import Store


def kept_sound(store: Store, meeting: Meeting, source_id: str) -> Path:
    """Where the FLAC of a source is to be read, which may not be there.

    That of a meeting which is over, and is in an object store, is fetched, and is to be opened at once. Raises NotFound
    for what is no id, and StoreError where the object store refuses.
    """
    fetched = None
    if store.objects is not None and meeting.state == State.ENDED:
        fetched = store.objects.fetched(meeting.id, source_id)
    return fetched or store.files.audio_path(meeting.id, source_id)
