"""What clients read of errors: sentences without a path of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.core.error_text import client_message, fault_message
from pipelines.errors import StoreError

DATA = Path("/srv/my meetings/data")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{DATA}/meetings.sqlite3 is in use by another program", "meetings.sqlite3 is in use by another program"),
        (f"{DATA}/audio/a.b.journal cannot be used: No space left", "a.b.journal cannot be used: No space left"),
        (f"the disk that holds {DATA} is full: make room", "the disk that holds the data folder is full: make room"),
        ("the model file /root/.cache/x/y.bin is damaged", "the model file y.bin is damaged"),
        ("the Whisper model in '/opt/models/tiny' lacks model.bin", "the Whisper model in 'tiny' lacks model.bin"),
        ("/etc/passwd", "passwd"),
        ("ask https://hub.example/a/b and/or 3/4", "ask https://hub.example/a/b and/or 3/4"),
        ("there is no such meeting", "there is no such meeting"),
        ("", ""),
    ],
)
def test_a_sentence_names_files_and_never_where_they_are(said: str, told: str) -> None:
    assert client_message(said, DATA) == told
    assert client_message(StoreError(said), DATA) == told


def test_of_a_fault_of_this_program_its_kind_is_told_and_nothing_of_what_it_says() -> None:
    assert fault_message(KeyError("what was said")) == (
        "something unforeseen happened (KeyError); the server's log says where"
    )
