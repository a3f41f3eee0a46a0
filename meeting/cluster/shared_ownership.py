"""What one of several servers has: its lease, kept in the database, and what it has claimed under it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from meeting.cluster.ownership import DUTY, Claim, LeaseFigures
from meeting.cluster.rules import LONGEST_WAIT, RETRY_SHARE, Lease, refusal
from meeting.cluster.steady_clock import steady_seconds
from meeting.core.continuity.ownership import Claimed, Left, Owner
from meeting.core.errors import Moving
from meeting.core.ids import new_id
from meeting.storage.store import Store
from pipelines.errors import StoreError

log = logging.getLogger(__name__)

CLAIM_THREADS = 4
"""Claims that are asked for at once: a database that hangs must not use up the threads of everything else"""
LOOK_SECONDS = 0.25
"""Between two looks at the clock: a process that was stopped finds within it that its lease has run out"""

Answer = TypeVar("Answer")


class LeaseStore(Protocol):
    """Leases and ownership in the database, as `OwnershipStore` keeps them; its methods wait, and raise StoreError."""

    def register(self, server_id: str, address: str, length: float) -> None:
        """A lease begins."""

    def renew(self, server_id: str, length: float) -> bool:
        """Whether it could be renewed."""

    def retire(self, server_id: str) -> None:
        """A server is gone, and all that it had is without one."""

    def claim(self, subject: str, server_id: str) -> Claimed | Owner:
        """The claim, or who has it."""

    def owner(self, subject: str) -> Owner | None:
        """Who has it, while that server's lease runs."""

    def release(self, subject: str, server_id: str, fence: int) -> None:
        """It is without a server again."""

    def left(self) -> Sequence[Left]:
        """What must be gone on with and has no server."""

    def fenced(self, store: Store, claim: Claimed, lost: Callable[[], None], held: Callable[[], bool]) -> Store:
        """The store for what was claimed; `lost` is called where it turns out to be another server's."""

    def close(self) -> None:
        """Let go of the database."""


class SharedOwnership:
    """The ownership of one server among several; lives on the event loop, but for `held`."""

    clustered = True

    def __init__(
        self,
        store: Store,
        leases: LeaseStore,
        address: str,
        length: float,
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        """`length` of a lease in seconds; `clock` gives seconds that nobody sets."""
        self.address = address
        self.length = length
        self.on_lost: Callable[[], None] = lambda: None
        """Is called once the lease has run out: whatever this server does for meetings must end"""
        self._store = store
        self._leases = leases
        self._clock = clock
        self._lease: Lease | None = None
        self.inherit: Callable[[Claim], None] = lambda claim: None
        """Is called in a thread for what a server had that is gone, before it is used here; may raise StoreError"""
        self._inheriting: dict[str, Claimed] = {}
        """What is this server's already, while that has not been done"""
        self._claims: dict[str, Claim] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._returns: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._renewals = ThreadPoolExecutor(1, "lease")
        self._others = ThreadPoolExecutor(CLAIM_THREADS, "claims")
        self._losses = self._takeovers = 0
        self._renewed_at: float | None = None

    # The lease

    def held(self) -> bool:
        """Whether this server has a lease that runs."""
        lease = self._lease
        return lease is not None and lease.held(self._clock())

    def figures(self) -> LeaseFigures:
        """As `Ownership.figures`."""
        owned = sum(claim.held() for subject, claim in self._claims.items() if not subject.startswith(DUTY))
        age = None if self._renewed_at is None else self._clock() - self._renewed_at
        return LeaseFigures(owned, self._takeovers, self._losses, age)

    async def keep(self) -> None:
        """Have a lease, and a new one after each that was lost, until cancelled."""
        while True:
            await self._begin()
            await self._keep_lease()
            self._losses += 1
            log.error("the lease of this server has run out: its meetings go to whichever server they come to")
            lost, self._lease = self._lease, None
            self.on_lost()
            if lost is not None:
                await self._tried(partial(self._leases.retire, lost.server_id))

    async def stop(self) -> None:
        """Give everything back at once; raises nothing."""
        self._stopping = True
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._tried(partial(self._leases.retire, lease.server_id))
        self._renewals.shutdown(wait=False)
        self._others.shutdown(wait=False)
        self._leases.close()

    async def _begin(self) -> None:
        while not self._stopping:
            server_id, asked_at = new_id(), self._clock()
            if await self._tried(partial(self._leases.register, server_id, self.address, self.length)):
                lease = Lease(server_id, self.length, asked_at)
                if lease.held(self._clock()):
                    self._lease, self._renewed_at = lease, asked_at
                    log.info("this server has a lease of %g s as %s", self.length, self.address)
                    return
            await asyncio.sleep(self.length * RETRY_SHARE)

    async def _keep_lease(self) -> None:
        """Returns once the lease is lost."""
        loop, asked_at = asyncio.get_running_loop(), 0.0
        asked: asyncio.Future[bool] | None = None
        not_before = 0.0
        while self.held() and (lease := self._lease) is not None:
            now = self._clock()
            if asked is None and now >= not_before and not lease.until_renewal(now):
                asked_at = now
                asked = loop.run_in_executor(self._renewals, self._leases.renew, lease.server_id, self.length)
            await (asyncio.sleep(LOOK_SECONDS) if asked is None else asyncio.wait({asked}, timeout=LOOK_SECONDS))
            if asked is None or not asked.done():
                continue
            done, asked = asked, None
            if (error := done.exception()) is not None:
                log.error("the lease of this server cannot be renewed, and is tried again: %s", error)
                not_before = self._clock() + self.length * RETRY_SHARE
            elif not done.result() or (renewed := lease.renewed(asked_at, self._clock())) is None:
                self._lease = None
                return
            else:
                self._lease, self._renewed_at = renewed, asked_at

    # What is claimed

    def holds(self, subject: str) -> bool:
        """As `Ownership.holds`."""
        claim = self._claims.get(subject)
        return claim is not None and claim.held()

    async def take(self, subject: str) -> Claim:
        """As `Ownership.take`."""
        async with self._lock(subject):
            known = self._claims.get(subject)
            if known is not None and known.held():
                known.users += 1
                return known
            lease = self._lease
            if lease is None or not self.held():
                raise Moving(LONGEST_WAIT)
            claim = await self._claimed(subject, lease.server_id)
            if not claim.held():
                raise Moving(LONGEST_WAIT)
            self._claims[subject] = claim
            return claim

    async def _claimed(self, subject: str, server_id: str) -> Claim:
        answer: Claimed | Owner | None = self._inheriting.get(subject)
        if answer is None or answer.server_id != server_id:
            answer = await self._ask(self._others, partial(self._leases.claim, subject, server_id))
        if isinstance(answer, Owner):
            raise refusal(answer, self.length)
        claim = self._claim(answer, server_id)
        if claim.former is not None:
            # Remembered: should it fail, whoever tries again must not take it for one that was given back.
            self._inheriting[subject] = answer
            await self._ask(self._others, partial(self.inherit, claim))
            self._takeovers += not subject.startswith(DUTY)
            log.warning("%s: taken over from a server that is gone", subject)
        self._inheriting.pop(subject, None)
        return claim

    def _claim(self, claimed: Claimed, server_id: str) -> Claim:
        lost: list[bool] = []

        def held() -> bool:
            lease = self._lease
            return not lost and lease is not None and lease.server_id == server_id and lease.held(self._clock())

        store = self._leases.fenced(self._store, claimed, lambda: lost.append(True), held)
        return Claim(claimed.subject, store, held, claimed.fence, claimed.former, claimed.beside)

    async def give_back(self, claim: Claim) -> None:
        """As `Ownership.give_back`."""
        async with self._lock(claim.subject):
            claim.users -= 1
            if claim.users:
                return
            if self._claims.get(claim.subject) is claim:
                del self._claims[claim.subject]
            lease = self._lease
            # What cannot be given back stays this server's, which claims it again if anybody comes.
            if lease is not None and claim.held():
                await self._tried(partial(self._leases.release, claim.subject, lease.server_id, claim.fence))

    def give_back_after(self, claim: Claim, released: Callable[[], Awaitable[object]]) -> None:
        """As `Ownership.give_back_after`."""

        async def work() -> None:
            await released()
            await self.give_back(claim)

        task = asyncio.get_running_loop().create_task(work())
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def require(self, subject: str) -> None:
        """As `Ownership.require`."""
        if self.holds(subject):
            return
        lease = self._lease
        owner = await self._ask(self._others, partial(self._leases.owner, subject))
        if owner is not None and (lease is None or owner.server_id != lease.server_id):
            raise refusal(owner, self.length)

    async def left(self) -> Sequence[Left]:
        """What must be gone on with and has no server; nothing while this one may not. Raises StoreError."""
        return await self._ask(self._others, self._leases.left) if self.held() else ()

    async def settle(self, timeout: float) -> None:
        """As `Ownership.settle`."""
        if self._returns:
            await asyncio.wait(set(self._returns), timeout=timeout)

    def _lock(self, subject: str) -> asyncio.Lock:
        idle = [name for name, lock in self._locks.items() if name not in self._claims and not lock.locked()]
        for name in idle if len(idle) > 100 else ():
            del self._locks[name]
        return self._locks.setdefault(subject, asyncio.Lock())

    async def _ask(self, executor: ThreadPoolExecutor, question: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, question)
        except RuntimeError as error:  # shut down: the server stops
            raise Moving(LONGEST_WAIT) from error

    async def _tried(self, step: Callable[[], None]) -> bool:
        """Whether the database took it."""
        try:
            await self._ask(self._others, step)
        except (StoreError, Moving) as error:
            log.error("the lease of this server, or what it has, cannot be written: %s", error)
            return False
        return True
