"""Every error this project raises on purpose, as one tree.

MeetingError                 anything we can explain; carries one sentence for the user
├── SettingsError            config.yaml, environment or flag is wrong
├── ModelError               a model is missing, damaged or cannot be loaded
│   ├── ModelMissing         not on this machine; says how to get it
│   └── ModelCorrupt         its checksum or its structure is not what was pinned
├── AudioError               what came in is not the audio it was said to be
├── BlockError               a step of the pipeline failed on one input
├── ProtocolError            a client broke the wire protocol; carries the close code
├── StoreError               the database or the data folder cannot be used
│   ├── DatabaseTooNew       written by a later version
│   └── NotFound             no such meeting, segment or speaker
└── ServeError               the server cannot start (port in use, …)
"""

from __future__ import annotations

__all__ = [
    "AudioError",
    "BlockError",
    "DatabaseTooNew",
    "MeetingError",
    "ModelCorrupt",
    "ModelError",
    "ModelMissing",
    "NotFound",
    "ProtocolError",
    "ServeError",
    "SettingsError",
    "StoreError",
]


class MeetingError(Exception):
    """Root of the tree; `str(error)` is a sentence a user can act on."""


class SettingsError(MeetingError):
    """A setting has an unknown name or an impossible value."""


class ModelError(MeetingError):
    """A model cannot be used."""


class ModelMissing(ModelError):
    """A model's file is not on this machine."""


class ModelCorrupt(ModelError):
    """A model's file is not the one that was pinned, or not a model."""


class AudioError(MeetingError):
    """Bytes that are not the audio they were declared to be."""


class BlockError(MeetingError):
    """A pipeline block failed on one input.

    `block` is the name of the block; the cause is chained.
    """

    def __init__(self, block: str, reason: str) -> None:
        self.block = block
        self.reason = reason
        super().__init__(f"{block} failed: {reason}")


class ProtocolError(MeetingError):
    """A client broke the wire protocol.

    `code` is the machine-readable error code of the protocol's `error` message,
    `close` the WebSocket close code that follows it.
    """

    def __init__(self, message: str, code: str = "bad_message", close: int = 4400) -> None:
        self.code = code
        self.close = close
        super().__init__(message)


class StoreError(MeetingError):
    """The database or the data folder cannot be read or written."""


class DatabaseTooNew(StoreError):
    """The database was written by a later version of this program."""


class NotFound(StoreError):
    """There is no such meeting, source, segment or speaker."""


class ServeError(MeetingError):
    """The server cannot start."""
