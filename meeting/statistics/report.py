"""The statistics of a meeting as programs and people read them."""

from __future__ import annotations

from typing import TypedDict

from meeting.core.records import speaker_name
from meeting.core.terminal_text import clock
from meeting.statistics.statistics import Statistics, statistics
from meeting.storage.store import Store
from meeting.storage.summary import read_speech
from pipelines.types import Speaker, seconds


class SpeakerFacts(TypedDict):
    """How much one speaker has said."""

    speaker: str | None
    """Id; null for all that nobody is known to have said"""
    name: str
    seconds: float
    """Talk time: the length of all lines"""
    share: float
    """Of the talk time of all, from 0 to 1"""
    turns: int
    lines: int
    words: int
    words_per_minute: float


class StatisticsFacts(TypedDict):
    """How the time of a meeting was spent; times in seconds."""

    meeting: str
    duration: float
    talk_time: float
    overlap: float
    silence: float
    missing: float
    speakers: list[SpeakerFacts]
    """Who said most comes first"""


def read_statistics(store: Store, meeting_id: str, samples: int | None = None) -> StatisticsFacts:
    """Of a meeting as it is stored now; `samples` is the length of one that is live. Raises NotFound."""
    speech = read_speech(store, meeting_id)
    return facts(meeting_id, statistics(speech, samples), speech.speakers)


def facts(meeting_id: str, found: Statistics, speakers: tuple[Speaker, ...]) -> StatisticsFacts:
    """The same for programs."""
    return {
        "meeting": meeting_id,
        "duration": seconds(found.samples),
        "talk_time": seconds(found.talk_time),
        "overlap": seconds(found.overlap),
        "silence": seconds(found.silence),
        "missing": seconds(found.missing),
        "speakers": [
            {
                "speaker": one.speaker,
                "name": speaker_name(one.speaker, speakers),
                "seconds": seconds(one.samples),
                "share": round(one.samples / found.talk_time, 3) if found.talk_time else 0.0,
                "turns": one.turns,
                "lines": one.lines,
                "words": one.words,
                "words_per_minute": round(one.words_per_minute, 1),
            }
            for one in found.speakers
        ],
    }


def table(told: StatisticsFacts) -> str:
    """The same for a terminal."""
    rows = [("", "talk time", "share", "turns", "words", "words/min")]
    for one in told["speakers"]:
        counts = (f"{one['turns']}", f"{one['words']}", f"{one['words_per_minute']:.0f}")
        rows.append((one["name"], clock(one["seconds"]), f"{one['share']:.0%}", *counts))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    parts = ("overlap", told["overlap"]), ("silence", told["silence"]), ("missing audio", told["missing"])
    spent = ", ".join(f"{name} {clock(time)}" for name, time in parts if time or name != "missing audio")
    return "\n".join([*lines, "", f"{clock(told['duration'])} in all: {spent}"])
