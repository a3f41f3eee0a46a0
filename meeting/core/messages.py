"""The wire protocol's messages: the only place where its JSON and its binary frames are made and parsed.

Times are seconds from the meeting's start with three decimals; ids are stable; a higher `rev` replaces."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeVar

from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.records import Gap, Source
from pipelines.formats import MAX_CHANNELS, MAX_RATE, MIN_RATE, PCM
from pipelines.options import LANGUAGES, language_codes
from pipelines.types import LabelChange, ModelInfo, PipelineStats, Segment, Speaker, Word, seconds

VERSION = 1
"""Protocol version that `start` must name"""

MAX_TEXT = 65_536
"""Characters of a client's text frame; more is not even parsed"""

MAX_HOTWORDS, MAX_HOTWORD_LENGTH = 200, 100
"""Names and terms that may be expected at once, and the characters of each"""

LONGEST_PAUSE = 60
"""Seconds of silence at most that a client may ask for as `Start.pause`"""

FRAME_HEADER = struct.Struct("<IQ")
"""Head of a binary frame: u32 seq, u64 capture time in microseconds, little endian"""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """One binary frame of audio."""

    seq: int
    """Number of the frame, from 0 without holes"""
    capture_us: int
    """Client's capture clock of the first sample, microseconds"""
    payload: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The frame as sent."""
        return FRAME_HEADER.pack(self.seq, self.capture_us) + self.payload

    @classmethod
    def decode(cls, data: bytes) -> AudioFrame:
        """Parse a frame; raises ProtocolError when it is shorter than its head."""
        if len(data) < FRAME_HEADER.size:
            raise ProtocolError(
                f"an audio frame starts with {FRAME_HEADER.size} bytes of head; this one has {len(data)}"
            )
        seq, capture_us = FRAME_HEADER.unpack_from(data)
        return cls(seq, capture_us, bytes(data[FRAME_HEADER.size :]))


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Who or what is being recorded."""

    name: str = ""
    kind: str = "room"
    """"room" (several voices) or "solo" (one voice)"""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the binary frames hold."""

    encoding: str = "pcm_s16le"
    """"pcm_s16le", "pcm_f32le" or a container: "webm_opus", "ogg", "wav", "flac", "mp3", "m4a" """
    sample_rate: int = 16000
    """Hertz; ignored for containers"""
    channels: int = 1


@dataclass(frozen=True, slots=True)
class ResumeInfo:
    """Which source a new connection continues."""

    source_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """First message of a source."""

    type: ClassVar[str] = "start"
    version: int
    audio: AudioInfo
    source: SourceInfo = SourceInfo()
    language: str | None = None
    hotwords: tuple[str, ...] = ()
    resume: ResumeInfo | None = None
    translate: bool = False
    """Whether what is said is to be written down in English"""
    pause: float | None = None
    """Seconds of silence behind which a line says that nobody goes on speaking; None for what the settings say"""


@dataclass(frozen=True, slots=True)
class Auth:
    """A token, before any audio, for clients that cannot set a header."""

    type: ClassVar[str] = "auth"
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stop:
    """The source has sent all it will."""

    type: ClassVar[str] = "stop"


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """Answer to `start`."""

    type: ClassVar[str] = "session"
    meeting_id: str
    source_id: str
    resume_token: str = field(repr=False)
    next_seq: int
    models: ModelInfo


@dataclass(frozen=True, slots=True)
class Ack:
    """Every frame up to `seq` is on disk: the client may drop it."""

    type: ClassVar[str] = "ack"
    seq: int
    audio: float
    """Seconds of audio received"""


@dataclass(frozen=True, slots=True)
class WordMessage:
    """One word of a segment."""

    text: str
    start: float
    end: float
    confidence: float | None

    @classmethod
    def of(cls, word: Word) -> WordMessage:
        """A word as sent."""
        confidence = None if word.confidence is None else round(word.confidence, 3)
        return cls(word.text, seconds(word.span.start), seconds(word.span.end), confidence)


@dataclass(frozen=True, slots=True)
class SegmentMessage:
    """One line of the transcript; empty text withdraws it."""

    type: ClassVar[str] = "segment"
    id: str
    rev: int
    final: bool
    source_id: str
    start: float
    end: float
    speaker: str | None
    text: str
    stable_chars: int
    words: tuple[WordMessage, ...]
    overlap: bool = False
    pause: bool = False
    """Whether nobody goes on speaking behind it; known of lines as they are heard"""

    @classmethod
    def of(cls, segment: Segment) -> SegmentMessage:
        """A segment as sent."""
        return cls(
            segment.id,
            segment.rev,
            segment.final,
            segment.source_id,
            seconds(segment.span.start),
            seconds(segment.span.end),
            segment.speaker,
            segment.text,
            segment.stable_chars,
            tuple(WordMessage.of(word) for word in segment.words),
            segment.overlap,
            segment.pause,
        )


@dataclass(frozen=True, slots=True)
class ChangeMessage:
    """One changed label; `from` and `to` on the wire."""

    id: str
    rev: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SpeakerRevisionMessage:
    """Labels of lines already sent that have changed."""

    type: ClassVar[str] = "speaker_revision"
    changes: tuple[ChangeMessage, ...]
    reason: str

    @classmethod
    def of(cls, changes: tuple[LabelChange, ...], reason: str) -> SpeakerRevisionMessage:
        """Label changes as sent."""
        return cls(tuple(ChangeMessage(c.id, c.rev, c.before, c.after) for c in changes), reason)


@dataclass(frozen=True, slots=True)
class SpeakerMessage:
    """A voice of the meeting, new or changed."""

    type: ClassVar[str] = "speaker"
    id: str
    name: str | None
    color: int
    merged_into: str | None
    recognized: bool = False
    """Whether the name is that of a voice that is kept, and nobody has confirmed it"""

    @classmethod
    def of(cls, speaker: Speaker) -> SpeakerMessage:
        """A speaker as sent."""
        return cls(speaker.id, speaker.name, speaker.color, speaker.merged_into, speaker.recognized)


@dataclass(frozen=True, slots=True)
class StatsMessage:
    """How the server keeps up, seconds, and what it hears spoken."""

    type: ClassVar[str] = "stats"
    rtf: float
    asr_lag: float
    diarization_lag: float
    dropped_partials: int
    load: float
    left_out: str
    language: str | None = None
    """What is spoken, as it was detected"""
    source_id: str = ""
    """Of which source's pipeline this is said"""
    level: float | None = None
    """How loud that source was last, in decibels relative to full scale; None where that is not known"""
    models_answer: bool = True
    """Whether the models, where they are on other machines, answer at the moment"""

    @classmethod
    def of(cls, stats: PipelineStats, source_id: str = "", level: float | None = None) -> StatsMessage:
        """Pipeline figures as sent."""
        rtf, asr, voices, load = (round(x, 3) for x in (stats.rtf, stats.asr_lag, stats.diarization_lag, stats.load))
        level = None if level is None else round(level, 1)
        figures = (rtf, asr, voices, stats.dropped_partials, load, stats.left_out)
        return cls(*figures, stats.language, source_id, level, stats.models_answer)


@dataclass(frozen=True, slots=True)
class GapMessage:
    """Audio that never arrived: shown, not hidden."""

    type: ClassVar[str] = "gap"
    start: float
    end: float
    reason: str
    source_id: str = ""
    """Of which source it is"""

    @classmethod
    def of(cls, gap: Gap) -> GapMessage:
        """A gap as sent."""
        return cls(seconds(gap.span.start), seconds(gap.span.end), gap.reason, gap.source_id)


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """Somebody's microphone, or other sound, that is or was part of the meeting: new or changed."""

    type: ClassVar[str] = "source"
    id: str
    name: str
    kind: str
    """"room" (several voices) or "solo" (one voice)"""
    number: int
    """Its place in the order in which sources began, from 1"""
    state: str
    """"live", "away" (its connection is lost, and waited for), "ending" (no more is heard of it, and its last text is
    still to come) or "ended" """
    muted: bool = False
    """Whether a host has muted it"""

    @classmethod
    def of(cls, source: Source, state: str = "ended") -> SourceMessage:
        """A source as sent."""
        return cls(source.id, source.name, source.kind, source.number, state, source.muted)


@dataclass(frozen=True, slots=True)
class SnapshotMessage:
    """All there is so far; first message to a viewer or late joiner."""

    type: ClassVar[str] = "snapshot"
    segments: tuple[SegmentMessage, ...]
    speakers: tuple[SpeakerMessage, ...]
    state: str
    """"open" (nobody has spoken yet), "live", "ending" or "ended" """
    title: str
    audio: float
    """Seconds of audio received so far"""
    models: ModelInfo
    gaps: tuple[GapMessage, ...] = ()
    earlier: int = 0
    """Lines before these, which follow in `earlier` messages"""
    sources: tuple[SourceMessage, ...] = ()
    """In the order in which they began"""


@dataclass(frozen=True, slots=True)
class EarlierMessage:
    """Lines before those of the snapshot and of the `earlier` messages so far."""

    type: ClassVar[str] = "earlier"
    segments: tuple[SegmentMessage, ...]
    left: int
    """Lines before these, which follow in further messages"""


@dataclass(frozen=True, slots=True)
class StateMessage:
    """The meeting's state has changed."""

    type: ClassVar[str] = "state"
    state: str
    title: str


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Something went wrong; `fatal` when the socket closes after it."""

    type: ClassVar[str] = "error"
    code: ErrorCode
    message: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class MovedMessage:
    """The meeting is not here; the socket closes after it, and the client comes to the server that has it."""

    type: ClassVar[str] = "moved"
    address: str | None
    """Of the server that has it, such as `https://example.org/servers/a`; None where that is not known yet"""
    wait: float
    """Seconds after which another try makes sense"""


@dataclass(frozen=True, slots=True)
class AliveMessage:
    """The connection works, though there may be nothing to say: browsers tell their pages nothing of pings."""

    type: ClassVar[str] = "alive"
    every: float
    """Seconds until the next message at the latest"""


@dataclass(frozen=True, slots=True)
class Ended:
    """Everything is stored; sent to the source and to every viewer."""

    type: ClassVar[str] = "ended"
    segments: int


ServerMessage = (
    SessionMessage
    | Ack
    | SegmentMessage
    | SpeakerRevisionMessage
    | SpeakerMessage
    | StatsMessage
    | SnapshotMessage
    | EarlierMessage
    | StateMessage
    | GapMessage
    | SourceMessage
    | ErrorMessage
    | MovedMessage
    | AliveMessage
    | Ended
)
ClientMessage = Start | Auth | Stop

_Part = TypeVar("_Part", bound=Start | Auth | SourceInfo | AudioInfo | ResumeInfo)


JsonObject = dict[str, Any]
"""A JSON object"""


def as_dict(message: ServerMessage | ClientMessage) -> JsonObject:
    """A message as the JSON object it is sent as."""
    if isinstance(message, SegmentMessage):
        return _segment(message)
    if isinstance(message, (SnapshotMessage, EarlierMessage)):
        # `asdict` would copy every word of every line first
        body = {"type": message.type, **asdict(replace(message, segments=()))}
        body["segments"] = [_segment(segment) for segment in message.segments]
    else:
        body = {"type": message.type, **asdict(message)}
    if isinstance(message, SpeakerRevisionMessage):
        body["changes"] = [{"id": c.id, "rev": c.rev, "from": c.before, "to": c.after} for c in message.changes]
    if isinstance(message, SnapshotMessage):
        body["speakers"] = [as_dict(speaker) for speaker in message.speakers]
        body["gaps"] = [as_dict(gap) for gap in message.gaps]
        body["sources"] = [as_dict(source) for source in message.sources]
        body["earlier"] = body.pop("earlier")  # last, so that whoever only counts what is to come finds it at the end
    return body


def _segment(message: SegmentMessage) -> JsonObject:
    # By hand, which is several times as fast as `asdict`: a long meeting has thousands of lines, each with its words.
    return {
        "type": message.type,
        "id": message.id,
        "rev": message.rev,
        "final": message.final,
        "source_id": message.source_id,
        "start": message.start,
        "end": message.end,
        "speaker": message.speaker,
        "text": message.text,
        "stable_chars": message.stable_chars,
        "words": tuple(
            {"text": word.text, "start": word.start, "end": word.end, "confidence": word.confidence}
            for word in message.words
        ),
        "overlap": message.overlap,
        "pause": message.pause,
    }


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(message: ServerMessage | ClientMessage) -> str:
    """A message as a text frame."""
    return _json(as_dict(message))


def encode_with_lines(message: SnapshotMessage | EarlierMessage, lines: Iterable[str]) -> str:
    """A message without lines as a text frame that holds `lines`, each of them a `segment` message's text frame."""
    assert not message.segments
    start, _, end = encode(message).partition('"segments":[]')
    return f'{start}"segments":[{",".join(lines)}]{end}'


def decode(text: str) -> ClientMessage:
    """Parse a client's text frame; raises ProtocolError with what was wrong."""
    if len(text) > MAX_TEXT:
        raise ProtocolError(
            f"a text frame has at most {MAX_TEXT} characters, this one {len(text)}",
            ErrorCode.TOO_LARGE,
            CloseCode.TOO_LARGE,
        )
    try:
        body = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a text frame must be one JSON object in UTF-8") from error
    if not isinstance(body, dict):
        raise ProtocolError("a text frame must be one JSON object")
    kind = body.pop("type", None)
    if kind == Start.type:
        return _start(body)
    if kind == Stop.type:
        return Stop()
    if kind == Auth.type:
        return _parse(Auth, body, "auth")
    raise ProtocolError(f"unknown message type {_short(kind)}; a client sends start, stop or auth")


_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")

_PARTS: dict[str, type[SourceInfo | AudioInfo | ResumeInfo]] = {
    "source": SourceInfo,
    "audio": AudioInfo,
    "resume": ResumeInfo,
}
"""Objects within `start`"""


def parse_json(text: str) -> Any:
    """What a client's text says.

    Raises ValueError where it is no JSON, or holds half a surrogate pair and so could be neither stored nor sent on,
    and RecursionError where it is nested too deeply.
    """
    body = json.loads(text)
    if _HALF_A_PAIR.search(text):  # or a whole one: to write it tells
        json.dumps(body, ensure_ascii=False).encode()
    return body


def _start(body: JsonObject) -> Start:
    for name, kind in _PARTS.items():
        if isinstance(body.get(name), dict):
            body[name] = _parse(kind, body[name], name)
        elif body.get(name) is None:
            body.pop(name, None)
    if isinstance(body.get("hotwords"), list):
        body["hotwords"] = tuple(body["hotwords"])
    if isinstance(body.get("language"), list):
        body["language"] = ",".join(map(str, body["language"]))
    return checked_start(_parse(Start, body, "start"))


def checked_start(start: Start) -> Start:
    """The same where a source may start so; raises ProtocolError with what is wrong."""
    if start.version != VERSION:
        raise ProtocolError(f"this server speaks protocol version {VERSION}, not {_short(start.version)}")
    fitting = all(isinstance(word, str) and len(word) <= MAX_HOTWORD_LENGTH for word in start.hotwords)
    if not fitting or len(start.hotwords) > MAX_HOTWORDS:
        raise ProtocolError(f"hotwords must be at most {MAX_HOTWORDS} words of at most {MAX_HOTWORD_LENGTH} characters")
    if start.source.kind not in ("room", "solo"):
        raise ProtocolError(f"source.kind must be room or solo, not {_short(start.source.kind)}")
    if start.pause is not None and not 0 <= start.pause <= LONGEST_PAUSE:
        raise ProtocolError(f"start.pause must be null or a number of seconds from 0 to {LONGEST_PAUSE}")
    if len(start.source.name) > 200:
        raise ProtocolError("source.name must have at most 200 characters")
    if start.language is not None and not (start.language and LANGUAGES.issuperset(language_codes(start.language))):
        given = _short(start.language)
        raise ProtocolError(
            "language must be null or a code that Whisper knows, such as en, de or zh, or several with commas, "
            f"not {given}"
        )
    _check_audio(start.audio)
    return start


def _check_audio(audio: AudioInfo) -> None:
    """Raw audio is what it is said to be; a container says so itself, and then 0 may stand for it."""
    raw = audio.encoding in PCM
    for name, value, least, most in (
        ("sample_rate", audio.sample_rate, MIN_RATE if raw else 0, MAX_RATE),
        ("channels", audio.channels, 1 if raw else 0, MAX_CHANNELS),
    ):
        if not least <= value <= most:
            given = _short(value)
            raise ProtocolError(f"audio.{name} must be from {least} to {most}, not {given}", ErrorCode.BAD_AUDIO)


_FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "str | None": (str, type(None)),
    "float | None": (float, int, type(None)),
    "tuple[str, ...]": (tuple,),
    "SourceInfo": (SourceInfo,),
    "AudioInfo": (AudioInfo,),
    "ResumeInfo | None": (ResumeInfo, type(None)),
}


def _parse(kind: type[_Part], body: JsonObject, where: str) -> _Part:
    """A dataclass from untrusted JSON: unknown fields are ignored, wrong types refused."""
    values: JsonObject = {}
    for spec in fields(kind):
        if spec.name not in body:
            if spec.default is MISSING and spec.default_factory is MISSING:
                raise ProtocolError(f"{where} lacks the field {spec.name}")
            continue
        value = body[spec.name]
        if not isinstance(value, _FIELD_TYPES[str(spec.type)]) or isinstance(value, bool) != (spec.type == "bool"):
            raise ProtocolError(f"{where}.{spec.name} must be {spec.type}, not {_short(value)}")
        values[spec.name] = value
    return kind(**values)


def _short(value: object) -> str:
    return text if len(text := repr(value)) <= 40 else text[:37] + "..."
