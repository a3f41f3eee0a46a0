"""One source's thread: its frames go to the journal, through the decoder, into FLAC and pipeline; in that order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from meeting.core.error_text import client_message
from meeting.core.errors import ErrorCode
from meeting.core.messages import AudioFrame
from meeting.session.events import (
    Event,
    OpenSource,
    SourceFailed,
    SourceFinished,
    SourceRecovered,
    StorageFailing,
    StorageWorking,
)
from meeting.sources.active_source import ActiveSource, SourceContext, open_source
from meeting.sources.engine_loader import Services
from meeting.sources.flow_control import SourceFlow
from meeting.sources.log_context import logged_meeting
from meeting.sources.source_inbox import Muted, SourceInbox
from meeting.sources.source_recovery import SourceRecovery
from meeting.storage.files.journal import JournalLost
from meeting.storage.files.private_files import store_errors
from meeting.storage.objects.source_objects import SourceObjects
from meeting.storage.orphans import set_aside
from pipelines.errors import AudioError, MeetingError, ModelError, StoreError
from pipelines.types import SpeakerCount

log = logging.getLogger(__name__)

STORE_AWAY = (
    "the server's object store does not take what is heard: what is said is written down, and its sources keep it"
)


class SourceWorker:
    """Everything slow about a source, in one thread, so that the event loop never waits.

    What happens is posted: from that thread, outputs from the pipeline's threads.
    """

    def __init__(
        self,
        services: Services,
        meeting_id: str,
        job: OpenSource,
        flow: SourceFlow,
        post: Callable[[Event], None],
        speakers: SpeakerCount | None = None,
    ) -> None:
        """`speakers` is how many people speak in the meeting, where somebody has said so."""
        self._services = services
        self._job = job
        self._flow = flow
        self._post = post
        self._inbox = SourceInbox(job.hotwords)
        objects = None
        if services.store.objects is not None:
            kept, waiting = services.store.objects, self._inbox.no_waiting
            objects = SourceObjects(
                kept, meeting_id, job.source_id, services.fence, services.held, waiting, self._tell_of_objects
            )
        self._context = SourceContext(services, meeting_id, job, self._inbox, flow, post, speakers, objects)
        self._failed = False
        """What comes is not taken any more; what was taken is finished"""
        self._lossy = False
        """Something of the journal could not be processed"""
        self._thread = threading.Thread(target=self._run, name=f"source-{job.source_id}", daemon=True)

    def start(self) -> None:
        """Start the thread, which opens the source first of all; where the system gives none, the source has failed."""
        try:
            self._thread.start()
        except RuntimeError as error:
            log.error("source %s: %s", self._job.source_id, error)
            self._fail(ErrorCode.INTERNAL, "the server cannot hear another source now: try again later")

    @property
    def _started(self) -> bool:
        return self._thread.ident is not None

    @property
    def backlog(self) -> float:
        """Seconds of its audio that wait for the models."""
        return self._flow.backlog

    def expect(self, hotwords: tuple[str, ...]) -> None:
        """Have the next utterances recognised with these terms, in the place of those of the job."""
        self._inbox.hotwords = hotwords

    def mute(self, muted: bool) -> None:
        """Queue that silence stands for what follows, or no longer does."""
        self._inbox.mute(muted)

    def append(self, frame: AudioFrame) -> None:
        """Queue a frame; it counts as on its way until the thread is through with it."""
        if self._started:
            self._inbox.put(frame)
        else:
            self._count_out(frame)

    def finish(self, shutdown_fast: bool = False) -> None:
        """Queue the end: after it, `SourceFinished` is posted.

        With `shutdown_fast` neither a disk that refuses nor models that are being loaded are waited for.
        """
        self._inbox.finish(shutdown_fast)

    def abandon(self) -> None:
        """Stop without a word, whatever is being waited for; what is on disk stays there."""
        self._inbox.abandon()
        self._flow.stop()

    def wait(self, seconds: float) -> bool:
        """Wait until the thread is gone, and with it all that could write another file; whether it is."""
        if self._started:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def remove_journal(self) -> None:
        """Delete the frames as received, and let go of them: all is stored in better form. Waits for the disk."""
        _put_away(self._context.journal_path, self._lossy)
        if self._context.objects is not None:
            self._context.objects.release(keep_journal=self._lossy)
        self._inbox.released.set()

    def _tell_of_objects(self, working: bool) -> None:
        self._post(StorageWorking("audio") if working else StorageFailing("audio", STORE_AWAY))

    # In the thread

    def _run(self) -> None:
        logged_meeting.set(self._context.meeting_id)
        self._work()
        # Only here nothing refers to the pipeline any more: it is a loop, and its memory goes when somebody looks.
        self._services.backend.release_memory()

    def _work(self) -> None:
        source = self._open()
        if source is None:
            self._drop_frames()
            return
        if self._job.recover and not self._recover(source):
            self._drop_frames()
        else:
            self._take_frames(source)
            if not self._inbox.abandoned.is_set():
                self._finish(source)
        self._try(source.close)

    def _try(self, step: Callable[[], None]) -> tuple[ErrorCode, str] | None:
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
        problem = self._try(step)
        if problem is not None:
            self._fail(*problem)
        return problem is None

    def _fail(self, code: ErrorCode, message: str) -> None:
        self._failed = True
        if not self._inbox.abandoned.is_set():
            log.warning("source %s: %s", self._job.source_id, message)
            told = client_message(message, self._services.store.data_dir)
            self._post(SourceFailed(self._job.source_id, code, told))

    def _open(self) -> ActiveSource | None:
        opened: list[ActiveSource] = []
        self._guarded(lambda: opened.append(open_source(self._context)))
        return opened[0] if opened else None

    # Frames

    def _take_frames(self, source: ActiveSource) -> None:
        while not self._inbox.ended:
            frame = self._inbox.take()
            if not self._failed and not self._inbox.abandoned.is_set():
                self._guarded(lambda frame=frame: self._take(source, frame))  # type: ignore[misc]
            self._count_out(frame)

    def _take(self, source: ActiveSource, item: AudioFrame | Muted | None) -> None:
        if not source.connected and self._services.engine.done:
            source.catch_up()
        if isinstance(item, Muted):
            source.mute(item.muted)
        elif item is not None:
            source.take(item)

    def _drop_frames(self) -> None:
        """Take frames only to count them out, until the end."""
        while not self._inbox.ended:
            self._count_out(self._inbox.take())

    def _count_out(self, frame: AudioFrame | Muted | None) -> None:
        if isinstance(frame, AudioFrame):
            self._flow.frame_done(len(frame.payload))

    # After a crash

    def _recover(self, source: ActiveSource) -> bool:
        """Process everything on disk again; false when that must be left to another time."""
        attempt = self._services.recovery_queue.enqueue(self._context.journal_path, self._inbox.wake)
        recovered = False
        try:
            recovered = self._recovered(source, SourceRecovery(self._context, source, attempt))
        finally:
            # Only behind all that is told of it: until then a death would be this journal's.
            attempt.end(recovered)
        return recovered

    def _recovered(self, source: ActiveSource, recovery: SourceRecovery) -> bool:
        problem = self._try(recovery.run)
        if self._inbox.abandoned.is_set():
            return False
        if problem is None or problem[0] == ErrorCode.BAD_AUDIO:
            problem = self._try(source.replace_earlier) or problem
        if problem is not None and problem[0] != ErrorCode.BAD_AUDIO:
            self._fail(ErrorCode.LOST if problem[0] == ErrorCode.INTERNAL else problem[0], problem[1])
            return False
        models, audio = self._services.engine.wait().models, source.audio
        self._post(SourceRecovered(self._job.source_id, models, audio.name, audio.samples))
        if problem is not None:  # the frame that ended the source before it could be told
            self._fail(*problem)
        return True

    # The end

    def _finish(self, source: ActiveSource) -> None:
        if not self._job.recover:
            self._finish_source(source)
            return
        # What ends this process now would do so at every start: it needs a turn, and a note, like the frames before.
        attempt = self._services.recovery_queue.enqueue(self._context.journal_path, self._inbox.wake)
        while not attempt.granted and not self._inbox.no_waiting.is_set():
            self._count_out(self._inbox.take())
        try:
            if attempt.granted:
                self._guarded(lambda: attempt.begin(finishing=True))
            self._finish_source(source, lambda: attempt.end(True))
        finally:
            attempt.end(True)

    def _finish_source(self, source: ActiveSource, then: Callable[[], None] = lambda: None) -> None:
        source.journal.mark_stopped()
        if not self._failed:
            self._guarded(source.flush)
        self._guarded(source.fill_up)
        source.finish_levels()
        source.report_gaps()
        # Before the models are waited for: the FLAC is whole on disk as early as it can be.
        complete = self._try(source.finish_audio) is None
        self._inbox.models_settled.wait()
        if self._inbox.abandoned.is_set():
            return
        if self._services.engine.done and not source.left_behind:
            self._guarded(source.catch_up)
        if source.connected:
            self._guarded(source.finish_pipeline)
        else:
            complete = False
        # Last: the text waits for no object store.
        complete = complete and self._try(source.finish_objects) is None
        self._flow.through()
        then()
        self._lossy = source.audio.lossy
        self._post(SourceFinished(self._job.source_id, source.audio.samples, complete))
        # Locked until the end is stored: no other process may take this meeting for one that was cut off.
        self._inbox.released.wait()


def _put_away(path: Path, lossy: bool) -> None:
    """Delete a journal, or set it aside where something of it was lost; where that fails the next start sees to it."""
    try:
        with store_errors(path):
            if lossy:
                set_aside(path)
            else:
                path.unlink(missing_ok=True)
    except StoreError as error:
        log.error("%s: its journal stays: %s", path.name, error)
