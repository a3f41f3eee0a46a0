"""Whether an object store can be used for all that it is used for."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

from meeting.core.errors import ObjectStoreError
from meeting.storage.objects.object_store import ObjectStore

FOLDER = "doctor"
"""Where the object lies with which that is tried"""
REACHED, WRITTEN, LISTED, READ, DELETED = "reached", "written to", "listed", "read", "deleted from"
"""What a store must let be done to it"""

LATE = "what it has taken, or removed, does not show at once"
CAUSES = {
    "NoCredentialsError": "no keys were found",
    "PartialCredentialsError": "one of the two keys is missing",
    "PermissionError": "the keys do not allow it",
    "FileNotFoundError": "there is no such bucket",
    "EndpointConnectionError": "nobody answers at its address",
    "ConnectTimeoutError": "nobody answers at its address",
    "ConnectionRefusedError": "nobody answers at its address",
    "ReadTimeoutError": "it does not answer in time",
}
"""What the errors of libraries mean"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a store does not let be done to it."""

    step: str
    """One of the five"""
    cause: str


def examine(objects: ObjectStore) -> Refusal | None:
    """Store an object, list it, read it and remove it; what the store refuses first, or None. Takes a minute at most.

    An object stays behind only where the store lets nothing be deleted.
    """
    name, data = f"{FOLDER}/{secrets.token_hex(8)}", secrets.token_bytes(16)

    def shown() -> bool:
        return name in [one.name for one in objects.list(FOLDER)]

    step = REACHED
    try:
        objects.list(FOLDER)
        step = WRITTEN
        objects.put(name, data)
        step = LISTED
        if not shown():
            return Refusal(step, LATE)
        step = READ
        if objects.get([name]) != [data]:
            return Refusal(step, "it gives something else than it was given")
        step = DELETED
        objects.remove([name])
        return Refusal(step, LATE) if shown() else None
    except ObjectStoreError as error:
        return Refusal(step, _cause(error))
    finally:
        if step not in (REACHED, DELETED):
            with suppress(ObjectStoreError):
                objects.remove([name])


def _cause(error: ObjectStoreError) -> str:
    kind = type(error.__cause__).__name__
    return f"{CAUSES[kind]} ({kind})" if kind in CAUSES else str(error)
