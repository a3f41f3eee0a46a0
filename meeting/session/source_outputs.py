"""What is said of all sources of a meeting, on its way into the meeting's content: by one clock, of the same speakers.

While what an earlier process received is processed again, it goes into the `Recovery` beside the content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meeting.core.messages import StatsMessage
from meeting.core.records import Gap, Source
from meeting.joining.joiner import Joiner
from meeting.session.content import Content
from meeting.session.events import Broadcast, Effect, SaveSource
from meeting.session.recovery import Recovery
from meeting.session.source import LiveSource
from pipelines.types import LevelsHeard, Output, PipelineStats, Span, TurnsRevised


class SourceOutputs:
    """Makes one meeting of what its sources' pipelines say."""

    def __init__(self, content: Content) -> None:
        self.recovery: Recovery | None = None
        """Until what an earlier process received is processed again"""
        self._content = content
        self._joiner = Joiner()
        self._added: dict[str, LiveSource] = {}
        self._past_end = 0

    def add(self, live: LiveSource) -> list[Effect]:
        """One more source, in the order in which they began."""
        outputs = self._joiner.add(live.source)
        # While there was one nobody needed to know who its speakers are.
        before = list(self._added.values()) if len(self._added) == 1 else []
        self._added[live.source.id] = live
        return [effect for one in before for effect in self._saved(one)] + self._show(live, outputs)

    def reserve(self, past: Iterable[Source], end: int) -> None:
        """Sources of an earlier process of which nothing is left to be heard, and where the last of them ends.

        No other's speaker gets their numbers.
        """
        self._past_end = end
        for source in past:
            if source.speakers or source.anchors:
                self._joiner.add(source)
                self._joiner.finish(source.id)

    def take(self, source_id: str, output: Output) -> list[Effect]:
        """Take in what is said of a source."""
        live = self._added.get(source_id)
        if live is None:
            return []
        if isinstance(output, LevelsHeard) and len(output.levels):
            live.level = float(output.loudness.max())
        elif isinstance(output, PipelineStats):
            return [Broadcast(StatsMessage.of(output, source_id, live.level))]
        return self._show(live, self._joiner.take(source_id, output))

    def finish(self, live: LiveSource) -> list[Effect]:
        """Nothing more comes of a source; it is stored as it is known in the end."""
        return [*self._show(live, self._joiner.finish(live.source.id)), *self._saved(live)]

    def observe(self, live: LiveSource, samples: int, at: float) -> list[Effect]:
        """The audio of a source up to `samples` had arrived at `at`, in seconds on a steady clock."""
        return self._saved(live) if self._joiner.observe(live.source.id, samples, at) else []

    @property
    def end(self) -> int:
        """Where the last source ends, in the meeting."""
        ends = [self._joiner.place(id_, live.samples) for id_, live in self._added.items()]
        return max([self._past_end, *ends])

    def span(self, source_id: str, span: Span) -> Span:
        """Where a stretch of a source stands in the meeting."""
        return Span(self._joiner.place(source_id, span.start), self._joiner.place(source_id, span.end))

    def add_gap(self, gap: Gap, lost: bool) -> list[Effect]:
        """Take in a gap of a source, whose times are that source's; `lost` where its audio did arrive."""
        if gap.source_id not in self._added:
            return []
        placed = replace(gap, span=self.span(gap.source_id, gap.span))
        if lost:
            self._content.lose(gap.source_id, placed.span)
        return self._content.add_gap(placed)

    def _show(self, live: LiveSource, outputs: list[Output]) -> list[Effect]:
        into = self.recovery or self._content
        effects = [effect for one in outputs for effect in into.on_output(_source_of(one) or live.source.id, one)]
        if len(self._added) < 2:
            return effects
        # Before anybody is told of a speaker it is stored who that is: a recovery gives it the same number again.
        changed = [one for id_, one in self._added.items() if self._joiner.speakers(id_) != one.source.speakers]
        return [*(effect for one in changed for effect in self._saved(one)), *effects]

    def _saved(self, live: LiveSource) -> list[Effect]:
        """Store a source with all that is known of its place and its speakers here."""
        id_, joiner = live.source.id, self._joiner
        live.source = replace(live.source, anchors=joiner.anchors(id_), speakers=dict(joiner.speakers(id_)))
        return [SaveSource(live.source)]


def _source_of(output: Output) -> str:
    """Whose turns they are: those of one source may change because of what another one heard."""
    return output.source_id if isinstance(output, TurnsRevised) else ""
