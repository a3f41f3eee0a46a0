"""What a change by hand does to a meeting's edits, as a value that can be taken back; pure.

A step holds what was before and what is after, of each speaker and each line that it touches, and of nothing else.
Taking it back is a step as well, so that this can be taken back in its turn. It can be taken back as long as all that
it touched is as it left it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from meeting.core.editing.voices import made_by_hand
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import Transcript, follow
from pipelines.types import Segment


@dataclass(frozen=True, slots=True)
class SpeakerEdit:
    """What people have set about one speaker."""

    named: bool = False
    """Whether `name` was set, also to none"""
    name: str | None = None
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class LineStep:
    """One line before and after; None where it is not edited."""

    before: EditedLine | None
    after: EditedLine | None
    unedited: Segment | None = None
    """How it is shown while nobody has edited it, as far as is known; None where there is no such line then"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one change did."""

    speakers: Mapping[str, tuple[SpeakerEdit, SpeakerEdit]] = field(default_factory=dict)
    """Before and after"""
    lines: Mapping[str, LineStep] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MadeStep:
    """A step under the id by which whoever made it may take it back."""

    id: str
    step: Step


def speaker_steps(before: Edits, after: Edits) -> dict[str, tuple[SpeakerEdit, SpeakerEdit]]:
    """The speakers about whom two edits differ."""
    ids = dict.fromkeys([*before.names, *before.merges, *after.names, *after.merges])
    both = {id_: (_speaker_edit(before, id_), _speaker_edit(after, id_)) for id_ in ids}
    return {id_: pair for id_, pair in both.items() if pair[0] != pair[1]}


def difference(before: Edits, after: Edits) -> Step:
    """What leads from some edits to others."""
    # A line that was not edited again is the same object, which spares a look at its words.
    changed = [id_ for id_, line in after.lines.items() if before.lines.get(id_) is not line]
    gone = [id_ for id_ in before.lines if id_ not in after.lines]
    lines = {id_: LineStep(before.lines.get(id_), after.lines.get(id_)) for id_ in [*changed, *gone]}
    return Step(speaker_steps(before, after), lines)


def with_step(edits: Edits, step: Step) -> Edits:
    """The edits after a step."""
    names, merges, lines = dict(edits.names), dict(edits.merges), dict(edits.lines)
    for id_, (_, after) in step.speakers.items():
        names.pop(id_, None)
        merges.pop(id_, None)
        if after.named:
            names[id_] = after.name
        if after.merged_into is not None:
            merges[id_] = after.merged_into
    for id_, line in step.lines.items():
        lines.pop(id_, None)
        if line.after is not None:
            lines[id_] = line.after
    return Edits(names, merges, lines)


def backwards(step: Step, edits: Edits, transcript: Transcript) -> Step:
    """The step that takes another one back; raises Conflict where something that it touched has changed since."""
    same_speakers = all(_speaker_edit(edits, id_) == after for id_, (_, after) in step.speakers.items())
    same_lines = all(_same(edits.lines.get(id_), line.after) for id_, line in step.lines.items())
    if not (same_speakers and same_lines):
        raise _changed_since()
    # Each revision is higher than all that were shown of these lines: one that is withdrawn has none on record.
    rev = 1 + max(_revisions(step, transcript), default=0)
    lines = {
        id_: LineStep(line.after, _revised(line.before, rev), line.unedited and replace(line.unedited, rev=rev))
        for id_, line in step.lines.items()
    }
    back = Step({id_: (after, before) for id_, (before, after) in step.speakers.items()}, lines)
    _check_speakers(edits, back)
    return back


def _revisions(step: Step, transcript: Transcript) -> Iterable[int]:
    for id_, line in step.lines.items():
        yield transcript.rev(id_)
        yield from (one.segment.rev for one in (line.before, line.after) if one is not None)
        if line.unedited is not None:
            yield line.unedited.rev


def _check_speakers(edits: Edits, back: Step) -> None:
    """Refuse what would leave lines to a speaker that is there no more, or make two speakers each other's."""
    after = with_step(edits, back)
    into = {**dict.fromkeys(after.merges.values()), **after.merges}
    rings = any(follow(id_, into) in after.merges for id_ in after.merges)
    used = {line.segment.speaker for line in after.lines.values()} | set(after.merges.values())
    nameless = any(made_by_hand(id_) and not after.names.get(id_) and id_ in used for id_ in back.speakers)
    if rings or nameless:
        raise _changed_since()


def _changed_since() -> Conflict:
    sentence = "this has been changed again since: undo what came later first"
    return Conflict(sentence, ErrorCode.OUTDATED)


def _speaker_edit(edits: Edits, id_: str) -> SpeakerEdit:
    return SpeakerEdit(id_ in edits.names, edits.names.get(id_), edits.merges.get(id_))


def _same(one: EditedLine | None, other: EditedLine | None) -> bool:
    """Whether they say the same: with each step back and forth a line gets a higher revision."""
    return _revised(one, 0) == _revised(other, 0)


def _revised(line: EditedLine | None, rev: int) -> EditedLine | None:
    return line and replace(line, segment=replace(line.segment, rev=rev))
