"""Attempts to process a journal again after a crash, and which journals crash whoever tries.

A journal whose content kills the process would kill every later one, too. So a note lies beside each journal while it
is processed again. A process that finds such notes at its start knows which journals the one before it was working on
when it died. Where there are several, all of them become suspects: they are processed after all others and one at a
time, so that the next death points at one of them. A death over one alone is counted for it. But a kill from outside
can come at any time, whatever is processed: a journal is given up only after `MAX_SAME_PLACE` deaths in a row at one
and the same place of it, `MAX_CRASHES` deaths that were no kills, or `MAX_DEATHS` of any kind.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from meeting.storage.files import journal
from meeting.storage.files.meeting_files import owner
from meeting.storage.files.private_files import store_errors, sync_folder
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

NOTE = ".hearing"
"""Ending of a note's name; on disk, as are the names of `AttemptNote`'s fields"""
MAX_AT_ONCE = 4
"""Journals that are processed at once: each holds a pipeline and two transcripts"""
MAX_SAME_PLACE, MAX_CRASHES, MAX_DEATHS = 3, 3, 20
"""Deaths over a journal alone after which it is given up: at the same place, by crashes, and of any kind"""
_NOTE_BYTES = 200
"""Size of a note: always the same, so that one write replaces it"""

Place = tuple[int, int]
"""Number of a journal's entry, and the samples made of the journal before it"""


@dataclass(frozen=True, slots=True)
class AttemptNote:
    """What is known of the attempts to process a journal."""

    open: bool = False
    """Whether an attempt is under way, or was when the process died"""
    place: Place | None = None
    """Where it is while audio is being decoded and processed; None in between"""
    died_at: Place | None = None
    same: int = 0
    """Deaths in a row at `died_at`"""
    crashes: int = 0
    """Deaths over this journal alone that were no kills"""
    deaths: int = 0
    """Deaths over this journal alone, of any kind"""
    finishing: bool = False
    """Whether all of it had been processed, and its source was being finished"""
    end_crashes: int = 0
    """As `crashes`, while its source was being finished"""
    end_deaths: int = 0
    """As `deaths`, while its source was being finished"""

    @property
    def given_up(self) -> bool:
        """Whether the journal is not to be processed again unless somebody asks for it."""
        crashes, deaths = max(self.crashes, self.end_crashes), max(self.deaths, self.end_deaths)
        return self.same >= MAX_SAME_PLACE or crashes >= MAX_CRASHES or deaths >= MAX_DEATHS

    def after_death(self, crashed: bool) -> AttemptNote:
        """With one more death over this journal alone."""
        if self.finishing:
            ends = replace(self, end_crashes=self.end_crashes + crashed, end_deaths=self.end_deaths + 1)
            return replace(ends, open=False, finishing=False)
        # A death between two pieces of audio is at no place of the journal, and ends the row of those at one place.
        same = 0 if self.place is None else self.same + 1 if self.place == self.died_at else 1
        died_at = self.died_at if self.place is None else self.place
        counted = replace(self, died_at=died_at, same=same, crashes=self.crashes + crashed, deaths=self.deaths + 1)
        return replace(counted, open=False, place=None)

    @property
    def closed(self) -> AttemptNote:
        """Of an attempt that is over without having been a death."""
        return replace(self, open=False, place=None, finishing=False)

    @property
    def processed(self) -> AttemptNote:
        """Once all of the journal was processed: only its end may still be fatal."""
        return AttemptNote(end_crashes=self.end_crashes, end_deaths=self.end_deaths)


class RecoveryAttempt:
    """One attempt to process one journal; its methods are called by the thread that does it."""

    def __init__(self, recovery_queue: RecoveryQueue, path: Path, on_granted: Callable[[], None]) -> None:
        self.path = path
        self.granted = False
        """Whether its turn has come"""
        self.on_granted = on_granted
        self._queue = recovery_queue
        self._note = _read(path)
        self._file: int | None = None

    def begin(self, finishing: bool = False) -> None:
        """Note durably that the journal is processed from now on, or its source finished; raises StoreError."""
        self._note = replace(self._note, open=True, place=None, finishing=finishing)
        # Before the first frame: after a power cut, too, the next process must see what this one was about to do.
        try:
            self._file = _written(_note_path(self.path), self._note)
            sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError(f"{_note_path(self.path)} cannot be used: {error.strerror}") from error

    def working_on(self, entry: int, samples: int) -> None:
        """An entry of the journal is being processed: if the process dies now, it is here."""
        self._move_to((entry, samples))

    def idle(self) -> None:
        """Nothing of the journal is being processed for a while."""
        self._move_to(None)

    def count_failure(self) -> None:
        """Count a death at this place that was not this process's, but that of a decoder that it started."""
        self._note = self._note.after_death(crashed=False)

    def end(self, processed: bool) -> None:
        """The journal was `processed` to its end, or is left to another time without having done harm."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None
            left = self._note.closed
            if processed:
                left = AttemptNote() if self._note.finishing else self._note.processed
            _settle(self.path, left)
        self._queue.leave(self)

    def _move_to(self, place: Place | None) -> None:
        self._note = replace(self._note, place=place)
        if self._file is not None:
            # Not synced: what the system has survives the death of this process, and a power cut is nobody's fault.
            with suppress(OSError):  # what is missing then is only where it died
                _put(self._file, self._note)


class RecoveryQueue:
    """Who of a process's recovered sources may go on, and when; its methods may be called from any thread."""

    def __init__(self, asked: bool = False) -> None:
        """`asked`: somebody wants journals to be processed that had been given up."""
        self._asked = asked
        self._lock = threading.Lock()
        self._waiting: list[RecoveryAttempt] = []
        self._running: list[RecoveryAttempt] = []
        self._suspects: set[Path] = set()
        self._suspects_held = False

    def find_deaths(self, folder: Path, crashed: bool) -> bool:
        """See over which journals in a folder the process before this one died; whether there are suspects.

        `crashed`: it is known that it was no kill. Suspects are held until `release_suspects`. Raises StoreError.
        """
        with store_errors(folder):
            notes = {path: _read(path) for path in map(_journal_path, folder.glob(f"*{NOTE}"))}
        died = [path for path, note in notes.items() if note.open and not journal.in_use(path)]
        for path in died:
            # One of several is not known to be the one that killed it: it only comes under suspicion.
            note = notes[path].after_death(crashed) if len(died) == 1 else notes[path].closed
            _settle(path, note, keep=True)
        with self._lock:
            self._suspects = set(notes)
            self._suspects_held = bool(notes)
        if died:
            names = ", ".join(sorted(owner(path)[0] for path in died))
            log.warning("the process before this one died while it heard again meeting(s) %s", names)
        return bool(notes)

    def inherit(self, paths: Sequence[Path], beside: Sequence[Path] = ()) -> None:
        """See over which of these journals another server died, which may have been at work on those beside as well.

        They are processed after all others, alone, as the suspects of this process's start are.
        """
        notes = {path: _read(path) for path in paths if _note_path(path).exists()}
        alone = sum(_read(path).open for path in (*paths, *beside)) == 1
        for path, note in notes.items():
            if note.open:
                _settle(path, note.after_death(False) if alone else note.closed, keep=True)
        with self._lock:
            self._suspects |= set(notes)

    def given_up(self, path: Path) -> bool:
        """Whether a journal is not to be processed, as it may end this process."""
        return not self._asked and _read(path).given_up

    def is_suspect(self, path: Path) -> bool:
        """Whether a journal is processed after all others, alone."""
        return path in self._suspects

    def release_suspects(self) -> None:
        """All others have been processed: suspects may be, too."""
        with self._lock:
            self._suspects_held = False
        self._grant()

    def expect_death(self, path: Path) -> None:
        """Have a journal given up by every later process if this one does not get through it."""
        _settle(path, AttemptNote(deaths=MAX_DEATHS))

    def enqueue(self, path: Path, on_granted: Callable[[], None]) -> RecoveryAttempt:
        """Wait for a turn; `on_granted` is called when it has come, perhaps at once."""
        attempt = RecoveryAttempt(self, path, on_granted)
        with self._lock:
            self._waiting.append(attempt)
        self._grant()
        return attempt

    def leave(self, attempt: RecoveryAttempt) -> None:
        """An attempt is over, or does not want its turn any more."""
        with self._lock:
            for attempts in (self._waiting, self._running):
                if attempt in attempts:
                    attempts.remove(attempt)
        self._grant()

    def _grant(self) -> None:
        # Called without the lock: `on_granted` may come back to this queue.
        while (attempt := self._next()) is not None:
            attempt.granted = True
            attempt.on_granted()

    def _next(self) -> RecoveryAttempt | None:
        with self._lock:
            if len(self._running) >= MAX_AT_ONCE or any(one.path in self._suspects for one in self._running):
                return None
            ready = [one for one in self._waiting if one.path not in self._suspects]
            if not ready and not self._suspects_held and not self._running:
                ready = self._waiting[:1]
            if not ready:
                return None
            self._waiting.remove(ready[0])
            self._running.append(ready[0])
            return ready[0]


def _note_path(path: Path) -> Path:
    return path.with_suffix(NOTE)


def _journal_path(note: Path) -> Path:
    return note.with_suffix(journal.JOURNAL)


def _read(path: Path) -> AttemptNote:
    """What is noted of a journal; one that cannot be read was being written when the process died."""
    try:
        said = json.loads(_note_path(path).read_bytes())
        for name in ("place", "died_at"):
            said[name] = None if said[name] is None else (int(said[name][0]), int(said[name][1]))
        return AttemptNote(**said)
    except FileNotFoundError:
        return AttemptNote()
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return AttemptNote(open=True)


def _written(path: Path, note: AttemptNote) -> int:
    """The descriptor of a note's file, once the note is in it for good; raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _put(file, note)
        os.fsync(file)
    except OSError:
        os.close(file)
        raise
    return file


def _put(file: int, note: AttemptNote) -> None:
    os.pwrite(file, json.dumps(asdict(note)).encode().ljust(_NOTE_BYTES), 0)


def _settle(journal_path: Path, note: AttemptNote, keep: bool = False) -> None:
    """Write down a note that is not open; none is kept of a journal that nobody died over, except with `keep`."""
    path = _note_path(journal_path)
    try:
        if note == AttemptNote() and not keep:
            path.unlink(missing_ok=True)
            return
        os.close(_written(path, note))
    except OSError as error:
        log.error("%s cannot be written: %s", path.name, error.strerror)
