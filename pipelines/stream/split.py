"""The words of an utterance as runs of one speaker each, from the turns that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.turns import MAX_GAP, MIN_SENTENCE_PART, keep_sentences_whole, label_words, labelled_runs
from pipelines.types import SAMPLE_RATE, Span, Turn, Word, samples


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """When a line is split between speakers; times in seconds."""

    max_gap: float = MAX_GAP / SAMPLE_RATE
    """A word in nobody's turn belongs to the nearest turn up to this far away"""
    min_run: float = 1.0
    """Shortest run that a change of speaker cuts off"""
    min_share: float = 0.2
    """Smallest share of the line that such a run may be"""
    min_words: int = 2
    """Fewest words of such a run"""
    min_own_share: float = 0.9
    """Share of a smaller run that its speaker's turns must cover, others at most the rest, for it to be kept"""
    min_part: float = MIN_SENTENCE_PART / SAMPLE_RATE
    """Shortest beginning or end of a sentence that may have another speaker than the rest of it"""


@dataclass(frozen=True, slots=True)
class SpeakerRun:
    """Consecutive words of one speaker; None where the speaker could not be told."""

    speaker: str | None
    words: tuple[Word, ...]

    @property
    def span(self) -> Span:
        """From the first word to the last."""
        return Span(self.words[0].span.start, self.words[-1].span.end)


def split_by_speaker(words: Sequence[Word], turns: Sequence[Turn], options: SplitOptions) -> list[SpeakerRun]:
    """Words in order, as runs of one speaker each.

    A run is cut off only where it is long enough to be believed (`min_run`, `min_share`, `min_words`): the
    edges of words and of turns are both uncertain by some tenths of a second. A shorter one, such as a "Right."
    in between, is kept where nobody else is heard in it. Nor does a sentence lose its first or last words to the
    line beside it: a turn that is told a little too early or too late would take them.
    """
    if not words:
        return []
    labels = keep_sentences_whole(words, label_words(words, turns, samples(options.max_gap)), samples(options.min_part))
    runs = [SpeakerRun(speaker, tuple(run)) for speaker, run in labelled_runs(words, labels)]
    whole = Span(words[0].span.start, words[-1].span.end)
    least = max(samples(options.min_run), round(len(whole) * options.min_share))
    while len(runs) > 1:
        weak = [
            at
            for at, run in enumerate(runs)
            if (len(run.words) < options.min_words or len(run.span) < least)
            and not _is_clear(run, turns, options.min_own_share)
        ]
        if not weak:
            break
        runs = _absorb(runs, min(weak, key=lambda at: (len(runs[at].span), at)))
    return runs


def _is_clear(run: SpeakerRun, turns: Sequence[Turn], share: float) -> bool:
    """Whether a run lies in turns of its own speaker and of nobody else."""
    length = sum(len(word.span) for word in run.words)
    own = others = 0
    for turn in turns:
        shared = sum(len(turn.span & word.span) for word in run.words)
        if turn.speaker == run.speaker:
            own += shared
        else:
            others += shared
    return run.speaker is not None and own >= share * length and others <= (1 - share) * length


def _absorb(runs: list[SpeakerRun], at: int) -> list[SpeakerRun]:
    """Give a weak run's words to the longer of its neighbours, and join neighbours that are then alike."""
    sides = [side for side in (at - 1, at + 1) if 0 <= side < len(runs)]
    owner = runs[max(sides, key=lambda side: (runs[side].speaker is not None, len(runs[side].span)))].speaker
    joined: list[SpeakerRun] = []
    for index, run in enumerate(runs):
        speaker = owner if index == at else run.speaker
        if joined and joined[-1].speaker == speaker:
            joined[-1] = SpeakerRun(speaker, joined[-1].words + run.words)
        else:
            joined.append(SpeakerRun(speaker, run.words))
    return joined


def is_overlapped(words: Sequence[Word], turns: Sequence[Turn]) -> bool:
    """Whether at least half of the words lie, by half of their length, in the turns of two voices or more."""
    shared = sum(_speakers_heard(word, turns) > 1 for word in words)
    return shared > 0 and shared * 2 >= len(words)


def _speakers_heard(word: Word, turns: Sequence[Turn]) -> int:
    """Number of voices that are heard through at least half of a word."""
    cover: dict[str, int] = {}
    for turn in turns:
        cover[turn.speaker] = cover.get(turn.speaker, 0) + len(turn.span & word.span)
    return sum(shared > 0 and shared * 2 >= len(word.span) for shared in cover.values())
