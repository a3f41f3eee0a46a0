"""What happens to a meeting (events) and what must be done about it (effects): plain values.

Events come from clients (`ClientJoined`, `FrameReceived`, …), from the source's worker (`SourceOpened`,
`FrameAppended`, …), from storage, and from the server around the meeting.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from meeting.core.access import Role
from meeting.core.editing.changes import Change
from meeting.core.editing.steps import MadeStep
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioFrame, AudioInfo, ServerMessage, SnapshotMessage, Start
from meeting.core.records import Edits, Gap, Restored, Resume, Source, State
from meeting.voices.matching import VoiceProfile
from pipelines.errors import MeetingError
from pipelines.types import LabelChange, ModelInfo, Output, Segment, Speaker, SpeakersRevised, TurnsRevised


@dataclass(frozen=True, slots=True)
class ClientJoined:
    """A client has connected; it is a viewer until it starts a source."""

    client: int
    role: Role = Role.VIEW
    """What it may do here"""


@dataclass(frozen=True, slots=True)
class ClientLeft:
    """A client's connection is gone."""

    client: int


@dataclass(frozen=True, slots=True)
class StartReceived:
    """A client sent `start`."""

    client: int
    start: Start
    source_id: str
    """Fresh id for the source, should it be a new one"""
    token: str = field(repr=False)
    """Fresh secret for resuming it"""
    refusal: str | None = None
    """Why the server takes no further meeting; None when it does"""
    known: Source | None = None
    """The source of another meeting that is played again: its number, name, kind and place are this one's"""


@dataclass(frozen=True, slots=True)
class StopReceived:
    """A client sent `stop`."""

    client: int


@dataclass(frozen=True, slots=True)
class EndRequested:
    """A host ends the meeting from outside of it, source or not; answered by `Answer` with the same ticket."""

    ticket: int


@dataclass(frozen=True, slots=True)
class MuteRequested:
    """A host mutes a source, or lets it be heard again; answered by `Answer` with the same ticket."""

    ticket: int
    source_id: str
    muted: bool


@dataclass(frozen=True, slots=True)
class RemoveRequested:
    """A host ends one source, whose client may not come back to it; answered by `Answer` with the same ticket."""

    ticket: int
    source_id: str


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A client sent a frame of audio."""

    client: int
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class ClientRejected:
    """A client has to go: what it sent is no message, or its link is no longer valid."""

    client: int
    error: ProtocolError


@dataclass(frozen=True, slots=True)
class SourceOpened:
    """A source's decoder and files are ready: frames can be taken."""

    source_id: str
    models: ModelInfo | None
    """What transcribes; None while the models are being loaded, and then `ModelsLoaded` follows"""
    audio: str | None
    """File name of its FLAC; None when none is kept"""


@dataclass(frozen=True, slots=True)
class SourceStored:
    """Everything that `ConfirmStored` asked about is stored: a later process would find the source."""

    source_id: str


@dataclass(frozen=True, slots=True)
class ModelsLoaded:
    """The models that an opened source has waited for are there: the audio received so far is processed now."""

    source_id: str
    models: ModelInfo


@dataclass(frozen=True, slots=True)
class FrameAppended:
    """A frame is on disk and is processed, now or in its turn; told again while a long one is processed."""

    source_id: str
    seq: int
    samples: int
    """Length of the source's audio so far, samples at 16 kHz"""


@dataclass(frozen=True, slots=True)
class SourceFailed:
    """A source cannot go on: not audio, no room on disk, …"""

    source_id: str
    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class OutputReceived:
    """A source's pipeline has produced an output, in the time and with the speakers of that source."""

    source_id: str
    output: Output


@dataclass(frozen=True, slots=True)
class SourceFinished:
    """The pipeline has produced its last output about a source, after `FinishSource`."""

    source_id: str
    samples: int
    complete: bool = True
    """False when only the frames as received are complete, or no models could process them: a later process must"""


@dataclass(frozen=True, slots=True)
class MeetingRestored:
    """An earlier process left this meeting unfinished; the first event of its new session."""

    restored: Restored


@dataclass(frozen=True, slots=True)
class SourceReopened:
    """What an earlier process left of a source is found; frames can be taken while it is replayed."""

    source_id: str
    frames: int
    """Frames on disk"""
    stopped: bool = False
    """Its client had sent `stop`: no frame will come"""


@dataclass(frozen=True, slots=True)
class SourceRecovered:
    """A source has been replayed up to the last frame on disk."""

    source_id: str
    models: ModelInfo
    audio: str | None
    """File name of its FLAC; None when none is kept"""
    samples: int


@dataclass(frozen=True, slots=True)
class GapFound:
    """Audio of a source is missing; silence stands in its place."""

    gap: Gap
    """In the time of the source"""
    lost: bool = False
    """True where it did arrive, and was lost on disk: the text that is stored of it is all that there is"""


@dataclass(frozen=True, slots=True)
class StorageFailing:
    """Something could not be stored and is tried again; repeated as long as it lasts."""

    what: str
    """Which part of the server has this trouble"""
    message: str


@dataclass(frozen=True, slots=True)
class StorageWorking:
    """What could not be stored before is stored."""

    what: str


@dataclass(frozen=True, slots=True)
class TitleChanged:
    """The meeting has a new title."""

    title: str


@dataclass(frozen=True, slots=True)
class HotwordsChanged:
    """A host says which names and terms are likely to be said from now on, in the place of those before."""

    hotwords: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class VoicesChanged:
    """These are the voices that are kept, in the place of those before."""

    profiles: tuple[VoiceProfile, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EditRequested:
    """A person changes a name or lines; answered by `Answer` with the same ticket."""

    ticket: int
    change: Change
    change_id: str | None = None
    """Under which it is kept, so that it can be taken back; None where nobody will ask for that"""


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """The server stops, or the meeting is being deleted: what is live is finished, the rest is dropped."""

    code: CloseCode
    reason: str
    discard: bool = False
    """Finish nothing, whatever the meeting is doing: it is being deleted"""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that the session asked to be woken at has come."""


Event = (
    ClientJoined
    | ClientLeft
    | StartReceived
    | StopReceived
    | EndRequested
    | MuteRequested
    | RemoveRequested
    | FrameReceived
    | ClientRejected
    | SourceOpened
    | SourceStored
    | ModelsLoaded
    | FrameAppended
    | SourceFailed
    | OutputReceived
    | SourceFinished
    | MeetingRestored
    | SourceReopened
    | SourceRecovered
    | GapFound
    | StorageFailing
    | StorageWorking
    | TitleChanged
    | HotwordsChanged
    | VoicesChanged
    | EditRequested
    | CloseRequested
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
    """The output that the message was made of, where it is about lines"""


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Tell one client, or all, everything so far; the driver adds the lines."""

    client: int | None
    """None for all"""
    message: SnapshotMessage
    """Without lines"""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close a client's connection once it has been told everything."""

    client: int
    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class OpenSource:
    """Open a source's decoder, files and pipeline; answered by `SourceOpened` or `SourceFailed`."""

    source_id: str
    audio: AudioInfo
    language: str | None
    hotwords: tuple[str, ...]
    translate: bool = False
    number: int = 1
    """Its place among the sources of its meeting: lines of each have ids of their own"""
    solo: bool = False
    """Whether one person speaks in it, so that nobody looks for speakers"""
    muted: bool = False
    pause: float | None = None
    """Seconds of silence behind which a line says that nobody goes on; None for what the settings say"""
    recover: bool = False
    """Replay first what an earlier process left on disk: answered by `SourceReopened`, then `SourceRecovered`"""
    processed: int = 0
    """Samples that an earlier process is known to have processed"""


@dataclass(frozen=True, slots=True)
class ExpectHotwords:
    """Have a source's next utterances recognised with these terms, in the place of those before."""

    source_id: str
    hotwords: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MuteSource:
    """Keep and hear silence in the place of what a source sends from here on, or what it sends again."""

    source_id: str
    muted: bool


@dataclass(frozen=True, slots=True)
class AppendFrame:
    """Append a frame to the journal, then feed it to the pipeline; answered by `FrameAppended` or `SourceFailed`."""

    source_id: str
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class FinishSource:
    """Flush decoder, files and pipeline; answered by `SourceFinished`."""

    source_id: str
    shutdown_fast: bool = False
    """Wait neither for a disk that is full nor for models that are being loaded"""


@dataclass(frozen=True, slots=True)
class AbandonSource:
    """Stop a source at once; what is on disk stays there."""

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
class ConfirmStored:
    """Tell when all that was to be stored before this is: answered by `SourceStored`, or by `SourceFailed`."""

    source_id: str


@dataclass(frozen=True, slots=True)
class SaveTranscript:
    """Store a whole transcript in the place of what was stored of it."""

    segments: tuple[Segment, ...]
    speakers: tuple[Speaker, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class SaveGap:
    """Store a gap."""

    gap: Gap


@dataclass(frozen=True, slots=True)
class SaveState:
    """Store the meeting's state; the driver adds the time of day."""

    state: State
    samples: int
    models: ModelInfo


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
    """Store a speaker."""

    speaker: Speaker


@dataclass(frozen=True, slots=True)
class SaveTurns:
    """Store who spoke when as one source's pipeline hears it; what was stored of the others stays."""

    source_id: str
    revision: TurnsRevised


@dataclass(frozen=True, slots=True)
class SaveEdits:
    """Store what people have set: all names and merges of speakers, and the lines that were changed."""

    edits: Edits
    lines: tuple[str, ...] = ()
    made: MadeStep | None = None
    """The change that a person made, where it was one"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a request: with what holds now, with why not, or with None when the meeting is over and kept elsewhere."""

    ticket: int
    outcome: tuple[ServerMessage, ...] | MeetingError | None


@dataclass(frozen=True, slots=True)
class Log:
    """Write a line to the log; never text, names or tokens."""

    text: str


Effect = (
    Send
    | Broadcast
    | SendSnapshot
    | Disconnect
    | OpenSource
    | ExpectHotwords
    | MuteSource
    | AppendFrame
    | FinishSource
    | AbandonSource
    | SaveSource
    | SaveResume
    | ConfirmStored
    | SaveTranscript
    | SaveGap
    | SaveState
    | SaveSegment
    | SaveLabels
    | SaveSpeaker
    | SaveTurns
    | SaveEdits
    | Answer
    | Log
)
