"""Words and turns become segments: one speaker each, with stable ids, revised as more is known.

Words come from the recogniser, turns from diarization, each when it is ready; neither waits for the other.
What is sent at the end depends on the words and turns alone, not on the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from pipelines.types import (
    SENTENCE_ENDS,
    UNKNOWN,
    LabelChange,
    Reading,
    Segment,
    Span,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
    samples,
)

CLOSING = "\"')]}»”’"
"""What may follow the mark that ends a sentence"""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """When a line is split between speakers; times in seconds."""

    near: float = 0.5
    """A word in nobody's turn belongs to the nearest turn up to this far away"""
    min_piece: float = 1.0
    """Shortest piece that a change of speaker cuts off"""
    min_share: float = 0.2
    """Smallest share of the line that such a piece may be"""
    min_words: int = 2
    """Fewest words of such a piece"""
    stable_confidence: float = 0.9
    """Confidence that each word up to a place needs, in two readings that agree, to be shown as stable"""
    clear: float = 0.9
    """Share of a smaller piece that its speaker's turns must cover, others at most the rest, for it to be kept"""
    least_part: float = 1.0
    """Shortest beginning or end of a sentence that may have another speaker than the rest of it"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive words of one speaker; None where the speaker could not be told."""

    speaker: str | None
    words: tuple[Word, ...]

    @property
    def span(self) -> Span:
        """From the first word to the last."""
        return Span(self.words[0].span.start, self.words[-1].span.end)


@dataclass(slots=True)
class _Line:
    """One slice of speech: what was read in it, and the segments sent for it, by id."""

    span: Span
    words: tuple[Word, ...] = ()
    final: bool = False
    stable: int = 0
    """Words at the start that will hardly change: two readings in a row agree on them and are sure"""
    sent: dict[str, Segment] = field(default_factory=dict)


class Merger:
    """Readings and turns of one source in; segments and label changes out."""

    def __init__(self, source_id: str, prefix: str = "s", options: MergeOptions | None = None) -> None:
        """`prefix` starts every segment id, so that two sources of one meeting cannot clash."""
        self._source = source_id
        self._prefix = prefix
        self._options = options or MergeOptions()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._lines: dict[int, _Line] = {}
        self._timeline = _Timeline()

    def __call__(self, item: Reading | TurnsRevised) -> list[Segment | SpeakersRevised]:
        """One more result of either branch."""
        return self._read(item) if isinstance(item, Reading) else self._relabel(item)

    def flush(self) -> list[Segment | SpeakersRevised]:
        """Nothing is held back, so nothing is left."""
        return []

    def _read(self, reading: Reading) -> list[Segment | SpeakersRevised]:
        line = self._lines.setdefault(reading.slice_index, _Line(reading.span))
        if line.final and not reading.again:
            return []
        agreed = common_prefix(line.words, reading.words)
        sure = 0 if reading.provisional else self._sure(reading.words)
        line.stable = len(reading.words) if reading.final else min(agreed, max(line.stable, sure))
        line.span, line.words, line.final = reading.span, reading.words, reading.final
        segments, changes = self._update(reading.slice_index, line)
        return [*segments, *_revised(changes, "refine" if reading.again else "live")]

    def _sure(self, words: Sequence[Word]) -> int:
        """Number of words at the start that the recogniser is sure of, where it says so."""
        doubtful = (
            at
            for at, word in enumerate(words)
            if word.confidence is not None and word.confidence < self._options.stable_confidence
        )
        return next(doubtful, len(words))

    def _relabel(self, revised: TurnsRevised) -> list[Segment | SpeakersRevised]:
        self._timeline.replace(revised)
        reach = samples(self._options.near)
        out: list[Segment | SpeakersRevised] = []
        changed: list[LabelChange] = []
        for index in reversed(self._lines):
            line = self._lines[index]
            if revised.span.start - line.span.end > reach:
                break
            if line.span.gap(revised.span) <= reach:
                segments, changes = self._update(index, line)
                out += segments
                changed += changes
        return [*out, *_revised(changed, revised.reason)]

    def _update(self, index: int, line: _Line) -> tuple[list[Segment], list[LabelChange]]:
        """Send what differs from what was sent: new words as segments, mere labels as changes."""
        segments: list[Segment] = []
        changes: list[LabelChange] = []
        wanted = {segment.id: segment for segment in self._segments(index, line)}
        for id in [*wanted, *(id for id in line.sent if id not in wanted)]:
            before, after = line.sent.get(id), wanted.get(id)
            if after is None:
                assert before is not None
                if not before.words:
                    continue
                after = replace(before, words=(), speaker=None, final=line.final, stable_chars=0)
            if before is not None:
                after = replace(after, rev=before.rev)
                if after == before:
                    continue
                after = replace(after, rev=before.rev + 1)
            line.sent[id] = after
            if before is not None and replace(after, rev=before.rev, speaker=before.speaker) == before:
                changes.append(LabelChange(id, after.rev, before.speaker, after.speaker))
            else:
                segments.append(after)
        return segments, changes

    def _segments(self, index: int, line: _Line) -> Iterable[Segment]:
        """The segments of a line as they should be now, each with revision 1."""
        near = self._timeline.near(line.span, samples(self._options.near))
        stable = line.stable
        for number, piece in enumerate(split(line.words, near, self._options)):
            id = f"{self._prefix}{index + 1}" + (f".{number + 1}" if number else "")
            sure = " ".join(word.text for word in piece.words[: max(0, stable)])
            stable -= len(piece.words)
            voices = line.final and spoken_over(piece.words, near)
            yield Segment(id, 1, line.final, self._source, piece.span, piece.speaker, piece.words, len(sure), voices)


class _Timeline:
    """Turns in order of time. Both operations look at a neighbourhood only, however long the meeting lasts."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._longest = 0

    def near(self, span: Span, reach: int) -> list[Turn]:
        """The turns at most `reach` samples away."""
        return [turn for turn in self._turns[self._around(span, reach)] if turn.span.gap(span) <= reach]

    def replace(self, revised: TurnsRevised) -> None:
        """Take over a revision."""
        around = self._around(revised.span, 0)
        self._turns[around] = replace_turns(self._turns[around], revised)
        self._longest = max([self._longest, *(len(turn.span) for turn in revised.turns)])

    def _around(self, span: Span, reach: int) -> slice:
        first = bisect_left(self._turns, span.start - reach - self._longest, key=_begin)
        return slice(first, bisect_right(self._turns, span.end + reach, key=_begin))


def _begin(turn: Turn) -> int:
    return turn.span.start


def _revised(changes: list[LabelChange], reason: str) -> list[SpeakersRevised]:
    return [SpeakersRevised(tuple(changes), reason)] if changes else []


def common_prefix(before: Sequence[Word], after: Sequence[Word]) -> int:
    """Number of words at the start whose texts agree."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old.text != new.text:
            break
        count += 1
    return count


def replace_turns(turns: Sequence[Turn], revised: TurnsRevised) -> tuple[Turn, ...]:
    """Turns in order with those inside the revised stretch replaced; what reaches out of it is kept."""
    kept: list[Turn] = []
    for turn in turns:
        before = Span(turn.span.start, min(turn.span.end, revised.span.start))
        after = Span(max(turn.span.start, revised.span.end), turn.span.end)
        kept += [Turn(part, turn.speaker) for part in (before, after) if part]
    return tuple(sorted([*kept, *revised.turns]))


def split(words: Sequence[Word], turns: Sequence[Turn], options: MergeOptions) -> list[Piece]:
    """Words in order, as pieces of one speaker each.

    A piece is cut off only where it is long enough to be believed (`min_piece`, `min_share`, `min_words`): the
    edges of words and of turns are both uncertain by some tenths of a second. A shorter one, such as a "Right."
    in between, is kept where nobody else is heard in it. Nor does a sentence lose its first or last words to the
    line beside it: a turn that is told a little too early or too late would take them.
    """
    if not words:
        return []
    labels = whole_sentences(words, label(words, turns, samples(options.near)), samples(options.least_part))
    pieces = [
        Piece(speaker, tuple(word for _, word in group))
        for speaker, group in groupby(zip(labels, words, strict=True), key=lambda pair: pair[0])
    ]
    whole = Span(words[0].span.start, words[-1].span.end)
    least = max(samples(options.min_piece), round(len(whole) * options.min_share))
    while len(pieces) > 1:
        weak = [
            at
            for at, piece in enumerate(pieces)
            if (len(piece.words) < options.min_words or len(piece.span) < least)
            and not _clear(piece, turns, options.clear)
        ]
        if not weak:
            break
        pieces = _absorb(pieces, min(weak, key=lambda at: (len(pieces[at].span), at)))
    return pieces


def _clear(piece: Piece, turns: Sequence[Turn], share: float) -> bool:
    """Whether a piece lies in turns of its own speaker and of nobody else."""
    length = sum(len(word.span) for word in piece.words)
    own = others = 0
    for turn in turns:
        shared = sum(len(turn.span & word.span) for word in piece.words)
        if turn.speaker == piece.speaker:
            own += shared
        else:
            others += shared
    return piece.speaker is not None and own >= share * length and others <= (1 - share) * length


def _absorb(pieces: list[Piece], at: int) -> list[Piece]:
    """Give a weak piece's words to the longer of its neighbours, and join neighbours that are then alike."""
    sides = [side for side in (at - 1, at + 1) if 0 <= side < len(pieces)]
    owner = pieces[max(sides, key=lambda side: (pieces[side].speaker is not None, len(pieces[side].span)))].speaker
    joined: list[Piece] = []
    for index, piece in enumerate(pieces):
        speaker = owner if index == at else piece.speaker
        if joined and joined[-1].speaker == speaker:
            joined[-1] = Piece(speaker, joined[-1].words + piece.words)
        else:
            joined.append(Piece(speaker, piece.words))
    return joined


def whole_sentences(words: Sequence[Word], labels: Sequence[str | None], least: int) -> list[str | None]:
    """The labels of words, with beginnings and ends of sentences shorter than `least` samples given to what is beside
    them in the same sentence, the shortest first."""
    settled: list[str | None] = []
    for sentence in _sentences(words):
        mine = labels[len(settled) : len(settled) + len(sentence)]
        runs = [
            Piece(speaker, tuple(word for _, word in group))
            for speaker, group in groupby(zip(mine, sentence, strict=True), key=lambda pair: pair[0])
        ]
        while len(runs) > 1:
            first, last = len(runs[0].span), len(runs[-1].span)
            if min(first, last) >= least:
                break
            if first <= last:
                runs[:2] = [Piece(runs[1].speaker, runs[0].words + runs[1].words)]
            else:
                runs[-2:] = [Piece(runs[-2].speaker, runs[-2].words + runs[-1].words)]
        settled += [run.speaker for run in runs for _ in run.words]
    return settled


def _sentences(words: Sequence[Word]) -> Iterable[list[Word]]:
    """The words of each sentence, by the marks that end one."""
    sentence: list[Word] = []
    for word in words:
        sentence.append(word)
        if word.text.rstrip(CLOSING).endswith(SENTENCE_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def spoken_over(words: Sequence[Word], turns: Sequence[Turn]) -> bool:
    """Whether at least half of the words lie, by half of their length, in the turns of two voices or more."""
    shared = sum(_voices(word, turns) > 1 for word in words)
    return shared > 0 and shared * 2 >= len(words)


def _voices(word: Word, turns: Sequence[Turn]) -> int:
    """Number of voices that are heard through at least half of a word."""
    cover: dict[str, int] = {}
    for turn in turns:
        cover[turn.speaker] = cover.get(turn.speaker, 0) + len(turn.span & word.span)
    return sum(shared > 0 and shared * 2 >= len(word.span) for shared in cover.values())


def label(words: Sequence[Word], turns: Sequence[Turn], near: int) -> list[str | None]:
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
