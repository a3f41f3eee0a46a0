"""What an earlier process left of a source, processed again from its journal while new frames are appended to it."""

from __future__ import annotations

from collections.abc import Iterator

from meeting.sources.active_source import ActiveSource, SourceContext
from meeting.sources.source_inbox import Muted
from meeting.storage.files.recovery_attempts import RecoveryAttempt
from pipelines.audio.decoder_process import DecoderKilled
from pipelines.errors import StoreError

RECOVERY_BACKLOG = 10.0
"""Seconds of audio that may wait for the models while an old journal is processed: live meetings come first"""
LAST_BACKLOG = 1.0
"""Seconds of audio that may still wait for them once all has been fed"""
STALL_SECONDS = 0.3
"""Seconds without progress after which the models have done all that they can before the end"""


class SourceRecovery:
    """One journal's way through its turn; for the source's thread."""

    def __init__(self, context: SourceContext, source: ActiveSource, attempt: RecoveryAttempt) -> None:
        """`attempt` waits for its turn, and wakes the source's inbox when that has come."""
        self._inbox = context.inbox
        self._flow = context.flow
        self._source = source
        self._attempt = attempt
        self._muted = context.job.muted

    def run(self) -> None:
        """Process all of the journal and what is appended to it meanwhile, or nothing more once that is abandoned.

        Raises MeetingError, and whatever a pipeline raises.
        """
        self._wait_for_turn()
        if self._inbox.abandoned.is_set():
            return
        if not self._source.connected:
            self._source.connect()
        self._attempt.begin()
        self._process()
        # Where the process died before its journal was told, what was stored counts.
        self._source.mute(self._muted)
        # All is waited for here: if the models crash over this audio, it is this journal's fault, not the next one's.
        self._flow.wait_for_room(LAST_BACKLOG)
        self._flow.wait_until_idle(STALL_SECONDS)

    def _wait_for_turn(self) -> None:
        """Wait for the models and for the turn, or only for the models when the source is to end."""
        inbox = self._inbox
        while not (inbox.models_settled.is_set() and self._attempt.granted) and not inbox.ended:
            self._append_next()
        inbox.models_settled.wait()

    def _process(self) -> None:
        appended, number = False, 0
        for entry in self._source.journal.follow():
            parts: Iterator[None] = iter(())
            if entry is not None:
                number += 1
                parts = self._source.feed(entry)
            elif not self._source.journal.stopped:
                # Behind an end comes first what the decoder still holds, at the end of the source.
                parts = self._source.fill()
            if not self._source.audio.full:
                appended = self._process_parts(number, parts) or appended
            appended = self._append_waiting() or appended
            if self._inbox.abandoned.is_set():
                return
            if entry is None:
                if not appended:
                    return
                # What was appended meanwhile lies behind the end that was just seen.
                appended = False

    def _process_parts(self, number: int, parts: Iterator[None]) -> bool:
        """Process an entry part by part; whether frames were appended meanwhile."""
        appended = False
        try:
            for _ in self._noted(number, parts):
                self._flow.wait_for_room(RECOVERY_BACKLOG)
                appended = self._append_waiting() or appended
        except DecoderKilled as error:  # nothing of the audio: what was acknowledged is processed another time
            self._attempt.count_failure()
            raise StoreError(str(error)) from error
        return appended

    def _noted(self, number: int, parts: Iterator[None]) -> Iterator[None]:
        """The same parts, with a note of the place on disk while each is made, and none while others are waited for."""
        while True:
            self._attempt.working_on(number, self._source.audio.samples)
            over = next(parts, self) is self
            self._attempt.idle()
            if over:
                return
            yield

    def _append_waiting(self) -> bool:
        """Append the frames that have come; whether there were any."""
        appended = False
        while not self._inbox.ended and not self._inbox.empty:
            appended = self._append_next() or appended
        return appended

    def _append_next(self) -> bool:
        frame = self._inbox.take()
        if frame is None:
            return False
        if isinstance(frame, Muted):
            self._muted = frame.muted
            self._source.journal.mark_muted(frame.muted)
            return True
        self._source.append(frame, self._muted)
        self._flow.frame_done(len(frame.payload))
        return True
