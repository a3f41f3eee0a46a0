"""A meeting that is transcribed again: its new lines under the voices that it had, with what people have set. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from meeting.core.editing.overlay import Overlay
from meeting.core.records import Edits, Record
from meeting.core.transcript import Transcript, resolve
from meeting.jobs.standing import StandingLines
from meeting.storage.queue.retranscription_store import NewTranscript
from pipelines.types import Segment, Speaker, Turn

SURE_SHARE = 0.5
"""Of one of two voices' time, that the other must be heard in as well for both to be one"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A meeting as it is kept."""

    record: Record
    turns: Mapping[str, Sequence[Turn]] = field(default_factory=dict)
    """By the source in which they are heard, as diarization found them"""


def match_voices(
    old: Sequence[Turn], new: Sequence[Turn], merged: Collection[str] = (), certain: Mapping[str, str] | None = None
) -> dict[str, str]:
    """New voice -> the old one that it is, by the time in which both are heard; without those that are like none.

    No two new voices are the same old one, unless that is in `merged`: people have said of several that they are it.
    Those in `certain` are so whatever is heard.
    """
    shared = _shared_time(old, new)
    old_time, new_time = _time(old), _time(new)
    found = dict(certain or {})
    for (voice, known), time in sorted(shared.items(), key=lambda one: (-one[1], one[0])):
        sure = time >= SURE_SHARE * min(new_time[voice], old_time[known])
        if sure and voice not in found and (known not in found.values() or known in merged):
            found[voice] = known
    return found


def transcript_again(old: Kept, edits: Edits, new: Kept, mark: str) -> NewTranscript:
    """The lines of `new` as lines of `old`, whose sources have the same ids; those that people have edited stay.

    So does all of sources that are only in `old`. Ids of lines begin with `mark`, since they are others than those
    that the same ids had before.
    """
    before, now = old.record, new.record
    again = {source.id for source in now.sources}
    left = [one for one in before.segments if one.source_id not in again and one.id not in edits.lines]
    voices = match_voices(before.turns, now.turns, frozenset(edits.merges.values()), _owners(before, now))
    fresh = _fresh_speakers(before, now, voices)
    set_by_hand = {*edits.names, *edits.merges, *edits.merges.values()}
    said_by = {line.segment.speaker for line in edits.lines.values()} | {segment.speaker for segment in left}
    heard_there = {turn.speaker for source_id, turns in old.turns.items() if source_id not in again for turn in turns}
    needed = {*set_by_hand, *(id_ for id_ in said_by if id_ is not None), *heard_there, *voices.values()}
    stay = _with_those_they_are(needed, before.speakers)
    speakers = [one for one in before.speakers if one.id in stay] + fresh
    transcript = Transcript([], speakers)
    overlay = Overlay(transcript, edits, speakers)
    # Higher than all before, so that whoever has seen these finds that the meeting has changed.
    latest = max((segment.rev for segment in before.segments), default=0)
    for output in [*left, *overlay.show_all()]:
        transcript.apply(output)
    standing = _standing(before, edits, left, now.segments)
    for segment in now.segments:
        speaker_id = None if segment.speaker is None else voices.get(segment.speaker)
        placed = replace(segment, id=f"{mark}-{segment.id}", rev=latest + segment.rev, speaker=speaker_id)
        for part in standing.beside(placed):
            for output in overlay(part):
                transcript.apply(output)
    return NewTranscript(
        transcript.segments,
        transcript.speakers,
        {
            source_id: tuple(replace(turn, speaker=voices[turn.speaker]) for turn in turns if turn.speaker in voices)
            for source_id, turns in new.turns.items()
        },
        {
            source.id: {own: voices[id_] for own, id_ in source.speakers.items() if id_ in voices}
            for source in now.sources
        },
    )


def _owners(before: Record, now: Record) -> dict[str, str]:
    """New voice -> old one, of those who have a source of their own."""
    was, is_ = resolve(before.speakers), resolve(now.speakers)
    known = {source.id: source.speakers for source in before.sources}
    found = {}
    for source in now.sources:
        for own, id_ in source.speakers.items() if source.kind == "solo" else ():
            if (old := known.get(source.id, {}).get(own)) is not None:
                found[is_.get(id_, id_)] = was.get(old, old)
    return found


def _fresh_speakers(before: Record, now: Record, voices: dict[str, str]) -> list[Speaker]:
    """Speakers for the new voices that are none of before; `voices` says who they are from then on."""
    numbers = count(1 + max((_number(speaker.id) for speaker in before.speakers), default=0))
    colors = count(1 + max((speaker.color for speaker in before.speakers), default=-1))
    owners = {id_ for source in now.sources if source.kind == "solo" for id_ in source.speakers.values()}
    fresh, is_ = [], resolve(now.speakers)
    for speaker in now.speakers:
        if is_[speaker.id] == speaker.id and speaker.id not in voices:
            voices[speaker.id] = f"spk{next(numbers)}"
            name = speaker.name if speaker.id in owners else None
            fresh.append(Speaker(voices[speaker.id], name, next(colors)))
    voices |= {id_: voices[who] for id_, who in is_.items()}
    return fresh


def _standing(before: Record, edits: Edits, left: Sequence[Segment], now: Sequence[Segment]) -> StandingLines:
    lines = {segment.id: segment for segment in left} | {id_: line.segment for id_, line in edits.lines.items()}
    others = [segment for segment in before.segments if segment.id not in lines]
    return StandingLines(lines.values(), others, now)


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
