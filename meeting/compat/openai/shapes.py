"""The JSON that OpenAI's clients read: transcripts, models and errors. Pure."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Sequence

from meeting.compat.lines import Lines
from meeting.compat.openai.form import FIELDS, Form
from meeting.core.errors import ErrorCode, answer_to
from meeting.core.messages import JsonObject, SegmentMessage, WordMessage
from pipelines.errors import MeetingError
from pipelines.options import language_codes
from pipelines.spacing import join_words
from pipelines.types import UNKNOWN, ModelInfo

ALIAS = "whisper-1"
"""A model that clients ask for who do not look which ones there are"""
OWNER = "meeting-transcriber"
TRANSLATED = "english"
"""The language of a translation, in OpenAI's words"""
STATUSES = {
    ErrorCode.TOO_MANY: 429,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.INTERNAL: 500,
    ErrorCode.MODELS: 503,
    ErrorCode.LOADING: 503,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.STORAGE: 503,
}
"""By the code of an error; 400, or the status that the error has everywhere, where it is not here"""


def to_json(body: JsonObject) -> str:
    """JSON as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


# Errors


def status_of(error: MeetingError) -> int:
    """The HTTP status of a refused request."""
    answer = answer_to(error)
    return STATUSES.get(answer.code, answer.status)


def error_body(error: MeetingError, message: str) -> JsonObject:
    """What a refused request is told."""
    return {"error": error_detail(status_of(error), answer_to(error).code, message)}


def error_detail(status: int, code: ErrorCode, message: str) -> JsonObject:
    """An error; one about a field of a form begins with the field's name."""
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    field = message.partition(" ")[0]
    return {"message": message, "type": kind, "param": field if field in FIELDS else None, "code": str(code)}


# Models


def models_of(models: ModelInfo | None) -> list[JsonObject]:
    """The models that a client may choose from: the recogniser, once it is loaded, and the name that fits always."""
    names = dict.fromkeys([*([models["speech"]] if models and "speech" in models else []), ALIAS])
    return [{"id": name, "object": "model", "created": 0, "owned_by": OWNER} for name in names]


# Transcripts


def label(number: int | None) -> str:
    """A speaker: A, B and so on to Z, then AA; "?" for nobody known."""
    if number is None:
        return UNKNOWN
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def speaker_label(lines: Lines, id_: str | None) -> str:
    """What a speaker is called: a name that was given, else a letter."""
    return lines.given_name(id_) or label(lines.number(id_))


def text_of(lines: Iterable[SegmentMessage]) -> str:
    """All that was said."""
    return join_words(line.text for line in lines)


def text_only(lines: Lines, duration: float) -> JsonObject:
    """`json`: the text."""
    return {"text": text_of(lines), "usage": usage(duration)}


def diarized(lines: Lines, duration: float, form: Form) -> JsonObject:
    """`diarized_json`: the text, and who says which part of it."""
    return {
        "task": form.task,
        "duration": duration,
        "text": text_of(lines),
        "segments": diarized_segments(lines),
        "usage": usage(duration),
    }


def diarized_segments(lines: Lines) -> list[JsonObject]:
    """All lines with who says them, as they are known now."""
    return [segment_event(line, speaker_label(lines, line.speaker)) for line in lines]


def segment_event(line: SegmentMessage, speaker: str) -> JsonObject:
    """A line, in an answer and as an event."""
    return {
        "type": "transcript.text.segment",
        "id": line.id,
        "start": line.start,
        "end": line.end,
        "speaker": speaker,
        "text": line.text,
    }


def verbose(lines: Lines, duration: float, form: Form, models: ModelInfo) -> JsonObject:
    """`verbose_json`: with segments or words, as the form asks for."""
    asked, known = language_codes(form.language), models.get("languages") or ()
    spoken = next((codes[0] for codes in (asked, known) if len(codes) == 1), "")
    body: JsonObject = {
        "task": form.task,
        "language": TRANSLATED if form.translate else spoken,
        "duration": duration,
        "text": text_of(lines),
        "usage": usage(duration),
    }
    if form.segments:
        body["segments"] = [
            _segment(at, line, speaker_label(lines, line.speaker), form.diarize) for at, line in enumerate(lines)
        ]
    if form.words:
        body["words"] = [
            _word(word, speaker_label(lines, line.speaker), form.diarize) for line in lines for word in line.words
        ]
    return body


def _segment(at: int, line: SegmentMessage, speaker: str, diarize: bool) -> JsonObject:
    data = line.text.encode()
    return {
        "id": at,
        "seek": 0,
        "start": line.start,
        "end": line.end,
        "text": line.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": _mean_log(line.words),
        "compression_ratio": round(len(data) / len(zlib.compress(data)), 3),
        "no_speech_prob": 0.0,
        **({"speaker": speaker} if diarize else {}),
    }


def _mean_log(words: Sequence[WordMessage]) -> float:
    """The mean of the logarithms of the words' confidences; 0 where the recogniser gives none."""
    known = [math.log(max(word.confidence, 1e-6)) for word in words if word.confidence is not None]
    return round(sum(known) / len(known), 3) if known else 0.0


def _word(word: WordMessage, speaker: str, diarize: bool) -> JsonObject:
    body: JsonObject = {"word": word.text, "start": word.start, "end": word.end}
    return {**body, "speaker": speaker} if diarize else body


def usage(duration: float) -> JsonObject:
    """What a client is charged for elsewhere: seconds of audio."""
    return {"type": "duration", "seconds": duration}
