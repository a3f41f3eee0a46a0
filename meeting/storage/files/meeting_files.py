"""Where the audio of meetings lies: names of files that tell which meeting and source each belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from meeting.storage.files.journal import JOURNAL
from meeting.storage.files.private_files import store_errors, sync_folder
from pipelines.errors import NotFound

AUDIO = "audio"
"""Folder of them, below the data folder"""
FLAC = ".flac"
"""Ending of the name of a source's audio"""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def owner(path: Path) -> tuple[str, str]:
    """Ids of the meeting and of the source that the name of a file tells; "" for what it does not."""
    meeting_id, _, rest = path.name.partition(".")
    source_id, dot, _ = rest.partition(".")
    return meeting_id, source_id if dot else ""


class MeetingFiles:
    """The files of all meetings, in one folder: `MEETING.SOURCE` and an ending that says what a file holds."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / AUDIO

    def make_folder(self) -> None:
        """Make the folder where it is missing, for its owner only; raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def audio_path(self, meeting_id: str, source_id: str) -> Path:
        """Where the audio of a source is kept; its name is what `Source.audio` holds. Raises NotFound."""
        return self._path(meeting_id, source_id, FLAC)

    def journal_path(self, meeting_id: str, source_id: str) -> Path:
        """Where the frames of a source are kept as they were received; raises NotFound."""
        return self._path(meeting_id, source_id, JOURNAL)

    def of(self, meeting_id: str) -> list[Path]:
        """All files of a meeting: FLAC, journals, and what was set aside of them. Raises StoreError."""
        if not _ID.fullmatch(meeting_id):
            return []
        return self._found(f"{meeting_id}.*")

    def journals(self) -> list[Path]:
        """The journals of all meetings; raises StoreError."""
        return self._found(f"*{JOURNAL}")

    def all(self) -> list[Path]:
        """Every file there is; raises StoreError."""
        with store_errors(self.folder):
            return [path for path in self.folder.iterdir() if path.is_file() and not path.is_symlink()]

    def remove(self, meeting_id: str, names: Iterable[str] = ()) -> None:
        """Remove all files of a meeting, and those called `names`, for good; raises OSError or StoreError."""
        for path in {*(self.folder / Path(name).name for name in names), *self.of(meeting_id)}:
            path.unlink(missing_ok=True)
        sync_folder(self.folder)  # none of them may be back after a power cut

    def _found(self, pattern: str) -> list[Path]:
        with store_errors(self.folder):
            return sorted(self.folder.glob(pattern))

    def _path(self, meeting_id: str, source_id: str, suffix: str) -> Path:
        for id_ in (meeting_id, source_id):
            if not _ID.fullmatch(id_):
                raise NotFound("there is no meeting or source with such an id")
        # An id holds no dot, so "MEETING." starts the names of this meeting's files and of no other's.
        return self.folder / f"{meeting_id}.{source_id}{suffix}"
