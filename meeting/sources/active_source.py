"""A source that is open: its frames go to the journal, through the decoder into the FLAC, and to the models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from meeting.core.errors import OwnershipLost
from meeting.core.messages import AudioFrame
from meeting.core.records import Gap
from meeting.session.events import (
    Event,
    FrameAppended,
    GapFound,
    ModelsLoaded,
    OpenSource,
    OutputReceived,
    SourceOpened,
    SourceReopened,
)
from meeting.sources.backend import Pipeline, PipelineRequest
from meeting.sources.engine_loader import Services
from meeting.sources.flow_control import SourceFlow
from meeting.sources.journal_writer import REMIND_SECONDS, JournalWriter
from meeting.sources.levels import LevelMeter
from meeting.sources.source_audio import SourceAudio
from meeting.sources.source_inbox import SourceInbox
from meeting.storage.files.journal import Journal, JournalLost
from meeting.storage.files.journal_format import Entry
from meeting.storage.objects.source_objects import SourceObjects
from pipelines.audio.decoding import AudioDecoder
from pipelines.types import SAMPLE_RATE, ModelInfo, Output, Samples, SpeakerCount

REPORT_SAMPLES = 10 * SAMPLE_RATE
"""Samples of one frame after which is told how far it has been processed: it may hold hours"""
CAUGHT_UP = 2.0
"""Seconds of audio behind from which on a source counts as live"""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What all parts of one source's thread work with."""

    services: Services
    meeting_id: str
    job: OpenSource
    inbox: SourceInbox
    flow: SourceFlow
    post: Callable[[Event], None]
    speakers: SpeakerCount | None = None
    """How many people speak in the meeting, where somebody has said so"""
    objects: SourceObjects | None = None
    """Where its audio is kept beside the data folder"""

    @property
    def journal_path(self) -> Path:
        """Where its frames are kept as received."""
        return self.services.store.files.journal_path(self.meeting_id, self.job.source_id)


class HeldAudio:
    """Stands where the pipeline will be until the models are loaded: holds what is to be fed to it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._parts: list[Samples] = []

    def feed(self, audio: Samples) -> None:
        """Hold audio, shape (samples,)."""
        self._parts.append(audio)
        self.seconds += len(audio) / SAMPLE_RATE

    def release(self) -> list[Samples]:
        """All that was held."""
        parts, self._parts = self._parts, []
        return parts


def open_source(context: SourceContext) -> ActiveSource:
    """Open a source's decoder and files, and its pipeline where that can be; raises MeetingError, and then holds none.

    Posts `SourceOpened`, or `SourceReopened` where an earlier process left something of it.
    """
    job, services, inbox = context.job, context.services, context.inbox
    if job.recover and not context.journal_path.is_file():
        raise JournalLost("what was received before is no longer there; what was written down is kept")
    models = services.engine.wait().models if services.engine.done else None
    with ExitStack() as opened:
        source = _open_files(context, opened)
        if models is None:
            services.engine.call_when_done(inbox.settle_models)
        else:
            inbox.models_settled.set()
            if not job.recover:  # a pipeline is held only while it has something to process
                source.connect()
        opened.pop_all()
    if job.recover:
        context.post(SourceReopened(job.source_id, source.journal.next_seq, source.journal.stopped))
    else:
        context.post(SourceOpened(job.source_id, models, source.audio.name))
    return source


def _open_files(context: SourceContext, opened: ExitStack) -> ActiveSource:
    """The source with its journal, decoder and FLAC; `opened` closes what has been opened so far."""
    job, services = context.job, context.services
    form, path = job.audio, context.journal_path
    if job.recover:
        journal = opened.enter_context(Journal(path, form, fsync=services.fsync, known=True))
        form = journal.audio  # what was sent counts, whatever is stored of it

    def open_decoder() -> AudioDecoder:
        return services.backend.open_decoder(form.encoding, form.sample_rate, form.channels)

    decoder = opened.enter_context(closing(open_decoder()))
    if not job.recover:  # only now: an impossible format leaves no file
        journal = opened.enter_context(Journal(path, form, fsync=services.fsync))
    processed = job.processed if job.recover else None
    copy = None
    if context.objects is not None:
        # What is found there was fetched from the store, so that it need not be brought there.
        copy = context.objects.begin(path, journal.end if job.recover else 0)
        opened.callback(copy.close)
    writer = JournalWriter(journal, processed, context.post, context.inbox.no_waiting, services.held, copy)
    if journal.unreadable:
        writer.mark_processed()
    max_samples = None
    if services.max_seconds is not None:  # what was processed before is not cut, whatever the settings are now
        max_samples = max(job.processed, math.ceil(services.max_seconds * SAMPLE_RATE))
    flac = services.store.files.audio_path(context.meeting_id, job.source_id) if services.keep_audio else None

    def on_lost(gap: Gap) -> None:
        context.post(GapFound(gap, lost=True))

    audio = SourceAudio(job.source_id, form, decoder, flac, max_samples, processed, on_lost)
    return ActiveSource(context, writer, audio, open_decoder)


class ActiveSource:
    """One open source; for its thread only. Its methods raise MeetingError, and whatever a pipeline raises."""

    def __init__(
        self,
        context: SourceContext,
        journal: JournalWriter,
        audio: SourceAudio,
        open_decoder: Callable[[], AudioDecoder],
    ) -> None:
        self.journal = journal
        self.audio = audio
        audio.muted = context.job.muted and not context.job.recover
        self.left_behind = False
        """There is no time to wait for the models: what is in the journal is left to a later process"""
        self._context = context
        self._open_decoder = open_decoder
        self._models: Pipeline | HeldAudio = HeldAudio()
        self._meter = LevelMeter()

    @property
    def connected(self) -> bool:
        """Whether it has a pipeline, and does not hold its audio until there is one."""
        return not isinstance(self._models, HeldAudio)

    def connect(self) -> ModelInfo:
        """Make the pipeline, waiting for the models, and tell which those are; raises ModelError."""
        context, job = self._context, self._context.job
        engine = context.services.engine.wait()
        request = PipelineRequest(
            job.source_id,
            job.language,
            context.inbox.hotwords,
            context.speakers,
            job.translate,
            "s" if job.number == 1 else f"m{job.number}s",
            job.solo,
            job.pause,
        )
        pipeline = context.services.backend.open_pipeline(engine, request, self._emit, context.flow.set_backlog)
        pipeline.live = False
        self._models = pipeline
        context.flow.set_backlog(0.0)
        return engine.models

    def catch_up(self) -> None:
        """Process what was held while there were no models; raises ModelError when there are none."""
        held = self._models
        if not isinstance(held, HeldAudio):
            return
        self._context.post(ModelsLoaded(self._context.job.source_id, self.connect()))
        for part in held.release():
            self._models.feed(part)

    def _emit(self, output: Output) -> None:
        self._context.post(OutputReceived(self._context.job.source_id, output))

    # A frame

    def mute(self, muted: bool) -> None:
        """Keep and hear silence from here on, or what is sent; the journal says so for a later process."""
        if muted != self.audio.muted:
            self.journal.mark_muted(muted)
            self.audio.muted = muted

    def take(self, frame: AudioFrame) -> None:
        """Append a frame to the journal, process it and say so; waits while too much waits for the models."""
        if self.audio.full:
            return
        if self.audio.muted:
            frame = self._silenced(frame)
        self.journal.append(frame)
        reported, due = -1, self.audio.samples + REPORT_SAMPLES
        for _ in self.feed(frame):
            if self.audio.samples >= due:
                reported, due = self.audio.samples, self.audio.samples + REPORT_SAMPLES
                self._report(frame)
        if self.audio.samples != reported and not self._context.inbox.abandoned.is_set():
            self._report(frame)

    def append(self, frame: AudioFrame, muted: bool) -> None:
        """Append a frame to the journal and say so; it is processed from there in its turn."""
        appended = FrameAppended(self._context.job.source_id, frame.seq, self.audio.samples)
        self.journal.append(self._silenced(frame) if muted else frame)
        self.journal.tell(appended)

    def _silenced(self, frame: AudioFrame) -> AudioFrame:
        """Silence as long as a frame of raw samples, so that nothing of it is kept.

        Parts of a file stay as they are, since what comes behind them could not be decoded without them.
        """
        return replace(frame, payload=bytes(len(frame.payload))) if self.audio.raw else frame

    def feed(self, entry: Entry) -> Iterator[None]:
        """Process an entry of the journal part by part: each is fed when it is asked for. Raises AudioError."""
        if self.left_behind:
            return
        gaps, parts = self.audio.decode(entry)
        for gap in gaps:
            self._context.post(GapFound(gap))
        yield from self._feed_parts(parts)

    def fill(self) -> Iterator[None]:
        """Process, part by part, what is missing up to where an earlier process is known to have come."""
        return self._feed_parts(self.audio.fill_to())

    def _feed_parts(self, parts: Iterator[Samples]) -> Iterator[None]:
        for part in parts:
            self._feed(part)
            yield
            # Between two parts is where a frame that holds hours can be broken off.
            if self.left_behind or self._context.inbox.abandoned.is_set():
                return

    def _feed(self, part: Samples) -> None:
        models = self._models
        # Before the models get to it: which microphone hears better is known before their text.
        for levels in self._meter.feed(part):
            self._emit(levels)
        if isinstance(models, HeldAudio):
            models.feed(part)
            self._context.flow.set_backlog(models.seconds)
        else:
            models.hotwords = self._context.inbox.hotwords
            models.feed(part)

    def _report(self, frame: AudioFrame) -> None:
        """Say that a frame is kept and how far it is processed, and wait while too much waits for the models."""
        services, flow = self._context.services, self._context.flow
        appended = FrameAppended(self._context.job.source_id, frame.seq, self.audio.samples)
        # First said, then waited: what is on disk may be forgotten by its client however long the models take.
        self.journal.tell(appended)
        if isinstance(self._models, HeldAudio):
            self._wait_for_models(appended)
            return
        self._models.live |= services.live and flow.backlog < CAUGHT_UP
        flow.wait_for_room(services.backlog)

    def _wait_for_models(self, appended: FrameAppended) -> None:
        """Wait until models are loaded if too much waits for them, and let them catch up once they are."""
        services, inbox = self._context.services, self._context.inbox
        full = self._context.flow.backlog > services.backlog
        while full and not inbox.models_settled.wait(REMIND_SECONDS):
            self.journal.tell(appended)  # or its client would take the connection for dead
        if services.engine.done:
            self.catch_up()
        else:
            self.left_behind = full

    # The end

    def flush(self) -> None:
        """Process what the decoder still holds once no frame will come; raises AudioError when nothing was audio."""
        if not self.left_behind:
            for tail in self.audio.flush():
                self._feed(tail)

    def finish_levels(self) -> None:
        """Tell the levels of the last bit of audio."""
        for levels in self._meter.flush():
            self._emit(levels)

    def fill_up(self) -> None:
        """Process what is missing up to where an earlier process is known to have come."""
        if self._context.job.recover and not self.left_behind:
            for part in self.audio.fill_to():
                self._feed(part)

    def report_gaps(self) -> None:
        """Tell what is still to be told of gaps."""
        for gap in self.audio.remaining_gaps():
            self._context.post(GapFound(gap))

    def finish_audio(self) -> None:
        """Finish the FLAC, from the journal where the disk had refused some of it; raises StoreError."""
        self.require_ownership()
        self.audio.finish()
        if not self.audio.flac_complete:
            self.audio.rewrite_flac(self.journal.entries(), self._open_decoder)

    def replace_earlier(self) -> None:
        """Let the FLAC take the place of the one that an earlier process wrote; raises StoreError."""
        self.require_ownership()
        self.audio.replace_earlier()

    def require_ownership(self) -> None:
        """Raise OwnershipLost where another server may write the files of this source now."""
        if not self._context.services.held():
            raise OwnershipLost("another server may have this meeting now")

    def finish_objects(self) -> None:
        """Wait until all of it is in the object store, where there is one; raises StoreError where that is given up."""
        if self._context.objects is not None:
            self._context.objects.finish(self.audio.name is not None, self.audio.lossy)

    def finish_pipeline(self) -> None:
        """Wait for the last output."""
        if not isinstance(self._models, HeldAudio):
            self._models.finish()

    def close(self) -> None:
        """Free everything; what goes wrong with one part does not keep the others."""
        with ExitStack() as parts:
            parts.callback(self.journal.close)  # last: its lock tells other processes that somebody is at work here
            if not isinstance(self._models, HeldAudio):
                parts.callback(self._models.close)
            parts.callback(self.audio.close, self._context.services.held())
            if self._context.objects is not None:
                parts.callback(self._context.objects.close)
