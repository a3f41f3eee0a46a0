"""Two servers share a meeting's database and folder: whatever happens to one, nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import soundfile

from benchmarks.torture.shared import sample, told
from tests.cluster.machines import LEASE, Cluster, cluster, without_haproxy
from tests.cluster.people import Meeting
from tests.databases.postgres_server import PostgresServer, postgres_server, without_postgres

SECONDS = 40.0
"""Of the meeting's audio"""

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(without_postgres()), reason=str(without_postgres())),
    pytest.mark.skipif(bool(without_haproxy()), reason=str(without_haproxy())),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that a test may restart."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="module")
def untouched(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is told of a meeting to which nothing happens."""
    with cluster(tmp_path_factory.mktemp("untouched"), postgres) as servers:
        return transcript(servers, asyncio.run(hold(servers, None)))


@pytest.fixture
def servers(postgres: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """Two servers behind a balancer."""
    with cluster(tmp_path, postgres) as running:
        yield running


Fault = Callable[[Cluster, Meeting, str], Awaitable[None]]
"""What happens in mid-meeting to the server of this name, which has the meeting"""


async def hold(servers: Cluster, fault: Fault | None) -> Meeting:
    """A meeting in the middle of which something happens."""
    meeting_id = next(iter(servers.servers.values())).new_meeting("shared")
    meeting = Meeting(servers.address, meeting_id, sample(SECONDS))
    if fault is None:
        meeting.hold.set()
    holding = asyncio.create_task(meeting.run())
    try:
        if fault is not None:
            while meeting.sent < 0.4:
                await asyncio.sleep(0.02)
                if holding.done():
                    break
            owner = await asyncio.to_thread(servers.until_owned, meeting_id)
            await fault(servers, meeting, owner)
            meeting.hold.set()
        await asyncio.wait_for(holding, 180)
    finally:
        holding.cancel()
    return meeting


def transcript(servers: Cluster, meeting: Meeting) -> Any:
    """Every line, id and label of a meeting, comparable with another one's."""
    lines = told(servers.get(f"/api/meetings/{meeting.id}/transcript")["segments"])
    assert len(lines) > SECONDS / 2
    return lines


def compare_text(servers: Cluster, untouched: Any, name: str, fault: Fault) -> Meeting:
    """A meeting with the fault: it is the same as one to which nothing happened in every line, id and label."""
    meeting = asyncio.run(hold(servers, fault))
    for row in meeting.rows():
        print(f"{name} | {row}")
    assert transcript(servers, meeting) == untouched
    return meeting


def no_traceback(servers: Cluster) -> None:
    """No server has met with anything unforeseen."""
    for server in servers.servers.values():
        assert "Traceback" not in server.log


def compare(servers: Cluster, untouched: Any, name: str, fault: Fault) -> None:
    """The meeting is the same as one to which nothing happened, also in every sample."""
    meeting = compare_text(servers, untouched, name, fault)
    paths = list((servers.data / "audio").glob(f"{meeting.id}.*.flac"))
    heard = max((soundfile.read(path, dtype="int16")[0].tobytes() for path in paths), key=len)
    assert heard == meeting.audio
    assert not list((servers.data / "audio").glob(f"{meeting.id}.*.journal*"))
    no_traceback(servers)


async def killed(servers: Cluster, meeting: Meeting, owner: str) -> None:
    """`kill -9`."""
    servers.servers[owner].kill()
    await asyncio.to_thread(servers.until_owned, meeting.id, owner)


def test_a_server_that_is_killed_loses_nothing(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "kill -9", killed)


async def stopped_for_longer_than_its_lease(servers: Cluster, meeting: Meeting, owner: str) -> None:
    """SIGSTOP, and SIGCONT once another server has gone on with all that was to come."""
    stopped = servers.servers[owner]
    stopped.suspend()
    await asyncio.to_thread(servers.until_owned, meeting.id, owner)
    while meeting.sent < 1.0:
        await asyncio.sleep(0.05)
    before = await settled(servers, meeting)
    stopped.resume()
    for _ in range(round(2 * LEASE / 0.1)):
        await asyncio.sleep(0.1)
        after = await asyncio.to_thread(servers.kept, meeting.id)
        changed = [what for what in before.keys() | after.keys() if before.get(what) != after.get(what)]
        assert not changed, f"a server that had been stopped wrote {changed}"
    assert "the lease of this server has run out" in stopped.log


async def settled(servers: Cluster, meeting: Meeting) -> dict[str, object]:
    """What is kept once nothing of it has changed for a while."""
    before = await asyncio.to_thread(servers.kept, meeting.id)
    same_since = time.monotonic()
    while time.monotonic() - same_since < 2.0:
        await asyncio.sleep(0.1)
        now = await asyncio.to_thread(servers.kept, meeting.id)
        if now != before:
            before, same_since = now, time.monotonic()
    return before


def test_a_server_that_stood_still_for_longer_than_its_lease_writes_nothing_more(
    servers: Cluster, untouched: Any
) -> None:
    compare(servers, untouched, "SIGSTOP, SIGCONT", stopped_for_longer_than_its_lease)


async def stopped_cleanly(servers: Cluster, meeting: Meeting, owner: str) -> None:
    """SIGTERM."""
    servers.servers[owner].terminate()
    await asyncio.to_thread(servers.until_owned, meeting.id, owner)


def test_a_server_that_is_stopped_hands_its_meetings_over(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "SIGTERM", stopped_cleanly)


async def database_restarted(servers: Cluster, meeting: Meeting, owner: str, away: float) -> None:
    """PostgreSQL crashes, and is back a little later."""
    await asyncio.to_thread(servers.postgres.stop, "immediate")
    await asyncio.sleep(away)
    await asyncio.to_thread(servers.postgres.start)
    await asyncio.to_thread(servers.until_owned, meeting.id)


@pytest.mark.parametrize("away", [0.2, 2 * LEASE])
def test_a_database_that_is_restarted_loses_nothing(servers: Cluster, untouched: Any, away: float) -> None:
    compare(servers, untouched, f"PostgreSQL away for {away:g} s", partial(database_restarted, away=away))


async def balancer_restarted(servers: Cluster, meeting: Meeting, owner: str) -> None:
    """HAProxy ends, and is back a little later."""
    servers.stop_balancer()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(servers.start_balancer)


def test_a_balancer_that_is_restarted_loses_nothing(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "HAProxy restarted", balancer_restarted)


async def back_again(servers: Cluster, meeting: Meeting, owner: str) -> None:
    """Killed and started again: the balancer sends who comes now to a server that does not have the meeting."""
    await killed(servers, meeting, owner)
    servers.servers[owner].launch()
    await asyncio.to_thread(servers.servers[owner].ready)
    await asyncio.sleep(2.0)
    late = asyncio.create_task(meeting._read(meeting.source))
    await asyncio.sleep(1.0)
    meeting.hold.set()
    await asyncio.wait_for(late, 60)


def test_who_comes_to_the_wrong_server_is_sent_on(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "killed, and back again", back_again)
