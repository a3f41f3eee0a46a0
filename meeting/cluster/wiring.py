"""What makes the settings of several servers work: the lease of this one, kept in the database that they share."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from meeting.cluster.inheritance import inherit
from meeting.cluster.shared_ownership import SharedOwnership
from meeting.config.settings import Config
from meeting.storage.files.recovery_attempts import RecoveryQueue
from meeting.storage.ownership.ownership_store import open_ownership_store
from meeting.storage.store import Store
from pipelines.errors import SettingsError


def cluster_address(config: Config) -> str | None:
    """Where others reach this server, without a slash at its end; None where it is the only one.

    Raises SettingsError where that is no address, or the servers have no database that they could share.
    """
    if not config.cluster.address:
        return None
    if not _is_address(config.cluster.address):
        raise SettingsError("cluster.address is written as https://example.org/servers/a")
    if not config.storage.database:
        raise SettingsError("several servers (cluster.address) share a PostgreSQL: name it as storage.database")
    return config.cluster.address.rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        numbered = parts.port != 0
    except ValueError:
        return False
    plain = parts.username is None and not parts.query and not parts.fragment
    return numbered and plain and bool(parts.hostname) and parts.scheme in ("http", "https")


def connect_cluster(config: Config, store: Store, recovery_queue: RecoveryQueue) -> SharedOwnership | None:
    """The lease of this server, which it has once that is kept; None where it is the only one. Raises SettingsError.

    What it takes over from others is recovered in the turns of `recovery_queue`.
    """
    address = cluster_address(config)
    if address is None:
        return None
    return shared_ownership(config, store, recovery_queue, address)


def shared_ownership(config: Config, store: Store, recovery_queue: RecoveryQueue, address: str) -> SharedOwnership:
    """The same for whoever is at this address. Raises SettingsError."""
    leases = open_ownership_store(config.storage, config.cluster.lease)
    ownership = SharedOwnership(store, leases, address, config.cluster.lease)
    ownership.inherit = partial(inherit, store, recovery_queue)
    return ownership
