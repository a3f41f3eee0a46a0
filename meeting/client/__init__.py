"""A client of a meeting server for programs: `Client` is the way in; see docs/client.md."""

from __future__ import annotations

from meeting.client.addresses import ServerAddress
from meeting.client.api import NewMeeting
from meeting.client.client import Client
from meeting.client.errors import (
    AudioRefused,
    ClientError,
    NoSuchMeeting,
    RequestRefused,
    ServerUnreachable,
    SourceLost,
    TokenRefused,
)
from meeting.client.events import Disconnected, Event
from meeting.client.members import Source, Viewer
from meeting.client.transcript import TranscriptState
from meeting.core.messages import (
    AudioInfo,
    EarlierMessage,
    Ended,
    ErrorMessage,
    GapMessage,
    SegmentMessage,
    SessionMessage,
    SnapshotMessage,
    SourceMessage,
    SpeakerMessage,
    SpeakerRevisionMessage,
    StateMessage,
    StatsMessage,
    WordMessage,
)

__all__ = [
    "AudioInfo",
    "AudioRefused",
    "Client",
    "ClientError",
    "Disconnected",
    "EarlierMessage",
    "Ended",
    "ErrorMessage",
    "Event",
    "GapMessage",
    "NewMeeting",
    "NoSuchMeeting",
    "RequestRefused",
    "SegmentMessage",
    "ServerAddress",
    "ServerUnreachable",
    "SessionMessage",
    "SnapshotMessage",
    "Source",
    "SourceLost",
    "SourceMessage",
    "SpeakerMessage",
    "SpeakerRevisionMessage",
    "StateMessage",
    "StatsMessage",
    "TokenRefused",
    "TranscriptState",
    "Viewer",
    "WordMessage",
]
