"""The voices that people asked to be remembered, in the database: nothing of one is left once it is forgotten."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import plain_name
from meeting.core.transcript import resolve
from meeting.storage.store import Store, meeting_row
from meeting.storage.tables import SpeakerRow, VoiceProfileRow, profile_values
from meeting.storage.transcript_store import speakers_of
from meeting.voices.matching import VoiceProfile
from pipelines.errors import MeetingError, NotFound

MOST_PROFILES = 1000
"""Voices that one server keeps"""


@dataclass(frozen=True, slots=True)
class KeptVoice:
    """A voice that is kept, and what is known of it."""

    profile: VoiceProfile
    created_at: datetime
    """UTC"""
    meetings: int
    """In how many of those that there are it was recognised, or was asked to be remembered"""


class VoiceStore:
    """Keeps voices; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def profiles(self) -> tuple[VoiceProfile, ...]:
        """All of them, in the order in which they came."""
        with self._store.read() as session:
            return tuple(row.value() for row in _rows(session))

    def list(self) -> list[KeptVoice]:
        """All of them with what is known of each, by name."""
        heard = select(SpeakerRow.profile, func.count(SpeakerRow.meeting_id.distinct())).group_by(SpeakerRow.profile)
        with self._store.read() as session:
            meetings = {id_: count for id_, count in session.execute(heard) if id_ is not None}
            found = [KeptVoice(row.value(), row.created_at, meetings.get(row.id, 0)) for row in _rows(session)]
        return sorted(found, key=lambda one: plain_name(one.profile.name))

    def made_from(self, meeting_id: str, speaker: str) -> VoiceProfile | None:
        """The voice that was remembered from a speaker of a meeting, or from one that turned out to be the same.

        None where none was; raises NotFound without a meeting.
        """
        with self._store.read() as session:
            meeting_row(session, meeting_id)
            found = _made_from(session, meeting_id, speaker)
            return found[0].value() if found else None

    def find(self, name_or_id: str) -> VoiceProfile:
        """The voice of this name or id; raises NotFound."""
        known = self.profiles()
        for profile in known:
            if name_or_id == profile.id or plain_name(name_or_id) == plain_name(profile.name):
                return profile
        raise NotFound(f"no voice is kept that is called {name_or_id!r}")

    def keep(self, profile: VoiceProfile, meeting_id: str, speaker: str) -> Future[None]:
        """Remember a voice that was heard as a speaker of a meeting, in the place of an earlier one from there.

        Conflict where another one has its name, or too many are kept.
        """

        def work(session: Session) -> None:
            meeting_row(session, meeting_id)
            for earlier in _made_from(session, meeting_id, speaker):
                _forget(session, earlier)
            _check_name(session, profile.name)
            if len(_rows(session)) >= MOST_PROFILES:
                raise Conflict(f"at most {MOST_PROFILES} voices are kept: forget some first", ErrorCode.TOO_MANY)
            row = VoiceProfileRow(**profile_values(profile), meeting_id=meeting_id, speaker=speaker)
            row.created_at = datetime.now(timezone.utc)
            session.add(row)
            here = (SpeakerRow.meeting_id == meeting_id, SpeakerRow.id == speaker)
            session.execute(update(SpeakerRow).where(*here).values(profile=profile.id))

        return self._store.write(work, erase=True)

    def rename(self, id_: str, name: str) -> Future[None]:
        """Give a voice another name; raises NotFound, and Conflict where another one has it."""

        def work(session: Session) -> None:
            row = _row(session, id_)
            _check_name(session, name, id_)
            row.name = name

        return self._store.write(work, erase=True)

    def forget(self, id_: str) -> Future[None]:
        """Remove a voice and all that is known of it; names that it has given stay where they were read. NotFound."""
        return self._store.write(lambda session: _forget(session, _row(session, id_)), erase=True)

    def forget_made_from(self, meeting_id: str, speaker: str) -> Future[None]:
        """The same for all that `made_from` may find: more than one where two became one. NotFound where none is."""

        def work(session: Session) -> None:
            meeting_row(session, meeting_id)
            found = _made_from(session, meeting_id, speaker)
            if not found:
                raise NotFound("nobody asked here to remember this voice")
            for row in found:
                _forget(session, row)

        return self._store.write(work, erase=True)


def _rows(session: Session) -> list[VoiceProfileRow]:
    return list(session.scalars(select(VoiceProfileRow).order_by(VoiceProfileRow.created_at, VoiceProfileRow.id)))


def _made_from(session: Session, meeting_id: str, speaker: str) -> list[VoiceProfileRow]:
    """Of all speakers that are one with this one now: which is asked for after a merge is the one that is left."""
    stands_for = resolve(speakers_of(session, meeting_id))
    who = stands_for.get(speaker, speaker)
    same = {speaker, *(id_ for id_, end in stands_for.items() if end == who)}
    own = select(VoiceProfileRow).where(VoiceProfileRow.meeting_id == meeting_id, VoiceProfileRow.speaker.in_(same))
    found = session.scalars(own.order_by(VoiceProfileRow.created_at, VoiceProfileRow.id))
    return sorted(found, key=lambda row: row.speaker != who)


def _row(session: Session, id_: str) -> VoiceProfileRow:
    row = session.get(VoiceProfileRow, id_)
    if row is None:
        raise NotFound("no such voice is kept")
    return row


def _check_name(session: Session, name: str, id_: str | None = None) -> None:
    if not name.strip():
        raise MeetingError("a voice that is kept needs a name")
    for row in _rows(session):
        if row.id != id_ and plain_name(row.name) == plain_name(name):
            raise Conflict(
                f"another voice is remembered under the name {row.name}: forget that one first, or give another name",
                ErrorCode.NAME_TAKEN,
            )


def _forget(session: Session, row: VoiceProfileRow) -> None:
    session.execute(update(SpeakerRow).where(SpeakerRow.profile == row.id).values(profile=None))
    session.delete(row)
    session.flush()
