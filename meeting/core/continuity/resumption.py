"""Who may go on with a source after its connection is gone, and until when; pure.

A client is given a secret token when it starts a source. While it is connected nothing is waited for. Once its
connection is gone, whoever brings the token goes on with the source where it was; when nobody has come by the end of
the window, the meeting is ended with what was received. Only a digest of the token is stored, so that a later process
knows it again.
"""

from __future__ import annotations

import hmac

from meeting.core.access import digest
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import AudioInfo, Start

GRACE = 30.0
"""Seconds that a client has at least to come back once its meeting is rebuilt, however long it was away before"""


class Resumption:
    """Says who may go on with one source; `now` and what it tells are seconds on the session's clock."""

    def __init__(
        self,
        source_id: str,
        audio: AudioInfo,
        window: float,
        resumable: bool = True,
        token_digest: str | None = None,
        away_since: float | None = None,
    ) -> None:
        """`window` is how long its client is waited for; the last two are known where an earlier process had it."""
        self._source_id = source_id
        self._audio = audio
        self._window = window
        self._resumable = resumable
        self._away_since = away_since
        self.digest = token_digest
        """Of the token; None while nobody can come back"""
        self.token = ""
        """As its client has it; unknown after a restart, until somebody brings it"""

    @property
    def deadline(self) -> float | None:
        """When nobody may come back any more; None while nobody is waited for."""
        return None if self._away_since is None else self._away_since + self._window

    def issue(self, token: str) -> None:
        """Give the source a new token: whoever has an older one may not come back any more."""
        self.token = token
        self.digest = digest(token) if self._resumable else None

    def revoke(self) -> None:
        """Nobody may come back any more."""
        self.token, self.digest = "", None

    def client_left(self, now: float) -> None:
        """The connection is gone: from now on its client is waited for."""
        self._away_since = now

    def client_returned(self, token: str) -> None:
        """A client goes on with the source."""
        self._away_since = None
        self.token = token

    def meeting_rebuilt(self, now: float) -> None:
        """The meeting can go on only now: a client that is away has at least `GRACE` from here on."""
        if self._away_since is not None:
            self._away_since = max(self._away_since, now - self._window + min(GRACE, self._window))

    def refusal(self, start: Start) -> ProtocolError | None:
        """Why a connection that sent this `start` may not go on with the source; None when it may."""
        given = start.resume
        known = given is not None and given.source_id == self._source_id and self._knows(given.token)
        if not known:
            return no_such_source()
        if start.audio != self._audio:
            return ProtocolError("a source must be resumed with the audio format that it started with")
        return None

    def _knows(self, token: str) -> bool:
        return self.digest is not None and hmac.compare_digest(self.digest, digest(token))


def no_such_source() -> ProtocolError:
    """What is told for a wrong id, a wrong token and no source at all alike: a guess learns nothing."""
    return ProtocolError("there is no such source to resume", ErrorCode.UNAUTHORIZED, CloseCode.UNAUTHORIZED)
