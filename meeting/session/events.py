"""What happens to a meeting (events) and what must be done about it (effects): plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meeting.core.access import Role
from meeting.core.edits import Change
from meeting.core.messages import AudioFrame, AudioInfo, ServerMessage, SnapshotMessage, Start
from meeting.core.records import Edits, Gap, Restored, Resume, Source
from pipelines.errors import MeetingError, ProtocolError
from pipelines.types import LabelChange, Output, Segment, Speaker, SpeakersRevised, TurnsRevised


@dataclass(frozen=True, slots=True)
class Joined:
    """A client has connected; it is a viewer until it starts a source."""

    client: int
    role: Role = Role.VIEW
    """What it may do here"""


@dataclass(frozen=True, slots=True)
class Left:
    """A client's connection is gone."""

    client: int


@dataclass(frozen=True, slots=True)
class Started:
    """A client sent `start`."""

    client: int
    start: Start
    source_id: str
    """Fresh id for the source, should it be a new one"""
    token: str = field(repr=False)
    """Fresh secret for resuming it"""
    refusal: str | None = None
    """Why the server takes no further meeting; None when it does"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A client sent `stop`."""

    client: int


@dataclass(frozen=True, slots=True)
class EndAsked:
    """A host ends the meeting from outside of it, source or not; answered by `Answer` with the same ticket."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Framed:
    """A client sent a frame of audio."""

    client: int
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class Broke:
    """A client sent something that is no message."""

    client: int
    error: ProtocolError


@dataclass(frozen=True, slots=True)
class Opened:
    """A source's decoder and files are ready: frames can be taken."""

    source_id: str
    models: dict[str, Any] | None
    """What transcribes; None while the models are being loaded, and then `Loaded` follows"""
    audio: str | None
    """File name of its FLAC; None when none is kept"""


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything that `Settle` asked about is stored."""

    source_id: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The models that an opened source has waited for are there: what was kept so far is heard now."""

    source_id: str
    models: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame is on disk, and heard now or in its turn."""

    source_id: str
    seq: int
    samples: int
    """Length of the source's audio so far, samples at 16 kHz"""


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source cannot go on: not audio, no room on disk, …"""

    source_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The pipeline says something."""

    output: Output


@dataclass(frozen=True, slots=True)
class Drained:
    """The pipeline has said everything about a finished source."""

    source_id: str
    samples: int
    whole: bool = True
    """False when only the frames as received are complete, or nothing could hear them: a later process must"""


@dataclass(frozen=True, slots=True)
class Restarted:
    """An earlier process left this meeting unfinished; the first event of its new session."""

    restored: Restored


@dataclass(frozen=True, slots=True)
class Reopened:
    """What an earlier process left of a source is found; frames can be taken while it is heard again."""

    source_id: str
    frames: int
    """Frames on disk"""
    over: bool = False
    """Its client had stopped: no frame will come"""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A source has been heard again up to the last frame on disk."""

    source_id: str
    models: dict[str, Any]
    audio: str | None
    """File name of its FLAC; None when none is kept"""
    samples: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Audio of a source never arrived; silence stands in its place."""

    gap: Gap
    lost: bool = False
    """It did arrive: what is stored of it is all that there is"""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Something could not be stored and is tried again; told anew as long as it lasts."""

    what: str
    """Which part of the server has this trouble"""
    message: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A trouble with storing is over."""

    what: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """The meeting has a new title."""

    title: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A person changes a name or a line; answered by `Answer` with the same ticket."""

    ticket: int
    change: Change


@dataclass(frozen=True, slots=True)
class Dismissed:
    """The server stops, or the meeting is being deleted: what is live is finished, the rest is let go."""

    code: int
    reason: str
    discard: bool = False
    """Finish nothing, whatever the meeting is doing: it is being deleted"""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that the session asked to be woken at has come."""


Event = (
    Joined
    | Left
    | Started
    | Stopped
    | EndAsked
    | Framed
    | Broke
    | Opened
    | Settled
    | Loaded
    | Kept
    | SourceFailed
    | Heard
    | Drained
    | Restarted
    | Reopened
    | Recovered
    | Missed
    | Unsaved
    | Saved
    | Renamed
    | Edited
    | Dismissed
    | Tick
)


@dataclass(frozen=True, slots=True)
class Send:
    """Tell one client."""

    client: int
    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Tell every client."""

    message: ServerMessage
    change: Segment | SpeakersRevised | None = field(default=None, compare=False, repr=False)
    """The same as the pipeline said it, where it is about lines"""


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Tell one client, or all, everything so far; the driver adds the lines."""

    client: int | None
    """None for all"""
    message: SnapshotMessage
    """Without lines"""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a client's connection once it has been told everything."""

    client: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class OpenSource:
    """Make ready to hear a source; answered by `Opened` or `SourceFailed`."""

    source_id: str
    audio: AudioInfo
    language: str | None
    hotwords: tuple[str, ...]
    recover: bool = False
    """Hear first what an earlier process left on disk; answered by `Reopened` and `Recovered`, or `SourceFailed`"""
    heard: int = 0
    """Samples that an earlier process is known to have heard"""


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a frame to disk, then feed it to the pipeline; answered by `Kept` or `SourceFailed`."""

    source_id: str
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class FinishSource:
    """Flush decoder, files and pipeline; answered by `Drained`."""

    source_id: str
    hurry: bool = False
    """Do not wait for a disk that is full"""


@dataclass(frozen=True, slots=True)
class AbandonSource:
    """Let go of a source that was never heard."""

    source_id: str


@dataclass(frozen=True, slots=True)
class SaveSource:
    """Store a source."""

    source: Source


@dataclass(frozen=True, slots=True)
class SaveResume:
    """Store what a source needs to go on in a later process; the driver adds the time when it is `away`."""

    resume: Resume
    away: bool


@dataclass(frozen=True, slots=True)
class Settle:
    """Say when all that was to be stored before this is: answered by `Settled`, or `SourceFailed` if it cannot be."""

    source_id: str


@dataclass(frozen=True, slots=True)
class SaveTranscript:
    """Store a whole transcript in the place of what was stored of it."""

    segments: tuple[Segment, ...]
    speakers: tuple[Speaker, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class SaveGap:
    """Store a stretch that never arrived."""

    gap: Gap


@dataclass(frozen=True, slots=True)
class SaveState:
    """Store the meeting's state; the driver adds the time of day."""

    state: str
    samples: int
    models: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SaveSegment:
    """Store a final line."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class SaveLabels:
    """Store changed labels."""

    changes: tuple[LabelChange, ...]


@dataclass(frozen=True, slots=True)
class SaveSpeaker:
    """Store a voice."""

    speaker: Speaker


@dataclass(frozen=True, slots=True)
class SaveTurns:
    """Store who spoke when."""

    revision: TurnsRevised


@dataclass(frozen=True, slots=True)
class SaveEdits:
    """Store what people have set: all about voices, and one line where it is that which was changed."""

    edits: Edits
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell who asked for something: what is now, why not, or None when the meeting is over and kept elsewhere."""

    ticket: int
    outcome: tuple[ServerMessage, ...] | MeetingError | None


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line to the log; never text, names or tokens."""

    text: str


Effect = (
    Send
    | Broadcast
    | SendSnapshot
    | Drop
    | OpenSource
    | Keep
    | FinishSource
    | AbandonSource
    | SaveSource
    | SaveResume
    | Settle
    | SaveTranscript
    | SaveGap
    | SaveState
    | SaveSegment
    | SaveLabels
    | SaveSpeaker
    | SaveTurns
    | SaveEdits
    | Answer
    | Note
)
