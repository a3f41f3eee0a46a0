"""Leases and ownership in memory, with a clock that tests set; for tests only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from meeting.core.continuity.ownership import Claimed, Left, Owner
from meeting.core.errors import OwnershipLost
from meeting.core.records import State
from meeting.storage.store import Store
from pipelines.errors import NotFound, StoreError


class Clock:
    """Seconds that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class MemoryLeases:
    """As `OwnershipStore` on a database, whose clock is `clock`."""

    store: Store | None = None
    clock: Callable[[], float] = field(default_factory=Clock)
    servers: dict[str, tuple[str, float]] = field(default_factory=dict)
    owners: dict[str, tuple[str, int]] = field(default_factory=dict)
    away: bool = False
    """Whether the database does not answer"""
    asked: list[str] = field(default_factory=list)
    fences: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def register(self, server_id: str, address: str, length: float) -> None:
        self._ask("register")
        self.servers = {id_: lease for id_, lease in self.servers.items() if lease[0] != address}
        self.servers[server_id] = (address, self.clock() + length)

    def renew(self, server_id: str, length: float) -> bool:
        self._ask("renew")
        if not self._left(server_id):
            return False
        self.servers[server_id] = (self.servers[server_id][0], self.clock() + length)
        return True

    def retire(self, server_id: str) -> None:
        self._ask("retire")
        self.servers.pop(server_id, None)

    def claim(self, subject: str, server_id: str) -> Claimed | Owner:
        self._ask("claim")
        with self._lock:
            if not self._left(server_id):
                raise StoreError("the lease has run out")
            former, fence = self.owners.get(subject, (None, 0))
            if former == server_id:
                return Claimed(subject, server_id, fence)
            if former is not None and (left := self._left(former)):
                return Owner(former, self.servers[former][0], left)
            beside = tuple(one for one, (id_, _) in self.owners.items() if id_ == former and one != subject)
            self.fences += 1
            self.owners[subject] = (server_id, self.fences)
            return Claimed(subject, server_id, self.fences, former, beside if former else ())

    def owner(self, subject: str) -> Owner | None:
        self._ask("owner")
        server_id, _ = self.owners.get(subject, ("", 0))
        left = self._left(server_id)
        return Owner(server_id, self.servers[server_id][0], left) if left else None

    def release(self, subject: str, server_id: str, fence: int) -> None:
        self._ask("release")
        if self.owners.get(subject) == (server_id, fence):
            del self.owners[subject]

    def left(self) -> Sequence[Left]:
        self._ask("left")
        gone = [Left(one, id_) for one, (id_, _) in self.owners.items() if not self._left(id_) and self._is_known(one)]
        running = [] if self.store is None else self.store.meetings(states=(State.LIVE, State.ENDING))[0]
        return [*gone, *(Left(meeting.id, None) for meeting in running if meeting.id not in self.owners)]

    def fenced(self, store: Store, claim: Claimed, lost: Callable[[], None], held: Callable[[], bool]) -> Store:
        def check(session: Session) -> None:
            if not held() or self.owners.get(claim.subject) != (claim.server_id, claim.fence):
                lost()
                raise OwnershipLost("another server has it")

        return store.checked(check)

    def close(self) -> None:
        """Nothing is open."""

    def _left(self, server_id: str) -> float:
        _, expires = self.servers.get(server_id, ("", 0.0))
        return max(0.0, expires - self.clock())

    def _is_known(self, meeting_id: str) -> bool:
        try:
            return self.store is not None and bool(self.store.meeting(meeting_id))
        except NotFound:
            return False

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise StoreError("the database does not answer")
