"""Two servers that share no folder: the audio is in an object store, from which one goes on for the other."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.cluster.machines import Cluster, cluster, without_haproxy
from tests.cluster.people import Meeting
from tests.cluster.test_faults import (
    Fault,
    compare_text,
    hold,
    killed,
    no_traceback,
    postgres,
    stopped_cleanly,
    stopped_for_longer_than_its_lease,
    transcript,
)
from tests.databases.postgres_server import PostgresServer, without_postgres
from tests.meeting.storage.objects.fake_objects import BUCKET, s3_server

__all__ = ["postgres"]

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(without_postgres()), reason=str(without_postgres())),
    pytest.mark.skipif(bool(without_haproxy()), reason=str(without_haproxy())),
]


@contextmanager
def servers_apart(postgres: PostgresServer, folder: Path) -> Iterator[Cluster]:
    """Two servers behind a balancer, each with a folder of its own."""
    with s3_server() as environment:
        settings = {**environment, "MEETING_STORAGE_OBJECTS": f"s3://{BUCKET}/{folder.name}"}
        with cluster(folder, postgres, settings=settings, apart=True) as running:
            yield running


@pytest.fixture(scope="module")
def untouched(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is told of a meeting to which nothing happens, once it can be played."""
    with servers_apart(postgres, tmp_path_factory.mktemp("untouched")) as servers:
        meeting = asyncio.run(hold(servers, None))
        assert sound(servers, meeting) == meeting.audio
        return transcript(servers, meeting)


@pytest.fixture
def servers(postgres: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """Two servers behind a balancer, each with a folder of its own."""
    with servers_apart(postgres, tmp_path) as running:
        yield running


def sound(servers: Cluster, meeting: Meeting) -> bytes:
    """What can be played of a meeting, by way of the balancer."""
    with urllib.request.urlopen(f"{servers.address}/api/meetings/{meeting.id}/audio") as answer:
        return bytes(soundfile.read(io.BytesIO(answer.read()), dtype="int16")[0].tobytes())


def compare(servers: Cluster, untouched: Any, name: str, fault: Fault) -> None:
    """The meeting is the same as one to which nothing happened, and the server that is left can play it."""
    meeting = compare_text(servers, untouched, name, fault)
    assert sound(servers, meeting) == meeting.audio
    no_traceback(servers)


def test_a_server_that_is_killed_loses_nothing_though_its_folder_is_gone_with_it(
    servers: Cluster, untouched: Any
) -> None:
    compare(servers, untouched, "objects, kill -9", killed)


def test_a_server_that_is_stopped_hands_its_meetings_over_by_way_of_the_store(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "objects, SIGTERM", stopped_cleanly)


def test_a_server_that_stood_still_overwrites_nothing_in_the_store(servers: Cluster, untouched: Any) -> None:
    compare(servers, untouched, "objects, SIGSTOP, SIGCONT", stopped_for_longer_than_its_lease)
