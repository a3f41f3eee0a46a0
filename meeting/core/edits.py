"""What people have set by hand, laid over what the pipeline says: it knows nothing of it, and changes none of it.

No clock, no input or output. A line that a person has labelled or written is theirs from then on: its words are
taken out of whatever the pipeline says of them later. Names belong to voices, and stay with them when they merge.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, count, groupby

from meeting.core.alignment import Match, align
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.messages import SegmentMessage, ServerMessage, SpeakerMessage
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript, follow, resolve
from pipelines.errors import MeetingError, NotFound
from pipelines.types import LabelChange, Output, Segment, Span, Speaker, SpeakersRevised, Word

EDIT = "edit"
"""Reason of a label change that a person made"""

MOST_WORDS = 2000
"""Words that a person may write into one line: a recogniser hears about a hundred in the longest one"""


@dataclass(frozen=True, slots=True)
class SpeakerChange:
    """A person names a voice, or says that it is the same one as another."""

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
    """A person gives a line to another voice, or writes what was said."""

    id: str
    rev: int
    """The revision that the person saw"""
    relabel: bool = False
    speaker: str | None = None
    """With `relabel`: None for a voice that is not known"""
    text: str | None = None
    respelling: Respelling | None = None
    """What the text comes to, as long as the line has the words that it was worked out for"""


Change = SpeakerChange | SegmentChange


def prepared(change: Change, shown: Segment | None) -> Change:
    """The change with the costly part of it done, for the line as it is shown; raises MeetingError as `respell` does.

    It takes up to 50 ms, and is meant for a thread that nobody else waits for.
    """
    if not isinstance(change, SegmentChange) or change.text is None or shown is None or shown.rev != change.rev:
        return change
    return replace(change, respelling=Respelling(shown.words, respell(shown.words, change.text)))


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
        raise Conflict("this line is still being heard: change it once it is complete", ErrorCode.NOT_FINAL)
    if change.rev != shown.rev:
        raise Conflict("this line has changed meanwhile: look at it again", ErrorCode.OUTDATED)
    before = edits.lines.get(change.id)
    speaker = shown.speaker
    if change.relabel:
        speaker = None if change.speaker is None else resolve(transcript.speakers).get(change.speaker)
        if speaker is None and change.speaker is not None:
            raise MeetingError("speaker must be a speaker of this meeting, or null")
    words = _words(change, shown)
    segment = replace(shown, rev=shown.rev + 1, speaker=speaker, words=words)
    if words != shown.words:
        segment = replace(segment, stable_chars=len(segment.text))
    labelled = change.relabel or (before is not None and before.labelled)
    line = EditedLine(segment, before.recognised if before else shown.words, labelled)
    return replace(edits, lines={**edits.lines, change.id: line})


def _words(change: SegmentChange, shown: Segment) -> tuple[Word, ...]:
    if change.text is None:
        return shown.words
    made = change.respelling
    return made.written if made is not None and made.recognised == shown.words else respell(shown.words, change.text)


def respell(words: tuple[Word, ...], text: str) -> tuple[Word, ...]:
    """The words that a person wrote, with the times of those that were heard.

    Raises MeetingError without any, and with more than `MOST_WORDS`.
    """
    written = text.split()
    if not written:
        raise MeetingError("a line needs at least one word")
    if len(written) > MOST_WORDS:
        raise MeetingError(f"a line has at most {MOST_WORDS} words, this text has {len(written)}: shorten it")
    out: list[Word] = []
    a = b = 0
    for same in [*align([word.text for word in words], written), Match(len(words), len(written), 0)]:
        out += _spread(words, a, same.a, written[b : same.b])
        out += words[same.a : same.a + same.size]
        a, b = same.a + same.size, same.b + same.size
    return tuple(out)


def _spread(words: tuple[Word, ...], a: int, b: int, written: list[str]) -> list[Word]:
    """What was written in the place of the words `a` to `b`, in equal parts of their time."""
    start = words[a].span.start if a < len(words) else words[-1].span.end
    end = words[b - 1].span.end if b > a else start
    edges = [start + (end - start) * i // max(1, len(written)) for i in range(len(written) + 1)]
    return [Word(one, Span(*edges[i : i + 2])) for i, one in enumerate(written)]


def voices(heard: Iterable[Speaker], edits: Edits) -> list[Speaker]:
    """All voices with what people have set: what they merged is merged, and a name goes with its voice.

    Two voices that people gave two names are not merged by themselves.
    """
    known = {speaker.id: speaker for speaker in heard}
    for id_ in _mentioned(edits):
        known.setdefault(id_, Speaker(id_, color=_number(id_)))
    targets = {id_: edits.merges.get(id_) for id_ in known}
    for speaker in known.values():
        target = speaker.merged_into
        if speaker.id in edits.merges or target is None:
            continue
        end = follow(target, targets)
        names = {edits.names.get(speaker.id), edits.names.get(end)} - {None}
        if end != speaker.id and len(names) < 2:
            targets[speaker.id] = target
    into = {id_: replace(speaker, merged_into=targets[id_]) for id_, speaker in known.items()}
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


def _mentioned(edits: Edits) -> Iterable[str]:
    said = (line.segment.speaker for line in edits.lines.values())
    ids = dict.fromkeys(chain(edits.names, edits.merges, edits.merges.values(), said))
    return [id_ for id_ in ids if id_ is not None]


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
        self._places = _Places(self.edits.lines.values())

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
        if isinstance(change, SpeakerChange):
            return self._voices()
        self._met.add(change.id)
        line = self.edits.lines[change.id]
        self._places.put(line.segment)
        return [*self._line(line), *self._voices()]

    def take(self, edits: Edits) -> list[Output]:
        """Take over edits that were made on another transcript of the same meeting."""
        before, self.edits = self.edits.lines, edits
        changed = [line for id_, line in edits.lines.items() if before.get(id_) is not line]
        new = _Places(line for line in changed if line.segment.id not in before)
        out: list[Output] = []
        for line in changed:
            self._places.put(line.segment)
            out += self._line(line)
        out += self._voices()
        for segment in self.transcript.segments if new else ():
            if segment.id not in edits.lines and new.near(segment):
                out += self._segment(segment)
        return out

    def lay(self) -> list[Output]:
        """What is to be shown so that every edit is."""
        lines = (output for line in self.edits.lines.values() for output in self._line(line))
        return [*lines, *self._voices()]

    def _line(self, line: EditedLine) -> list[Output]:
        id_, wanted = line.segment.id, line.segment
        shown, rev = self.transcript.segment(id_), self.transcript.rev(id_)
        after = replace(wanted, rev=max(wanted.rev, rev + 1))
        if shown is None or replace(shown, speaker=after.speaker, rev=after.rev) != after:
            return [after]
        if shown.speaker != after.speaker:
            return [SpeakersRevised((LabelChange(id_, after.rev, shown.speaker, after.speaker),), EDIT)]
        return [after] if shown.rev < wanted.rev else []

    def _voices(self) -> list[Output]:
        found = voices(self._heard.values(), self.edits)
        return [voice for voice in found if self.transcript.speaker(voice.id) != voice]

    def _segment(self, said: Segment) -> list[Output]:
        near = [self.edits.lines[id_] for id_ in self._places.near(said)]
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
            heard = {(word.span, word.text) for word in line.recognised}
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


class _Places:
    """Where edited lines are, so that those near another line are found without a look at each."""

    def __init__(self, lines: Iterable[EditedLine] = ()) -> None:
        self._spans: dict[str, tuple[str, Span]] = {}  # id -> its source and time
        self._starts: dict[str, list[tuple[int, str]]] = {}  # by source, start and id in order
        self._longest = 0
        for line in lines:
            self.put(line.segment)

    def __len__(self) -> int:
        return len(self._spans)

    def put(self, own: Segment) -> None:
        """An edited line is here, and no longer where it was."""
        here, before = (own.source_id, own.span), self._spans.get(own.id)
        if here == before:
            return
        if before is not None:
            old = self._starts[before[0]]
            del old[bisect_left(old, (before[1].start, own.id))]
        self._spans[own.id] = here
        insort(self._starts.setdefault(own.source_id, []), (own.span.start, own.id))
        self._longest = max(self._longest, len(own.span))

    def near(self, segment: Segment) -> list[str]:
        """Ids of the edited lines that may share words with one: of its source, and of its id or time."""
        starts = self._starts.get(segment.source_id, [])
        first = bisect_left(starts, (segment.span.start - self._longest, ""))
        last = bisect_right(starts, (segment.span.end, ""))
        found = [id_ for _, id_ in starts[first:last] if self._spans[id_][1] & segment.span]
        own = self._spans.get(segment.id)
        if own is not None and own[0] == segment.source_id and segment.id not in found:
            found.append(segment.id)
        return found
