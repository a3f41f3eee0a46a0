"""Every error this project raises on purpose, as one tree; those with the name of a file behind them stand there.

MeetingError                 anything we can explain; carries one sentence for the user
├── SettingsError            config.yaml, environment or flag is wrong
├── ModelError               a model is missing, damaged or cannot be loaded
│   ├── ModelMissing         not on this machine; says how to get it
│   ├── ModelCorrupt         its checksum or its structure is not what was pinned
│   ├── WireError            a message cannot be read [meeting/cluster/shared_models/errors.py]
│   ├── Unanswered           one attempt to ask a shared model failed [meeting/cluster/shared_models/errors.py]
│   │   └── Broken           a replica failed as nobody foresaw [meeting/cluster/shared_models/errors.py]
│   ├── NoAnswer             no shared model has answered in time [meeting/cluster/shared_models/errors.py]
│   └── OtherModels          shared models are not those of the start [meeting/cluster/shared_models/errors.py]
├── AudioError               what came in is not the audio it was said to be
│   └── DecoderDied          its decoder ended in the middle of its work [pipelines/audio/decoder_process.py]
│       └── DecoderKilled    it was killed from outside [pipelines/audio/decoder_process.py]
├── BlockError               a step of the pipeline failed on one input
├── ProtocolError            a client broke the wire protocol; carries the close code [meeting/core/errors.py]
├── AccessDenied             a request or a connection may not pass [meeting/core/errors.py]
│   ├── Unauthorized         it brings no token, or none that is valid [meeting/core/errors.py]
│   ├── Forbidden            its token does not allow this [meeting/core/errors.py]
│   └── TooManyGuesses       too many wrong tokens have come from its address [meeting/core/errors.py]
├── Elsewhere                another server has this meeting [meeting/core/errors.py]
├── Moving                   which server has this meeting is to be seen in a moment [meeting/core/errors.py]
├── Conflict                 it cannot be done in the state that things are in [meeting/core/errors.py]
├── StoreError               the database or the data folder cannot be used
│   ├── DatabaseTooNew       written by a later version
│   ├── OwnershipLost        another server has what was to be written for [meeting/core/errors.py]
│   ├── ObjectStoreError     the object store cannot be used [meeting/core/errors.py]
│   ├── NotFound             no such meeting, segment or speaker
│   ├── JournalDamaged       its first lines do not say what it holds [meeting/storage/files/journal_format.py]
│   ├── JournalTooNew        a later version wrote a journal [meeting/storage/files/journal_format.py]
│   ├── NotAJournal          a file is no journal [meeting/storage/files/journal_format.py]
│   └── JournalLost          there is no journal to recover from [meeting/storage/files/journal.py]
├── ServeError               the server cannot start (port in use, …)
├── NotesError               a language model, or its answer, cannot be used [meeting/notes/errors.py]
│   └── UnusableAnswer       an answer that cannot be read [meeting/notes/errors.py]
└── ClientError              a server cannot be used as it was asked for [meeting/client/errors.py]
    ├── ServerUnreachable    nobody answers, or no meeting server [meeting/client/errors.py]
    ├── TokenRefused         no token, a wrong one, or one that does not allow this [meeting/client/errors.py]
    ├── NoSuchMeeting        the server has no such meeting [meeting/client/errors.py]
    ├── RequestRefused       the server understood, and will not [meeting/client/errors.py]
    ├── AudioRefused         it is not the audio that was declared [meeting/client/errors.py]
    └── SourceLost           the meeting went on or ended without its source [meeting/client/errors.py]
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


class StoreError(MeetingError):
    """The database or the data folder cannot be read or written."""


class DatabaseTooNew(StoreError):
    """The database was written by a later version of this program."""


class NotFound(StoreError):
    """There is no such meeting, source, segment or speaker."""


class ServeError(MeetingError):
    """The server cannot start."""
