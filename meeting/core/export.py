"""A meeting in the formats that other programs read: each a pure function of its record."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timezone
from typing import Any

from meeting.core.documents.content import Document, Passage, Section
from meeting.core.documents.table import table
from meeting.core.documents.web_page import web_page
from meeting.core.documents.word import word_file
from meeting.core.records import MeetingNotes, Record, Statement, iso_time
from meeting.core.terminal_text import printable
from pipelines.errors import MeetingError
from pipelines.spacing import join_words
from pipelines.types import SAMPLE_RATE, SENTENCE_ENDS, UNKNOWN, Segment, Span, Word, milliseconds, seconds

JSON_VERSION = 1
"""Version of the JSON export"""

LINE_CHARACTERS = 42
"""Characters of a subtitle's line"""

LONGEST_CUE = 7 * SAMPLE_RATE
"""Longest subtitle, in samples, where its words allow"""

LONGEST_PARAGRAPH = 60 * SAMPLE_RATE
"""Longest paragraph of a text, in samples, where its segments allow"""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file."""

    suffix: str
    """End of the file's name, from its first dot"""
    content_type: str
    write: Callable[[Record, str], str | bytes]
    """What is in the file, of a record and the name of the recording; bytes where that is no text"""


def export(record: Record, name: str, recording: str | None = None) -> str:
    """A meeting in the text format `name`, `recording` being what it is called there (its id when None).

    Raises MeetingError naming the formats there are, or for one that is no text.
    """
    written = format_named(name).write(record, recording or record.meeting.id)
    if isinstance(written, bytes):
        raise MeetingError(f"{name} is no text: it can only be written to a file")
    return written


def export_file(record: Record, name: str, recording: str | None = None) -> bytes:
    """The same as a file, in any format; raises MeetingError naming those there are."""
    written = format_named(name).write(record, recording or record.meeting.id)
    return written if isinstance(written, bytes) else written.encode("utf-8", "replace")


def format_named(name: str) -> Format:
    """A format by its name; raises MeetingError naming those there are."""
    if name not in FORMATS:
        raise MeetingError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def timestamp(ms: int, point: str) -> str:
    """Milliseconds as `HH:MM:SS` and thousandths behind `point`; hours grow beyond two digits where they must."""
    rest, thousandths = divmod(ms, 1000)
    return f"{hms(rest)}{point}{thousandths:03d}"


def hms(seconds: int) -> str:
    """Whole seconds as `HH:MM:SS`."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


# Subtitles


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle."""

    start: int
    """Milliseconds"""
    end: int
    speaker: str
    """Name as printed"""
    lines: tuple[str, ...]


def cues(record: Record, prefixed: bool) -> list[Cue]:
    """The segments as subtitles of at most two lines, cut between words, in order of time.

    Each lasts at least a millisecond. With `prefixed` the first line leaves room for the speaker's name.
    """
    made = []
    for segment in record.segments:
        name = _name(record, segment.speaker)
        # A long name may push the first line beyond its width; it must not leave it without words.
        first = max(LINE_CHARACTERS - len(name) - 2, LINE_CHARACTERS // 2) if prefixed else LINE_CHARACTERS
        floor = 0
        for words, lines in _split(segment, first):
            start = max(milliseconds(words[0].span.start), floor)
            end = max(milliseconds(words[-1].span.end), start + 1)
            floor = start
            made.append(Cue(start, end, name, lines))
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def _split(segment: Segment, first: int) -> Iterator[tuple[list[Word], tuple[str, ...]]]:
    words: list[Word] = []
    lines: list[str] = []
    for word in segment.words:
        text = _one_line(word.text)
        if not text:
            continue
        if words and _is_full(words, lines, word, text):
            yield words, tuple(lines)
            words, lines = [], []
        longer = join_words([*lines[-1:], text])
        if lines and len(longer) <= (first if len(lines) == 1 else LINE_CHARACTERS):
            lines[-1] = longer
        else:
            lines.append(text)
        words.append(word)
    if words:
        yield words, tuple(lines)


def _is_full(words: list[Word], lines: list[str], word: Word, text: str) -> bool:
    if word.span.end - words[0].span.start > LONGEST_CUE:
        return True
    # A sentence that ends in the second line is a better place to cut than the middle of the next one.
    return len(lines) == 2 and (len(lines[1]) + 1 + len(text) > LINE_CHARACTERS or lines[1].endswith(SENTENCE_ENDS))


_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "/"})


def srt(record: Record, recording: str) -> str:
    """SubRip; the speaker before the text, because the format has no place for one."""
    blocks = []
    for number, cue in enumerate(cues(record, prefixed=True), 1):
        text = "\n".join(cue.lines)
        times = f"{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}"
        blocks.append(f"{number}\n{times}\n{escape_srt(cue.speaker)}: {escape_srt(text)}\n")
    return "\n".join(blocks)


def escape_srt(text: str) -> str:
    """A text that players of SubRip show as it is, or nearly so."""
    # Players take tags (`<font …>`), commands (`{\an8}`) and `\N` out of the text and obey them, and the format knows
    # no way to write these characters: others that look like them stand in their place.
    return text.translate(_LOOKALIKES)


def vtt(record: Record, recording: str) -> str:
    """WebVTT with voice spans; what transcribed it in a note."""
    note = "\n".join([_title(record), *_facts(record)])
    blocks = [f"WEBVTT\n\nNOTE\n{note}\n"]
    for cue in cues(record, prefixed=False):
        text = "\n".join(escape_vtt(line) for line in cue.lines)
        times = f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}"
        # behind a name that ends in two hyphens the tag's end would be an arrow, which begins another cue
        voice = f"<v {escape_vtt(cue.speaker)}>".replace("-->", "-- >")
        blocks.append(f"{times}\n{voice}{text}\n")
    return "\n".join(blocks)


def escape_vtt(text: str) -> str:
    """A text that players of WebVTT show as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# Texts


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What one speaker said in a row."""

    span: Span
    speaker: str | None
    text: str


def paragraphs(record: Record) -> list[Paragraph]:
    """Successive segments of one speaker put together, as long as they do not get too long."""
    made: list[Paragraph] = []
    for segment in record.segments:
        if not (text := _one_line(segment.text)):
            continue
        last = made[-1] if made else None
        if last and last.speaker == segment.speaker and segment.span.end - last.span.start <= LONGEST_PARAGRAPH:
            made[-1] = Paragraph(last.span | segment.span, last.speaker, join_words([last.text, text]))
        else:
            made.append(Paragraph(segment.span, segment.speaker, text))
    return made


def txt(record: Record, recording: str) -> str:
    """Plain text: a head, then a line for each paragraph."""
    title = _title(record)
    # In a spreadsheet a cell that begins so would be a formula.
    head = [f" {title}" if title.startswith(("=", "+", "-", "@")) else title, *_facts(record), ""]
    lines = [f"[{hms(p.span.start // SAMPLE_RATE)}] {_name(record, p.speaker)}: {p.text}" for p in paragraphs(record)]
    return "\n".join([*head, *lines]) + "\n"


def md(record: Record, recording: str) -> str:
    """Markdown in which nothing that was said can become markup."""
    head = [f"# {_escape_md(_title(record))}", "", *(f"- {_escape_md(fact)}" for fact in _facts(record))]
    said = [*notes_markdown(record.notes), "", "## Transcript"] if record.notes else []
    for p in paragraphs(record):
        name = _escape_md(_name(record, p.speaker))
        said += ["", f"**{name}** ({hms(p.span.start // SAMPLE_RATE)})", "", _escape_md(p.text)]
    return "\n".join([*head, *said]) + "\n"


def notes_markdown(notes: MeetingNotes) -> list[str]:
    """Notes as lines of Markdown; behind each sentence the times of the lines that it rests on."""
    first, *sections = notes_sections(notes)
    by, *further = first.remarks
    lines = ["", f"*{_escape_md(by)}*"]
    for remark in further:
        lines += ["", remark]
    for section in sections:
        points = [f"- {_escape_md(point)}" for point in section.points]
        lines += ["", f"## {section.title}", "", *points, *section.remarks]
    return lines


def notes_sections(notes: MeetingNotes) -> tuple[Section, ...]:
    """Notes as people read them: who wrote them, then what they say, with the times of the lines that it rests on."""
    by = _one_line(f"Notes by {notes.model} at {notes.host}, {notes.made_at:%Y-%m-%d %H:%M} UTC")
    broken = ("An answer of the model broke off: something may be missing.",) if notes.incomplete else ()
    said = {"Summary": notes.summary, "Decisions": notes.decisions, "Actions": notes.actions}
    return Section("Notes", (by, *broken), ()), *(
        Section(title, () if statements else ("None.",), tuple(map(_statement, statements)))
        for title, statements in said.items()
    )


def _statement(statement: Statement) -> str:
    facts = [f"{label}: {said}" for label, said in (("who", statement.who), ("when", statement.when)) if said]
    facts += [hms(line.start // SAMPLE_RATE) for line in statement.lines]
    facts += ["doubtful"] if statement.doubtful else []
    return _one_line(statement.text + (f" ({'; '.join(facts)})" if facts else ""))


_MARKUP = re.compile(r"[\\`*_\[\]<>&~|$#]")
_LINK = re.compile(r"(?=://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:[+=-]|\d{1,9}(?=[.)]))")


def _escape_md(text: str) -> str:
    escaped = _LINK.sub(r"\\", _MARKUP.sub(lambda found: "\\" + found[0], text))
    # At the start of a line a few more characters mean a heading, a list or a rule.
    return _BLOCK.sub(lambda found: found[0] + "\\" if found[0].isdigit() else "\\" + found[0], escaped)


def _name(record: Record, speaker: str | None) -> str:
    return _one_line(record.speaker_name(speaker)) or speaker or UNKNOWN


def _title(record: Record) -> str:
    return _one_line(record.meeting.title) or "Meeting"


def _facts(record: Record) -> list[str]:
    """When, how long, and which models transcribed it and why."""
    meeting = record.meeting
    began = (meeting.started_at or meeting.created_at).astimezone(timezone.utc)
    facts = [f"Date: {began:%Y-%m-%d %H:%M} UTC", f"Length: {hms(meeting.samples // SAMPLE_RATE)}"]
    models = {key: value for key, value in meeting.models.items() if value is not None}
    why = models.pop("why", None)
    said = {"Models": models, "Chosen": why}
    facts += [_one_line(f"{label}: {_spelled_out(value)}") for label, value in said.items() if value]
    return facts + [_one_line(f"Missing: {_time_range(gap.span)}, {gap.reason}") for gap in record.gaps]


def _time_range(span: Span) -> str:
    return f"{hms(span.start // SAMPLE_RATE)} to {hms(-(-span.end // SAMPLE_RATE))}"


def _spelled_out(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_spelled_out(inner)}" for key, inner in value.items() if inner is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_spelled_out, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u2066-\u2069\u202a-\u202e]")


def _one_line(text: str) -> str:
    """One line without control characters, and without the arrow that means a time in subtitles."""
    return " ".join(_CONTROL.sub(" ", text).split()).replace("-->", "→")


# Documents


def document(record: Record) -> Document:
    """A meeting as a document."""
    meeting = record.meeting
    colors = {speaker.id: speaker.color for speaker in record.speakers}
    passages = []
    for p in paragraphs(record):
        start = p.span.start // SAMPLE_RATE
        color = None if p.speaker is None else colors.get(p.speaker, 0)
        passages.append(Passage(start, hms(start), _name(record, p.speaker), color, p.text))
    notes = notes_sections(record.notes) if record.notes else ()
    began = meeting.started_at or meeting.created_at
    return Document(_title(record), began, tuple(_facts(record)), notes, tuple(passages))


def html(record: Record, recording: str) -> str:
    """A web page that needs nothing else."""
    return web_page(document(record))


def docx(record: Record, recording: str) -> bytes:
    """A Word file."""
    return word_file(document(record))


def to_csv(record: Record, recording: str) -> str:
    """A table with a row for each line: the meeting's title, times, the speaker and what was said."""
    rows = []
    for segment in record.segments:
        if text := _one_line(segment.text):
            times = [timestamp(milliseconds(at), ".") for at in (segment.span.start, segment.span.end)]
            rows.append([_title(record), *times, _name(record, segment.speaker), text])
    return table(["title", "start", "end", "speaker", "text"], rows)


# Data


def _json(body: Any, indent: int | None = None) -> str:
    # JSON allows them as they are, and terminals obey them.
    return printable(json.dumps(body, ensure_ascii=False, indent=indent), lines=True)


def to_json(record: Record, recording: str) -> str:
    """Everything, for programs."""
    meeting = record.meeting
    body = {
        "version": JSON_VERSION,
        "meeting": {
            "id": meeting.id,
            "title": meeting.title,
            "recording": recording,
            "state": meeting.state,
            "created_at": iso_time(meeting.created_at),
            "started_at": iso_time(meeting.started_at),
            "ended_at": iso_time(meeting.ended_at),
            "duration": seconds(meeting.samples),
            "sources": [{"id": s.id, "number": s.number, "name": s.name, "kind": s.kind} for s in record.sources],
        },
        "models": meeting.models,
        "speakers": [
            {"id": s.id, "name": s.name, **({"name_recognized": True} if s.recognized else {})}
            for s in record.speakers
            if s.merged_into is None
        ],
        "segments": [_segment(segment, record) for segment in record.segments],
        "gaps": [
            {"start": seconds(gap.span.start), "end": seconds(gap.span.end), "reason": gap.reason}
            for gap in record.gaps
        ],
        **({"notes": notes_facts(record.notes)} if record.notes else {}),
    }
    return _json(body) + "\n"


def notes_facts(notes: MeetingNotes) -> dict[str, Any]:
    """Notes for programs."""
    return {
        "model": notes.model,
        "host": notes.host,
        "made_at": iso_time(notes.made_at),
        "incomplete": notes.incomplete,
        "summary": [_statement_facts(each) for each in notes.summary],
        "decisions": [_statement_facts(each) for each in notes.decisions],
        "actions": [{**_statement_facts(each), "who": each.who, "when": each.when} for each in notes.actions],
    }


def _statement_facts(statement: Statement) -> dict[str, Any]:
    lines = [{"id": line.id, "start": seconds(line.start)} for line in statement.lines]
    return {"text": statement.text, "lines": lines, "doubtful": statement.doubtful}


def _segment(segment: Segment, record: Record) -> dict[str, Any]:
    marks = {"overlap": segment.overlap, "edited": segment.id in record.edited}
    recognised = record.recognised.get(segment.id)
    return {
        "id": segment.id,
        "start": seconds(segment.span.start),
        "end": seconds(segment.span.end),
        "speaker": segment.speaker,
        "text": segment.text,
        "words": [
            {
                "text": word.text,
                "start": seconds(word.span.start),
                "end": seconds(word.span.end),
                "confidence": _confidence(word.confidence),
            }
            for word in segment.words
        ],
        **{name: True for name, holds in marks.items() if holds},
        **({} if recognised is None else {"recognised_text": recognised}),
    }


def _confidence(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def rttm(record: Record, recording: str) -> str:
    """NIST RTTM of the speaker turns; speakers by id, because a field holds no space."""
    file = _rttm_field(recording)
    lines = []
    for turn in record.turns:
        start = milliseconds(turn.span.start)
        length = milliseconds(turn.span.end) - start
        if length > 0:
            times = f"{start // 1000}.{start % 1000:03d} {length // 1000}.{length % 1000:03d}"
            lines.append(f"SPEAKER {file} 1 {times} <NA> <NA> {_rttm_field(turn.speaker)} <NA> <NA>\n")
    return "".join(lines)


def _rttm_field(text: str) -> str:
    return "_".join(_one_line(text).split()) or "_"


def seglst(record: Record, recording: str) -> str:
    """SegLST, as meeting scorers read it."""
    rows = [
        {
            "session_id": recording,
            "speaker": segment.speaker or UNKNOWN,
            "start_time": seconds(segment.span.start),
            "end_time": seconds(segment.span.end),
            "words": segment.text,
        }
        for segment in record.segments
    ]
    return _json(rows, indent=1) + "\n"


FORMATS: dict[str, Format] = {
    "srt": Format(".srt", "application/x-subrip; charset=utf-8", srt),
    "vtt": Format(".vtt", "text/vtt; charset=utf-8", vtt),
    "json": Format(".json", "application/json", to_json),
    "txt": Format(".txt", "text/plain; charset=utf-8", txt),
    "md": Format(".md", "text/markdown; charset=utf-8", md),
    "docx": Format(".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx),
    "html": Format(".html", "text/html; charset=utf-8", html),
    "csv": Format(".csv", "text/csv; charset=utf-8", to_csv),
    "rttm": Format(".rttm", "text/plain; charset=utf-8", rttm),
    "seglst": Format(".seglst.json", "application/json", seglst),
}
"""Every format by its name"""
