"""Rebuilding the text of a meeting whose process died, from the audio that it left on disk; pure.

The source is replayed through the pipeline into a second transcript, beside the stored one, which everybody sees
meanwhile. Replaying gives every line again under the id that it had, so that edits are laid over it as before. At the
end the rebuilt transcript takes the stored one's place, with those stored lines kept whose audio is lost. Where the
audio cannot be replayed at all, the stored text stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from meeting.core.editing.overlay import Overlay
from meeting.core.errors import ErrorCode
from meeting.core.transcript import Transcript
from meeting.session.content import Content
from meeting.session.events import Effect, Log, SaveEdits
from meeting.session.reactions import on_replayed_output
from meeting.session.salvage import salvage
from pipelines.types import Output, Span, TurnsRevised, VoicesHeard, seconds

HOPELESS = frozenset({ErrorCode.LOST, ErrorCode.BAD_AUDIO})
"""Failures of a recovery that another try cannot mend: the audio is gone, or is none"""


class Recovery:
    """Builds the transcript of a meeting anew; `content` is what an earlier process stored of it."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._rebuilt = Overlay(Transcript(), content.edits)
        self._apply(self._rebuilt.show_all())

    def on_output(self, output: Output) -> list[Effect]:
        """Take in what the pipeline says of replayed audio: it is neither told nor stored before the whole is there.

        Only turns are stored at once: they replace by their span whatever was stored, so that a replay that is cut
        off leaves them whole. Names of voices that are kept are shown at once, too.
        """
        if isinstance(output, TurnsRevised | VoicesHeard):
            return self._content.on_output(output)
        shown = self._rebuilt(output)
        return [effect for one in shown for effect in on_replayed_output(self._rebuilt.transcript, one)]

    def take_edits(self) -> None:
        """People have edited the stored text meanwhile."""
        self._apply(self._rebuilt.take_over(self._content.edits))

    def finish(self, samples: int, stored_samples: int) -> list[Effect]:
        """All is replayed, `samples` of audio where `stored_samples` were known: show and store what was rebuilt."""
        # What is missing at the end was never found to be a gap: nothing came after it.
        lost = [*self._content.lost, Span(samples, max(samples, stored_samples))]
        kept = self._keep_lines(lost)
        return [Log(f"rebuilt from {seconds(samples)} s of audio"), *kept, self._content.replace(self._rebuilt)]

    def _keep_lines(self, lost: list[Span]) -> list[Effect]:
        """Lay over the rebuilt transcript what was stored where audio is lost; what must be saved because of it."""
        edits = salvage(self._content.transcript, lost, self._rebuilt.edits)
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
