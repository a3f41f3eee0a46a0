"""The choices of all blocks, kept up with what is known: made anew where words, levels or speakers have changed.

What is chosen in the end depends on what was said and heard only, not on the order in which that came. What was shown
before counts only for as long as words of a block may change, or are waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meeting.joining.blocks import Block, Blocks, PlacedWord
from meeting.joining.identity import Evidence, Node, evidence_of
from meeting.joining.levels import FLOOR_FRAMES, LevelTrack, Pairs
from meeting.joining.lines import Line, Lines
from meeting.joining.numbering import Numbering
from meeting.joining.selection import PATIENCE, Choice, choose, reach
from pipelines.turns import covered
from pipelines.types import LEVEL_FRAME, LevelsHeard, Span, samples

AROUND = samples(1.0)
"""Samples at most before and after a block in which turns are taken to be of what is said in it"""


class Choices:
    """Which words are shown, by block; methods give the spans in which that has changed."""

    def __init__(self, lines: Lines, numbering: Numbering) -> None:
        self.evidence = Evidence()
        """Of all blocks, as they are now"""
        self._lines = lines
        self._numbering = numbering
        self._tracks: dict[str, LevelTrack] = {}
        self._pairs = Pairs(self._tracks)
        self._ended: set[str] = set()
        self._newest = 0
        self._blocks = Blocks(self._words)
        self._choices: dict[int, Choice] = {}
        self._told: dict[int, Evidence] = {}
        self._provisional: dict[int, Block] = {}
        self._outdated: list[Span] = []
        """Where levels came later than others, so that noise floors behind them have changed"""

    @property
    def tracks(self) -> Mapping[str, LevelTrack]:
        """What each source hears."""
        return self._tracks

    def shows(self, word: PlacedWord) -> bool:
        """Whether a word is shown."""
        block = self._blocks.at(word.middle)
        choice = None if block is None else self._choices.get(block.begin)
        return choice is None or word not in choice.hidden

    def groups(self, span: Span) -> list[tuple[Span, frozenset[str], str]]:
        """Where sources hear the same, near a span: a block and what is nearest to it, the sources, the one shown."""
        found = []
        for block in self._blocks.near(Span(span.start - AROUND, span.end + AROUND)):
            choice = self._choices[block.begin]
            for group in choice.coherent:
                best = next(choice.better[id_] for id_ in sorted(group) if id_ in choice.better)
                found.append((self._blocks.around(block, AROUND), group, best))
        return found

    def words_changed(self, span: Span, end: int) -> list[Span]:
        """Words in a span have changed; the last ones of the meeting end at `end`."""
        gone, made = self._blocks.cut_anew(span, end)
        changed = [block.span for block in gone if self._forget(block).hidden]
        return changed + self._choose(made)

    def labels_changed(self, span: Span) -> None:
        """Who is said to speak in a span has changed."""
        for block in self._blocks.near(span):
            self._weigh(self._choices[block.begin])

    def levels_heard(self, source_id: str, start: int, heard: LevelsHeard) -> list[Span]:
        """Levels of a source, of which the first stands at sample `start` of the meeting."""
        self._tracks.setdefault(source_id, LevelTrack()).put(start, heard)
        self._pairs.levels_changed(source_id, start // LEVEL_FRAME)
        span = Span(start, start + len(heard.span))
        if span.end + PATIENCE < self._newest:
            self._mark_outdated(Span(span.start, span.end + FLOOR_FRAMES * LEVEL_FRAME))
        self._newest = max(self._newest, span.end)
        late = [block for block in self._provisional.values() if self._is_late(block)]
        return self._choose([*late, *self._blocks.near(reach(span))])

    def ended(self, source_id: str) -> list[Span]:
        """Nothing more comes of a source."""
        self._ended.add(source_id)
        blocks = [*self._provisional.values(), *(block for span in self._outdated for block in self._blocks.near(span))]
        self._outdated = []
        return self._choose(blocks)

    def _mark_outdated(self, span: Span) -> None:
        last = self._outdated[-1] if self._outdated else Span(-1, -1)
        if span.start <= last.end and last.start <= span.end:
            self._outdated[-1] = last | span
        else:
            self._outdated.append(span)

    def _choose(self, blocks: Iterable[Block]) -> list[Span]:
        changed = []
        for block in dict.fromkeys(blocks):
            before = self._choices.get(block.begin)
            shown = self._shown(block)
            choice = choose(block, self._tracks, self._pairs, self._ended, self._newest, shown)
            self._choices[block.begin] = choice
            self._provisional.pop(block.begin, None)
            if choice.provisional:
                self._provisional[block.begin] = block
            if choice != before:
                self._weigh(choice)
            if choice.hidden != (frozenset() if before is None else before.hidden) or (
                choice.better != ({} if before is None else before.better)
            ):
                changed.append(block.span)
        return changed

    def _is_late(self, block: Block) -> bool:
        return self._choices[block.begin].waiting and block.span.end + PATIENCE <= self._newest

    def _shown(self, block: Block) -> dict[str, int]:
        """How many samples of each source's words are shown in a block, as far as the meeting has been told."""
        told: dict[str, list[Span]] = {}
        first, last = block.begin, block.words[-1].middle
        for line in self._lines.near(block.span):
            for word in () if line.told is None else line.told.words:
                if first <= (word.span.start + word.span.end) // 2 <= last:
                    told.setdefault(line.own.source_id, []).append(word.span)
        return {id_: covered(spans) for id_, spans in told.items()}

    def _forget(self, block: Block) -> Choice:
        self._provisional.pop(block.begin, None)
        self.evidence.take_back(self._told.pop(block.begin, Evidence()))
        return self._choices.pop(block.begin)

    def _weigh(self, choice: Choice) -> None:
        said: dict[Node, list[PlacedWord]] = {}
        first, last = choice.block.words[0].middle, choice.block.words[-1].middle
        for line, word in self._words_within(Span(first, last + 1)):
            if line.own.speaker is not None or line.own.source_id in self._numbering.solo:
                said.setdefault(self._numbering.node(line.own.source_id, line.own.speaker), []).append(word)
        found = evidence_of(choice, said, self._numbering.solo)
        self.evidence.take_back(self._told.pop(choice.block.begin, Evidence()))
        self.evidence.add(found)
        self._told[choice.block.begin] = found

    def _words(self, span: Span) -> list[PlacedWord]:
        return sorted(word for _, word in self._words_within(span))

    def _words_within(self, span: Span) -> Iterator[tuple[Line, PlacedWord]]:
        """The words that have their middle in a span."""
        for line in self._lines.near(span):
            for word in line.own.words:
                placed = PlacedWord.of(word, line.own)
                if span.start <= placed.middle < span.end:
                    yield line, placed
