"""What people have set by hand, laid over what the pipeline says: it knows nothing of it, and changes none of it.

No clock, no input or output. A line that a person has labelled or written is theirs from then on: its words are
taken out of whatever the pipeline says of them later. Names belong to voices, and stay with them when they merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain, count, groupby

from meeting.messages import SegmentMessage, ServerMessage, SpeakerMessage
from meeting.records import EditedLine, Edits
from meeting.transcript import Transcript, resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import LabelChange, Output, Segment, Span, Speaker, SpeakersRevised, Word

EDIT = "edit"
"""Reason of a label change that a person made"""


class Conflict(MeetingError):
    """What was asked for cannot be done in the state that things are in."""

    def __init__(self, message: str, code: str = "live") -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class SpeakerChange:
    """A person names a voice, or says that it is the same one as another."""

    id: str
    rename: bool = False
    name: str | None = None
    """With `rename`: None takes the name away"""
    merge_into: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """A person gives a line to another voice, or writes what was said."""

    id: str
    rev: int
    """The revision that the person saw"""
    relabel: bool = False
    speaker: str | None = None
    """With `relabel`: None for a voice that is not known"""
    text: str | None = None


Change = SpeakerChange | SegmentChange


def edited(edits: Edits, change: Change, transcript: Transcript) -> Edits:
    """The edits with one more; raises NotFound, Conflict, or MeetingError for what makes no sense."""
    if isinstance(change, SpeakerChange):
        return _edit_speaker(edits, change, resolve(transcript.speakers))
    return _edit_segment(edits, change, transcript)


def _edit_speaker(edits: Edits, change: SpeakerChange, stands_for: dict[str, str]) -> Edits:
    if change.id not in stands_for:
        raise NotFound("there is no such speaker in this meeting")
    voice, names, merges = stands_for[change.id], dict(edits.names), dict(edits.merges)
    if change.merge_into is not None:
        target = stands_for.get(change.merge_into)
        if target is None:
            raise MeetingError("merge_into must be a speaker of this meeting")
        if target == voice:
            raise MeetingError("these two are one voice already")
        merges[voice] = target
        if names.get(target) is None:
            names.pop(target, None)  # that it has none must not keep it from the name of the other
        voice = target
    if change.rename:
        names[voice] = change.name
    return replace(edits, names=names, merges=merges)


def _edit_segment(edits: Edits, change: SegmentChange, transcript: Transcript) -> Edits:
    shown = transcript.segment(change.id)
    if shown is None:
        raise NotFound("there is no such line in this meeting")
    if not shown.final:
        raise Conflict("this line is still being heard: change it once it is complete", "not_final")
    if change.rev != shown.rev:
        raise Conflict("this line has changed meanwhile: look at it again", "outdated")
    before = edits.lines.get(change.id)
    speaker = shown.speaker
    if change.relabel:
        speaker = None if change.speaker is None else resolve(transcript.speakers).get(change.speaker)
        if speaker is None and change.speaker is not None:
            raise MeetingError("speaker must be a speaker of this meeting, or null")
    words = shown.words if change.text is None else respell(shown.words, change.text)
    segment = replace(shown, rev=shown.rev + 1, speaker=speaker, words=words)
    if words != shown.words:
        segment = replace(segment, stable_chars=len(segment.text))
    labelled = change.relabel or (before is not None and before.labelled)
    line = EditedLine(segment, before.heard if before else shown.words, labelled)
    return replace(edits, lines={**edits.lines, change.id: line})


def respell(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """The words that a person wrote, with the times of those that were heard; raises MeetingError without any."""
    written = text.split()
    if not written:
        raise MeetingError("a line needs at least one word")
    out: list[Word] = []
    same = SequenceMatcher(None, [word.text for word in words], written, autojunk=False)
    for kind, a, b, c, d in same.get_opcodes():
        if kind == "equal":
            out += words[a:b]
        elif d > c:
            start = words[a].span.start if a < len(words) else words[-1].span.end
            end = words[b - 1].span.end if b > a else start
            edges = [start + (end - start) * i // (d - c) for i in range(d - c + 1)]
            out += [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written[c:d])]
    return tuple(out)


def voices(heard: Iterable[Speaker], edits: Edits) -> list[Speaker]:
    """All voices with what people have set: what they merged is merged, and a name goes with its voice.

    Two voices that people gave two names are not merged by themselves.
    """
    known = {speaker.id: speaker for speaker in heard}
    for id_ in _mentioned(edits):
        known.setdefault(id_, Speaker(id_, color=_number(id_)))
    into = {id_: replace(speaker, merged_into=edits.merges.get(id_)) for id_, speaker in known.items()}
    for speaker in known.values():
        target = speaker.merged_into
        if speaker.id in edits.merges or target is None:
            continue
        stands_for = resolve(into.values())
        names = {edits.names.get(speaker.id), edits.names.get(stands_for.get(target, target))} - {None}
        if stands_for.get(target) != speaker.id and len(names) < 2:
            into[speaker.id] = replace(into[speaker.id], merged_into=target)
    stands_for = resolve(into.values())
    given: dict[str, str] = {}
    for id_, speaker in known.items():
        name = edits.names.get(id_, speaker.name)
        if name is not None:
            given.setdefault(stands_for[id_], name)
    out = []
    for id_, speaker in into.items():
        name = edits.names.get(id_, speaker.name)
        alone = stands_for[id_] == id_ and id_ not in edits.names and name is None
        out.append(replace(speaker, name=given.get(id_) if alone else name))
    return out


def _mentioned(edits: Edits) -> Iterator[str]:
    said = (line.segment.speaker for line in edits.lines.values())
    return (id_ for id_ in chain(edits.names, edits.merges, edits.merges.values(), said) if id_ is not None)


def _number(id_: str) -> int:
    digits = id_.removeprefix("spk")
    return max(0, int(digits) - 1) if digits.isdecimal() else 0


def answer(change: Change, transcript: Transcript) -> tuple[ServerMessage, ...]:
    """What is told to the person who made a change: all voices, or the line."""
    if isinstance(change, SpeakerChange):
        return tuple(SpeakerMessage.of(speaker) for speaker in transcript.speakers)
    shown = transcript.segment(change.id)
    assert shown is not None
    return (SegmentMessage.of(shown),)


class Overlay:
    """A transcript's outputs in; the same with people's edits out. The caller applies them to the transcript."""

    def __init__(self, transcript: Transcript, edits: Edits | None = None, heard: Iterable[Speaker] = ()) -> None:
        """`heard`: the voices that the pipeline has told before."""
        self.transcript = transcript
        self.edits = edits or Edits()
        self._heard = {speaker.id: speaker for speaker in heard}
        self._pieces: dict[str, tuple[str, ...]] = {}  # by the pipeline's id, all ids under which its words were shown
        self._met: set[str] = set()  # edited lines whose very words the pipeline says, so that times need not decide

    def __call__(self, output: Output) -> list[Output]:
        """What is to be shown because of one more output."""
        match output:
            case Segment():
                return self._segment(output)
            case SpeakersRevised():
                return self._labels(output)
            case Speaker():
                self._heard[output.id] = output
                return self._voices()
            case _:
                return [output]

    def edit(self, change: Change) -> list[Output]:
        """Take in what a person changes; what is to be shown because of it. Raises as `edited` does."""
        self.edits = edited(self.edits, change, self.transcript)
        if isinstance(change, SegmentChange):
            self._met.add(change.id)
        return self.lay()

    def take(self, edits: Edits) -> list[Output]:
        """Take over edits that were made on another transcript of the same meeting."""
        new = [line for id_, line in edits.lines.items() if id_ not in self.edits.lines]
        self.edits = edits
        out = self.lay()
        for segment in self.transcript.segments if new else ():
            if segment.id not in edits.lines and any(_touch(segment, line) for line in new):
                out += self._segment(segment)
        return out

    def lay(self) -> list[Output]:
        """What is to be shown so that every edit is."""
        out: list[Output] = []
        for id_, line in self.edits.lines.items():
            shown, rev = self.transcript.segment(id_), self.transcript.rev(id_)
            after = replace(line.segment, rev=max(line.segment.rev, rev + 1))
            if shown is None or replace(shown, speaker=after.speaker, rev=after.rev) != after:
                out.append(after)
            elif shown.speaker != after.speaker:
                out.append(SpeakersRevised((LabelChange(id_, after.rev, shown.speaker, after.speaker),), EDIT))
            elif shown.rev < line.segment.rev:
                out.append(after)
        return [*out, *self._voices()]

    def _voices(self) -> list[Output]:
        found = voices(self._heard.values(), self.edits)
        return [voice for voice in found if self.transcript.speaker(voice.id) != voice]

    def _segment(self, said: Segment) -> list[Output]:
        near = [line for line in self.edits.lines.values() if _touch(said, line)]
        if not near and said.id not in self._pieces:
            return [said]
        runs = self._runs(said, near)
        wanted = dict(zip(self._ids(said.id, len(runs)), runs, strict=True))
        ids = tuple(dict.fromkeys([*self._pieces.get(said.id, (said.id,)), *wanted]))
        self._pieces[said.id] = ids
        return [piece for id_ in ids for piece in self._piece(said, id_, wanted.get(id_, ()))]

    def _piece(self, said: Segment, id_: str, words: tuple[Word, ...]) -> list[Segment]:
        """The words of a line that are shown under one id, where that is news."""
        shown = self.transcript.segment(id_)
        if id_ in self.edits.lines or (shown is None and not words):
            return []
        after = replace(said, id=id_, rev=max(said.rev, self.transcript.rev(id_) + 1), words=words)
        if words != said.words:
            span = Span(words[0].span.start, words[-1].span.end) if words else said.span
            after = replace(after, span=span, stable_chars=len(after.text) if said.final else 0)
        same = shown is not None and replace(after, rev=shown.rev) == shown
        return [] if same else [after]

    def _runs(self, said: Segment, near: list[EditedLine]) -> list[tuple[Word, ...]]:
        """The words that are in no edited line, in runs between those that are."""
        taken: set[int] = set()
        for line in near:
            heard = {(word.span, word.text) for word in line.heard}
            own = {at for at, word in enumerate(said.words) if (word.span, word.text) in heard}
            if own and said.final:
                self._met.add(line.segment.id)
            if not own and (said.id == line.segment.id or line.segment.id not in self._met):
                span = line.segment.span
                middles = ((word.span.start + word.span.end) // 2 for word in said.words)
                own = {at for at, middle in enumerate(middles) if span.start <= middle < span.end}
            taken |= own
        groups = groupby(enumerate(said.words), key=lambda pair: pair[0] in taken)
        return [tuple(word for _, word in group) for away, group in groups if not away]

    def _ids(self, id_: str, number: int) -> list[str]:
        """Ids for what is left of a line: its own, unless that is an edited line, then further ones."""
        free = (one for one in chain([id_], (f"{id_}-{n}" for n in count(2))) if one not in self.edits.lines)
        return [next(free) for _ in range(number)]

    def _labels(self, revised: SpeakersRevised) -> list[Output]:
        changes: list[LabelChange] = []
        for change in revised.changes:
            if change.id not in self._pieces:
                changes += [] if change.id in self.edits.lines else [change]
                continue
            for id_ in self._pieces[change.id]:
                shown = self.transcript.segment(id_)
                if shown is not None and id_ not in self.edits.lines and shown.speaker != change.after:
                    changes.append(LabelChange(id_, max(change.rev, shown.rev + 1), shown.speaker, change.after))
        return [replace(revised, changes=tuple(changes))] if changes else []


def _touch(segment: Segment, line: EditedLine) -> bool:
    """Whether a line may hold words of an edited one."""
    own = line.segment
    return segment.source_id == own.source_id and (segment.id == own.id or bool(segment.span & own.span))
