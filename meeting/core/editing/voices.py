"""The speakers of a meeting as people have set them: names, merges, and those that only people know of; pure."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from itertools import chain, count

from meeting.core.records import Edits, plain_name
from meeting.core.transcript import follow, resolve
from pipelines.types import Speaker

HAND = "hand"
LAST_COLOR = 1000


def made_by_hand(speaker: str) -> bool:
    """Whether an id is that of a speaker that a person has made, whom the pipeline does not know."""
    return speaker.startswith(HAND) and speaker.removeprefix(HAND).isdecimal()


def new_speaker(taken: Container[str]) -> str:
    """An id for a speaker that a person makes: the pipeline numbers its own, and may come to any number."""
    return next(id_ for id_ in (f"{HAND}{n}" for n in count(1)) if id_ not in taken)


def as_heard(shown: Iterable[Speaker], edits: Edits) -> list[Speaker]:
    """Speakers that are shown as people have set them, without that: as the pipeline knows them, as far as can be told.

    Of a speaker that people have merged or named, what the pipeline holds of it meanwhile is not known.
    """
    given = set(edits.names.values()) - {None}
    out = []
    for speaker in shown:
        named = speaker.id in edits.names
        if made_by_hand(speaker.id):
            continue
        if named and speaker.profile is not None:  # the name by which it was recognised, which a person has confirmed
            speaker = replace(speaker, recognized=True)
        elif named or speaker.name in given:
            speaker = replace(speaker, name=None, recognized=False, profile=None)
        out.append(replace(speaker, merged_into=None if speaker.id in edits.merges else speaker.merged_into))
    return out


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
    if made_by_hand(id_):  # from the end, so that they do not look like one of the pipeline's
        return max(0, LAST_COLOR - int(id_.removeprefix(HAND)))
    digits = id_.removeprefix("spk")
    return max(0, int(digits) - 1) if digits.isdecimal() else 0
