"""The settings of several servers: what makes one of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.cluster.wiring import cluster_address, connect_cluster
from meeting.config.settings import Cluster, Config, Storage
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.store import Store
from pipelines.errors import SettingsError

DATABASE = "postgresql://meeting@127.0.0.1:1/meetings"


def config(address: str | None, database: str | None = DATABASE) -> Config:
    return Config(storage=Storage(database=database), cluster=Cluster(address, 5.0))


@pytest.mark.parametrize("address", [None, ""])
def test_a_server_without_an_address_of_its_own_is_the_only_one(address: str | None, tmp_path: Path) -> None:
    assert cluster_address(config(address, None)) is None
    assert connect_cluster(config(address, None), Store(tmp_path), RecoveryQueue()) is None


def test_an_address_loses_its_last_slash() -> None:
    assert cluster_address(config("https://example.org/servers/a/")) == "https://example.org/servers/a"


@pytest.mark.parametrize(
    "address",
    ["example.org", "ftp://example.org", "https://", "https://u@example.org", "https://example.org?a=b", "http://[x"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"cluster\.address is written as"):
        cluster_address(config(address))


def test_several_servers_need_a_database_that_they_can_share() -> None:
    with pytest.raises(SettingsError, match=r"storage\.database"):
        cluster_address(config("https://example.org", None))


def test_a_server_of_several_has_the_lease_that_is_set_and_nothing_before_it_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: run `make setup`")
    ownership = connect_cluster(config("https://example.org/servers/a/"), Store(tmp_path), RecoveryQueue())
    assert ownership is not None
    assert (ownership.address, ownership.length, ownership.held()) == ("https://example.org/servers/a", 5.0, False)


def test_an_object_store_needs_an_address_since_fences_number_what_is_stored() -> None:
    alone = Config(storage=Storage(objects="s3://bucket/x"), cluster=Cluster(None, 5.0))
    with pytest.raises(SettingsError, match=r"storage\.objects.*cluster\.address"):
        cluster_address(alone)
