"""`srt` and `vtt`: lines as subtitles, cut as those of an export; with names where speakers are asked for. Pure."""

from __future__ import annotations

from datetime import datetime, timezone

from meeting.compat.lines import Lines
from meeting.core.export import Cue, cues, escape_srt, escape_vtt, timestamp
from meeting.core.messages import SegmentMessage
from meeting.core.records import Meeting, Record, State
from pipelines.types import Segment, Span, Speaker, Word, samples


def srt(lines: Lines, named: bool) -> str:
    """SubRip."""
    blocks = []
    for number, cue in enumerate(_cues(lines, named), 1):
        times = f"{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}"
        name = f"{escape_srt(cue.speaker)}: " if named else ""
        text = escape_srt("\n".join(cue.lines))
        blocks.append(f"{number}\n{times}\n{name}{text}\n")
    return "\n".join(blocks)


def vtt(lines: Lines, named: bool) -> str:
    """WebVTT, names as voice spans."""
    blocks = ["WEBVTT\n"]
    for cue in _cues(lines, named=False):
        times = f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}"
        # Behind a name that ends in two hyphens the tag's end would be an arrow, which begins another cue.
        name = f"<v {escape_vtt(cue.speaker)}>".replace("-->", "-- >") if named else ""
        blocks.append(f"{times}\n{name}{escape_vtt(chr(10).join(cue.lines))}\n")
    return "\n".join(blocks)


def _cues(lines: Lines, named: bool) -> list[Cue]:
    shown = tuple(lines)
    names = {line.speaker: lines.name(line.speaker) for line in shown if line.speaker is not None}
    speakers = tuple(Speaker(id_, name) for id_, name in names.items())
    meeting = Meeting("", "", State.ENDED, datetime.now(timezone.utc))
    return cues(Record(meeting, (), speakers, tuple(map(_segment, shown)), ()), named)


def _segment(line: SegmentMessage) -> Segment:
    words = tuple(Word(word.text, _span(word.start, word.end), word.confidence) for word in line.words)
    return Segment(line.id, line.rev, line.final, line.source_id, _span(line.start, line.end), line.speaker, words)


def _span(start: float, end: float) -> Span:
    return Span(samples(start), samples(end))
