"""What a client of OpenAI writes into the form of `/v1/audio/transcriptions` and `/v1/audio/translations`. Pure.

What makes no sense, or would do harm if it were passed over, is refused; a message about a field begins with its name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from meeting.compat.live_stream import StreamRequest
from meeting.compat.parameters import Parameters, language_of, refused
from meeting.core.messages import MAX_HOTWORD_LENGTH, MAX_HOTWORDS, AudioInfo

FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
STREAMED = ("json", "text", "diarized_json")
"""Formats that can be told as events"""
GRANULARITIES = ("word", "segment")
REFUSED = {
    "known_speaker_names": "voices are not compared with samples: speakers are told apart, and named on the page of a "
    "meeting that is kept",
    "known_speaker_references": "voices are not compared with samples",
    "include": "the recogniser has no tokens with probabilities",
}
"""Fields that must not be passed over in silence"""
FIELDS = (
    *REFUSED,
    *("file", "response_format", "stream", "timestamp_granularities", "language", "languages", "prompt", "keywords"),
    *("temperature", "chunking_strategy", "model", "diarize", "keep", "title"),
)
"""Names of fields that an error may be about"""
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

    def request(self, container: str) -> StreamRequest:
        """The meeting that is asked for."""
        audio = AudioInfo(container, 0, 0)
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
    return Form(
        response_format=format_,
        stream=stream,
        words="word" in granularities,
        segments="segment" in granularities or not granularities,
        language=_language(given),
        terms=terms_of(given.text("prompt"), _several(given, "keywords")),
        diarize=given.flag("diarize", format_ == "diarized_json"),
        keep=given.flag("keep"),
        title=given.title(),
        translate=translate,
    )


def _several(given: Parameters, name: str) -> list[str]:
    """All values of a field that may be given more than once, which clients write in two ways."""
    return [*given.texts(f"{name}[]"), *given.texts(name)]


def _language(given: Parameters) -> str | None:
    """What is spoken; of several that are possible the recogniser chooses."""
    return given.language() or language_of("languages", ",".join(_several(given, "languages")))


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
