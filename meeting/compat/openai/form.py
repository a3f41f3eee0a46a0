"""What a client of OpenAI writes into the form of `/v1/audio/transcriptions` and `/v1/audio/translations`. Pure.

What makes no sense, or would do harm if it were passed over, is refused; a message about a field begins with its name.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from meeting.compat.live_stream import StreamRequest
from meeting.compat.parameters import Parameters, language_of, refused
from meeting.core.messages import MAX_HOTWORD_LENGTH, MAX_HOTWORDS, AudioInfo

FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
STREAMED = ("json", "text", "diarized_json")
"""Formats that can be told as events"""
GRANULARITIES = ("word", "segment")
REFUSED = {
    "include": "the recogniser has no tokens with probabilities",
}
"""Fields that must not be passed over in silence"""
FIELDS = (
    *REFUSED,
    *("file", "response_format", "stream", "timestamp_granularities", "language", "languages", "prompt", "keywords"),
    *("temperature", "chunking_strategy", "model", "diarize", "keep", "title"),
    *("known_speaker_names", "known_speaker_references"),
)
"""Names of fields that an error may be about"""
MOST_KNOWN = 4
"""Speakers of which a client may send samples"""
LONGEST_NAME = 200
"""Characters of such a speaker's name"""
LONGEST_TERM = 4
"""Words of a part of the prompt that is taken as a term"""

_BETWEEN = re.compile(r"[,;\n]")


@dataclass(frozen=True, slots=True)
class Form:
    """One request, without its file."""

    response_format: str
    """One of `FORMATS`"""
    stream: bool
    words: bool
    """Whether `verbose_json` has words"""
    segments: bool
    """Whether it has segments"""
    language: str | None
    terms: tuple[str, ...]
    diarize: bool
    keep: bool
    title: str
    translate: bool = False
    """Whether the text is to be English, whatever is spoken"""
    known_names: tuple[str, ...] = ()
    """Of speakers of whose voices there are samples"""
    known_samples: tuple[bytes, ...] = field(default=(), repr=False)
    """A file for each of them"""

    def request(self, audio: AudioInfo) -> StreamRequest:
        """The meeting that is asked for."""
        return StreamRequest(
            audio, self.title, self.language, self.terms, self.diarize, keep=self.keep, translate=self.translate
        )

    @property
    def task(self) -> str:
        """As answers name it."""
        return "translate" if self.translate else "transcribe"


def parse_form(given: Parameters, translate: bool = False) -> Form:
    """Read the fields of a request to transcribe or to translate; raises ProtocolError with what is wrong."""
    for name, why in REFUSED.items():
        if any(_several(given, name)):
            raise refused(f"{name} cannot be had: {why}")
    format_ = given.choice("response_format", FORMATS, "json")
    stream = given.flag("stream")
    if stream and format_ not in STREAMED:
        raise refused(f"stream cannot be had with response_format={format_}, only with {', '.join(STREAMED)}")
    granularities = _several(given, "timestamp_granularities")
    if granularities and format_ != "verbose_json":
        raise refused("timestamp_granularities can be had with response_format=verbose_json only")
    if not set(granularities) <= set(GRANULARITIES):
        raise refused(f"timestamp_granularities must be {' or '.join(GRANULARITIES)}")
    _check_temperature(given.text("temperature"))
    _check_chunking(given.text("chunking_strategy"), given.text("chunking_strategy[type]"))
    diarize, keep = given.flag("diarize", format_ == "diarized_json"), given.flag("keep")
    names, samples = _known_speakers(given)
    if names and (keep or not diarize):
        raise refused("known_speaker_names can be had with response_format=diarized_json or diarize, and without keep")
    return Form(
        response_format=format_,
        stream=stream,
        words="word" in granularities,
        segments="segment" in granularities or not granularities,
        language=_language(given),
        terms=terms_of(given.text("prompt"), _several(given, "keywords")),
        diarize=diarize,
        keep=keep,
        title=given.title(),
        translate=translate,
        known_names=names,
        known_samples=samples,
    )


def _several(given: Parameters, name: str) -> list[str]:
    """All values of a field that may be given more than once, which clients write in two ways."""
    return [*given.texts(f"{name}[]"), *given.texts(name)]


def _language(given: Parameters) -> str | None:
    """What is spoken; of several that are possible the recogniser chooses."""
    return given.language() or language_of("languages", ",".join(_several(given, "languages")))


def _known_speakers(given: Parameters) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Names of speakers, and a sample of the voice of each."""
    names = tuple(" ".join(name.split()) for name in _several(given, "known_speaker_names"))
    samples = tuple(map(_sample, _several(given, "known_speaker_references")))
    if not (all(0 < len(name) <= LONGEST_NAME for name in names) and len(set(names)) == len(names) <= MOST_KNOWN):
        raise refused(
            f"known_speaker_names must be {MOST_KNOWN} different names at most, of 1 to {LONGEST_NAME} characters"
        )
    if len(samples) != len(names):
        raise refused("known_speaker_references must be as many as known_speaker_names: a sample for each name")
    return names, samples


def _sample(value: str) -> bytes:
    """The file in a data URL."""
    head, _, content = value.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise refused("known_speaker_references must be data URLs, such as data:audio/wav;base64,…")
    try:
        return base64.b64decode(content, validate=True)
    except ValueError as error:
        raise refused("known_speaker_references must be data URLs whose audio is in base64") from error


def _check_temperature(value: str) -> None:
    try:
        fits = not value or (math.isfinite(float(value)) and 0.0 <= float(value) <= 1.0)
    except ValueError:
        fits = False
    if not fits:
        raise refused("temperature must be a number from 0 to 1")


def _check_chunking(value: str, kind: str) -> None:
    if value.lstrip().startswith("{"):
        try:
            kind = str(json.loads(value).get("type"))
        except (ValueError, RecursionError):
            kind = "?"
    elif value not in ("", "auto"):
        kind = "?"
    if kind not in ("", "server_vad"):
        raise refused("chunking_strategy must be auto or of the type server_vad")


def terms_of(prompt: str, keywords: Sequence[str]) -> tuple[str, ...]:
    """Names and terms: keywords as they are, of the prompt what stands between commas and is no sentence."""
    parts = (" ".join(part.split()).strip(" .") for part in _BETWEEN.split(prompt))
    short = (part for part in parts if len(part) <= MAX_HOTWORD_LENGTH and len(part.split()) <= LONGEST_TERM)
    return tuple(dict.fromkeys(filter(None, [*keywords, *short])))[:MAX_HOTWORDS]
