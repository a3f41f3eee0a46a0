"""The rooms of two servers on one store: who comes to the wrong one, and who was at one whose lease has run out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.cluster.inheritance import inherit
from meeting.cluster.shared_ownership import SharedOwnership
from meeting.config.settings import Limits, Models
from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import CloseCode, Elsewhere
from meeting.core.messages import AudioFrame, ResumeInfo, SessionMessage
from meeting.core.records import Meeting, State
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.session.events import FrameReceived, StopReceived
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.files import journal
from meeting.storage.store import Store
from tests.fakes.clients import FakeClient
from tests.fakes.server_fakes import FakeBackend, tone
from tests.meeting.cluster.test_shared_ownership import Servers, among, until
from tests.meeting.live.test_room import START
from tests.meeting.live.test_rooms import A, go_live


class Hosts(Servers):
    """Two servers with rooms."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.store = store
        self.leases.store = store
        self.rooms = {id(one): self._rooms(one) for one in (self.a, self.b)}

    def _rooms(self, ownership: SharedOwnership) -> Rooms:
        backend = FakeBackend()
        engine = EngineLoader(backend, Models())
        engine.load()
        services = Services(self.store, backend, engine)
        ownership.inherit = lambda claim: inherit(self.store, services.recovery_queue, claim)
        return Rooms(services, Limits(), ownership=ownership)

    @property
    def at_a(self) -> Rooms:
        return self.rooms[id(self.a)]

    @property
    def at_b(self) -> Rooms:
        return self.rooms[id(self.b)]


def hosting(folder: Path, body: Callable[[Hosts], Awaitable[None]]) -> None:
    async def run(servers: Servers) -> None:
        hosts = Hosts(servers.a._store)
        hosts.store.create_meeting(Meeting(A, "t", State.OPEN, datetime.now(timezone.utc))).result()
        try:
            await body(hosts)
        finally:
            for rooms in hosts.rooms.values():
                await asyncio.wait_for(rooms.finish_all(), 20)
            for task in hosts.keeping:
                task.cancel()
            await asyncio.gather(*hosts.keeping, return_exceptions=True)

    among(folder, run)


async def speak(room: Room, client: int, host: FakeClient, *numbers: int) -> None:
    for number in numbers:
        await room.frame(FrameReceived(client, AudioFrame(number, number * 1_000_000, tone())))
    await host.until("ack")


def kept(hosts: Hosts) -> list[int]:
    (path,) = [one for one in hosts.store.files.of(A) if one.suffix == journal.JOURNAL]
    return [frame.seq for frame in journal.read(path)]


def test_a_meeting_that_runs_at_one_server_is_entered_edited_and_deleted_there_alone(tmp_path: Path) -> None:
    async def body(hosts: Hosts) -> None:
        await hosts.start()
        await go_live(hosts.at_a, A)
        for wrong in (
            hosts.at_b.enter(A),
            hosts.at_b.edit(A, SpeakerChange("spk1", True, "Ann", None)),
            hosts.at_b.end(A),
        ):
            with pytest.raises(Elsewhere):
                await wrong
        with pytest.raises(Elsewhere):
            async with hosts.at_b.reserved_for_deletion(A):
                raise AssertionError("it was reserved")

    hosting(tmp_path, body)


def test_a_server_whose_lease_has_run_out_keeps_nothing_says_nothing_and_another_goes_on(tmp_path: Path) -> None:
    async def body(hosts: Hosts) -> None:
        await hosts.start(hosts.a)
        room, host, client = await go_live(hosts.at_a, A)
        await speak(room, client, host, 0)
        (source,) = room.sources
        hosts.keeping.pop().cancel()  # as if the process had been stopped here
        hosts.clock.now += 10.0
        await hosts.start(hosts.b)
        taken = await hosts.at_b.enter(A)
        assert isinstance(taken, Room)
        said = len(host.told)
        await room.frame(FrameReceived(client, AudioFrame(1, 1_000_000, tone())))
        await asyncio.wait([room.task])
        assert host.closed is not None
        assert host.closed[0] == CloseCode.TRY_AGAIN_LATER
        assert len(host.told) == said
        assert kept(hosts) == [0]
        again = FakeClient()
        number = taken.join(again)
        taken.start_source(number, replace(START, resume=ResumeInfo(source, session_of(host).resume_token)))
        await again.until("session")
        assert session_of(again).next_seq == 1
        await speak(taken, number, again, 1, 2)
        taken.post(StopReceived(number))
        await asyncio.wait_for(asyncio.wait([taken.task]), 20)
        assert hosts.store.meeting(A).state == State.ENDED
        assert hosts.store.meeting(A).samples == 3 * 16000

    hosting(tmp_path, body)


def session_of(client: FakeClient) -> SessionMessage:
    (told,) = [one for one in client.told if isinstance(one, SessionMessage)]
    return told


def test_a_meeting_is_given_back_once_its_room_has_closed_and_a_server_that_stops_leaves_what_runs(
    tmp_path: Path,
) -> None:
    async def body(hosts: Hosts) -> None:
        await hosts.start()
        room, host, client = await go_live(hosts.at_a, A)
        await speak(room, client, host, 0)
        await hosts.at_a.finish_all(20.0)
        assert hosts.store.meeting(A).state == State.LIVE
        await until(lambda: A not in hosts.leases.owners)
        taken = await hosts.at_b.enter(A)
        assert isinstance(taken, Room)
        assert kept(hosts) == [0]

    hosting(tmp_path, body)
