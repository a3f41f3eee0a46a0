"""Containers by their first bytes."""

from __future__ import annotations

import pytest

from meeting.compat.containers import container_of
from meeting.core.errors import ProtocolError
from pipelines.formats import CONTAINERS

BEGINS = {
    "webm": b"\x1a\x45\xdf\xa3" + bytes(20),
    "ogg": b"OggS" + bytes(20),
    "wav": b"RIFF" + bytes(20),
    "flac": b"fLaC" + bytes(20),
    "mp3": b"\xff\xfb" + bytes(20),
    "m4a": bytes(4) + b"ftyp" + bytes(20),
}


@pytest.mark.parametrize("name", BEGINS)
def test_a_container_is_known_by_its_first_bytes(name: str) -> None:
    found = container_of(BEGINS[name])
    assert found is not None
    assert CONTAINERS[found][0] == CONTAINERS[name][0]
    assert container_of(BEGINS[name][:5]) is None


def test_what_may_be_two_is_what_the_client_calls_it_or_the_more_frequent_one() -> None:
    assert container_of(b"ID3" + bytes(20)) == "mp3"
    assert container_of(b"ID3" + bytes(20), "flac") == "flac"
    assert container_of(BEGINS["wav"], "flac") == "wav"


def test_what_is_in_no_container_is_refused() -> None:
    with pytest.raises(ProtocolError, match="say its encoding"):
        container_of(b"\x01\x02" * 10)
