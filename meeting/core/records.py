"""What is kept of a meeting, as values: read by the store, the exporters and the API; free of tables and sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from pipelines.types import ModelInfo, Segment, Span, Speaker, SpeakerCount, Turn, Word


class State(str, Enum):
    """Where a meeting is in its life; the values are what is stored and sent."""

    OPEN = "open"
    """Nobody has spoken in it yet"""
    LIVE = "live"
    ENDING = "ending"
    """No more audio comes; what has come is still being processed"""
    ENDED = "ended"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting, without its text."""

    id: str
    title: str
    state: State
    created_at: datetime
    """UTC"""
    started_at: datetime | None = None
    """UTC time of the first audio; of a recording when that was made, where somebody has said so"""
    ended_at: datetime | None = None
    samples: int = 0
    """Length of the audio, in samples at 16 kHz"""
    segments: int = 0
    """Number of segments with words"""
    models: ModelInfo = field(default_factory=ModelInfo)
    """What transcribed it, as in the `session` message"""
    hotwords: tuple[str, ...] = field(default=(), repr=False)
    """Names and terms that are likely to be said, as its hosts gave them"""
    speakers: SpeakerCount | None = None
    """How many people speak in it, where somebody has said so"""
    kept: bool = True
    """Whether it stays once it is over; one that does not is in no list, and goes with all that belongs to it"""
    recorded: bool = False
    """Whether it is made of a recording: live meetings go before it, and it goes on after a restart of the server"""


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of audio of a meeting."""

    id: str
    name: str
    kind: str
    """"room" or "solo" """
    encoding: str
    sample_rate: int
    channels: int
    language: str | None = None
    samples: int = 0
    """Audio kept, in samples at 16 kHz"""
    audio: str | None = None
    """File name of the FLAC below the data folder's `audio/`; None when none was kept"""
    translate: bool = False
    """Whether what is said in it was asked for in English"""
    number: int = 1
    """Its place among the sources of its meeting, in the order in which they began"""
    anchors: tuple[tuple[int, int], ...] = ()
    """Samples of its own and where they stand in the meeting, rising; between two of them and behind the last it runs
    as its own clock does. None of the first one, whose samples are the meeting's"""
    speakers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Who the speakers that its pipeline numbers are in the meeting; one that is not here is who it is called"""
    muted: bool = False
    """Whether a host has muted it: silence is kept and heard in the place of what it sends"""


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio of a source that never arrived; silence stands in its place."""

    source_id: str
    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """What is kept of a running source so that it can go on after the server died."""

    source_id: str
    digest: str | None = field(default=None, repr=False)
    """Of the token that its client has; None where nobody can come back"""
    hotwords: tuple[str, ...] = ()
    lost_at: datetime | None = None
    """UTC time since which the client is away; None while it is connected"""


class JobState(str, Enum):
    """How far a job is; the values are what is stored and sent."""

    RECEIVING = "receiving"
    """Its recording is being sent"""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Job:
    """A recording on its way to a meeting, or a meeting that is transcribed again."""

    id: str
    state: JobState
    name: str
    """Of the recorded file, as whoever sends it calls it"""
    size: int
    """Bytes of the file"""
    modified: int
    """When the file was last changed, milliseconds since 1970 as its sender says, so that it is known again; else 0"""
    meeting: Meeting
    """What is made of it; it is stored once the job runs"""
    language: str | None
    source_id: str
    token: str = field(repr=False)
    """With which the job goes on with its source after a restart"""
    changed_at: datetime
    """UTC; since when it is in this state"""
    problem: str | None = None
    """Why it failed, or what is to be said of the recording"""
    again_of: str | None = None
    """Id of the meeting that is transcribed again, where nothing is sent: then `meeting` is not kept"""
    attempts: int = 0
    """How often it was begun to be transcribed again, without those times that a stop of the server broke off"""
    models: str | None = None
    """Name of those with which it is transcribed again, in a process of its own; None for those of the server"""


class NotesState(str, Enum):
    """What has become of the notes that were asked for; the values are what is stored and sent."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class NotedLine:
    """A line of the transcript that a sentence of the notes rests on."""

    id: str
    start: int
    """Samples from the meeting's start"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a meeting's notes."""

    text: str
    lines: tuple[NotedLine, ...] = ()
    """In order of time; only lines that there are"""
    doubtful: bool = True
    """Whether there are none, or none of them shares a content word with the sentence: a rough check"""
    who: str | None = None
    """Of an action: who is to do it"""
    when: str | None = None
    """Of an action: until when"""


@dataclass(frozen=True, slots=True)
class MeetingNotes:
    """What a language model made of a meeting."""

    summary: tuple[Statement, ...]
    decisions: tuple[Statement, ...]
    actions: tuple[Statement, ...]
    model: str
    host: str
    """To whom the transcript was sent"""
    made_at: datetime
    """UTC"""
    fingerprint: str
    """Of the transcript that was sent, as `Summary.fingerprint` has it"""
    incomplete: bool = False
    """Whether an answer of the model broke off, so that something may be missing"""


@dataclass(frozen=True, slots=True)
class NotesStatus:
    """What is kept about a meeting's notes, from the first time that somebody asks for them."""

    state: NotesState
    changed_at: datetime
    """UTC"""
    problem: str | None = None
    """Why the last ones failed, for people"""
    notes: MeetingNotes | None = None
    """The last ones that were finished; they stay while others are made, and where these fail"""


@dataclass(frozen=True, slots=True)
class Record:
    """A whole meeting: what every export is made of."""

    meeting: Meeting
    sources: tuple[Source, ...]
    speakers: tuple[Speaker, ...]
    segments: tuple[Segment, ...]
    """Final ones with words, in order of time; times within the meeting"""
    turns: tuple[Turn, ...]
    """Who spoke when, from diarization alone; speakers already resolved through `merged_into`"""
    gaps: tuple[Gap, ...] = ()
    """In order of time"""
    edited: frozenset[str] = frozenset()
    """Ids of the lines that a person has given a speaker or another text"""
    notes: MeetingNotes | None = None
    recognised: Mapping[str, str] = field(default_factory=dict)
    """What was recognised of each line whose text a person has written"""

    def speaker_name(self, speaker: str | None) -> str:
        """The name to print for a speaker id: its given name, "Speaker 2", or "Speaker ?" when unknown."""
        return speaker_name(speaker, self.speakers)


def iso_time(moment: datetime | None) -> str | None:
    """A moment as programs are told it: ISO 8601 in UTC with milliseconds; None where there is none."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def speaker_name(speaker: str | None, speakers: Iterable[Speaker]) -> str:
    """The name to print for the id of one of these speakers: as `display_name`, or "Speaker ?" when unknown."""
    if speaker is None:
        return "Speaker ?"
    return next((display_name(one) for one in speakers if one.id == speaker), speaker)


def plain_name(name: str) -> str:
    """A speaker's name without what does not matter where somebody asks for it: case, and how it is spaced."""
    return " ".join(name.split()).casefold()


def display_name(speaker: Speaker) -> str:
    """The name of a speaker as people read it: what it was called, else its number."""
    return speaker.name or f"Speaker {speaker.id.removeprefix('spk')}"


@dataclass(frozen=True, slots=True)
class EditedLine:
    """A line as a person has left it: nothing automatic changes it from then on."""

    segment: Segment
    recognised: tuple[Word, ...]
    """Its words as the recogniser gave them"""
    labelled: bool
    """Whether its speaker was chosen; false where only its text was written"""


@dataclass(frozen=True, slots=True)
class Edits:
    """What people have set by hand in a meeting."""

    names: Mapping[str, str | None] = field(default_factory=dict)
    """Speaker -> its name; None where it was taken away"""
    merges: Mapping[str, str] = field(default_factory=dict)
    """Speaker -> the speaker that it is"""
    lines: Mapping[str, EditedLine] = field(default_factory=dict)
    """By the ids of the segments"""


@dataclass(frozen=True, slots=True)
class RestoredSource:
    """A source of a meeting that the end of an earlier process cut off, whose frames are still there."""

    source: Source
    resume: Resume
    remaining: float
    """Seconds that it may still take to come back"""
    processed: int = 0
    """How much of it is known to have been processed, in samples at 16 kHz"""


@dataclass(frozen=True, slots=True)
class Restored:
    """A meeting that the end of an earlier process cut off, as far as it was stored."""

    record: Record
    sources: tuple[RestoredSource, ...]
    """Those that are heard again, one at least, in the order in which they began"""
    last_frame_at: datetime | None = None
    """UTC time of the last frame of all"""
    edits: Edits = field(default_factory=Edits)
