"""What each protocol has told of a recording: its final lines as they came, and what is known in the end. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.latency import Text, texts_of
from meeting.evaluation.scores import Row

Log = Sequence[tuple[float, Any]]
"""What came: seconds since the first sample was spoken, and the message"""
SEGMENT = "conversation.item.input_audio_transcription.segment"
"""The event that tells a line of a realtime session"""


@dataclass(frozen=True)
class Told:
    """One recording through one endpoint."""

    texts: list[Text]
    """Final lines and when they came; nothing where an endpoint does not say which text is final"""
    live: list[Row] | None
    """Lines with the speakers that they had when they were told as final"""
    end: list[Row]
    """Lines as they are known in the end"""


def row(speaker: object, start: float, end: float, words: str) -> Row:
    """A line as the scorer takes it."""
    named = None if speaker is None else str(speaker)
    return {"speaker": named, "start_time": start, "end_time": end, "words": words}


def page(log: Log, exported: Sequence[Row]) -> Told:
    """Our own messages; the end is what is exported."""
    finals: dict[str, Row] = {}
    for _, event in log:
        if event["type"] == "segment" and event["final"] and event["text"]:
            first = finals.get(event["id"])
            speaker = event["speaker"] if first is None else first["speaker"]
            finals[event["id"]] = row(speaker, event["start"], event["end"], event["text"])
        elif event["type"] == "segment" and event["final"]:
            finals.pop(event["id"], None)
    return Told(texts_of({"wall": wall, "event": event} for wall, event in log), list(finals.values()), list(exported))


def deepgram(log: Log) -> Told:
    """Results of `/v1/listen`; the end is what the corrections make of them."""
    texts: list[Text] = []
    words: list[dict[str, Any]] = []
    corrected: list[dict[str, Any]] = []
    for wall, event in log:
        if event["type"] != "Results" or not event["is_final"]:
            continue
        corrected += event.get("corrections", [])
        found = event["channel"]["alternatives"][0]["words"]
        if found:
            start, end = found[0]["start"], found[-1]["end"]
            texts.append(Text(wall, str(len(texts)), start, end, tuple(map(_written, found)), True))
            words += found
    last = {word["start"]: one.get("speaker") for one in corrected for word in one["words"]}
    settled = [{**word, "speaker": last.get(word["start"], word.get("speaker"))} for word in words]
    return Told(texts, _rows(words), _rows(settled))


def realtime(log: Log) -> Told:
    """Segments of `/v1/realtime`, which are not corrected."""
    texts: list[Text] = []
    rows: list[Row] = []
    for wall, event in log:
        if event["type"] == SEGMENT:
            speaker = None if event["speaker"] == "?" else event["speaker"]
            rows.append(row(speaker, event["start"], event["end"], event["text"]))
            words = tuple(event["text"].split())
            texts.append(Text(wall, str(len(texts)), event["start"], event["end"], words, True))
    return Told(texts, rows, rows)


def captions(log: Log) -> Told:
    """The last text of `/transcribe`, a paragraph for each speaker in turn; it says no times."""
    shown = str(log[-1][1]) if log else ""
    end: list[Row] = []
    for at, paragraph in enumerate(shown.splitlines()):
        name, colon, text = paragraph.partition(": ")
        end.append(row(name if colon else None, float(at), at + 1.0, text if colon else paragraph))
    return Told([], None, end)


def recording(body: dict[str, Any]) -> list[Row]:
    """The answer for a file, of either service."""
    if "results" in body:
        return _rows(body["results"]["channels"][0]["alternatives"][0]["words"])
    return [row(one["speaker"], one["start"], one["end"], one["text"]) for one in body["segments"]]


def _rows(words: Sequence[dict[str, Any]]) -> list[Row]:
    """Words as lines, each of one speaker's."""
    return [row(word.get("speaker"), word["start"], word["end"], _written(word)) for word in words]


def _written(word: dict[str, Any]) -> str:
    return str(word.get("punctuated_word", word["word"]))
