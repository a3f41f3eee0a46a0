"""The database's tables and their translation to values."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import numpy as np
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    TypeDecorator,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from meeting.core.access import Link, Role
from meeting.core.editing.steps import LineStep, MadeStep, SpeakerEdit, Step
from meeting.core.records import (
    EditedLine,
    Edits,
    Gap,
    Job,
    JobState,
    Meeting,
    MeetingNotes,
    NotedLine,
    NotesState,
    NotesStatus,
    Resume,
    Source,
    State,
    Statement,
)
from meeting.storage.databases.columns import Text, WholeNumber
from meeting.voices.matching import VoiceProfile
from pipelines.errors import StoreError
from pipelines.spacing import join_words, set_apart
from pipelines.types import ModelInfo, Segment, Span, Speaker, SpeakerCount, Turn, Word


class UtcDateTime(TypeDecorator[datetime]):
    """A time of day, kept as UTC without a zone because SQLite has none, and given back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; a time without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError("a time must name its zone before it can be stored")
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


class Base(DeclarativeBase):
    """All tables; constraints have names so that later migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's name
        str: Text(),
        int: WholeNumber,
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[list[Any]]: JSON,
        list[str]: JSON,
    }


class MeetingRow(Base):
    """One meeting."""

    __tablename__ = "meetings"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    samples: Mapped[int]
    models: Mapped[ModelInfo] = mapped_column(JSON)
    hotwords: Mapped[list[str]] = mapped_column(server_default="[]")
    least_speakers: Mapped[int | None]
    """How many people speak at least and at most, where somebody has said so"""
    most_speakers: Mapped[int | None]
    kept: Mapped[bool] = mapped_column(server_default=true())
    recorded: Mapped[bool] = mapped_column(server_default=false())

    def value(self, segments: int) -> Meeting:
        """The row as a value; how many segments it has is counted elsewhere."""
        return Meeting(
            self.id,
            self.title,
            State(self.state),
            self.created_at,
            self.started_at,
            self.ended_at,
            self.samples,
            segments,
            self.models,
            tuple(self.hotwords),
            _speaker_count(self.least_speakers, self.most_speakers),
            self.kept,
            self.recorded,
        )


class SourceRow(Base):
    """One stream of audio of a meeting."""

    __tablename__ = "sources"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    encoding: Mapped[str]
    sample_rate: Mapped[int]
    channels: Mapped[int]
    language: Mapped[str | None]
    samples: Mapped[int]
    audio: Mapped[str | None]
    translate: Mapped[bool] = mapped_column(server_default=false())
    number: Mapped[int] = mapped_column(server_default="1")
    anchors: Mapped[list[list[Any]]] = mapped_column(server_default="[]")
    """`[sample of its own, sample of the meeting]` each"""
    speakers: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Speaker id of its pipeline -> speaker id of the meeting"""
    muted: Mapped[bool] = mapped_column(server_default=false())

    def value(self) -> Source:
        """The row as a value."""
        return Source(
            self.id,
            self.name,
            self.kind,
            self.encoding,
            self.sample_rate,
            self.channels,
            self.language,
            self.samples,
            self.audio,
            self.translate,
            self.number,
            tuple((own, meeting) for own, meeting in self.anchors),
            self.speakers,
            self.muted,
        )


class SpeakerRow(Base):
    """A voice of a meeting."""

    __tablename__ = "speakers"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    color: Mapped[int]
    merged_into: Mapped[str | None]
    recognized: Mapped[bool] = mapped_column(server_default=false())
    profile: Mapped[str | None]
    """No foreign key: a meeting that runs may know a voice for a moment longer than it is kept"""

    def value(self) -> Speaker:
        """The row as a value."""
        return Speaker(self.id, self.name, self.color, self.merged_into, self.recognized, self.profile)


class _Line:
    """The columns of a line; `speaker` may name a voice that has no row yet, so it is no foreign key."""

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    rev: Mapped[int]
    source_id: Mapped[str]
    start: Mapped[int]
    """Samples from the meeting's start"""
    end: Mapped[int]
    speaker: Mapped[str | None]
    text: Mapped[str]
    """The words joined: what a full-text index reads; where a script has no spaces each character stands alone"""
    words: Mapped[list[list[Any]]]
    """`[text, start, end, confidence]` each: written and read only as a whole, so no table of their own"""
    overlap: Mapped[bool] = mapped_column(server_default=false())

    def value(self, speaker: str | None) -> Segment:
        """The row as a final segment said by `speaker`."""
        words = _words(self.words)
        span = Span(self.start, self.end)
        stable = len(join_words(word.text for word in words))
        return Segment(self.id, self.rev, True, self.source_id, span, speaker, words, stable, self.overlap)


class SegmentRow(_Line, Base):
    """One line of the transcript."""

    __tablename__ = "segments"
    __table_args__ = (
        Index(None, "meeting_id", "start"),
        UniqueConstraint("meeting_id", "id"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"))
    id: Mapped[str] = mapped_column()

    __mapper_args__ = {"primary_key": (meeting_id, id)}  # noqa: RUF012 - SQLAlchemy's name


line_number = SegmentRow.number
"""The number of a line: lines that are stored later have higher ones, whatever their meeting; a line keeps its own,
and no other has it once that is gone"""


class SegmentEditRow(_Line, Base):
    """A line as a person has left it; what is kept here outlives a rebuilding of the transcript."""

    __tablename__ = "segment_edits"

    heard: Mapped[list[list[Any]]]
    """Its words as they were recognised, as in `words`"""
    labelled: Mapped[bool]

    def edit(self) -> EditedLine:
        """The row as a value."""
        return EditedLine(self.value(self.speaker), _words(self.heard), self.labelled)

    @property
    def recognised_text(self) -> str:
        """What was recognised, as it would read."""
        return join_words(text for text, *_ in self.heard)


class SpeakerEditRow(Base):
    """What people have set about a voice."""

    __tablename__ = "speaker_edits"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    named: Mapped[bool]
    """Whether `name` was set, also to none"""
    name: Mapped[str | None]
    merged_into: Mapped[str | None]


class EditStepRow(Base):
    """What one change by hand did, so that it can be taken back."""

    __tablename__ = "edit_steps"
    __table_args__ = (Index(None, "meeting_id", "id", unique=True),)

    number: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"))
    id: Mapped[str]
    step: Mapped[dict[str, Any]]
    """Written and read only as a whole, so no tables of its own"""

    def value(self) -> Step:
        """The row as a value."""
        return _step(self.step)


class TurnRow(Base):
    """A stretch in which diarization hears one speaker."""

    __tablename__ = "turns"
    __table_args__ = (Index(None, "meeting_id", "start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"))
    start: Mapped[int]
    end: Mapped[int]
    speaker: Mapped[str]
    source_id: Mapped[str | None]
    """In which it is heard"""

    def value(self) -> Turn:
        """The row as a value."""
        return Turn(Span(self.start, self.end), self.speaker)


class LinkRow(Base):
    """A link into a meeting; its token is kept as a digest only, so that nobody can take it from here."""

    __tablename__ = "links"
    __table_args__ = (Index(None, "digest", unique=True), Index(None, "meeting_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"))
    role: Mapped[str]
    """"host", "speak" or "view" """
    digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]

    def value(self) -> Link:
        """The row as a value."""
        return Link(self.id, self.meeting_id, Role[self.role.upper()], self.created_at, self.expires_at)


class ResumeRow(Base):
    """What a running source needs to go on after the server died."""

    __tablename__ = "resumes"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str | None]
    hotwords: Mapped[list[str]]
    lost_at: Mapped[datetime | None]

    def value(self) -> Resume:
        """The row as a value."""
        return Resume(self.source_id, self.digest, tuple(self.hotwords), self.lost_at)


class GapRow(Base):
    """Audio of a source that never arrived."""

    __tablename__ = "gaps"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True)
    end: Mapped[int]
    reason: Mapped[str]

    def value(self) -> Gap:
        """The row as a value."""
        return Gap(self.source_id, Span(self.start, self.end), self.reason)


class NotesRow(Base):
    """What is kept about a meeting's notes."""

    __tablename__ = "notes"

    meeting_id: Mapped[str] = mapped_column(ForeignKey("meetings.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str]
    changed_at: Mapped[datetime]
    problem: Mapped[str | None]
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The last notes that were finished: written and read only as a whole, so no tables of their own"""

    def value(self) -> NotesStatus:
        """The row as a value."""
        notes = None if self.content is None else _notes(self.content)
        return NotesStatus(NotesState(self.state), self.changed_at, self.problem, notes)


class ServerRow(Base):
    """The lease of one of several servers."""

    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    expires: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """By the clock of the database alone: no server reads or writes a time here"""


class OwnershipRow(Base):
    """Which of several servers has a meeting, or another thing that one does for all."""

    __tablename__ = "ownerships"

    subject: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    """Grows whenever it goes to a server, so that none takes another's turn for its own"""


class VoiceProfileRow(Base):
    """A voice that somebody asked to be remembered."""

    __tablename__ = "voice_profiles"
    __table_args__ = (Index(None, "meeting_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    model: Mapped[str]
    embedding: Mapped[bytes]
    """32-bit floats, little endian"""
    seconds: Mapped[float]
    created_at: Mapped[datetime]
    meeting_id: Mapped[str | None] = mapped_column(ForeignKey("meetings.id", ondelete="SET NULL"))
    """In which it was heard; None once that is gone"""
    speaker: Mapped[str]
    """Who it is there"""

    def value(self) -> VoiceProfile:
        """The row as a value."""
        return VoiceProfile(self.id, self.name, self.model, np.frombuffer(self.embedding, "<f4"), self.seconds)


class JobRow(Base):
    """A recording on its way to a meeting, which has a row of its own only once the job runs."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    name: Mapped[str]
    size: Mapped[int]
    modified: Mapped[int]
    meeting_id: Mapped[str]
    title: Mapped[str]
    created_at: Mapped[datetime]
    hotwords: Mapped[list[str]]
    least_speakers: Mapped[int | None]
    most_speakers: Mapped[int | None]
    language: Mapped[str | None]
    source_id: Mapped[str]
    token: Mapped[str]
    changed_at: Mapped[datetime]
    problem: Mapped[str | None]
    again_of: Mapped[str | None]
    recorded_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    models: Mapped[str | None]

    def value(self) -> Job:
        """The row as a value."""
        meeting = Meeting(
            self.meeting_id,
            self.title,
            State.OPEN,
            self.created_at,
            self.recorded_at,
            hotwords=tuple(self.hotwords),
            speakers=_speaker_count(self.least_speakers, self.most_speakers),
            kept=self.again_of is None,
            recorded=True,
        )
        return Job(
            self.id,
            JobState(self.state),
            self.name,
            self.size,
            self.modified,
            meeting,
            self.language,
            self.source_id,
            self.token,
            self.changed_at,
            self.problem,
            self.again_of,
            self.attempts,
            self.models,
        )


class WebhookDeliveryRow(Base):
    """Something that a webhook has to tell, or could not tell; what was told has no row any more.

    `meeting_id` is no foreign key: of a meeting that is not kept the end is told after it has gone.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "endpoint", "message_id", unique=True),
        Index(None, "endpoint", "meeting_id", "next_try_at"),
        Index(None, "endpoint", "event", "next_try_at"),
        Index(None, "meeting_id"),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    endpoint: Mapped[str]
    message_id: Mapped[str]
    meeting_id: Mapped[str]
    event: Mapped[str]
    body: Mapped[str]
    """JSON as sent; empty once it was given up"""
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    """None once it was given up"""
    tries: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str | None]
    """Why the last try did not succeed"""


def meeting_values(meeting: Meeting) -> dict[str, Any]:
    """A meeting as columns."""
    return {
        "id": meeting.id,
        "title": meeting.title,
        "state": meeting.state,
        "created_at": meeting.created_at,
        "started_at": meeting.started_at,
        "ended_at": meeting.ended_at,
        "samples": meeting.samples,
        "models": meeting.models,
        "hotwords": list(meeting.hotwords),
        "least_speakers": meeting.speakers and meeting.speakers.least,
        "most_speakers": meeting.speakers and meeting.speakers.most,
        "kept": meeting.kept,
        "recorded": meeting.recorded,
    }


def job_values(job: Job) -> dict[str, Any]:
    """A job as columns."""
    meeting = meeting_values(job.meeting)
    told = ("title", "created_at", "hotwords", "least_speakers", "most_speakers")
    return {
        **{name: meeting[name] for name in told},
        "id": job.id,
        "state": job.state,
        "name": job.name,
        "size": job.size,
        "modified": job.modified,
        "meeting_id": job.meeting.id,
        "language": job.language,
        "source_id": job.source_id,
        "token": job.token,
        "changed_at": job.changed_at,
        "problem": job.problem,
        "again_of": job.again_of,
        "recorded_at": job.meeting.started_at,
        "attempts": job.attempts,
        "models": job.models,
    }


def _speaker_count(least: int | None, most: int | None) -> SpeakerCount | None:
    return None if least is None or most is None else SpeakerCount(least, most)


def source_values(meeting_id: str, source: Source) -> dict[str, Any]:
    """A source as columns."""
    return {
        "meeting_id": meeting_id,
        "id": source.id,
        "name": source.name,
        "kind": source.kind,
        "encoding": source.encoding,
        "sample_rate": source.sample_rate,
        "channels": source.channels,
        "language": source.language,
        "samples": source.samples,
        "audio": source.audio,
        "translate": source.translate,
        "number": source.number,
        "anchors": [list(anchor) for anchor in source.anchors],
        "speakers": dict(source.speakers),
        "muted": source.muted,
    }


def speaker_values(meeting_id: str, speaker: Speaker) -> dict[str, Any]:
    """A speaker as columns."""
    return {
        "meeting_id": meeting_id,
        "id": speaker.id,
        "name": speaker.name,
        "color": speaker.color,
        "merged_into": speaker.merged_into,
        "recognized": speaker.recognized,
        "profile": speaker.profile,
    }


def profile_values(profile: VoiceProfile) -> dict[str, Any]:
    """A voice that is kept as columns, without where it was heard and when."""
    return {
        "id": profile.id,
        "name": profile.name,
        "model": profile.model,
        "embedding": profile.embedding.astype("<f4").tobytes(),
        "seconds": profile.seconds,
    }


def turn_values(meeting_id: str, source_id: str | None, turn: Turn) -> dict[str, Any]:
    """A turn of a source as columns."""
    return {
        "meeting_id": meeting_id,
        "start": turn.span.start,
        "end": turn.span.end,
        "speaker": turn.speaker,
        "source_id": source_id,
    }


def gap_values(meeting_id: str, gap: Gap) -> dict[str, Any]:
    """A gap as columns."""
    return {
        "meeting_id": meeting_id,
        "source_id": gap.source_id,
        "start": gap.span.start,
        "end": gap.span.end,
        "reason": gap.reason,
    }


def resume_values(meeting_id: str, resume: Resume) -> dict[str, Any]:
    """What a source needs to go on, as columns."""
    return {
        "meeting_id": meeting_id,
        "source_id": resume.source_id,
        "digest": resume.digest,
        "hotwords": list(resume.hotwords),
        "lost_at": resume.lost_at,
    }


def notes_content(notes: MeetingNotes) -> dict[str, Any]:
    """Notes as the column that holds them."""
    return {**asdict(notes), "made_at": notes.made_at.isoformat()}


def _notes(content: dict[str, Any]) -> MeetingNotes:
    def statements(part: str) -> tuple[Statement, ...]:
        return tuple(
            Statement(**{**each, "lines": tuple(NotedLine(**line) for line in each["lines"])}) for each in content[part]
        )

    parts = {part: statements(part) for part in ("summary", "decisions", "actions")}
    return MeetingNotes(**{**content, **parts, "made_at": datetime.fromisoformat(content["made_at"])})


def _words(columns: list[list[Any]]) -> tuple[Word, ...]:
    return tuple(Word(text, Span(start, end), confidence) for text, start, end, confidence in columns)


def _word_columns(words: tuple[Word, ...]) -> list[list[Any]]:
    return [[word.text, word.span.start, word.span.end, word.confidence] for word in words]


def segment_values(meeting_id: str, segment: Segment) -> dict[str, Any]:
    """A segment as columns."""
    return {
        "meeting_id": meeting_id,
        "id": segment.id,
        "rev": segment.rev,
        "source_id": segment.source_id,
        "start": segment.span.start,
        "end": segment.span.end,
        "speaker": segment.speaker,
        "text": set_apart(segment.text),
        "words": _word_columns(segment.words),
        "overlap": segment.overlap,
    }


def line_edit_values(meeting_id: str, line: EditedLine) -> dict[str, Any]:
    """An edited line as columns."""
    return {
        **segment_values(meeting_id, line.segment),
        "heard": _word_columns(line.recognised),
        "labelled": line.labelled,
    }


def step_values(meeting_id: str, made: MadeStep) -> dict[str, Any]:
    """What a change did, as columns."""
    speakers = {id_: [asdict(before), asdict(after)] for id_, (before, after) in made.step.speakers.items()}
    lines = {
        id_: [
            line.before and line_edit_values(meeting_id, line.before),
            line.after and line_edit_values(meeting_id, line.after),
            line.unedited and segment_values(meeting_id, line.unedited),
        ]
        for id_, line in made.step.lines.items()
    }
    return {"meeting_id": meeting_id, "id": made.id, "step": {"speakers": speakers, "lines": lines}}


def _step(columns: dict[str, Any]) -> Step:
    speakers = {
        id_: (SpeakerEdit(**before), SpeakerEdit(**after)) for id_, (before, after) in columns["speakers"].items()
    }
    lines = {
        id_: LineStep(
            before and SegmentEditRow(**before).edit(),
            after and SegmentEditRow(**after).edit(),
            unedited and SegmentRow(**unedited).value(unedited["speaker"]),
        )
        for id_, (before, after, unedited) in columns["lines"].items()
    }
    return Step(speakers, lines)


def speaker_edit_values(meeting_id: str, edits: Edits) -> list[dict[str, Any]]:
    """What people have set about voices, as columns of one row each."""
    return [
        {
            "meeting_id": meeting_id,
            "id": id_,
            "named": id_ in edits.names,
            "name": edits.names.get(id_),
            "merged_into": edits.merges.get(id_),
        }
        for id_ in dict.fromkeys([*edits.names, *edits.merges])
    ]
