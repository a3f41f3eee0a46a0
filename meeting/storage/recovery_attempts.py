"""Whose turn it is to be heard again, and over which journals processes have died: one that stops every start is found.

A note lies beside each journal while it is heard again. A start that finds such notes knows which journals were being
heard when the process before it died. More than one makes them suspects, which are heard after all others and one at
a time; a death over one alone is counted for it. A kill from outside can come at any time, so that a journal is given
up only after `SAME` deaths at one and the same place of it, or `CRASHES` that were no kills, or `DEATHS` of any kind.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from meeting.storage import journal
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

NOTE = ".hearing"
"""Ending of a note's name"""
AT_ONCE = 4
"""Journals that are heard again at once: each holds a pipeline and two transcripts"""
SAME, CRASHES, DEATHS = 3, 3, 20
"""Deaths over a journal alone after which it is given up: at the same place, by crashes, and of any kind"""
_SIZE = 200
"""Bytes of a note: always as many, so that one write replaces it"""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a journal that was being heard again."""

    open: bool = False
    """It is being heard now, or was when the process died"""
    place: tuple[int, int] | None = None
    """Number of the entry and samples so far while something is being made of it; None in between"""
    died_at: tuple[int, int] | None = None
    same: int = 0
    """Deaths in a row at `died_at`"""
    crashes: int = 0
    deaths: int = 0
    """Over this journal alone"""
    finishing: bool = False
    """It had been heard, and its source was being finished"""
    end_crashes: int = 0
    end_deaths: int = 0
    """The same while its source was being finished"""

    @property
    def given_up(self) -> bool:
        """Whether it is not to be heard again unasked."""
        crashes, deaths = max(self.crashes, self.end_crashes), max(self.deaths, self.end_deaths)
        return self.same >= SAME or crashes >= CRASHES or deaths >= DEATHS

    def after_death(self, crashed: bool) -> Note:
        """With one more death over this journal alone."""
        if self.finishing:
            ends = replace(self, end_crashes=self.end_crashes + crashed, end_deaths=self.end_deaths + 1)
            return replace(ends, open=False, finishing=False)
        same = 0 if self.place is None else self.same + 1 if self.place == self.died_at else 1
        died_at = self.died_at if self.place is None else self.place
        counted = replace(self, died_at=died_at, same=same, crashes=self.crashes + crashed, deaths=self.deaths + 1)
        return replace(counted, open=False, place=None)

    @property
    def left(self) -> Note:
        """With nothing counted."""
        return replace(self, open=False, place=None, finishing=False)

    @property
    def once_heard(self) -> Note:
        """What is still to be known of it once it was heard to its end."""
        return Note(end_crashes=self.end_crashes, end_deaths=self.end_deaths)


class Hearing:
    """One journal's turn; used by the thread that hears it."""

    def __init__(self, hearings: Hearings, path: Path, granted: Callable[[], None]) -> None:
        self.path = path
        self.granted = False
        """Whether its turn has come"""
        self.call = granted
        self._hearings = hearings
        self._note = _read(path)
        self._file: int | None = None

    def begin(self, finishing: bool = False) -> None:
        """Note that it is being heard from now on, or its source finished, durably; raises StoreError."""
        self._note = replace(self._note, open=True, place=None, finishing=finishing)
        try:
            self._file = _written(_note_path(self.path), self._note)
            journal.sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError(f"{_note_path(self.path)} cannot be used: {error.strerror}") from error

    def at(self, entry: int, samples: int) -> None:
        """Something is made of an entry now: if the process dies, it is here."""
        self._place((entry, samples))

    def rest(self) -> None:
        """Nothing is made of it for a while."""
        self._place(None)

    def stumble(self) -> None:
        """Count a death here that was not this process's."""
        self._note = self._note.after_death(crashed=False)

    def end(self, heard: bool) -> None:
        """It was heard to its end, or is left to another time without having done harm."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None
            left = self._note.left
            if heard:
                left = Note() if self._note.finishing else self._note.once_heard
            _settle(self.path, left)
        self._hearings.over(self)

    def _place(self, place: tuple[int, int] | None) -> None:
        self._note = replace(self._note, place=place)
        if self._file is not None:
            with suppress(OSError):  # what is missing then is only where it died
                _put(self._file, self._note)


class Hearings:
    """The turns of one process; its methods may be called from any thread."""

    def __init__(self, asked: bool = False) -> None:
        """`asked`: a person wants what was given up to be heard all the same."""
        self._asked = asked
        self._lock = threading.Lock()
        self._waiting: list[Hearing] = []
        self._hearing: list[Hearing] = []
        self._suspects: set[Path] = set()
        self._held = False

    def survey(self, folder: Path, crashed: bool) -> bool:
        """See over which journals in a folder the process before this one died; whether there are suspects.

        `crashed`: it is known that it was no kill. Suspects have no turn before `release`. Raises StoreError.
        """
        notes = {path: _read(path) for path in map(_journal_path, folder.glob(f"*{NOTE}"))}
        died = [path for path, note in notes.items() if note.open and not journal.in_use(path)]
        for path in died:
            # Whoever was heard at the same time only comes under suspicion.
            alone = notes[path].after_death(crashed) if len(died) == 1 else notes[path].left
            _settle(path, alone, keep=True)
        with self._lock:
            self._suspects = set(notes)
            self._held = bool(notes)
        if died:
            names = ", ".join(sorted(path.stem.partition(".")[0] for path in died))
            log.warning("the process before this one died while it heard again meeting(s) %s", names)
        return bool(notes)

    def given_up(self, path: Path) -> bool:
        """Whether a journal is not to be heard, as it may end this process."""
        return not self._asked and _read(path).given_up

    def suspected(self, path: Path) -> bool:
        """Whether a journal is heard after all others, alone."""
        return path in self._suspects

    def release(self) -> None:
        """All others have been heard: suspects may be, too."""
        with self._lock:
            self._held = False
        self._grant()

    def condemn(self, path: Path) -> None:
        """Have a journal given up by every later process if this one does not get through it."""
        _settle(path, Note(deaths=DEATHS))

    def ask(self, path: Path, granted: Callable[[], None]) -> Hearing:
        """Wait for a turn; `granted` is called when it has come, perhaps at once."""
        hearing = Hearing(self, path, granted)
        with self._lock:
            self._waiting.append(hearing)
        self._grant()
        return hearing

    def over(self, hearing: Hearing) -> None:
        """A turn is over, or not wanted any more."""
        with self._lock:
            for those in (self._waiting, self._hearing):
                if hearing in those:
                    those.remove(hearing)
        self._grant()

    def _grant(self) -> None:
        while (hearing := self._next()) is not None:
            hearing.granted = True
            hearing.call()

    def _next(self) -> Hearing | None:
        with self._lock:
            if len(self._hearing) >= AT_ONCE or any(one.path in self._suspects for one in self._hearing):
                return None
            ready = [one for one in self._waiting if one.path not in self._suspects]
            if not ready and not self._held and not self._hearing:
                ready = self._waiting[:1]
            if not ready:
                return None
            self._waiting.remove(ready[0])
            self._hearing.append(ready[0])
            return ready[0]


def _note_path(path: Path) -> Path:
    return path.with_suffix(NOTE)


def _journal_path(note: Path) -> Path:
    return note.with_suffix(journal.JOURNAL)


def _read(path: Path) -> Note:
    """What is noted; one that cannot be read was being written."""
    try:
        said = json.loads(_note_path(path).read_bytes())
        for name in ("place", "died_at"):
            said[name] = None if said[name] is None else (int(said[name][0]), int(said[name][1]))
        return Note(**said)
    except FileNotFoundError:
        return Note()
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return Note(open=True)


def _written(path: Path, note: Note) -> int:
    """A note's file, open, once the note is in it for good; raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _put(file, note)
        os.fsync(file)
    except OSError:
        os.close(file)
        raise
    return file


def _put(file: int, note: Note) -> None:
    os.pwrite(file, json.dumps(asdict(note)).encode().ljust(_SIZE), 0)


def _settle(journal_path: Path, note: Note, keep: bool = False) -> None:
    """Write down a note that is not open; none is kept of a journal that nobody died over."""
    path = _note_path(journal_path)
    try:
        if note == Note() and not keep:
            path.unlink(missing_ok=True)
            return
        os.close(_written(path, note))
    except OSError as error:
        log.error("%s cannot be written: %s", path.name, error.strerror)
