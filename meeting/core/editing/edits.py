"""What people change by hand: names and merges of speakers; the speaker and the text of lines, and where lines end.

No clock, no input or output. A change becomes a step in a meeting's `Edits`, which are laid over what the pipeline says
(`overlay`): the pipeline knows nothing of them. A line that a person has labelled, written, split or joined is theirs
from then on. Names belong to speakers, and stay with them when they merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, count

from meeting.core.editing.alignment import align
from meeting.core.editing.changes import (
    Change,
    JoinChange,
    LinesChange,
    Respelling,
    SeenLine,
    SegmentChange,
    SpeakerChange,
    SplitChange,
    Undo,
)
from meeting.core.editing.respelling import MAX_WORDS, respell
from meeting.core.editing.steps import LineStep, SpeakerEdit, Step, backwards, speaker_steps
from meeting.core.editing.voices import made_by_hand, new_speaker
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.messages import SegmentMessage, ServerMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript, resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import Segment, Span, Word

MAX_LINES = 500
"""Lines that a person may give to a speaker at once"""
SPLIT_STEPS = 20_000
"""Comparisons of two words that a split may take (some milliseconds): the messages of a live meeting wait for it"""


def prepare(change: Change, shown: Segment | None) -> Change:
    """The change with the costly part of it done, for the line as it is shown; raises MeetingError as `respell` does.

    It takes up to 50 ms, and is meant for a thread that nobody else waits for.
    """
    if not isinstance(change, SegmentChange | SplitChange) or change.text is None:
        return change
    if shown is None or shown.rev != change.rev:
        return change
    return replace(change, respelling=Respelling(shown.words, respell(shown.words, change.text)))


def step_of(edits: Edits, change: Change, transcript: Transcript) -> Step:
    """What a change does to the edits; raises NotFound, Conflict, or MeetingError for what makes no sense."""
    match change:
        case SpeakerChange():
            return _speaker(edits, change, resolve(transcript.speakers))
        case SegmentChange():
            return _segment(edits, change, transcript)
        case LinesChange():
            return _lines(edits, change, transcript)
        case SplitChange():
            return _split(edits, change, transcript)
        case JoinChange():
            return _join(edits, change, transcript)
        case Undo(step):
            return backwards(step, edits, transcript)


def _speaker(edits: Edits, change: SpeakerChange, stands_for: dict[str, str]) -> Step:
    if change.id not in stands_for:
        raise NotFound("there is no such speaker in this meeting")
    speaker, names, merges = stands_for[change.id], dict(edits.names), dict(edits.merges)
    if change.merge_into is not None:
        target = stands_for.get(change.merge_into)
        if target is None:
            raise MeetingError("merge_into must be a speaker of this meeting")
        if target == speaker:
            raise MeetingError("these two are one voice already")
        merges[speaker] = target
        if names.get(target) is None:
            # That its name was taken away once must not keep it from the name of the other.
            names.pop(target, None)
        speaker = target
    if change.rename:
        if change.name is None and made_by_hand(speaker):
            raise MeetingError("a voice that was made by hand needs a name: it has no number")
        names[speaker] = change.name
    return Step(speaker_steps(edits, replace(edits, names=names, merges=merges)))


# Lines


def _seen(line: SeenLine | SegmentChange | SplitChange, transcript: Transcript) -> Segment:
    """The line that a person speaks of, where it is as they saw it, and nothing is heard of it any more."""
    shown = transcript.segment(line.id)
    if shown is None:
        raise NotFound("there is no such line in this meeting")
    if not shown.final:
        raise Conflict("this line is still being heard: change it once it is complete", ErrorCode.NOT_FINAL)
    if line.rev != shown.rev:
        raise Conflict("this line has changed meanwhile: look at it again", ErrorCode.OUTDATED)
    return shown


def _step(edits: Edits, shown: Segment, after: EditedLine | None) -> LineStep:
    before = edits.lines.get(shown.id)
    return LineStep(before, after, shown if before is None else None)


def _recognised(edits: Edits, shown: Segment) -> tuple[Word, ...]:
    """A line's words as first recognised: they tell which of the pipeline's words are in it, however it is edited."""
    before = edits.lines.get(shown.id)
    return before.recognised if before else shown.words


def _labelled(edits: Edits, shown: Segment) -> bool:
    before = edits.lines.get(shown.id)
    return before is not None and before.labelled


def _segment(edits: Edits, change: SegmentChange, transcript: Transcript) -> Step:
    shown = _seen(change, transcript)
    speaker = _known(change.speaker, transcript) if change.relabel else shown.speaker
    words = _written(change, shown) if change.text is not None else shown.words
    segment = replace(shown, rev=shown.rev + 1, speaker=speaker, words=words)
    if words != shown.words:
        segment = replace(segment, stable_chars=len(segment.text))
    labelled = change.relabel or _labelled(edits, shown)
    line = EditedLine(segment, _recognised(edits, shown), labelled)
    return Step(lines={change.id: _step(edits, shown, line)})


def _known(speaker: str | None, transcript: Transcript) -> str | None:
    if speaker is None:
        return None
    known = resolve(transcript.speakers).get(speaker)
    if known is None:
        raise MeetingError("speaker must be a speaker of this meeting, or null")
    return known


def _written(change: SegmentChange | SplitChange, shown: Segment) -> tuple[Word, ...]:
    made = change.respelling
    if made is not None and made.recognised == shown.words:
        return made.written
    return respell(shown.words, change.text or "")


def _lines(edits: Edits, change: LinesChange, transcript: Transcript) -> Step:
    if not 1 <= len(change.lines) <= MAX_LINES:
        raise MeetingError(f"give from 1 to {MAX_LINES} lines at once, not {len(change.lines)}")
    speakers: dict[str, tuple[SpeakerEdit, SpeakerEdit]] = {}
    if change.new_speaker is not None:
        made = new_speaker({speaker.id for speaker in transcript.speakers})
        speakers[made] = (SpeakerEdit(), SpeakerEdit(True, change.new_speaker))
    speaker = next(iter(speakers), None) or _known(change.speaker, transcript)
    lines: dict[str, LineStep] = {}
    for one in change.lines:
        shown = _seen(one, transcript)
        segment = replace(shown, rev=shown.rev + 1, speaker=speaker)
        lines[one.id] = _step(edits, shown, EditedLine(segment, _recognised(edits, shown), True))
    return Step(speakers, lines)


def _split(edits: Edits, change: SplitChange, transcript: Transcript) -> Step:
    shown = _seen(change, transcript)
    if not all(text.split() for text in change.texts):
        raise MeetingError("each of the two lines needs at least one word")
    at, words, recognised = len(change.texts[0].split()), _written(change, shown), _recognised(edits, shown)
    # A line that begins where this one ends comes behind its second part, which therefore begins before that.
    cut = max(shown.span.start, min(words[at].span.start, shown.span.end - 1))
    heard = _recognised_before(recognised, words, at, cut)
    labelled = _labelled(edits, shown)

    def part(id_: str, span: Span, words: tuple[Word, ...], recognised: tuple[Word, ...]) -> EditedLine:
        pause = shown.pause and span.end == shown.span.end
        segment = replace(shown, id=id_, rev=shown.rev + 1, span=span, words=words, pause=pause)
        return EditedLine(replace(segment, stable_chars=len(segment.text)), recognised, labelled)

    second = _free_id(change.id, edits.lines, transcript)
    begin = part(change.id, Span(shown.span.start, cut), words[:at], recognised[:heard])
    end = part(second, Span(cut, shown.span.end), words[at:], recognised[heard:])
    return Step(lines={change.id: _step(edits, shown, begin), second: LineStep(None, end)})


def _recognised_before(recognised: tuple[Word, ...], words: tuple[Word, ...], at: int, cut: int) -> int:
    """How many of the words as first recognised are in what the first `at` words of a line, which ends at `cut`, say.

    Those that stayed are known by their texts: what was written beside them may have taken of their time. The time
    decides of those only that were replaced or left out between them.
    """
    first, last = 0, len(recognised)
    for same in align([word.text for word in recognised], [word.text for word in words], SPLIT_STEPS):
        stayed = max(0, min(same.size, at - same.b))
        first = same.a + stayed if stayed else first
        if stayed < same.size:
            last = same.a + stayed
            break
    return first + sum((word.span.start + word.span.end) // 2 < cut for word in recognised[first:last])


def _free_id(id_: str, edited: Mapping[str, EditedLine], transcript: Transcript) -> str:
    """An id that no line has or had, and that sorts behind that of the line it comes from."""
    return next(one for one in (f"{id_}-{n}" for n in count(2)) if one not in edited and not transcript.rev(one))


def _join(edits: Edits, change: JoinChange, transcript: Transcript) -> Step:
    first, second = _seen(change.first, transcript), _seen(change.second, transcript)
    if first.source_id != second.source_id or not _follows(second, first, transcript):
        raise MeetingError("only a line and the next one of the same source can be joined")
    words = (*first.words, *second.words)
    if len(words) > MAX_WORDS:
        raise MeetingError(f"a line has at most {MAX_WORDS} words, these two have {len(words)}")
    segment = replace(
        first,
        rev=first.rev + 1,
        span=first.span | second.span,
        words=words,
        overlap=first.overlap and second.overlap,
        pause=second.pause,
    )
    labelled = _labelled(edits, first) or _labelled(edits, second) or first.speaker != second.speaker
    recognised = (*_recognised(edits, first), *_recognised(edits, second))
    line = EditedLine(replace(segment, stable_chars=len(segment.text)), recognised, labelled)
    return Step(lines={first.id: _step(edits, first, line), second.id: _step(edits, second, None)})


def _follows(second: Segment, first: Segment, transcript: Transcript) -> bool:
    """Whether a line is the next one after another of its source."""
    place = (second.span.start, second.id)
    before = (one for _, one in transcript.backwards(place) if one.source_id == second.source_id)
    return first == next(before, None)


def answer(change: Change, step: Step, transcript: Transcript) -> tuple[ServerMessage, ...]:
    """What is told to the person who made a change: the lines that it touched, and all speakers where it is of any."""
    speakers = transcript.speakers if step.speakers or isinstance(change, SpeakerChange) else ()
    lines = (_told(id_, line, transcript) for id_, line in step.lines.items())
    return tuple(chain((SpeakerMessage.of(speaker) for speaker in speakers), lines))


def _told(id_: str, line: LineStep, transcript: Transcript) -> SegmentMessage:
    shown = transcript.segment(id_)
    if shown is not None:
        return SegmentMessage.of(shown)
    known = line.unedited or next(one.segment for one in (line.before, line.after) if one is not None)
    return SegmentMessage.of(replace(known, rev=transcript.rev(id_), words=(), stable_chars=0))
