"""A meeting's source while it is being heard: who it is, how far it has come, who may go on with it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from meeting.core.access import digest
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, ResumeInfo, SourceInfo, Start
from meeting.core.records import Resume, Source


@dataclass(slots=True)
class LiveSource:
    """One source of a running meeting."""

    source: Source
    start: Start
    digest: str | None = field(repr=False)
    """Of the token that its client has; None when nobody can come back to it after a restart"""
    token: str = field(default="", repr=False)
    """The token; after a restart unknown until its client brings it"""
    client: int | None = None
    """The connection it comes through; None while it is away"""
    next_seq: int = 0
    """The frame that is expected next"""
    kept: int = 0
    """Frames on disk: only those may the client forget"""
    told_at: float = 0.0
    """When its client was last told of its frames, or began to wait for that, on the session's clock"""
    opened: bool = False
    settled: bool = False
    """Whether it, its token and the state of its meeting are stored: only then is its client told that it may speak"""
    stopping: bool = False
    """`stop` came before the source was ready"""
    ahead: bool = False
    """Whether its next frame may have any later number: what its client was told is kept may be lost"""
    lost_at: float | None = None
    """When its client was lost, on the session's clock"""

    @property
    def waiting(self) -> bool:
        """Whether its client has sent more than it was told is on disk."""
        return self.client is not None and self.settled and 0 < self.kept < self.next_seq

    @property
    def unsettled(self) -> bool:
        """Whether its client waits for the disk before it may speak."""
        return self.client is not None and self.opened and not self.settled

    @property
    def resume(self) -> Resume:
        """What is kept of it for a later process; the time since which it is away is the driver's to add."""
        return Resume(self.source.id, self.digest, self.start.hotwords)

    def refusal(self, start: Start) -> ProtocolError | None:
        """Why a connection that sent this `start` may not go on with it; None when it may."""
        given = start.resume
        if given is None or given.source_id != self.source.id or not self._knows(given):
            return no_such_source()
        if start.audio != self.start.audio:
            return ProtocolError("a source must be resumed with the audio format that it started with")
        return None

    def _knows(self, given: ResumeInfo) -> bool:
        return self.digest is not None and hmac.compare_digest(self.digest, digest(given.token))


def no_such_source() -> ProtocolError:
    """The refusal of a client that would resume a source that is not there, or not its own: it is told no more."""
    return ProtocolError("there is no such source to resume", ErrorCode.UNAUTHORIZED, CloseCode.UNAUTHORIZED)


def new_source(start: Start, source_id: str, token: str, client: int, resumable: bool) -> LiveSource:
    """A source as its client declares it."""
    audio, info = start.audio, start.source
    source = Source(source_id, info.name, info.kind, audio.encoding, audio.sample_rate, audio.channels, start.language)
    return LiveSource(source, start, digest(token) if resumable else None, token, client)


def known_source(source: Source, resume: Resume, lost_at: float) -> LiveSource:
    """A source as an earlier process stored it; its client is away since `lost_at`."""
    audio = AudioInfo(source.encoding, source.sample_rate, source.channels)
    start = Start(1, audio, SourceInfo(source.name, source.kind), source.language, resume.hotwords)
    return LiveSource(source, start, resume.digest, lost_at=lost_at, settled=True, ahead=True)
