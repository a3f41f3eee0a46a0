"""A meeting's source while it is received: how far its frames have come, and what its client has been told of that.

A frame is *taken* when it has its turn, *appended* once it is on disk, and acknowledged only then, because its client
forgets it after that. A client is told nothing of a source that a later process would not find.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from meeting.core.continuity.resumption import GRACE, Resumption
from meeting.core.errors import ErrorCode, ProtocolError
from meeting.core.messages import Ack, AudioFrame, AudioInfo, ErrorMessage, SourceInfo, SourceMessage, Start
from meeting.core.records import RestoredSource, Resume, Source
from meeting.session.events import (
    AppendFrame,
    Effect,
    ExpectHotwords,
    OpenSource,
    SaveResume,
    SaveSource,
    Send,
    StartReceived,
)
from pipelines.types import seconds

REMINDER_INTERVAL = 5.0
"""Seconds after which a client that has to wait is told its last `ack` again: a silent server counts as dead"""

NOT_STORED_YET = "the meeting cannot be stored yet: recording begins as soon as it can"
"""Why a source may not speak yet, when nothing more is known"""


@dataclass(slots=True)
class LiveSource:
    """One source of a running meeting. Times are seconds on the session's clock."""

    source: Source
    start: Start
    resumption: Resumption
    client: int | None = None
    """The connection that it comes through; None while it is away"""
    next_seq: int = 0
    """The frame that is expected next"""
    appended: int = 0
    """Frames on disk: only those may the client forget"""
    notified_at: float = 0.0
    """When its client was last told of its frames, or began to wait for that"""
    opened: bool = False
    """Whether its decoder and files are ready"""
    stored: bool = False
    """Whether it, its token and the state of its meeting are stored: only then is its client told that it may speak"""
    stop_requested: bool = False
    """Whether it is to end as soon as it can: `stop` came before it was ready"""
    incomplete: bool = False
    """Whether a process died while it ended the meeting, and had not kept all frames: the client may have the rest"""
    complete_by: float | None = None
    """Until when these are waited for; None while they are not, or while the meeting is rebuilt"""
    may_skip: bool = False
    """Whether its next frame may have any later number: what its client was told is on disk may be lost"""
    restored: bool = False
    """Whether an earlier process had it"""
    placed: bool = False
    """Whether its place in the meeting is known from when it was recorded: when it arrives now says nothing of that"""
    finishing: bool = False
    """Whether no audio of it is taken any more"""
    ended: bool = False
    """Whether its last output has come"""
    lost: bool = False
    """Whether what an earlier process received of it cannot be heard again: nobody can go on with it"""
    samples: int = 0
    """Length of its audio so far"""
    level: float | None = None
    """How loud it was last, in decibels relative to full scale"""
    arrivals: deque[tuple[int, float]] = field(default_factory=deque)
    """Numbers of frames that are on their way to disk, and when they came: as many as may be on that way"""

    @property
    def awaits_ack(self) -> bool:
        """Whether its client has sent more than it was told is on disk."""
        return self.client is not None and self.stored and 0 < self.appended < self.next_seq

    @property
    def awaits_storage(self) -> bool:
        """Whether its client waits for the disk before it may speak."""
        return self.client is not None and self.opened and not self.stored

    @property
    def never_spoke(self) -> bool:
        """Whether it was ready, and its client is away without having sent a frame."""
        return self.opened and self.client is None and self.next_seq == 0

    def same_client(self, start: Start) -> bool:
        """Whether a new `start` can be its client's, who may never have learnt its token."""
        # All that is heard, shown and stored of it: whoever differs in that would speak as somebody else.
        return replace(start, hotwords=self.start.hotwords, pause=self.start.pause) == self.start

    def refusal(self, start: Start) -> ProtocolError | None:
        """Why a connection that sent this `start` may not go on with it; None when it may."""
        problem = self.resumption.refusal(start)
        if problem is None and self.lost:
            return ProtocolError("what was received of this source cannot be heard again", ErrorCode.LOST)
        return problem

    @property
    def resume(self) -> Resume:
        """What is stored of it for a later process; the time since which it is away is the driver's to add."""
        return Resume(self.source.id, self.resumption.digest, self.start.hotwords)

    @property
    def state(self) -> str:
        """What clients are told of it, as in `SourceMessage`."""
        if self.finishing:
            return "ended" if self.ended else "ending"
        return "away" if self.client is None else "live"

    def message(self) -> SourceMessage:
        """The same with who or what it is."""
        return SourceMessage.of(self.source, self.state)

    @property
    def reminder_at(self) -> float | None:
        """When its client is to be told again what it waits for; None while it waits for nothing."""
        return self.notified_at + REMINDER_INTERVAL if self.awaits_ack or self.awaits_storage else None

    # Its client

    def attach(self, client: int, token: str) -> None:
        """From now on it comes through this client."""
        self.client = client
        self.resumption.client_returned(token)

    def detach(self, now: float) -> None:
        """Its connection is gone: its client is waited for."""
        self.client = None
        self.resumption.client_left(now)

    def reissue(self, start: Start, token: str) -> None:
        """Make it its client's again, under a new token, before it has spoken: it has to be stored anew."""
        self.start = start
        self.resumption.issue(token)
        self.stored = False

    def number(self, number: int) -> None:
        """Its place among the sources of its meeting."""
        self.source = replace(self.source, number=number)

    # Its worker

    def open_effect(self, hotwords: tuple[str, ...], recover: bool = False, processed: int = 0) -> OpenSource:
        """What makes it ready; `hotwords` are those of its meeting, `recover` and `processed` as in `OpenSource`."""
        source, start = self.source, self.start
        return OpenSource(
            source.id,
            start.audio,
            start.language,
            (*start.hotwords, *hotwords),
            start.translate,
            source.number,
            source.kind == "solo",
            source.muted,
            start.pause,
            recover,
            processed,
        )

    def expect_effect(self, hotwords: tuple[str, ...]) -> ExpectHotwords:
        """What makes it expect other terms of its meeting; those that it brought itself stay."""
        return ExpectHotwords(self.source.id, (*self.start.hotwords, *hotwords))

    def mark_opened(self, now: float) -> None:
        """Its decoder and files are ready."""
        self.opened, self.notified_at = True, now

    def mark_reopened(self, frames: int, stopped: bool, ending: bool) -> None:
        """Its files are found with so many frames, in a meeting that was `ending` or not.

        `stopped` when its end is noted there, which is done behind the last frame that was taken.
        """
        self.opened, self.next_seq, self.appended = True, frames, frames
        self.stop_requested = self.stop_requested or stopped
        self.incomplete = ending and not stopped and self.resumption.digest is not None

    def mark_rebuilt(self, now: float) -> None:
        """Its meeting can go on, or end."""
        self.resumption.meeting_rebuilt(now)
        self.complete_by = now + GRACE if self.incomplete else None

    def mark_finishing(self) -> None:
        """No frame is waited for any more."""
        self.finishing, self.incomplete, self.complete_by = True, False, None

    def mark_ended(self, samples: int) -> None:
        """Its last output has come, about so many samples."""
        self.finishing, self.ended, self.samples = True, True, samples
        self.source = replace(self.source, samples=samples)

    def mark_lost(self) -> None:
        """What an earlier process received of it cannot be heard again: it has ended, as far as it was stored."""
        self.mark_ended(self.samples)
        self.lost = True

    def mark_stored(self, now: float) -> None:
        """A later process would find it: from now on what is acknowledged stays."""
        self.stored, self.notified_at = True, now

    def mark_appended(self, seq: int, samples: int, now: float) -> float | None:
        """All frames up to this one are on disk, and it has so many samples; when that frame came, where it is known.

        Told again while a long frame is processed, and then it is not known any more.
        """
        self.appended, self.notified_at, self.samples = seq + 1, now, samples
        arrived = None
        while self.arrivals and self.arrivals[0][0] <= seq:
            number, at = self.arrivals.popleft()
            arrived = at if number == seq else None
        return arrived

    # Effects

    def save(self, audio: str | None) -> list[Effect]:
        """Store it, with the name of its FLAC, and what a later process needs to let its client go on."""
        self.source = replace(self.source, audio=audio)
        return [SaveSource(self.source), SaveResume(self.resume, self.client is None)]

    def take(self, frame: AudioFrame, now: float) -> list[Effect]:
        """Take the frame whose turn it is; one that came before is dropped. Raises ProtocolError where some lack."""
        if frame.seq < self.next_seq:
            return []
        if frame.seq > self.next_seq and self.may_skip:
            self.next_seq = self.appended = frame.seq
        self.may_skip = False
        if frame.seq > self.next_seq:
            raise ProtocolError(f"frame {frame.seq} came where {self.next_seq} was expected; resume from there")
        # A client that did not wait for an `ack` begins to wait now; for one that did, the time since then counts.
        self.notified_at = self.notified_at if self.awaits_ack else now
        self.next_seq += 1
        self.arrivals.append((frame.seq, now))
        return [AppendFrame(self.source.id, frame)]

    def ack(self) -> list[Effect]:
        """Tell its client how many frames are on disk; nothing where there is none, or nobody."""
        if self.client is None or not self.stored or not self.appended:
            return []
        return [Send(self.client, Ack(self.appended - 1, seconds(self.samples)))]

    def remind(self, now: float, trouble: str | None) -> list[Effect]:
        """Tell its client again what it waits for: `trouble` is why nothing can be stored, where that is known."""
        self.notified_at = now
        if self.client is None or self.stored:
            return self.ack()
        return [Send(self.client, ErrorMessage(ErrorCode.STORAGE, trouble or NOT_STORED_YET, False))]


def new_source(event: StartReceived, window: float, resumable: bool) -> LiveSource:
    """A source as its client declares it; it may come back within `window` seconds where it is `resumable`."""
    start, audio, info, known = event.start, event.start.audio, event.start.source, event.known
    source = Source(
        event.source_id,
        info.name,
        info.kind,
        audio.encoding,
        audio.sample_rate,
        audio.channels,
        start.language,
        translate=start.translate,
    )
    if known is not None:
        source = replace(source, name=known.name, kind=known.kind, number=known.number, anchors=known.anchors)
    resumption = Resumption(source.id, audio, window, resumable)
    resumption.issue(event.token)
    return LiveSource(source, start, resumption, event.client, placed=known is not None)


def known_source(known: RestoredSource, window: float, resumable: bool, now: float) -> LiveSource:
    """A source as an earlier process stored it; its client is away, and waited for during the rest of the window."""
    source, resume, away = known.source, known.resume, window - known.remaining
    audio = AudioInfo(source.encoding, source.sample_rate, source.channels)
    info = SourceInfo(source.name, source.kind)
    start = Start(1, audio, info, source.language, resume.hotwords, translate=source.translate)
    resumption = Resumption(source.id, audio, window, resumable, resume.digest, now - away)
    return LiveSource(source, start, resumption, stored=True, may_skip=True, restored=True)
