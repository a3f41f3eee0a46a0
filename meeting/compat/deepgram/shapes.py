"""The JSON that Deepgram's clients read: words, results, and what is told about them. Pure."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from meeting.compat.lines import bare
from meeting.core.errors import ErrorCode, answer_to
from meeting.core.messages import JsonObject, SegmentMessage, WordMessage
from meeting.core.records import iso_time
from pipelines.errors import MeetingError
from pipelines.spacing import join_words
from pipelines.types import ModelInfo


def to_json(body: JsonObject) -> str:
    """A text frame."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Heading:
    """What is said about a whole request."""

    request_id: str
    created: datetime
    """UTC"""
    channels: int
    models: ModelInfo
    warnings: tuple[JsonObject, ...] = ()
    meeting_id: str | None = None
    """Of a meeting that is kept"""

    @property
    def model_info(self) -> JsonObject:
        """The recogniser, as a result names it."""
        name = self.models.get("speech", "loading")
        return {"name": name, "version": "1", "arch": name}

    @property
    def model_id(self) -> str:
        """A stable id of the recogniser."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.model_info["name"]))

    def of_result(self) -> JsonObject:
        """The metadata of a live result."""
        return {"request_id": self.request_id, "model_info": self.model_info, "model_uuid": self.model_id}

    def of_end(self, duration: float, digest: str) -> JsonObject:
        """The metadata of the whole, of so many seconds; `digest` is the SHA-256 of what was sent."""
        return {
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": digest,
            "created": iso_time(self.created),
            "duration": round(duration, 3),
            "channels": self.channels,
            "models": [self.model_id],
            "model_info": {self.model_id: self.model_info},
            "warnings": list(self.warnings),
            **({} if self.meeting_id is None else {"meeting_id": self.meeting_id}),
        }


def error_body(error: MeetingError, message: str, request_id: str) -> JsonObject:
    """What a refused request is told."""
    return refusal(answer_to(error).code, message, request_id)


def refusal(code: ErrorCode, message: str, request_id: str) -> JsonObject:
    """The same, of an error that has a code already."""
    return {"err_code": code.upper(), "err_msg": message, "request_id": request_id}


def status_of(error: MeetingError) -> int:
    """The HTTP status of a refused request."""
    answer = answer_to(error)
    return 429 if answer.code == ErrorCode.TOO_MANY else answer.status


def word_of(word: WordMessage, speaker: int | None, punctuate: bool) -> JsonObject:
    """One word; its speaker stands there where it is known."""
    body: JsonObject = {
        "word": bare(word.text),
        "start": word.start,
        "end": word.end,
        "confidence": word.confidence or 0.0,
    }
    if punctuate:
        body["punctuated_word"] = word.text
    if speaker is not None:
        body["speaker"] = speaker
    return body


def alternative(words: Sequence[JsonObject]) -> JsonObject:
    """What words add up to."""
    return {
        "transcript": join_words(str(word.get("punctuated_word", word["word"])) for word in words),
        "confidence": mean_confidence(words),
        "words": list(words),
    }


def mean_confidence(words: Sequence[JsonObject]) -> float:
    """The mean of the words' confidences; 0 where there are none."""
    return round(sum(float(word["confidence"]) for word in words) / len(words), 3) if words else 0.0


def recording(
    heading: Heading,
    lines: Iterable[tuple[SegmentMessage, int | None]],
    duration: float,
    digest: str,
    punctuate: bool,
    utterances: bool,
    paragraphs: bool,
) -> JsonObject:
    """The answer for a file: its lines with the numbers of their speakers, in order of time."""
    spoken = [(line, speaker, [word_of(word, speaker, punctuate) for word in line.words]) for line, speaker in lines]
    whole = alternative([word for _, _, words in spoken for word in words])
    if paragraphs:
        whole["paragraphs"] = _paragraphs(spoken)
    results: JsonObject = {"channels": [{"alternatives": [whole]}]}
    if utterances:
        results["utterances"] = [_utterance(line, speaker, words) for line, speaker, words in spoken]
    return {"metadata": heading.of_end(duration, digest), "results": results}


_Spoken = tuple[SegmentMessage, int | None, list[JsonObject]]


def _utterance(line: SegmentMessage, speaker: int | None, words: list[JsonObject]) -> JsonObject:
    return {
        "start": line.start,
        "end": line.end,
        "channel": 0,
        "id": line.id,
        **alternative(words),
        **({} if speaker is None else {"speaker": speaker}),
    }


def _paragraphs(spoken: Sequence[_Spoken]) -> JsonObject:
    """What each speaker says in turn."""
    turns: list[list[_Spoken]] = []
    for one in spoken:
        if not turns or turns[-1][-1][1] != one[1]:
            turns.append([])
        turns[-1].append(one)
    bodies: list[JsonObject] = []
    texts: list[str] = []
    for turn in turns:
        sentences = [{"text": alternative(ws)["transcript"], "start": li.start, "end": li.end} for li, _, ws in turn]
        speaker = turn[0][1]
        said = join_words(str(sentence["text"]) for sentence in sentences)
        texts.append(said if speaker is None else f"Speaker {speaker}: {said}")
        bodies.append(
            {
                "sentences": sentences,
                "num_words": sum(len(words) for _, _, words in turn),
                "start": turn[0][0].start,
                "end": turn[-1][0].end,
                **({} if speaker is None else {"speaker": speaker}),
            }
        )
    return {"transcript": "\n\n".join(texts), "paragraphs": bodies}
