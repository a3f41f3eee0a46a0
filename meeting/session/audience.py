"""The clients of a meeting: who is there, what each may do, and who gives way where there is no seat left; pure."""

from __future__ import annotations

from collections.abc import Collection

from meeting.core.access import Role
from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import ErrorMessage
from meeting.session.events import Disconnect, Effect, Send

EXTRA_SEATS = 32
"""Seats beyond the limit of viewers, for those who may speak: the longest on one goes when another needs a seat"""


class Audience:
    """Clients by number, in the order in which they came. Sources take no seat: whoever asks says which those are."""

    def __init__(self, seats: int) -> None:
        """`seats` is how many clients there may be beside the sources."""
        self._seats = seats
        self._roles: dict[int, Role] = {}
        self._visited = False

    def __contains__(self, client: int) -> bool:
        return client in self._roles

    @property
    def deserted(self) -> bool:
        """Whether everybody who came has left."""
        return self._visited and not self._roles

    def role(self, client: int) -> Role:
        """What a client may do; nothing where it is not there."""
        return self._roles.get(client, Role.ANYONE)

    def viewers(self, sources: Collection[int]) -> int:
        """How many clients are no source; `sources` are the clients that are."""
        return len(self._roles) - len(sources)

    def admit(self, client: int, role: Role, sources: Collection[int]) -> list[Effect]:
        """Let a client in. Where all seats are taken somebody else goes, or it stays outside: that one is told why."""
        effects: list[Effect] = []
        if self.viewers(sources) >= self._seats + (EXTRA_SEATS if role >= Role.SPEAK else 0):
            gives_way = self._gives_way(role, sources)
            if gives_way is None:
                message = f"this meeting has as many viewers as it takes ({self._seats})"
                return self.reject(client, ErrorCode.TOO_MANY, message, CloseCode.TOO_MANY)
            message = "this meeting is full, and your place was needed for somebody else who may speak"
            effects = self.reject(gives_way, ErrorCode.TOO_MANY, message, CloseCode.TOO_MANY)
        self._roles[client] = role
        self._visited = True
        return effects

    def _gives_way(self, role: Role, sources: Collection[int]) -> int | None:
        """Who leaves a full meeting for somebody with `role`: of those beyond the limit the lowest, longest there."""
        if role < Role.SPEAK:
            return None
        seated = [client for client in self._roles if client not in sources]
        extra = [client for client in seated[self._seats :] if self._roles[client] <= role]
        return min(extra, key=self.role, default=None)

    def leave(self, client: int) -> None:
        """A client is gone."""
        self._roles.pop(client, None)

    def reject(self, client: int, code: ErrorCode, message: str, close: CloseCode) -> list[Effect]:
        """Tell a client what is wrong, and close its connection."""
        self.leave(client)
        # A close reason has at most 123 bytes; the whole sentence is in the message before it.
        return [Send(client, ErrorMessage(code, message, True)), Disconnect(client, close, code)]

    def disconnect(self, client: int, code: CloseCode, reason: str) -> list[Effect]:
        """Close a client's connection."""
        self.leave(client)
        return [Disconnect(client, code, reason)]

    def disconnect_all(self, code: CloseCode, reason: str) -> list[Effect]:
        """Close every connection."""
        effects: list[Effect] = [Disconnect(client, code, reason) for client in sorted(self._roles)]
        self._roles.clear()
        return effects
