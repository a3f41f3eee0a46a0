"""People's edits laid over what the pipeline says: it knows nothing of them, and changes none of them.

No clock, no input or output. The words of an edited line are taken out of whatever the pipeline says of them later,
under whichever id: after a second pass, or in a replay, lines may be cut otherwise than they were when a person edited
one. What is left of such a line is shown in as many lines as the edited ones leave of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count, groupby

from meeting.core.editing.changes import Change
from meeting.core.editing.edits import step_of
from meeting.core.editing.steps import LineStep, Step, difference, with_step
from meeting.core.editing.voices import as_heard, edited_speakers, made_by_hand
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript
from pipelines.types import LabelChange, Output, Segment, Span, Speaker, SpeakersRevised, Word

EDIT = "edit"
"""Reason of a label change that a person made"""


@dataclass(frozen=True, slots=True)
class VoiceName:
    """The name of a voice that is kept, for a speaker that was recognised as it."""

    name: str
    profile: str
    """Id of the voice that is kept"""


@dataclass(frozen=True, slots=True)
class _PipelineLine:
    """A line as the pipeline has it, where edited ones lie in or near it."""

    segment: Segment
    shown_as: tuple[str, ...]
    """All ids under which its words were shown"""


class Overlay:
    """A transcript's outputs in; the same with people's edits out. The caller applies them to the transcript."""

    def __init__(self, transcript: Transcript, edits: Edits | None = None, speakers: Iterable[Speaker] = ()) -> None:
        """`speakers` are those that are shown, as these edits have left them."""
        self.transcript = transcript
        self.edits = edits or Edits()
        self._speakers = {speaker.id: speaker for speaker in as_heard(speakers, self.edits)}
        self._voice_names: Mapping[str, VoiceName] = {}
        self._heard: dict[str, _PipelineLine] = {}
        """By the pipeline's id: what it says of lines that were edited or cut, so that an edit can be taken back"""
        self._told: set[str] = set()
        """Lines of which the pipeline itself has said something here: what others are is known from before a restart"""
        self._part_of: dict[str, str] = {}
        """The pipeline's id of the line whose words are shown under another one, or were"""
        self._withdrawn: set[str] = set()
        """Lines that were shown by an edit alone: the pipeline may come to them yet, and counts from the beginning"""
        self._recognised = set(self.edits.lines) if transcript.before(None) else set[str]()
        """Edited lines whose very words are in a final line of the pipeline: times need not tell which are theirs"""
        self._spans = _EditedSpans(self.edits.lines.values())

    def __call__(self, output: Output) -> list[Output]:
        """What is to be shown because of one more output."""
        match output:
            case Segment():
                self._told.add(output.id)
                return self._segment(output)
            case SpeakersRevised():
                return self._labels(output)
            case Speaker():
                self._speakers[output.id] = output
                return self._changed_speakers()
            case _:
                return [output]

    def edit(self, change: Change) -> tuple[Step, list[Output]]:
        """Take in what a person changes: what that does, and what is to be shown. Raises as `step_of` does."""
        step = step_of(self.edits, change, self.transcript)
        # What is shown are the pipeline's words, or were before an earlier edit.
        self._recognised.update(id_ for id_, line in step.lines.items() if line.after is not None)
        return step, self._take(step)

    def recognise(self, voice_names: Mapping[str, VoiceName]) -> list[Output]:
        """Show these speakers, by id, under the names of voices that are kept, where people have not named them.

        They take the place of those before. What is to be shown because of it.
        """
        self._voice_names = voice_names
        return self._changed_speakers()

    def take_over(self, edits: Edits) -> list[Output]:
        """Take over edits that were made on another transcript of the same meeting; what is to be shown."""
        step = difference(self.edits, edits)
        new = _EditedSpans(line.after for line in step.lines.values() if line.after and not line.before)
        out = self._take(step)
        # The words of a line that is edited only now may be shown in others here, which lose them.
        others = (one for one in self.transcript.segments if one.id not in edits.lines and one.id not in step.lines)
        near = (one.id for one in others if new.near(one)) if new else ()
        parts = dict.fromkeys(self._part_of.get(id_, id_) for id_ in near)
        for id_ in parts:
            out += self._segment(self._heard[id_].segment if id_ in self._heard else self._shown(id_))
        return out

    def show_all(self) -> list[Output]:
        """What is to be shown so that every edit is."""
        lines = (output for line in self.edits.lines.values() for output in self._edited_line(line))
        return [*lines, *self._doubled(), *self._changed_speakers()]

    @property
    def speakers(self) -> list[Speaker]:
        """All that there are, as people have set them."""
        return edited_speakers(map(self._with_voice_name, self._speakers.values()), self.edits)

    def _take(self, step: Step) -> list[Output]:
        for id_, line in step.lines.items():
            if line.before is None:
                self._remember(id_)
        self.edits = with_step(self.edits, step)
        out: list[Output] = []
        for id_, line in step.lines.items():
            self._spans.put(id_, line.after.segment if line.after else None)
            if line.after is not None:
                out += self._edited_line(line.after)
        return [*out, *self._release(step), *self._changed_speakers()]

    def _remember(self, id_: str) -> None:
        """How the pipeline has a line, until it says more of it: as it is shown before anybody edits it."""
        shown = self.transcript.segment(id_)
        if shown is not None and id_ not in self._part_of:
            self._keep(shown, (id_,))

    def _keep(self, segment: Segment, shown_as: tuple[str, ...]) -> None:
        self._heard[segment.id] = _PipelineLine(segment, shown_as)
        for id_ in shown_as:
            self._part_of.setdefault(id_, segment.id)

    def _release(self, step: Step) -> list[Output]:
        """Show what the pipeline has in the place of lines that are edited no more; they may be cut otherwise."""
        free = {id_: line for id_, line in step.lines.items() if line.after is None}
        # A line that stays edited may leave words too: one that was joined, and is not any more.
        left = [line.before for line in step.lines.values() if line.before is not None and _leaves(line)]
        if not free and not left:
            return []
        for id_, line in free.items():
            if id_ not in self._part_of and line.unedited is not None and not self._knows(line.unedited):
                self._keep(line.unedited, (id_,))
        where = _EditedSpans(left)
        again = {self._part_of[id_] for id_ in free if id_ in self._part_of}
        again |= {id_ for id_, heard in self._heard.items() if where and where.near(heard.segment)}
        out: list[Output] = [one for id_ in sorted(again) for one in self._segment(self._heard[id_].segment)]
        # Those that people made, and that nothing of the pipeline is shown as.
        made = [id_ for id_ in free if id_ not in self._part_of]
        self._withdrawn.update(made)
        shown = (self.transcript.segment(id_) for id_ in made)
        return [*out, *(_withdrawn(segment) for segment in shown if segment is not None)]

    def _knows(self, unedited: Segment) -> bool:
        """Whether the pipeline has said words of a line, under whichever id: then they are shown as part of that."""
        words = {(word.span, word.text) for word in unedited.words}
        told = (heard.segment for id_, heard in self._heard.items() if id_ in self._told)
        return any((word.span, word.text) in words for segment in told for word in segment.words)

    def _doubled(self) -> list[Output]:
        """Lines that are withdrawn because all of their very words stand in edited ones, such as a joined one."""
        out: list[Output] = []
        for segment in self.transcript.segments if self.edits.lines else ():
            if segment.id not in self.edits.lines:
                near = (self.edits.lines[id_] for id_ in self._spans.near(segment))
                taken = {(word.span, word.text) for line in near for word in line.recognised}
                if all((word.span, word.text) in taken for word in segment.words):
                    out.append(_withdrawn(segment))
        return out

    def _shown(self, id_: str) -> Segment:
        segment = self.transcript.segment(id_)
        assert segment is not None
        return segment

    def _edited_line(self, line: EditedLine) -> list[Output]:
        """An edited line, where it is not shown so: as a mere change of its label where the words are the same."""
        id_, wanted = line.segment.id, line.segment
        shown, rev = self.transcript.segment(id_), self.transcript.rev(id_)
        # A revision must be higher than each that was shown, whatever the pipeline has counted up to meanwhile.
        after = replace(wanted, rev=max(wanted.rev, rev + 1))
        if shown is None or replace(shown, speaker=after.speaker, rev=after.rev) != after:
            return [after]
        if shown.speaker != after.speaker:
            return [SpeakersRevised((LabelChange(id_, after.rev, shown.speaker, after.speaker),), EDIT)]
        return [after] if shown.rev < wanted.rev else []

    def _changed_speakers(self) -> list[Output]:
        found = self.speakers
        # One that a person had made, and took back, is told once more, without its name.
        known = {speaker.id for speaker in found}
        made = (one for one in self.transcript.speakers if made_by_hand(one.id) and one.id not in known)
        told = [*found, *(replace(one, name=None) for one in made)]
        return [speaker for speaker in told if self.transcript.speaker(speaker.id) != speaker]

    def _with_voice_name(self, speaker: Speaker) -> Speaker:
        found = self._voice_names.get(speaker.id)
        return speaker if found is None else replace(speaker, name=found.name, recognized=True, profile=found.profile)

    # What the pipeline says of a line

    def _segment(self, segment: Segment) -> list[Output]:
        near = [self.edits.lines[id_] for id_ in self._spans.near(segment)]
        if not near and segment.id not in self._heard and segment.id not in self._withdrawn:
            return [segment]
        runs = self._unedited_runs(segment, near)
        wanted = dict(zip(self._free_ids(segment.id, len(runs)), runs, strict=True))
        # Ids that this line needed before and needs no more are shown once more, without words: withdrawn.
        known = self._heard.get(segment.id)
        ids = tuple(dict.fromkeys([*(known.shown_as if known else (segment.id,)), *wanted]))
        self._keep(segment, ids)
        return [part for id_ in ids for part in self._part(segment, id_, wanted.get(id_, ()))]

    def _part(self, segment: Segment, id_: str, words: tuple[Word, ...]) -> list[Segment]:
        """The words of a line that are shown under one id, where that is news."""
        shown = self.transcript.segment(id_)
        if id_ in self.edits.lines or (shown is None and not words):
            return []
        after = replace(segment, id=id_, rev=max(segment.rev, self.transcript.rev(id_) + 1), words=words)
        if words != segment.words:
            span = Span(words[0].span.start, words[-1].span.end) if words else segment.span
            # How many characters are stable was said of the whole line, not of this part.
            after = replace(after, span=span, stable_chars=len(after.text) if segment.final else 0)
        same = shown is not None and replace(after, rev=shown.rev) == shown
        return [] if same else [after]

    def _unedited_runs(self, segment: Segment, near: list[EditedLine]) -> list[tuple[Word, ...]]:
        """The words that are in no edited line, in runs between those that are."""
        taken: set[int] = set()
        for line in near:
            recognised = {(word.span, word.text) for word in line.recognised}
            own = {at for at, word in enumerate(segment.words) if (word.span, word.text) in recognised}
            if own and segment.final:
                self._recognised.add(line.segment.id)
            # The same words at the same time are the edited ones. Where none is the same, because they were recognised
            # otherwise, those count that lie in the edited line by their middles; but not once the very words of that
            # line are known to be in another one: what overlaps it in time is then somebody else speaking.
            if not own and (segment.id == line.segment.id or line.segment.id not in self._recognised):
                span = line.segment.span
                middles = ((word.span.start + word.span.end) // 2 for word in segment.words)
                own = {at for at, middle in enumerate(middles) if span.start <= middle < span.end}
            taken |= own
        groups = groupby(enumerate(segment.words), key=lambda pair: pair[0] in taken)
        return [tuple(word for _, word in group) for edited, group in groups if not edited]

    def _free_ids(self, id_: str, number: int) -> list[str]:
        """Ids for what is left of a line: its own, unless that is an edited line, then further ones."""
        free = (one for one in chain([id_], (f"{id_}-{n}" for n in count(2))) if one not in self.edits.lines)
        return [next(free) for _ in range(number)]

    def _labels(self, revised: SpeakersRevised) -> list[Output]:
        """Labels of edited lines stay. One of a line that was cut is the label of all parts of it."""
        changes: list[LabelChange] = []
        for change in revised.changes:
            heard = self._heard.get(change.id)
            if heard is None:
                changes += [] if change.id in self.edits.lines else [change]
                continue
            self._keep(replace(heard.segment, speaker=change.after), heard.shown_as)
            for id_ in heard.shown_as:
                shown = self.transcript.segment(id_)
                if shown is not None and id_ not in self.edits.lines and shown.speaker != change.after:
                    changes.append(LabelChange(id_, max(change.rev, shown.rev + 1), shown.speaker, change.after))
        return [replace(revised, changes=tuple(changes))] if changes else []


def _leaves(line: LineStep) -> bool:
    """Whether words that were in an edited line may be in none now."""
    before = len(line.before.recognised) if line.before else 0
    return before > (len(line.after.recognised) if line.after else 0)


def _withdrawn(segment: Segment) -> Segment:
    return replace(segment, rev=segment.rev + 1, words=(), stable_chars=0)


class _EditedSpans:
    """Where edited lines are, so that those near another line are found without a look at each."""

    def __init__(self, lines: Iterable[EditedLine] = ()) -> None:
        self._spans: dict[str, tuple[str, Span]] = {}  # id -> its source and time
        self._starts: dict[str, list[tuple[int, str]]] = {}  # by source, start and id in order
        self._longest = 0
        for line in lines:
            self.put(line.segment.id, line.segment)

    def __len__(self) -> int:
        return len(self._spans)

    def put(self, id_: str, edited: Segment | None) -> None:
        """A line as it is edited now, or None where it no longer is: it is here, and no longer where it was."""
        here, before = edited and (edited.source_id, edited.span), self._spans.pop(id_, None)
        if before is not None:
            old = self._starts[before[0]]
            del old[bisect_left(old, (before[1].start, id_))]
        if here:
            self._spans[id_] = here
            insort(self._starts.setdefault(here[0], []), (here[1].start, id_))
            self._longest = max(self._longest, len(here[1]))

    def near(self, segment: Segment) -> list[str]:
        """Ids of the edited lines that may share words with one: of its source, and of its id or time."""
        starts = self._starts.get(segment.source_id, [])
        # None is longer than the longest, so that one which begins before that cannot reach here.
        first = bisect_left(starts, (segment.span.start - self._longest, ""))
        last = bisect_right(starts, (segment.span.end, ""))
        found = [id_ for _, id_ in starts[first:last] if self._spans[id_][1] & segment.span]
        own = self._spans.get(segment.id)
        if own is not None and own[0] == segment.source_id and segment.id not in found:
            found.append(segment.id)
        return found
