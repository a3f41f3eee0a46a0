"""What people change by hand: names and merges of speakers, and the speaker and the text of lines.

No clock, no input or output. A change becomes part of a meeting's `Edits`, which are laid over what the pipeline says
(`overlay`): the pipeline knows nothing of them. A line that a person has labelled or written is theirs from then on.
Names belong to speakers, and stay with them when they merge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from meeting.core.alignment import Match, align
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.messages import SegmentMessage, ServerMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits, plain_name
from meeting.core.transcript import Transcript, follow, resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import Segment, Span, Speaker, Word

MAX_WORDS = 2000
"""Words that a person may write into one line: a recogniser finds about a hundred in the longest one"""


@dataclass(frozen=True, slots=True)
class SpeakerChange:
    """A person names a speaker, or says that it is the same one as another."""

    id: str
    rename: bool = False
    name: str | None = None
    """With `rename`: None takes the name away"""
    merge_into: str | None = None


@dataclass(frozen=True, slots=True)
class Respelling:
    """What `respell` made of a line's words."""

    recognised: tuple[Word, ...]
    written: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """A person gives a line to another speaker, or writes what was said."""

    id: str
    rev: int
    """The revision that the person saw"""
    relabel: bool = False
    speaker: str | None = None
    """With `relabel`: None for a speaker that is not known"""
    text: str | None = None
    respelling: Respelling | None = None
    """What the text comes to, as long as the line has the words that it was worked out for"""


Change = SpeakerChange | SegmentChange


def prepare(change: Change, shown: Segment | None) -> Change:
    """The change with the costly part of it done, for the line as it is shown; raises MeetingError as `respell` does.

    It takes up to 50 ms, and is meant for a thread that nobody else waits for.
    """
    if not isinstance(change, SegmentChange) or change.text is None or shown is None or shown.rev != change.rev:
        return change
    return replace(change, respelling=Respelling(shown.words, respell(shown.words, change.text)))


def with_change(edits: Edits, change: Change, transcript: Transcript) -> Edits:
    """The edits with one more; raises NotFound, Conflict, or MeetingError for what makes no sense."""
    if isinstance(change, SpeakerChange):
        return _with_speaker(edits, change, resolve(transcript.speakers))
    return _with_segment(edits, change, transcript)


def _with_speaker(edits: Edits, change: SpeakerChange, stands_for: dict[str, str]) -> Edits:
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
        names[speaker] = change.name
    return replace(edits, names=names, merges=merges)


def _with_segment(edits: Edits, change: SegmentChange, transcript: Transcript) -> Edits:
    shown = transcript.segment(change.id)
    if shown is None:
        raise NotFound("there is no such line in this meeting")
    if not shown.final:
        raise Conflict("this line is still being heard: change it once it is complete", ErrorCode.NOT_FINAL)
    if change.rev != shown.rev:
        raise Conflict("this line has changed meanwhile: look at it again", ErrorCode.OUTDATED)
    before = edits.lines.get(change.id)
    speaker = shown.speaker
    if change.relabel:
        speaker = None if change.speaker is None else resolve(transcript.speakers).get(change.speaker)
        if speaker is None and change.speaker is not None:
            raise MeetingError("speaker must be a speaker of this meeting, or null")
    words = _written(change, shown)
    segment = replace(shown, rev=shown.rev + 1, speaker=speaker, words=words)
    if words != shown.words:
        segment = replace(segment, stable_chars=len(segment.text))
    labelled = change.relabel or (before is not None and before.labelled)
    # However often a line is edited: the words as first recognised tell which of the pipeline's words are in it.
    recognised = before.recognised if before else shown.words
    return replace(edits, lines={**edits.lines, change.id: EditedLine(segment, recognised, labelled)})


def _written(change: SegmentChange, shown: Segment) -> tuple[Word, ...]:
    if change.text is None:
        return shown.words
    made = change.respelling
    return made.written if made is not None and made.recognised == shown.words else respell(shown.words, change.text)


def respell(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """The words that a person wrote, with the times of those that were recognised.

    Raises MeetingError without any, and with more than `MAX_WORDS`.
    """
    written = text.split()
    if not written:
        raise MeetingError("a line needs at least one word")
    if len(written) > MAX_WORDS:
        raise MeetingError(f"a line has at most {MAX_WORDS} words, this text has {len(written)}: shorten it")
    out: list[Word] = []
    a = b = 0
    # A word that stayed keeps its own time. Between two of them, what was written shares the time of what it replaces.
    # The empty match at the end stands for the end of both texts.
    for same in [*align([word.text for word in words], written), Match(len(words), len(written), 0)]:
        out += _spread(words, a, same.a, written[b : same.b])
        out += words[same.a : same.a + same.size]
        a, b = same.a + same.size, same.b + same.size
    return tuple(out)


def _spread(words: tuple[Word, ...], a: int, b: int, written: list[str]) -> list[Word]:
    """What was written in the place of the words `a` to `b`, in equal parts of their time."""
    # Where nothing is replaced there is no time to share: the new words lie at one instant, where the next one begins.
    start = words[a].span.start if a < len(words) else words[-1].span.end
    end = words[b - 1].span.end if b > a else start
    edges = [start + (end - start) * i // max(1, len(written)) for i in range(len(written) + 1)]
    return [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written)]


def edited_speakers(known: Iterable[Speaker], edits: Edits) -> list[Speaker]:
    """All speakers that the pipeline knows with what people have set: what they merged is merged, and a name goes with
    its speaker. Two that people gave two names are not merged by the pipeline."""
    speakers = {speaker.id: speaker for speaker in known}
    for id_ in _mentioned(edits):
        # In a replay the pipeline may not have come to it yet; what people said of it is shown all the same.
        speakers.setdefault(id_, Speaker(id_, color=_color(id_)))
    # People's merges first. One of the pipeline is added only where it neither makes a ring with those that are there
    # nor joins two that people told apart by their names.
    targets = {id_: edits.merges.get(id_) for id_ in speakers}
    for speaker in speakers.values():
        target = speaker.merged_into
        if speaker.id in edits.merges or target is None:
            continue
        end = follow(target, targets)
        names = {edits.names.get(speaker.id), edits.names.get(end)} - {None}
        if end != speaker.id and len(names) < 2:
            targets[speaker.id] = target
    # The first name among those that are one speaker is the name of it, unless people said otherwise of it itself.
    own = [_with_own_name(replace(speaker, merged_into=targets[speaker.id]), edits) for speaker in speakers.values()]
    stands_for = resolve(own)
    given: dict[str, Speaker] = {}
    for speaker in sorted(own, key=lambda one: one.recognized):  # people's names before those that were recognised
        if speaker.name is not None:
            given.setdefault(stands_for[speaker.id], speaker)
    out = []
    for speaker in own:
        source = given.get(speaker.id)
        unnamed = speaker.id not in edits.names and (speaker.name is None or speaker.recognized)
        if unnamed and source is not None and stands_for[speaker.id] == speaker.id:
            speaker = replace(speaker, name=source.name, recognized=source.recognized, profile=source.profile)
        out.append(speaker)
    return out


def _with_own_name(speaker: Speaker, edits: Edits) -> Speaker:
    """A speaker as people named it; by the same name that it was recognised by it is still that voice."""
    if speaker.id not in edits.names:
        return speaker
    name = edits.names[speaker.id]
    confirmed = name is not None and plain_name(name) == plain_name(speaker.name or "")
    return replace(speaker, name=name, recognized=False, profile=speaker.profile if confirmed else None)


def _mentioned(edits: Edits) -> Iterable[str]:
    labels = (line.segment.speaker for line in edits.lines.values())
    ids = dict.fromkeys(chain(edits.names, edits.merges, edits.merges.values(), labels))
    return [id_ for id_ in ids if id_ is not None]


def _color(id_: str) -> int:
    """The color that the pipeline gives to a speaker of this id: they are numbered in order of appearance."""
    digits = id_.removeprefix("spk")
    return max(0, int(digits) - 1) if digits.isdecimal() else 0


def answer(change: Change, transcript: Transcript) -> tuple[ServerMessage, ...]:
    """What is told to the person who made a change: all speakers, or the line."""
    if isinstance(change, SpeakerChange):
        return tuple(SpeakerMessage.of(speaker) for speaker in transcript.speakers)
    shown = transcript.segment(change.id)
    assert shown is not None
    return (SegmentMessage.of(shown),)
