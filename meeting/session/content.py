"""What a meeting consists of, as its clients see it: title, lines, speakers and gaps; pure.

Whatever changes it says what must be saved and told because of that, in this order: nothing is told that could be
lost again.
"""

from __future__ import annotations

from dataclasses import replace

from meeting.core.continuity.salvage import turns_outside
from meeting.core.editing.changes import Change
from meeting.core.editing.overlay import Overlay, VoiceName
from meeting.core.editing.steps import MadeStep, Step
from meeting.core.messages import GapMessage, SnapshotMessage, SourceMessage, SpeakerMessage
from meeting.core.records import Edits, Gap, Record, State, plain_name
from meeting.core.transcript import Transcript, resolve
from meeting.session.events import Broadcast, Effect, SaveEdits, SaveGap, SaveTranscript, SaveTurns
from meeting.session.reactions import on_output
from meeting.voices.matching import VoiceProfile, recognised
from pipelines.types import SAMPLE_RATE, ModelInfo, Output, Span, TurnsRevised, Voice, VoicesHeard, seconds

SAME_GAP = SAMPLE_RATE // 10
"""Samples by which one gap may begin elsewhere when it is told again: a source's place is known better by then"""


class Content:
    """The pipeline's outputs with people's edits laid over them, and the gaps of all sources."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.hotwords: tuple[str, ...] = ()
        """Names and terms that are likely to be said, as its hosts gave them"""
        self._overlay = Overlay(Transcript())
        self._profiles: tuple[VoiceProfile, ...] = ()
        self._heard: dict[str, VoicesHeard] = {}  # by source; never stored: it tells people by their bodies
        self._gaps: dict[tuple[str, int], Gap] = {}
        self._lost: list[tuple[str, Span]] = []

    @property
    def transcript(self) -> Transcript:
        """Everything said so far, as people have left it."""
        return self._overlay.transcript

    @property
    def edits(self) -> Edits:
        """What people have set."""
        return self._overlay.edits

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What never arrived."""
        return tuple(self._gaps.values())

    @property
    def lost(self) -> tuple[tuple[str, Span], ...]:
        """Of which source, and where, audio was processed that is no longer on disk: only stored text tells of it."""
        return tuple(self._lost)

    def snapshot(
        self, state: State, samples: int, models: ModelInfo, sources: tuple[SourceMessage, ...] = ()
    ) -> SnapshotMessage:
        """Everything that a client is shown first, but for the lines."""
        speakers = tuple(SpeakerMessage.of(speaker) for speaker in self.transcript.speakers)
        gaps = tuple(GapMessage.of(gap) for gap in self.gaps)
        return SnapshotMessage((), speakers, state.value, self.title, seconds(samples), models, gaps, sources=sources)

    def restore(self, record: Record, edits: Edits) -> None:
        """Be as an earlier process stored it; edits that were stored later than their lines are not shown yet."""
        self._overlay = Overlay(Transcript(record.segments, record.speakers), edits, record.speakers)
        self._gaps = {(gap.source_id, gap.span.start): gap for gap in record.gaps}

    def replace(self, rebuilt: Overlay) -> Effect:
        """Show other lines and speakers; they are stored as a whole in the place of the earlier ones."""
        self._overlay = rebuilt
        for output in rebuilt.recognise(self._voice_names()):
            rebuilt.transcript.apply(output)
        return SaveTranscript(self.transcript.segments, self.transcript.speakers, self.gaps)

    def on_output(self, source_id: str, output: Output) -> list[Effect]:
        """Take in what is said of a source, in the time and with the speakers of the meeting."""
        if isinstance(output, TurnsRevised):
            # Exports need them, clients do not: what they mean for the lines comes as labels.
            lost = [span for lost_of, span in self._lost if lost_of == source_id]
            return [SaveTurns(source_id, revised) for revised in turns_outside(output, lost)]
        if isinstance(output, VoicesHeard):
            self._heard[source_id] = output
            return self._recognise()
        return self._show(self._overlay(output))

    def edit(self, change: Change, change_id: str | None = None) -> tuple[Step, list[Effect]]:
        """Take in what a person changes; raises NotFound, Conflict or MeetingError where that cannot be."""
        step, shown = self._overlay.edit(change)
        made = None if change_id is None else MadeStep(change_id, step)
        # The edit itself comes first: where its line is not stored any more before a crash, it is laid over it later.
        return step, [SaveEdits(self.edits, tuple(step.lines), made), *self._show(shown), *self._recognise()]

    def know_voices(self, profiles: tuple[VoiceProfile, ...]) -> list[Effect]:
        """These are the voices that are kept, from now on."""
        self._profiles = profiles
        return self._recognise()

    def voice(self, speaker_id: str) -> tuple[Voice, str] | None:
        """How a speaker sounds, and the embedding model that says so; None where too little was heard of it."""
        stands_for = resolve(self.transcript.speakers)
        voices = [(voice, heard.model) for heard in self._heard.values() for voice in heard.voices]
        own = [one for one in voices if stands_for.get(one[0].speaker) == stands_for.get(speaker_id, speaker_id)]
        return max(own, key=lambda one: one[0].seconds, default=None)

    def show_edits(self) -> list[Effect]:
        """Show every edit: one may have been stored just before its line could be."""
        return self._show(self._overlay.show_all())

    def add_gap(self, gap: Gap) -> list[Effect]:
        """Take in a gap, or one that has grown. A replay tells gaps again from the beginning: those change nothing."""
        key = self._gap_key(gap)
        known = self._gaps.get(key)
        gap = replace(gap, span=Span(key[1], max(key[1], gap.span.end)))
        if known == gap or (known is not None and known.span.end > gap.span.end):
            return []
        self._gaps[key] = gap
        return [SaveGap(gap), Broadcast(GapMessage.of(gap))]

    def _gap_key(self, gap: Gap) -> tuple[str, int]:
        start = gap.span.start
        known = [key for key in self._gaps if key[0] == gap.source_id and abs(key[1] - start) <= SAME_GAP]
        return min(known, key=lambda key: abs(key[1] - start), default=(gap.source_id, start))

    def lose(self, source_id: str, span: Span) -> None:
        """Audio of a source that was processed is no longer on disk: what is stored about it stays as it is."""
        self._lost.append((source_id, span))

    def _recognise(self) -> list[Effect]:
        return self._show(self._overlay.recognise(self._voice_names()))

    def _voice_names(self) -> dict[str, VoiceName]:
        """Whom the voices that are kept name here; nobody by a name that people have given to somebody else."""
        given = {plain_name(name): id_ for id_, name in self.edits.names.items() if name}
        found = [recognised(heard, self._profiles) for heard in self._heard.values()] if self._profiles else []
        return {
            id_: VoiceName(profile.name, profile.id)
            for by_id in reversed(found)
            for id_, profile in by_id.items()
            if given.get(plain_name(profile.name), id_) == id_
        }

    def _show(self, outputs: list[Output]) -> list[Effect]:
        return [effect for output in outputs for effect in on_output(self.transcript, output)]
