"""One source's thread: frames to disk, through the decoder, into the FLAC and the pipeline; in that order."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from meeting.core.error_text import for_clients
from meeting.core.errors import ErrorCode
from meeting.core.messages import AudioFrame
from meeting.core.records import Gap
from meeting.session.events import (
    Event,
    FrameAppended,
    GapFound,
    ModelsLoaded,
    OpenSource,
    OutputReceived,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    StorageFailing,
    StorageWorking,
)
from meeting.sources.backend import Pipeline
from meeting.sources.engine_loader import Services
from meeting.sources.source_audio import SourceAudio
from meeting.storage.files import journal
from meeting.storage.files.journal import Journal, JournalLost
from meeting.storage.files.journal_format import PROCESSED, STOPPED, Entry
from meeting.storage.files.recovery_attempts import RecoveryAttempt
from meeting.storage.orphans import set_aside
from pipelines.audio.decoder_process import DecoderKilled
from pipelines.audio.decoding import AudioDecoder
from pipelines.errors import AudioError, MeetingError, ModelError, StoreError
from pipelines.types import SAMPLE_RATE, ModelInfo, Samples

log = logging.getLogger(__name__)

RECOVERY_BACKLOG = 10.0
"""Seconds of audio that may wait for the models while an old journal is heard again: live meetings come first"""
TELL = 10 * SAMPLE_RATE
"""Samples of one frame after which is told how far it has been heard: it may hold hours"""
CAUGHT_UP = 2.0
"""Seconds of audio behind from which on a source counts as live"""
RETRY = 0.5
"""Seconds between two tries to write to a disk that refuses"""
REMIND = 5.0
"""Seconds after which such a trouble is told again, so that no client takes the connection for dead"""
CALM = 0.3
"""Seconds without progress after which the models have heard all that they can before the end"""
CROWDED = 0.02
"""Seconds between two looks at a meeting that has too much to do"""
DISK_FULL = "the server's disk does not take what is heard: recording waits, and goes on as soon as there is room"


class _Wake:
    """A job that only says: look whether the models are there."""


class SourceWorker:
    """Everything slow about a source, in one thread, so that the event loop never waits.

    `post`, `done` and `crowded` are called from that thread, `post` from the pipeline's too: `post` with what
    happened, `done` with the number of bytes of each frame that has left the queue; while `crowded` says so, no
    more audio is fed.
    """

    def __init__(
        self,
        services: Services,
        meeting_id: str,
        job: OpenSource,
        post: Callable[[Event], None],
        done: Callable[[int], None],
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._services = services
        self._meeting_id = meeting_id
        self._job = job
        self._post = post
        self._done = done
        self._crowded = crowded
        self._path = services.store.files.journal_path(meeting_id, job.source_id)
        self._jobs: queue.SimpleQueue[AudioFrame | _Wake | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._hurried = threading.Event()
        self._released = threading.Event()
        self._awake = threading.Event()
        """The models are loaded or have failed, or nobody has the time to wait for them"""
        self._failed = False
        self._left = False
        """There is no time to wait for the models: what is on disk is left to a later process"""
        self._ending = False
        """The end has been taken from the queue"""
        self._said_heard = not job.recover
        self._recovery_attempt: RecoveryAttempt | None = None
        self.lossy = False
        """Whether something of its journal could not be heard again"""
        self._sound: SourceAudio | None = None
        self._journal: Journal | None = None
        self._pipeline: Pipeline | None = None
        self._early: list[Samples] = []
        """What is to be heard as soon as there is a pipeline"""
        self._thread = threading.Thread(target=self._run, name=f"source-{job.source_id}", daemon=True)
        self._thread.start()

    def keep(self, frame: AudioFrame) -> None:
        """Queue a frame."""
        self._jobs.put(frame)

    def finish(self, hurry: bool = False) -> None:
        """Queue the end: after it, `SourceFinished` is posted.

        With `hurry` neither a disk that refuses nor models that are being loaded are waited for.
        """
        if hurry:
            self._hurried.set()
            self._awake.set()
        self._jobs.put(None)

    def abandon(self) -> None:
        """Stop without a word; what is on disk stays there."""
        self._abandoned.set()
        self._hurried.set()
        self._released.set()
        self._awake.set()
        self._jobs.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until the thread is gone, and with it all that could write another file; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def remove_journal(self) -> None:
        """Delete the frames as received, and let go of them: all is stored in better form, where nothing was lost."""
        if self.lossy:
            with suppress(StoreError):
                set_aside(self._path)
        else:
            self._path.unlink(missing_ok=True)
        self._released.set()

    def _run(self) -> None:
        opened = self._guarded(self._open)
        if opened and self._job.recover:
            opened = self._recover()
        while not self._ending and (job := self._jobs.get()) is not None:
            if opened and not self._failed and not self._abandoned.is_set():
                self._guarded(lambda job=job: self._work(job))  # type: ignore[misc]
            if isinstance(job, AudioFrame):
                self._done(len(job.payload))
        if opened and not self._abandoned.is_set():
            self._finish()
        self._close()

    def _attempt(self, step: Callable[[], None]) -> tuple[ErrorCode, str] | None:
        """The pipeline guard: whatever goes wrong in one source becomes a code and a sentence."""
        try:
            step()
        except AudioError as error:
            return ErrorCode.BAD_AUDIO, str(error)
        except JournalLost as error:
            return ErrorCode.LOST, str(error)
        except StoreError as error:
            return ErrorCode.STORAGE, str(error)
        except ModelError as error:
            return ErrorCode.MODELS, str(error)
        except Exception as error:
            expected = isinstance(error, MeetingError)
            log.error("source %s failed: %s", self._job.source_id, type(error).__name__, exc_info=not expected)
            return ErrorCode.INTERNAL, "internal error"
        return None

    def _guarded(self, step: Callable[[], None]) -> bool:
        """Try a step; its failure becomes an event, and the thread lives on."""
        problem = self._attempt(step)
        if problem is not None:
            self._fail(*problem)
        return problem is None

    def _fail(self, code: ErrorCode, message: str) -> None:
        self._failed = True
        if not self._abandoned.is_set():
            log.warning("source %s: %s", self._job.source_id, message)
            told = for_clients(message, self._services.store.data_dir)
            self._post(SourceFailed(self._job.source_id, code, told))

    # The beginning

    def _open(self) -> None:
        services = self._services
        if self._job.recover and not self._path.is_file():
            raise JournalLost("what was received before is no longer there; what was written down is kept")
        models = services.engine.wait().models if services.engine.settled else None
        if self._job.recover:
            self._journal = Journal(self._path, self._job.audio, fsync=services.fsync, known=True)
            self._job = replace(self._job, audio=self._journal.audio)
            if self._journal.unreadable:
                self._say_heard()
        job, decoder = self._job, self._open_decoder()
        self._journal = self._journal or Journal(self._path, job.audio, fsync=services.fsync)
        flac = services.store.files.audio_path(self._meeting_id, job.source_id) if services.keep_audio else None
        longest = None
        if services.longest is not None:  # what was heard before is not cut, whatever the settings are now
            longest = max(job.processed, math.ceil(services.longest * SAMPLE_RATE))
        heard = job.processed if job.recover else None
        self._sound = SourceAudio(job.source_id, job.audio, decoder, flac, longest, heard, self._lose)
        if models is None:
            services.engine.call_when_settled(self._wake)
        else:
            self._awake.set()
            if not job.recover:  # a pipeline is held only while it has something to hear
                self._connect()
        if job.recover:
            self._post(SourceReopened(job.source_id, self._journal.next_seq, self._journal.stopped))
        else:
            self._post(SourceOpened(job.source_id, models, self._sound.name))

    def _say_heard(self) -> None:
        """Say in the journal how far an earlier process had come: so every later one sees what is missing before."""
        assert self._journal is not None
        self._journal.mark(PROCESSED, self._job.processed)
        self._said_heard = True

    def _lose(self, gap: Gap) -> None:
        self.lossy = True
        self._post(GapFound(gap, lost=True))

    def _wake(self) -> None:
        self._awake.set()
        self._jobs.put(_Wake())

    def _connect(self) -> ModelInfo:
        """Make the pipeline, waiting for the models, and tell which those are; raises ModelError."""
        engine, job = self._services.engine.wait(), self._job
        self._pipeline = self._services.backend.open_pipeline(
            engine, job.language, job.hotwords, lambda output: self._post(OutputReceived(output)), job.source_id
        )
        self._pipeline.live = False
        return engine.models

    def _open_decoder(self) -> AudioDecoder:
        audio = self._job.audio
        return self._services.backend.open_decoder(audio.encoding, audio.sample_rate, audio.channels)

    def _recover(self) -> bool:
        """Hear everything on disk again; false when that must be left to another time."""
        self._recovery_attempt = self._services.recovery_queue.enqueue(self._path, lambda: self._jobs.put(_Wake()))
        heard = False
        try:
            heard = self._recovered()
        finally:
            self._recovery_attempt.end(heard)
        return heard

    def _recovered(self) -> bool:
        problem = self._attempt(self._hear_again)
        if self._abandoned.is_set():
            return False
        if problem is None or problem[0] == ErrorCode.BAD_AUDIO:
            assert self._sound is not None
            problem = self._attempt(self._sound.settle) or problem
        if problem is not None and problem[0] != ErrorCode.BAD_AUDIO:
            self._fail(ErrorCode.LOST if problem[0] == ErrorCode.INTERNAL else problem[0], problem[1])
            return False
        assert self._sound is not None
        models = self._services.engine.wait().models
        self._post(SourceRecovered(self._job.source_id, models, self._sound.name, self._sound.samples))
        if problem is not None:  # the frame that ended the source before it could be told
            self._fail(*problem)
        return True

    def _hear_again(self) -> None:
        assert self._recovery_attempt is not None
        while not (self._awake.is_set() and self._recovery_attempt.granted) and not self._ending:
            self._take(self._jobs.get())
        if self._abandoned.is_set():
            return
        self._awake.wait()
        if self._abandoned.is_set():
            return
        if self._pipeline is None:
            self._connect()
        assert self._sound is not None
        assert self._journal is not None
        self._recovery_attempt.begin()
        news, number = False, 0
        for entry in journal.follow(self._path, self._job.audio):
            if not self._sound.full:
                # Behind an end comes what the decoder still holds, and only then what is missing.
                parts = self._feed(entry) if entry or self._journal.stopped else self._hear(self._sound.reach())
                number += entry is not None
                try:
                    for _ in self._noted(number, parts):
                        self._pace(RECOVERY_BACKLOG)
                        news = self._take_waiting() or news
                except DecoderKilled as error:  # nothing of the audio: what was acknowledged is heard another time
                    self._recovery_attempt.count_failure()
                    raise StoreError(str(error)) from error
            if self._abandoned.is_set():
                return
            news = self._take_waiting() or entry is not None or news
            if entry is None and not news:
                break
            news = news and entry is not None
        assert self._pipeline is not None
        self._pipeline.wait_below(1.0)
        self._calm()

    def _calm(self) -> None:
        """Wait until the models do no more: a fault of theirs belongs to this journal."""
        assert self._pipeline is not None
        before = math.inf
        while not self._abandoned.is_set() and 0 < (left := self._pipeline.backlog) < before:
            before = left
            self._hurried.wait(CALM)

    def _noted(self, entry: int, parts: Iterator[None]) -> Iterator[None]:
        """The same, with a note of where it is as long as something is made of the audio."""
        assert self._recovery_attempt is not None
        assert self._sound is not None
        while True:
            self._recovery_attempt.working_on(entry, self._sound.samples)
            over = next(parts, self) is self
            self._recovery_attempt.idle()
            if over:
                return
            yield

    def _take_waiting(self) -> bool:
        taken = False
        while not self._ending and not self._jobs.empty():
            taken = self._take(self._jobs.get()) or taken
        return taken

    def _take(self, job: AudioFrame | _Wake | None) -> bool:
        """Bring a frame to disk without hearing it; whether it was one."""
        assert self._sound is not None
        if not isinstance(job, AudioFrame):
            self._ending = self._ending or job is None
            return False
        self._append(job)
        self._post(FrameAppended(self._job.source_id, job.seq, self._sound.samples))
        self._done(len(job.payload))
        return True

    # The middle

    def _work(self, job: AudioFrame | _Wake) -> None:
        if self._pipeline is None and self._services.engine.settled:
            self._catch_up()
        if isinstance(job, AudioFrame):
            self._keep(job)

    def _catch_up(self) -> None:
        """Hear what was kept while there were no models; raises ModelError when there are none."""
        self._post(ModelsLoaded(self._job.source_id, self._connect()))
        early, self._early = self._early, []
        for part in early:
            self._hand_on(part)

    def _keep(self, frame: AudioFrame) -> None:
        assert self._sound is not None
        if self._sound.full:
            return
        self._append(frame)
        told, due = -1, self._sound.samples + TELL
        for _ in self._feed(frame):
            if self._sound.samples >= due:
                told, due = self._sound.samples, self._sound.samples + TELL
                self._tell(frame)
        if self._sound.samples != told and not self._abandoned.is_set():
            self._tell(frame)

    def _tell(self, frame: AudioFrame) -> None:
        """Say that a frame is kept and how much has been heard, and wait while too much waits for the models."""
        assert self._sound is not None
        services, kept = self._services, FrameAppended(self._job.source_id, frame.seq, self._sound.samples)
        self._post(kept)
        if self._pipeline is not None:
            self._pipeline.live |= services.live and self._pipeline.backlog < CAUGHT_UP
            self._pace(services.backlog)
            return
        crowded = kept.samples > services.backlog * SAMPLE_RATE
        while crowded and not self._awake.wait(REMIND):
            self._post(kept)  # or its client would take the connection for dead
        if services.engine.settled:
            self._catch_up()
        else:
            self._left = crowded

    def _append(self, frame: AudioFrame) -> None:
        """Write a frame to the journal, however long the disk refuses it; StoreError only in a hurry."""
        assert self._journal is not None
        refused = 0
        while True:
            try:
                if not self._said_heard:
                    self._say_heard()
                self._journal.append(frame)
                break
            except StoreError:
                if self._hurried.is_set():
                    raise
                if refused % round(REMIND / RETRY) == 0:
                    self._post(StorageFailing("audio", DISK_FULL))
                refused += 1
                self._hurried.wait(RETRY)
        if refused:
            self._post(StorageWorking("audio"))

    def _feed(self, entry: Entry | None) -> Iterator[None]:
        """Hear a frame, part by part: each is handed on when it is asked for."""
        assert self._sound is not None
        if self._left or entry is None:
            return
        gaps, parts = self._sound.take(entry)
        for gap in gaps:
            self._post(GapFound(gap))
        yield from self._hear(parts)

    def _hear(self, parts: Iterator[Samples]) -> Iterator[None]:
        for part in parts:
            self._hand_on(part)
            yield
            if self._left or self._abandoned.is_set():
                return

    def _hand_on(self, part: Samples) -> None:
        if self._pipeline is None:
            self._early.append(part)
        else:
            self._pipeline.feed(part)

    def _pace(self, backlog: float) -> None:
        assert self._pipeline is not None
        if self._pipeline.backlog > backlog:
            self._pipeline.wait_below(backlog)
        while self._crowded() and not self._abandoned.is_set():
            time.sleep(CROWDED)

    # The end

    def _finish(self) -> None:
        if not self._job.recover:
            self._finish_source()
            return
        # What ends this process now would do so at every start.
        turn = threading.Event()
        attempt = self._services.recovery_queue.enqueue(self._path, turn.set)
        while not turn.wait(CALM) and not self._hurried.is_set():
            continue
        try:
            if attempt.granted:
                self._guarded(lambda: attempt.begin(finishing=True))
            self._finish_source(lambda: attempt.end(True))
        finally:
            attempt.end(True)

    def _finish_source(self, then: Callable[[], None] = lambda: None) -> None:
        assert self._sound is not None
        with suppress(StoreError):  # it saves a later process the waiting, no more
            assert self._journal is not None
            self._journal.mark(STOPPED)
        self._guarded(self._flush)
        self._guarded(self._reach)
        for gap in self._sound.untold():
            self._post(GapFound(gap))
        whole = self._attempt(self._finish_sound) is None
        self._awake.wait()
        if self._abandoned.is_set():
            return
        if self._pipeline is None and self._services.engine.settled and not self._left:
            self._guarded(self._catch_up)
        if self._pipeline is None:
            whole = False
        else:
            self._guarded(self._pipeline.finish)
        then()
        self._post(SourceFinished(self._job.source_id, self._sound.samples, whole))
        # Locked until the end is stored: no other process may take this meeting for one that was cut off.
        self._released.wait()

    def _flush(self) -> None:
        assert self._sound is not None
        if not self._failed and not self._left:
            for tail in self._sound.flush():
                self._hand_on(tail)

    def _reach(self) -> None:
        assert self._sound is not None
        if self._job.recover and not self._left:
            for part in self._sound.reach():
                self._hand_on(part)

    def _finish_sound(self) -> None:
        assert self._sound is not None
        self._sound.finish()
        if not self._sound.whole:
            self._sound.rewrite_flac(journal.entries(self._path, self._job.audio), self._open_decoder)

    def _close(self) -> None:
        """Free everything, whether or not it ended well."""
        self._early.clear()
        for part in (self._sound, self._pipeline, self._journal):
            if part is not None:
                self._attempt(part.close)
        self._sound = self._pipeline = self._journal = part = None
        self._services.backend.release_memory()
