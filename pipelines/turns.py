"""The pure rules of turns: how a revision replaces what was known, how people's labels change it, and whose turn a word
lies in; of spans alone what they are together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from pipelines.types import UNKNOWN, Span, Turn, TurnsRevised, Word, ends_sentence, samples

AnyWord = TypeVar("AnyWord")

MAX_GAP = samples(0.5)
"""How far away the nearest turn may be to which a word in nobody's turn belongs"""
MIN_SENTENCE_PART = samples(1.0)
"""Shortest beginning or end of a sentence that may have another speaker than the rest of it"""


def replace_turns(turns: Iterable[Turn], revised: TurnsRevised) -> list[Turn]:
    """What is known of the turns after a revision, in order of time: inside its span the new ones, clipped to it, and
    outside of it the old ones, cut at its edges. None are joined (`join_turns`)."""
    span = revised.span
    if not span:
        return sorted(turns)
    known = []
    for turn in turns:
        before = Span(turn.span.start, min(turn.span.end, span.start))
        after = Span(max(turn.span.start, span.end), turn.span.end)
        known += [Turn(part, turn.speaker) for part in (before, after) if part]
    known += [Turn(turn.span & span, turn.speaker) for turn in revised.turns if turn.span & span]
    return sorted(known)


def join_turns(turns: Iterable[Turn]) -> list[Turn]:
    """The same turns in order of time, those of one speaker that touch or overlap made one; empty ones left out."""
    last: dict[str, int] = {}
    joined: list[Turn] = []
    for turn in sorted(turn for turn in turns if turn.span):
        at = last.get(turn.speaker)
        if at is not None and turn.span.start <= joined[at].span.end:
            joined[at] = Turn(joined[at].span | turn.span, turn.speaker)
        else:
            last[turn.speaker] = len(joined)
            joined.append(turn)
    return joined


def join_spans(spans: Iterable[Span], pause: int = 0) -> list[Span]:
    """Spans in order of time, those that are at most a pause apart made one; empty ones count as any other."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end + pause:
            joined[-1] = joined[-1] | span
        else:
            joined.append(span)
    return joined


def covered(spans: Iterable[Span]) -> int:
    """How many samples one of the spans, or several, cover."""
    total, end = 0, 0
    for span in sorted(spans):
        total += max(0, span.end - max(span.start, end))
        end = max(end, span.end)
    return total


def assign_turns(turns: Iterable[Turn], span: Span, speaker: str) -> list[Turn]:
    """The turns, joined, when a person says that `speaker` is who mostly speaks within a span; others in it stay."""
    turns = list(turns)
    spoken: dict[str, int] = {}
    for turn in turns:
        spoken[turn.speaker] = spoken.get(turn.speaker, 0) + len(turn.span & span)
    # Of two who speak as long the first by name, however their turns are cut.
    most = min(spoken, key=lambda one: (-spoken[one], one), default=None)
    if most is None or not spoken[most]:
        inside = [Turn(span, speaker)]
    else:
        shared = (turn for turn in turns if turn.span & span)
        inside = [replace(turn, speaker=speaker) if turn.speaker == most else turn for turn in shared]
    return join_turns(replace_turns(turns, TurnsRevised(span, tuple(inside))))


def assign_lines(turns: Iterable[Turn], lines: Iterable[tuple[Span, str]]) -> list[Turn]:
    """The turns, joined, when people gave lines to speakers: `assign_turns` for each line in order of time.

    Each line is compared with the turns near it only, so that the time taken grows with their number alone.
    """
    waiting, near, past = deque(sorted(turns)), list[Turn](), list[Turn]()
    for span, speaker in sorted(lines):
        while waiting and waiting[0].span.start < span.end:
            near.append(waiting.popleft())
        # No later line begins before this one, so that none changes what has ended by now.
        past += [turn for turn in near if turn.span.end <= span.start]
        near = assign_turns((turn for turn in near if turn.span.end > span.start), span, speaker)
    return join_turns([*past, *near, *waiting])


def label_words(words: Sequence[Word], turns: Sequence[Turn], near: int = MAX_GAP) -> list[str | None]:
    """Speaker of each word: whose turn covers most of it, else the nearest turn within `near` samples.

    Where several cover it alike (people speaking at once), it stays with the speaker of the word before.
    """
    labels: list[str | None] = []
    for word in words:
        cover: dict[str, int] = {}
        for turn in turns:
            shared = len(turn.span & word.span)
            if shared:
                cover[turn.speaker] = cover.get(turn.speaker, 0) + shared
        if cover:
            most = max(cover.values())
            likely = [speaker for speaker, shared in cover.items() if shared * 10 >= most * 9]
            chosen = (
                labels[-1]
                if labels and labels[-1] in likely
                else min(likely, key=lambda s: (s == UNKNOWN, -cover[s], s))
            )
        else:
            gaps = [(turn.span.gap(word.span), turn.speaker) for turn in turns]
            gap, nearest = min(gaps, default=(near + 1, UNKNOWN))
            chosen = nearest if gap <= near else UNKNOWN
        labels.append(None if chosen == UNKNOWN else chosen)
    return labels


def labelled_runs(words: Sequence[AnyWord], labels: Sequence[str | None]) -> list[tuple[str | None, list[AnyWord]]]:
    """Words in order, as runs of one label each; each word has one."""
    pairs = zip(labels, words, strict=True)
    return [(label, [word for _, word in run]) for label, run in groupby(pairs, key=lambda pair: pair[0])]


def keep_sentences_whole(words: Sequence[Word], labels: Sequence[str | None], least: int) -> list[str | None]:
    """The labels of words, with beginnings and ends of sentences shorter than `least` samples given to what is beside
    them in the same sentence, the shortest first."""
    settled: list[str | None] = []
    for sentence in _sentences(words):
        runs = labelled_runs(sentence, labels[len(settled) : len(settled) + len(sentence)])
        while len(runs) > 1:
            first, last = _length(runs[0][1]), _length(runs[-1][1])
            if min(first, last) >= least:
                break
            if first <= last:
                runs[:2] = [(runs[1][0], runs[0][1] + runs[1][1])]
            else:
                runs[-2:] = [(runs[-2][0], runs[-2][1] + runs[-1][1])]
        settled += [speaker for speaker, run in runs for _ in run]
    return settled


def _length(words: Sequence[Word]) -> int:
    return words[-1].span.end - words[0].span.start


def _sentences(words: Sequence[Word]) -> Iterable[list[Word]]:
    """The words of each sentence, by the marks that end one."""
    sentence: list[Word] = []
    for word in words:
        sentence.append(word)
        if ends_sentence(word.text):
            yield sentence
            sentence = []
    if sentence:
        yield sentence
