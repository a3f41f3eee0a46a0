"""Rebuilding the text of a meeting whose process died, from the audio that it left on disk; pure.

Its sources are replayed through their pipelines into a second transcript, beside the stored one, which everybody sees
meanwhile. Replaying gives every line again under the id that it had, so that edits are laid over it as before. At the
end the rebuilt transcript takes the stored one's place, with those stored lines kept whose audio is lost. Where no
audio can be replayed at all, the stored text stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from meeting.core.continuity.salvage import salvage
from meeting.core.editing.overlay import Overlay
from meeting.core.errors import ErrorCode
from meeting.core.transcript import Transcript
from meeting.session.content import Content
from meeting.session.events import Effect, Log, SaveEdits
from meeting.session.reactions import on_replayed_output
from pipelines.types import Output, Span, TurnsRevised, VoicesHeard, seconds

HOPELESS = frozenset({ErrorCode.LOST, ErrorCode.BAD_AUDIO})
"""Failures of a recovery that another try cannot mend: the audio is gone, or is none"""


EVERYTHING = Span(0, 1 << 62)
"""Longer than any meeting"""


class Recovery:
    """Builds the transcript of a meeting anew; `content` is what an earlier process stored of it."""

    def __init__(self, content: Content, source_ids: Iterable[str], lost: Iterable[str] = ()) -> None:
        """`source_ids` are the sources that are replayed, `lost` those of which nothing is left."""
        self.pending = set(source_ids)
        """Those that are not through"""
        self._content = content
        self._replayed: list[Span] = []
        self._lost = [(source_id, EVERYTHING) for source_id in lost]
        self._rebuilt = Overlay(Transcript(), content.edits)
        self._apply(self._rebuilt.show_all())

    def on_output(self, source_id: str, output: Output) -> list[Effect]:
        """Take in what is said of replayed audio: it is neither told nor stored before the whole is there.

        Only turns are stored at once: they replace by their span whatever was stored, so that a replay that is cut
        off leaves them whole. Names of voices that are kept are shown at once, too.
        """
        if isinstance(output, TurnsRevised | VoicesHeard):
            return self._content.on_output(source_id, output)
        shown = self._rebuilt(output)
        return [effect for one in shown for effect in on_replayed_output(self._rebuilt.transcript, one)]

    def take_edits(self) -> None:
        """People have edited the stored text meanwhile."""
        self._apply(self._rebuilt.take_over(self._content.edits))

    def source_through(self, source_id: str, replayed: Span, known: Span) -> None:
        """A source is replayed: `replayed` of it where `known` was stored, by the meeting's time."""
        self.pending.discard(source_id)
        self._replayed.append(replayed)
        # What is missing at the end was never found to be a gap: nothing came after it.
        self._lost.append((source_id, Span(replayed.end, known.end)))

    def source_lost(self, source_id: str) -> None:
        """A source cannot be replayed: what is stored of it stays."""
        self.pending.discard(source_id)
        self._lost.append((source_id, EVERYTHING))

    @property
    def hopeless(self) -> bool:
        """Whether nothing can be replayed."""
        return not (self.pending or self._replayed)

    def finish(self) -> list[Effect]:
        """All is replayed: show and store what was rebuilt."""
        kept, replayed = self._keep_lines(), sum(map(len, self._replayed))
        return [Log(f"rebuilt from {seconds(replayed)} s of audio"), *kept, self._content.replace(self._rebuilt)]

    def _keep_lines(self) -> list[Effect]:
        """Lay over the rebuilt transcript what was stored where audio is lost; what must be saved because of it."""
        edits = salvage(self._content.transcript, [*self._content.lost, *self._lost], self._rebuilt.edits)
        lines = [id_ for id_ in edits.lines if id_ not in self._rebuilt.edits.lines]
        if not lines:
            return []
        self._apply(self._content.transcript.speakers)  # of whom the rebuilt transcript may know nothing
        self._apply(self._rebuilt.take_over(edits))
        return [Log(f"{len(lines)} line(s) kept whose sound is lost"), SaveEdits(edits, tuple(lines))]

    def give_up(self) -> list[Effect]:
        """The audio cannot be replayed: the stored text stays, with every edit shown in it."""
        return self._content.show_edits()

    def _apply(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self._rebuilt.transcript.apply(output)
