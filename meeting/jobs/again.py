"""A meeting that is transcribed again: its new lines under the voices that it had, with what people have set. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from meeting.core.editing.overlay import Overlay
from meeting.core.records import Edits, Record
from meeting.core.transcript import Transcript
from pipelines.types import Segment, Speaker, Turn

SURE_SHARE = 0.5
"""Of one of two voices' time, that the other must be heard in as well for both to be one"""


@dataclass(frozen=True, slots=True)
class NewTranscript:
    """What takes the place of all that was kept of a meeting's words and voices."""

    segments: tuple[Segment, ...]
    speakers: tuple[Speaker, ...]
    turns: tuple[Turn, ...]


def match_voices(old: Sequence[Turn], new: Sequence[Turn], merged: Collection[str] = ()) -> dict[str, str]:
    """New voice -> the old one that it is, by the time in which both are heard; without those that are like none.

    No two new voices are the same old one, unless that is in `merged`: people have said of several that they are it.
    """
    shared = _shared_time(old, new)
    old_time, new_time = _time(old), _time(new)
    found: dict[str, str] = {}
    for (voice, known), time in sorted(shared.items(), key=lambda one: (-one[1], one[0])):
        sure = time >= SURE_SHARE * min(new_time[voice], old_time[known])
        if sure and voice not in found and (known not in found.values() or known in merged):
            found[voice] = known
    return found


def transcript_again(old: Record, edits: Edits, new: Record, source_id: str, mark: str) -> NewTranscript:
    """The lines of `new` as lines of `old`, whose source is `source_id`; those that people have edited stay.

    Ids of lines begin with `mark`, since they are others than those that the same ids had before.
    """
    voices = match_voices(old.turns, new.turns, frozenset(edits.merges.values()))
    numbers = count(1 + max((_number(speaker.id) for speaker in old.speakers), default=0))
    colors = count(1 + max((speaker.color for speaker in old.speakers), default=-1))
    fresh = []
    for speaker in new.speakers:
        if speaker.id not in voices:
            voices[speaker.id] = f"spk{next(numbers)}"
            fresh.append(Speaker(voices[speaker.id], None, next(colors)))
    set_by_hand = {*edits.names, *edits.merges, *edits.merges.values()}
    set_by_hand |= {line.segment.speaker for line in edits.lines.values() if line.segment.speaker is not None}
    stay = _with_those_they_are({*set_by_hand, *voices.values()}, old.speakers)
    speakers = [one for one in old.speakers if one.id in stay] + fresh
    transcript = Transcript([], speakers)
    overlay = Overlay(transcript, edits, speakers)
    # Higher than all before, so that whoever has seen these finds that the meeting has changed.
    latest = max((segment.rev for segment in old.segments), default=0)
    for output in overlay.show_all():
        transcript.apply(output)
    for segment in new.segments:
        speaker_id = None if segment.speaker is None else voices.get(segment.speaker)
        id_, rev = f"{mark}-{segment.id}", latest + segment.rev
        for output in overlay(replace(segment, id=id_, rev=rev, source_id=source_id, speaker=speaker_id)):
            transcript.apply(output)
    turns = tuple(replace(turn, speaker=voices[turn.speaker]) for turn in new.turns if turn.speaker in voices)
    return NewTranscript(transcript.segments, transcript.speakers, turns)


def _with_those_they_are(ids: Collection[str], speakers: Sequence[Speaker]) -> set[str]:
    """These speakers and all that they turned out to be, step by step."""
    into = {speaker.id: speaker.merged_into for speaker in speakers}
    found, left = set[str](), list(ids)
    while left:
        id_ = left.pop()
        target = into.get(id_)
        if id_ not in found and target is not None:
            left.append(target)
        found.add(id_)
    return found


def _shared_time(old: Sequence[Turn], new: Sequence[Turn]) -> Counter[tuple[str, str]]:
    """Samples in which a new voice and an old one are both heard."""
    shared: Counter[tuple[str, str]] = Counter()
    coming, near = sorted(old, key=_start, reverse=True), list[Turn]()
    for turn in sorted(new, key=_start):
        while coming and coming[-1].span.start < turn.span.end:
            near.append(coming.pop())
        near = [one for one in near if one.span.end > turn.span.start]
        for one in near:
            shared[turn.speaker, one.speaker] += len(one.span & turn.span)
    return +shared


def _start(turn: Turn) -> int:
    return turn.span.start


def _time(turns: Iterable[Turn]) -> Counter[str]:
    time: Counter[str] = Counter()
    for turn in turns:
        time[turn.speaker] += len(turn.span)
    return time


def _number(speaker_id: str) -> int:
    digits = speaker_id.removeprefix("spk")
    return int(digits) if digits.isdecimal() else 0
