"""What a client of a realtime session has set: audio, language, terms, turn detection. Pure.

A session is set in two forms: today's (`session.update`) and the one before it (`transcription_session.update`). What
makes no sense is refused, by a message that begins with the field's name. What makes sense and means nothing here is
taken, and named in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from meeting.compat.g711 import decode_alaw, decode_mulaw
from meeting.compat.live_stream import StreamRequest
from meeting.compat.openai.form import terms_of
from meeting.compat.openai.realtime.fields import Fields
from meeting.compat.parameters import Parameters, language_of, refused, warning
from meeting.core.messages import MAX_HOTWORD_LENGTH, AudioInfo, JsonObject

RATE, TELEPHONE_RATE = 24_000, 8_000
FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
"""Formats of audio -> what they were called before"""
CODES: dict[str, Callable[[bytes], bytes]] = {"audio/pcmu": decode_mulaw, "audio/pcma": decode_alaw}
"""Formats that are decoded here"""
DIARIZING = "-diarize"
"""End of the names of models that say who speaks"""
LONGEST_SILENCE = 10_000
"""Milliseconds"""
TURN_DETECTION: JsonObject = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}
"""What it is unless something else is set"""
_MODEL = "the server's own models transcribe"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is set of one session."""

    format: str = "audio/pcm"
    """One of `FORMATS`"""
    transcription: JsonObject | None = None
    """As the client has set it"""
    turn_detection: JsonObject | None = None
    """None: the client says where an item ends"""
    language: str | None = None
    terms: tuple[str, ...] = ()
    diarize: bool = False
    keep: bool = False
    title: str = ""
    older: bool = False
    """Whether the client speaks the form before today's"""

    @property
    def silence(self) -> float | None:
        """Seconds without a word after which an item ends; None: when the client says so."""
        found = self.turn_detection
        return None if found is None else found["silence_duration_ms"] / 1000

    @property
    def audio(self) -> AudioInfo:
        """What the meeting is given."""
        return AudioInfo("pcm_s16le", RATE if self.format == "audio/pcm" else TELEPHONE_RATE, 1)

    @property
    def request(self) -> StreamRequest:
        """The meeting that is asked for."""
        return StreamRequest(
            self.audio, self.title, self.language, self.terms, self.diarize, keep=self.keep, pause=self.silence
        )

    def decoded(self, data: bytes) -> bytes:
        """What the meeting is given for some bytes of the client."""
        decode = CODES.get(self.format)
        return data if decode is None else decode(data)

    def body(self, session_id: str) -> JsonObject:
        """The session as it is now, for its client."""
        head = {"object": "realtime.transcription_session", "id": session_id}
        if self.older:
            return {
                **head,
                "input_audio_format": FORMATS[self.format],
                "input_audio_noise_reduction": None,
                "input_audio_transcription": self.transcription,
                "turn_detection": self.turn_detection,
                "include": [],
            }
        format_ = {"type": self.format, **({"rate": RATE} if self.format == "audio/pcm" else {})}
        heard = {
            "format": format_,
            "noise_reduction": None,
            "transcription": self.transcription,
            "turn_detection": self.turn_detection,
        }
        return {**head, "type": "transcription", "audio": {"input": heard}, "include": []}


def first_settings(given: Parameters, older: bool) -> tuple[Settings, list[JsonObject]]:
    """What the address of a socket says, and warnings; raises ProtocolError with what is wrong."""
    if given.text("call_id"):
        raise refused("call_id cannot be had: there are no calls here")
    given.choice("intent", ("transcription",), "transcription")
    model = given.text("model")
    settings = Settings(
        transcription={"model": model} if model else None,
        turn_detection=TURN_DETECTION,
        diarize=given.flag("diarize", model.endswith(DIARIZING)),
        keep=given.flag("keep"),
        title=given.title(),
        older=older,
    )
    warnings = [warning("model", _MODEL)] if model else []
    return settings, [*warnings, *map(warning, given.rest)]


def updated(settings: Settings, session: object, older: bool) -> tuple[Settings, list[JsonObject]]:
    """The settings with what a client sets of them, and warnings; raises ProtocolError with what is wrong."""
    reader = Fields(session, "session")
    settings = replace(settings, older=older)
    if older:
        settings = _with_format(settings, reader, "input_audio_format", {old: new for new, old in FORMATS.items()})
        settings = _with_transcription(settings, reader, "input_audio_transcription")
        settings = _with_turn_detection(settings, reader)
        return settings, reader.warnings()
    kind = reader.take("type", "transcription")
    if kind != "transcription":
        raise refused("session.type must be transcription: there are no answers here, only what was said")
    heard = reader.part("audio").part("input")
    form = heard.part("format")
    settings = _with_format(settings, form, "type", {name: name for name in FORMATS})
    if form.take("rate", RATE) != RATE and settings.format == "audio/pcm":
        raise refused(f"{form.name}.rate must be {RATE}")
    settings = _with_transcription(settings, heard, "transcription")
    settings = _with_turn_detection(settings, heard)
    return settings, reader.warnings()


def _with_format(settings: Settings, reader: Fields, name: str, known: dict[str, str]) -> Settings:
    found = reader.text(name)
    if found and found not in known:
        raise refused(f"{reader.name}.{name} must be one of {', '.join(sorted(known))}")
    return replace(settings, format=known[found]) if found else settings


def _with_transcription(settings: Settings, reader: Fields, name: str) -> Settings:
    if name not in reader:
        return settings
    given = reader.part(name)
    model, prompt, keywords = given.text("model"), given.text("prompt"), given.texts("keywords")
    if any(len(word) > MAX_HOTWORD_LENGTH for word in keywords):
        raise refused(f"{given.name}.keywords must have at most {MAX_HOTWORD_LENGTH} characters each")
    if model:
        given.warn("model", _MODEL)
    asked = given.text("language")
    others = given.texts("languages")
    language = language_of(f"{given.name}.language", asked)
    language = language or language_of(f"{given.name}.languages", ",".join(others))
    shown = {"model": model, "language": asked, "languages": others, "prompt": prompt, "keywords": keywords}
    return replace(
        settings,
        transcription={key: value for key, value in shown.items() if value},
        language=language,
        terms=terms_of(prompt, keywords),
        diarize=settings.diarize or model.endswith(DIARIZING),
    )


def _with_turn_detection(settings: Settings, reader: Fields) -> Settings:
    if "turn_detection" not in reader:
        return settings
    if reader.is_null("turn_detection"):
        return replace(settings, turn_detection=None)
    given = reader.part("turn_detection")
    kind = given.take("type", "server_vad")
    if kind not in ("server_vad", "semantic_vad"):
        raise refused(f"{given.name}.type must be server_vad or semantic_vad, or turn_detection null")
    if kind == "semantic_vad":
        given.warn("type", "it is taken as server_vad")
    before = settings.turn_detection or TURN_DETECTION
    found = {
        "type": "server_vad",
        "threshold": given.number("threshold", 1, before["threshold"]),
        "prefix_padding_ms": given.number("prefix_padding_ms", LONGEST_SILENCE, before["prefix_padding_ms"]),
        "silence_duration_ms": given.number("silence_duration_ms", LONGEST_SILENCE, before["silence_duration_ms"]),
    }
    return replace(settings, turn_detection=found)
