"""One source's thread: frames to disk, through the door, into the FLAC and the pipeline; in that order."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from meeting.events import Drained, Event, Heard, Kept, Opened, OpenSource, SourceFailed
from meeting.journal import FlacWriter, Journal
from meeting.machinery import Door, EngineRoom, Machinery, Pipeline
from meeting.messages import AudioFrame
from meeting.store import Store
from pipelines.errors import AudioError, MeetingError, ModelError, StoreError
from pipelines.types import Samples

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every worker of a server shares."""

    store: Store
    machinery: Machinery
    engine: EngineRoom
    keep_audio: bool = True
    backlog: float = 60.0
    """Seconds of audio that may wait for the models before frames have to wait as well"""


class Worker:
    """Everything slow about a source, in one thread, so that the event loop never waits.

    `post` and `done` are called from that thread and from the pipeline's: `post` with what happened,
    `done` with the number of bytes of each frame that has left the queue.
    """

    def __init__(
        self,
        workshop: Workshop,
        meeting_id: str,
        job: OpenSource,
        post: Callable[[Event], None],
        done: Callable[[int], None],
    ) -> None:
        self._workshop = workshop
        self._meeting_id = meeting_id
        self._job = job
        self._post = post
        self._done = done
        self._jobs: queue.SimpleQueue[AudioFrame | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._failed = False
        self._samples = 0
        self._door: Door | None = None
        self._journal: Journal | None = None
        self._flac: FlacWriter | None = None
        self._pipeline: Pipeline | None = None
        self._thread = threading.Thread(target=self._run, name=f"source-{job.source_id}", daemon=True)
        self._thread.start()

    def keep(self, frame: AudioFrame) -> None:
        """Queue a frame."""
        self._jobs.put(frame)

    def finish(self) -> None:
        """Queue the end: after it, `Drained` is posted."""
        self._jobs.put(None)

    def abandon(self) -> None:
        """Stop without a word; what is on disk stays there."""
        self._abandoned.set()
        self._jobs.put(None)

    def remove_journal(self) -> None:
        """Delete the frames as received: all is stored in better form."""
        self._workshop.store.journal_path(self._meeting_id, self._job.source_id).unlink(missing_ok=True)

    def _run(self) -> None:
        opened = self._guarded(self._open)
        while (frame := self._jobs.get()) is not None:
            if opened and not self._failed and not self._abandoned.is_set():
                self._guarded(lambda frame=frame: self._keep(frame))  # type: ignore[misc]
            self._done(len(frame.payload))
        if not self._abandoned.is_set() and opened:
            for step in (self._flush_door, self._close_files, self._finish_pipeline):
                self._guarded(step)
        self._close()
        if not self._abandoned.is_set() and opened:
            self._post(Drained(self._job.source_id, self._samples))

    def _guarded(self, step: Callable[[], None]) -> bool:
        """The pipeline guard: whatever goes wrong in one source becomes an event, and the thread lives on."""
        try:
            step()
            return True
        except AudioError as error:
            self._fail("bad_audio", str(error))
        except StoreError as error:
            self._fail("storage", str(error))
        except ModelError as error:
            self._fail("models", str(error))
        except Exception as error:
            expected = isinstance(error, MeetingError)
            log.error("source %s failed: %s", self._job.source_id, type(error).__name__, exc_info=not expected)
            self._fail("internal", "internal error")
        return False

    def _fail(self, code: str, message: str) -> None:
        self._failed = True
        if not self._abandoned.is_set():
            self._post(SourceFailed(self._job.source_id, code, message))

    def _open(self) -> None:
        job, shop = self._job, self._workshop
        self._door = shop.machinery.open_door(job.audio.encoding, job.audio.sample_rate, job.audio.channels)
        engine = shop.engine.wait()
        if self._abandoned.is_set():
            return
        self._journal = Journal(shop.store.journal_path(self._meeting_id, job.source_id), job.audio)
        if shop.keep_audio:
            self._flac = FlacWriter(shop.store.audio_path(self._meeting_id, job.source_id))
        self._pipeline = shop.machinery.open_pipeline(
            engine, job.language, job.hotwords, lambda output: self._post(Heard(output)), job.source_id
        )
        audio = None if self._flac is None else self._flac.path.name
        self._post(Opened(job.source_id, engine.models, audio))

    def _keep(self, frame: AudioFrame) -> None:
        assert self._journal is not None
        assert self._door is not None
        assert self._pipeline is not None
        self._journal.append(frame)
        self._take(self._door.accept(frame.payload))
        self._post(Kept(self._job.source_id, frame.seq, self._samples))
        if self._pipeline.backlog > self._workshop.backlog:
            self._pipeline.wait_below(self._workshop.backlog)

    def _take(self, audio: Samples) -> None:
        if not len(audio):
            return
        self._samples += len(audio)
        if self._pipeline is not None:
            self._pipeline.feed(audio)
        if self._flac is not None:
            self._flac.write(audio)

    def _flush_door(self) -> None:
        if self._door is not None and not self._failed:
            self._take(self._door.flush())

    def _close_files(self) -> None:
        if self._flac is not None:
            self._flac.close()
        if self._journal is not None:
            self._journal.close()

    def _finish_pipeline(self) -> None:
        if self._pipeline is not None:
            self._pipeline.finish()

    def _close(self) -> None:
        """Free everything, whether or not it ended well."""
        for part in (self._flac, self._journal, self._door, self._pipeline):
            if part is not None:
                self._quietly(part.close)

    def _quietly(self, close: Callable[[], None]) -> None:
        try:
            close()
        except MeetingError as error:
            log.warning("source %s: %s", self._job.source_id, type(error).__name__)
