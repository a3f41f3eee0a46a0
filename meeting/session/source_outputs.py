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
        self._added: list[LiveSource] = []

    def add(self, live: LiveSource) -> list[Effect]:
        """One more source, in the order in which they began."""
        outputs = self._joiner.add(live.source)
        self._added.append(live)
        # While there was one nobody needed to know who its speakers are.
        before = self._added[:-1] if len(self._added) == 2 else []
        return [effect for one in before for effect in self._saved(one)] + self._show(live, outputs)

    def reserve(self, past: Iterable[Source]) -> None:
        """Sources of an earlier process of which nothing is left to be heard: no other's speaker gets their numbers."""
        for source in past:
            if source.speakers or source.anchors:
                self._joiner.add(source)
                self._joiner.finish(source.id)

    def take(self, source_id: str, output: Output) -> list[Effect]:
        """Take in what is said of a source."""
        live = next((one for one in self._added if one.source.id == source_id), None)
        if live is None:
            return []
        if isinstance(output, LevelsHeard) and len(output.levels):
            live.level = float(output.loudness.max())
        elif isinstance(output, PipelineStats):
            return [Broadcast(StatsMessage.of(output, source_id, live.level))]
        return self._show(live, self._joiner.take(source_id, output))

    def finish(self, live: LiveSource) -> list[Effect]:
        """Nothing more comes of a source."""
        return self._show(live, self._joiner.finish(live.source.id))

    def observe(self, live: LiveSource, samples: int, at: float) -> list[Effect]:
        """The audio of a source up to `samples` had arrived at `at`, in seconds on a steady clock."""
        return self._saved(live) if self._joiner.observe(live.source.id, samples, at) else []

    @property
    def end(self) -> int:
        """Where the longest source ends, in the meeting."""
        return max((self.place(live.source.id, live.samples) for live in self._added), default=0)

    def place(self, source_id: str, samples: int) -> int:
        """Where a sample of a source stands in the meeting."""
        return self._joiner.place(source_id, samples)

    def span(self, source_id: str, span: Span) -> Span:
        """Where a stretch of a source stands in the meeting."""
        return Span(self.place(source_id, span.start), self.place(source_id, span.end))

    def add_gap(self, gap: Gap, lost: bool) -> list[Effect]:
        """Take in a gap of a source, whose times are that source's; `lost` where its audio did arrive."""
        if gap.source_id not in (one.source.id for one in self._added):
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
        changed = [one for one in self._added if self._joiner.speakers(one.source.id) != one.source.speakers]
        return [*(effect for one in changed for effect in self._saved(one)), *effects]

    def _saved(self, live: LiveSource) -> list[Effect]:
        live.source = self.known(live.source)
        return [SaveSource(live.source)]

    def known(self, source: Source) -> Source:
        """A source with all that is known of its place and its speakers here."""
        joiner = self._joiner
        return replace(source, anchors=joiner.anchors(source.id), speakers=dict(joiner.speakers(source.id)))


def _source_of(output: Output) -> str:
    """Whose turns they are: those of one source may change because of what another one heard."""
    return output.source_id if isinstance(output, TurnsRevised) else ""
