"""What commands and servers share on a real PostgreSQL, and servers that are there by their leases alone; for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from meeting.config.settings import Config, Storage
from meeting.core.continuity.ownership import Claimed
from meeting.storage.ownership.ownership_store import OwnershipStore, open_ownership_store
from pipelines.types import Samples
from tests.databases.postgres_server import PostgresServer
from tests.fakes.server_fakes import FakePipeline, config

SERVER = "https://example.org/servers/a"


def on_postgres(folder: Path, postgres: PostgresServer) -> Config:
    """Settings with a database of the test's own."""
    made = config(folder)
    return replace(made, storage=Storage(data_dir=folder, database=postgres.new_database()))


@contextmanager
def leases_of(settings: Config) -> Iterator[OwnershipStore]:
    """Who has what, as all servers see it."""
    leases = open_ownership_store(settings.storage, 60.0)
    try:
        yield leases
    finally:
        leases.close()


@contextmanager
def server_with(settings: Config, meeting_id: str) -> Iterator[None]:
    """Another server has a meeting within the block."""
    with leases_of(settings) as leases:
        leases.register("a", SERVER, 600.0)
        claim = leases.claim(meeting_id, "a")
        assert isinstance(claim, Claimed)
        yield
        leases.release(meeting_id, "a", claim.fence)


def watched_by(settings: Config, seen: list[object]) -> type[FakePipeline]:
    """Models that note, with each piece of audio, which meetings another server would take over at that moment."""

    class Watched(FakePipeline):
        def feed(self, audio: Samples) -> None:
            with leases_of(settings) as leases:
                seen.append(tuple(leases.left()))
            super().feed(audio)

    return Watched
