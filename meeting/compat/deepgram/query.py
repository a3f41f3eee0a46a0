"""What a client of Deepgram asks for behind the question mark of `/v1/listen`. Pure.

What makes no sense is refused. What makes sense and means nothing here is taken, and named in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meeting.compat.g711 import decode_alaw, decode_mulaw
from meeting.compat.live_stream import StreamRequest
from meeting.compat.parameters import Parameters, refused, warning
from meeting.core.messages import LONGEST_PAUSE, AudioInfo, JsonObject
from pipelines.formats import MAX_CHANNELS, MAX_RATE, MIN_RATE

RAW = {"linear16": "pcm_s16le", "linear32": "pcm_f32le", "mulaw": "pcm_s16le", "alaw": "pcm_s16le"}
"""Encodings without a container -> what a meeting is given"""
CODES: dict[str, Callable[[bytes], bytes]] = {"mulaw": decode_mulaw, "alaw": decode_alaw}
"""Encodings that are decoded here"""
IN_CONTAINERS = ("opus", "ogg-opus", "webm", "webm-opus", "flac", "wav", "mp3", "m4a")
"""Encodings that say what they are in their first bytes"""
REFUSED = {
    "redact": "nothing is redacted here, and what should be would not be",
    "callback": "nothing is sent to other addresses: read the answer",
}
"""Parameters that must not be passed over in silence"""
AUTOMATIC = ("multi", "auto")
"""Languages that leave it to the recogniser"""


@dataclass(frozen=True, slots=True)
class Query:
    """One request's parameters."""

    encoding: str
    """One of `RAW`; "" for a container"""
    container: str
    """The container that the client names, if it does"""
    sample_rate: int
    channels: int
    language: str | None
    terms: tuple[str, ...]
    diarize: bool
    keep: bool
    title: str
    interim_results: bool
    punctuate: bool
    endpointing: bool
    """Whether the end of an utterance is told by `speech_final`"""
    pause: float | None
    """Seconds of silence behind which it is told; None for what the server's settings say"""
    utterance_end: float | None
    """Seconds without a word after which `UtteranceEnd` is told; None: never"""
    vad_events: bool
    utterances: bool
    paragraphs: bool
    warnings: tuple[JsonObject, ...]
    """What was asked for and means nothing here"""

    @property
    def audio(self) -> AudioInfo:
        """What the bytes are; for raw ones only."""
        return AudioInfo(RAW[self.encoding], self.sample_rate, self.channels)

    @property
    def raw(self) -> AudioInfo | None:
        """The same; None for a container."""
        return self.audio if self.encoding else None

    def request(self, audio: AudioInfo) -> StreamRequest:
        """The meeting that is asked for."""
        return StreamRequest(
            audio, self.title, self.language, self.terms, self.diarize, keep=self.keep, pause=self.pause
        )

    def decoded(self, data: bytes) -> bytes:
        """What the meeting is given for some bytes of the client."""
        decode = CODES.get(self.encoding)
        return data if decode is None else decode(data)


def parse_query(given: Parameters) -> Query:
    """Read the parameters of a request; raises ProtocolError with what is wrong."""
    for name, why in REFUSED.items():
        if any(given.texts(name)):
            raise refused(f"{name} cannot be had: {why}")
    encoding = given.choice("encoding", (*RAW, *IN_CONTAINERS), "")
    raw = encoding in RAW
    if raw and not given.text("sample_rate"):
        raise refused(f"sample_rate must be given with encoding={encoding}")
    channels, several = given.number("channels", 1, MAX_CHANNELS, 1), given.flag("multichannel")
    terms = tuple(filter(None, [*given.texts("keyterm"), *map(_without_boost, given.texts("keywords"))]))
    pause = given.text("endpointing").lower()
    timed = pause not in ("", "true", "false")
    smart, model = given.flag("smart_format"), given.text("diarize_model")
    return Query(
        encoding=encoding if raw else "",
        container="" if raw else encoding,
        sample_rate=given.number("sample_rate", MIN_RATE, MAX_RATE, 0),
        channels=channels,
        language=given.language(automatic=AUTOMATIC),
        terms=terms,
        diarize=given.flag("diarize") or bool(model),
        keep=given.flag("keep"),
        title=given.title(),
        interim_results=given.flag("interim_results"),
        punctuate=given.flag("punctuate") or smart or given.flag("paragraphs"),
        endpointing=pause != "false",
        pause=given.number("endpointing", 0, 1000 * LONGEST_PAUSE, 0) / 1000 if timed else None,
        utterance_end=(given.number("utterance_end_ms", 1000, 5000, 0) / 1000) or None,
        vad_events=given.flag("vad_events"),
        utterances=given.flag("utterances"),
        paragraphs=given.flag("paragraphs") or smart,
        warnings=tuple(_warnings(given, several, model)),
    )


def _warnings(given: Parameters, several: bool, diarizer: str) -> list[JsonObject]:
    told = {"model": "the server's own models transcribe"} if given.text("model") else {}
    told |= {"version": "the server's own models transcribe"} if given.text("version") else {}
    told |= {"diarize_model": "the server's own models tell speakers apart"} if diarizer else {}
    told |= {"multichannel": "channels are heard as one: ask for diarize"} if several else {}
    return [
        *(warning(name, message) for name, message in told.items()),
        *map(warning, given.rest),
    ]


def _without_boost(keyword: str) -> str:
    """A keyword without how strongly it is to be expected, as in "Okapi:2"."""
    term, _, boost = keyword.rpartition(":")
    return term if term and boost.replace(".", "", 1).lstrip("-").isdigit() else keyword
