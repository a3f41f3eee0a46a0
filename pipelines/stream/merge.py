"""Words and turns become segments: one speaker each, with stable ids, revised as more is known.

Words come from the recogniser, turns from diarization, each when it is ready; neither waits for the other.
What is sent at the end depends on the words and turns alone, not on the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pipelines.spacing import join_words
from pipelines.stream.split import SplitOptions, is_overlapped, split_by_speaker
from pipelines.turns import replace_turns
from pipelines.types import (
    Hypothesis,
    LabelChange,
    Pause,
    Segment,
    Span,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Word,
    ends_sentence,
    samples,
)


@dataclass(frozen=True, slots=True)
class MergeOptions(SplitOptions):
    """When a line is split between speakers, and what of one that still grows is shown as stable."""

    stable_confidence: float = 0.9
    """Confidence that each word up to a place needs, in two hypotheses that agree, to be shown as stable"""


@dataclass(slots=True)
class _Line:
    """One utterance: its words so far, and the segments sent for it, by id."""

    span: Span
    words: tuple[Word, ...] = ()
    final: bool = False
    stable: int = 0
    """Words at the start that will hardly change: two hypotheses in a row agree on them and are sure"""
    pause: bool = False
    """Whether nobody goes on speaking behind it"""
    sent: dict[str, Segment] = field(default_factory=dict)


class Merger:
    """Hypotheses and turns of one source in; segments and label changes out."""

    def __init__(self, source_id: str, prefix: str = "s", options: MergeOptions | None = None) -> None:
        """`prefix` starts every segment id, so that two sources of one meeting cannot clash."""
        self._source = source_id
        self._prefix = prefix
        self._options = options or MergeOptions()
        self._lines: dict[tuple[int, int], _Line] = {}  # by utterance and line
        self._timeline = _Timeline()
        self._unpaused: tuple[int, int] | None = None  # the last line with words, where somebody goes on behind it

    def __call__(self, item: Hypothesis | Pause | TurnsRevised) -> list[Segment | SpeakersRevised]:
        """One more result of either branch."""
        if isinstance(item, Pause):
            return [*self._told_pause()]
        return self._update_words(item) if isinstance(item, Hypothesis) else self._relabel(item)

    def _update_words(self, hypothesis: Hypothesis) -> list[Segment | SpeakersRevised]:
        key = hypothesis.utterance_index, hypothesis.line
        line = self._lines.setdefault(key, _Line(hypothesis.span))
        if line.final and not hypothesis.second_pass:
            return []
        agreed = common_prefix(line.words, hypothesis.words)
        certain = 0 if hypothesis.unstable else self._certain_words(hypothesis.words)
        line.stable = len(hypothesis.words) if hypothesis.final else min(agreed, max(line.stable, certain))
        line.span, line.words, line.final = hypothesis.span, hypothesis.words, hypothesis.final
        line.pause = line.pause or hypothesis.pause
        segments, changes = self._update(key, line)
        if line.final and not hypothesis.second_pass:
            segments += self._pause_without_words(key, line)
        return [*segments, *_revised(changes, "refine" if hypothesis.second_pass else "live")]

    def _pause_without_words(self, key: tuple[int, int], line: _Line) -> list[Segment]:
        """What has changed of an earlier line because of a final one without words: the pause is behind that one."""
        if line.words:
            self._unpaused = None if line.pause else key
            return []
        return self._told_pause() if line.pause else []

    def _told_pause(self) -> list[Segment]:
        """What has changed of the last line with words, behind which nobody went on."""
        earlier, self._unpaused = self._unpaused, None
        if earlier is None:
            return []
        self._lines[earlier].pause = True
        return self._update(earlier, self._lines[earlier])[0]

    def _certain_words(self, words: Sequence[Word]) -> int:
        """Number of words at the start that the recogniser is sure of, where it says so, and that stay in this line.

        What follows a sentence may become a line of its own.
        """
        for at, word in enumerate(words):
            if word.confidence is not None and word.confidence < self._options.stable_confidence:
                return at
            if ends_sentence(word.text):
                return at + 1
        return len(words)

    def _relabel(self, revised: TurnsRevised) -> list[Segment | SpeakersRevised]:
        self._timeline.replace(revised)
        reach = samples(self._options.max_gap)
        out: list[Segment | SpeakersRevised] = []
        changed: list[LabelChange] = []
        # newest first: a revision reaches back a little as a rule, and a meeting has thousands of lines
        for key in reversed(self._lines):
            line = self._lines[key]
            if revised.span.start - line.span.end > reach:
                break
            if line.span.gap(revised.span) <= reach:
                segments, changes = self._update(key, line)
                out += segments
                changed += changes
        return [*out, *_revised(changed, revised.reason)]

    def _update(self, key: tuple[int, int], line: _Line) -> tuple[list[Segment], list[LabelChange]]:
        """Send what differs from what was sent: new words as segments, mere labels as changes."""
        segments: list[Segment] = []
        changes: list[LabelChange] = []
        wanted = {segment.id: segment for segment in self._segments(key, line)}
        for id in [*wanted, *(id for id in line.sent if id not in wanted)]:
            before, after = line.sent.get(id), wanted.get(id)
            if after is None:
                assert before is not None
                if not before.words:
                    continue
                pause = line.pause and not line.words
                after = replace(before, words=(), speaker=None, final=line.final, stable_chars=0, pause=pause)
            if before is not None:
                after = replace(after, rev=before.rev)
                if after == before and after.pause == before.pause:
                    continue
                after = replace(after, rev=before.rev + 1)
            line.sent[id] = after
            # readers already have the words: a label costs less to send, and cannot undo what they edited
            same = before is not None and replace(after, rev=before.rev, speaker=before.speaker) == before
            if before is not None and same and after.pause == before.pause:
                changes.append(LabelChange(id, after.rev, before.speaker, after.speaker))
            else:
                segments.append(after)
        return segments, changes

    def _segments(self, key: tuple[int, int], line: _Line) -> Iterable[Segment]:
        """The segments of a line as they should be now, each with revision 1."""
        near = self._timeline.near(line.span, samples(self._options.max_gap))
        stable = line.stable
        utterance, later = key
        name = f"{self._prefix}{utterance + 1}" + (f"-{later + 1}" if later else "")
        runs = split_by_speaker(line.words, near, self._options)
        for number, run in enumerate(runs):
            id = name + (f".{number + 1}" if number else "")
            sure = join_words(word.text for word in run.words[: max(0, stable)])
            stable -= len(run.words)
            overlap = line.final and is_overlapped(run.words, near)
            pause = line.pause and run is runs[-1]
            yield Segment(id, 1, line.final, self._source, run.span, run.speaker, run.words, len(sure), overlap, pause)


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
