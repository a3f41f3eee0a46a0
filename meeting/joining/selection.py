"""Whose words are shown in a block: one source's of those that hear the same, everybody's of those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from meeting.joining.blocks import Block, PlacedWord
from meeting.joining.levels import Heard, LevelTrack, Pairs, coherence, frames, is_active
from meeting.joining.wording import says_the_same
from pipelines.turns import covered
from pipelines.types import LEVEL_FRAME, Span, samples

COHERENT = 0.7
"""From which coherence on two sources hear the same"""
STILL_COHERENT = 0.45
"""The same of two sources that have heard the same of late"""
TYPICAL = 0.5
"""Coherence, in the mean, of sources that have heard the same of late"""
LEAST_FRAMES = 30
"""Frames that are compared at least: in fewer of them anything may look alike"""
COVER = 0.6
"""Share of what any coherent source's words cover that those of the one that is shown must cover"""
STILL_COVER = 0.3
"""The same of the one that is shown by now, and of one that is shown instead, while words may still change"""
CLEARLY = 3.0
"""Decibels by which another source must then hear better to be shown instead"""
SURER = 0.05
"""By how much the logarithm of the confidence must be higher, in the mean, for a source that hears less well"""
LEAST_CONFIDENCE = 0.01
"""Of a word: what is less sure is no worse"""
PATIENCE = samples(2.0)
"""How long the words of the better source are waited for"""
SILENT = 6.0
"""Decibels above its noise floor, at most, of a source that does not hear a word of another one"""
NEAR_WORD = 2
"""Frames before and after a word in which it may be heard, too: times of words are rough"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown of a block."""

    block: Block
    hidden: frozenset[PlacedWord] = frozenset()
    """Words that are not shown"""
    better: Mapping[str, str] = field(default_factory=dict)
    """By source of which nothing is shown that the better one hears: that one"""
    coherent: tuple[frozenset[str], ...] = ()
    """Sources that hear the same"""
    twice: tuple[tuple[tuple[PlacedWord, ...], tuple[PlacedWord, ...]], ...] = ()
    """Of sources that hear different things, lines that are the same: the one that is shown, and the one that is not"""
    waiting: bool = False
    """Whether words of a better source may still come, and those of others are held back until then"""
    provisional: bool = False
    """Whether words are waited for, or what was shown before had a say: in the end the choice may be another one"""


def choose(
    block: Block,
    tracks: Mapping[str, LevelTrack],
    pairs: Pairs,
    ended: Set[str],
    newest: int,
    shown: Mapping[str, int] | None = None,
) -> Choice:
    """Choose for a block, by the levels of all sources; `newest` is the sample up to which any is known.

    `shown` is how many samples the words of each source cover that are shown in the block by now. While words may
    still change or are waited for, that source stays unless another one is clearly better; once all are final it is
    of no matter.
    """
    heard = _heard(block, tracks)
    groups = _groups(heard, pairs, frames(block.span)[1])
    better: dict[str, str] = {}
    hidden, waiting, provisional = set[PlacedWord](), False, False
    for group in groups:
        best, cover = _best(group, heard), _cover(block, group)
        able = {id_ for id_ in group if cover[id_] >= COVER * max(cover.values())}
        missing = best not in able and best not in ended and newest < block.span.end + PATIENCE
        waiting |= missing
        if not missing:
            best = _surest(block, able, _best(able, heard))
        now = _shown_now(group, cover, shown or {}) if missing or _may_change(block, group, ended) else None
        if now is not None:
            provisional = True
            if not _replaces(best, now, block, heard, cover):
                best, missing = now, False
        better |= {id_: best for id_ in group if id_ != best}
        others = [word for word in block.words if word.source_id in group and word.source_id != best]
        hidden |= set(others) if missing else _heard_by(tracks[best], block, others)
    twice = _said_twice(block, hidden, heard)
    hidden.update(word for _, line in twice for word in line)
    return Choice(block, frozenset(hidden), better, tuple(groups), tuple(twice), waiting, waiting or provisional)


def score(heard: Heard) -> float:
    """How well a source hears: decibels above its noise floor."""
    return float(heard.mean())


def _heard(block: Block, tracks: Mapping[str, LevelTrack]) -> dict[str, Heard]:
    """What the sources hear in which anything is heard."""
    first, last = frames(block.span)
    # What is before a short block is known already when its words come, what is behind it is not.
    heard = {id_: track.heard(min(first, last - LEAST_FRAMES), last) for id_, track in tracks.items()}
    return {id_: found for id_, found in heard.items() if found is not None and is_active(found)}


def _best(group: Set[str], heard: Mapping[str, Heard]) -> str:
    return max(sorted(group), key=lambda id_: score(heard[id_]))


def _surest(block: Block, group: Set[str], best: str) -> str:
    """The source whose recogniser is surest of its words, by a margin; else the one that hears best.

    How loud a voice is says less of how well it is understood than what the recogniser itself says in the end.
    """
    sure: dict[str, float] = {}
    for id_ in sorted(group):
        confidences = [word.confidence for word in block.words if word.source_id == id_]
        if not confidences or min(confidences) < 0:
            return best
        sure[id_] = float(np.mean(np.log(np.maximum(confidences, LEAST_CONFIDENCE))))
    surest = max(sure, key=lambda id_: sure[id_])
    return surest if sure[surest] >= sure[best] + SURER else best


def _cover(block: Block, group: Set[str]) -> dict[str, int]:
    """Samples that the words of each source cover."""
    return {id_: covered(word.span for word in block.words if word.source_id == id_) for id_ in group}


def _may_change(block: Block, group: Set[str], ended: Set[str]) -> bool:
    """Whether words of some sources are not final."""
    return any(not word.final and word.source_id in group - ended for word in block.words)


def _shown_now(group: Set[str], cover: Mapping[str, int], shown: Mapping[str, int]) -> str | None:
    """The source of which most is shown; None where that is nothing, or it has much fewer words now than others."""
    now = max(sorted(group), key=lambda id_: shown.get(id_, 0))
    return now if shown.get(now) and cover[now] >= STILL_COVER * max(cover.values()) else None


def _replaces(best: str, now: str, block: Block, heard: Mapping[str, Heard], cover: Mapping[str, int]) -> bool:
    """Whether a source is clearly better than the one that is shown while words may still change.

    By the block alone, not by what is before it: of a block that has just begun that may be another voice.
    """
    first, last = frames(block.span)
    known = min(len(heard[best]), len(heard[now]))
    start = max(0, LEAST_FRAMES - (last - first))
    one, other = (heard[id_][start if start < known else 0 : known] for id_ in (best, now))
    return cover[best] >= STILL_COVER * max(cover.values()) and score(one) > score(other) + CLEARLY


def _groups(heard: Mapping[str, Heard], pairs: Pairs, frame: int) -> list[frozenset[str]]:
    """Sources that hear the same, also by way of a third."""
    group = {id_: frozenset([id_]) for id_ in heard}
    for one, other in combinations(sorted(heard), 2):
        if group[one] != group[other] and _hear_the_same(one, other, heard, pairs, frame):
            joined = group[one] | group[other]
            group |= dict.fromkeys(joined, joined)
    return sorted({mine for mine in group.values() if len(mine) > 1}, key=min)


def _hear_the_same(one: str, other: str, heard: Mapping[str, Heard], pairs: Pairs, frame: int) -> bool:
    found = coherence(heard[one], heard[other])
    if not STILL_COHERENT <= found < COHERENT:
        return found >= COHERENT
    typical = pairs.typical(one, other, frame)
    return typical is not None and typical >= TYPICAL


def _heard_by(best: LevelTrack, block: Block, words: Sequence[PlacedWord]) -> set[PlacedWord]:
    """The words of other sources at which the best one hears anything."""
    start, end = frames(block.span)
    heard = best.heard(start - NEAR_WORD, end + NEAR_WORD)
    if heard is None:
        return set(words)
    loud = np.flatnonzero(heard.mean(axis=1) >= SILENT) + start - NEAR_WORD
    known = start - NEAR_WORD + len(heard)
    found = set()
    for word in words:
        first, last = frames(word.span)
        at = int(np.searchsorted(loud, first - NEAR_WORD))
        if first >= known or (at < len(loud) and loud[at] < last + NEAR_WORD):
            found.add(word)
    return found


def _said_twice(
    block: Block, hidden: Set[PlacedWord], heard: Mapping[str, Heard]
) -> list[tuple[tuple[PlacedWord, ...], tuple[PlacedWord, ...]]]:
    """Lines that another source says as well, the better one first."""
    lines: dict[str, list[PlacedWord]] = {}
    for word in block.words:
        if word not in hidden:
            lines.setdefault(word.line, []).append(word)

    def worth(line: str) -> tuple[int, float, str]:
        source_id = lines[line][0].source_id
        return covered(word.span for word in lines[line]), score(heard[source_id]) if source_id in heard else 0.0, line

    found, worse = [], set[str]()
    for one, other in combinations(sorted(lines, key=worth, reverse=True), 2):
        sources = {lines[one][0].source_id, lines[other][0].source_id}
        if len(sources) == 2 and not worse & {one, other} and says_the_same(lines[one], lines[other]):
            worse.add(other)
            found.append((tuple(lines[one]), tuple(lines[other])))
    return found


def reach(span: Span) -> Span:
    """Where blocks may lie about which levels in a span say something at once."""
    return Span(span.start - LEAST_FRAMES * LEVEL_FRAME, span.end + LEAST_FRAMES * LEVEL_FRAME)
