"""Where transcripts go, from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.config.settings import Notes
from meeting.notes.endpoint import Endpoint, endpoint_of
from pipelines.errors import SettingsError

HOME = "http://127.0.0.1:11434/v1"


def test_notes_are_off_by_default() -> None:
    assert endpoint_of(Notes()) is None


@pytest.mark.parametrize(
    ("url", "host", "local", "encrypted"),
    [
        (HOME, "127.0.0.1:11434", True, True),
        ("http://localhost:8080/v1/", "localhost:8080", True, True),
        ("http://[::1]:8080/v1", "[::1]:8080", True, True),
        ("https://api.example.org/v1", "api.example.org", False, True),
        ("http://10.0.0.7:8000/v1", "10.0.0.7:8000", False, False),
        # names that only begin like this machine's
        ("https://localhost.example.org/v1", "localhost.example.org", False, True),
        ("http://127.0.0.1.example.org/v1", "127.0.0.1.example.org", False, False),
    ],
)
def test_it_is_said_to_whom_text_goes_and_whether_it_leaves_this_machine(
    url: str, host: str, local: bool, encrypted: bool
) -> None:
    endpoint = endpoint_of(Notes(url=url, model="tiny"))
    assert endpoint is not None
    assert not endpoint.url.endswith("/")
    assert endpoint.told() == {"host": host, "model": "tiny", "local": local, "encrypted": encrypted}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Notes(url=HOME), "notes.model"),
        (Notes(model="tiny"), "notes.url"),
        (Notes(url=HOME, model="  "), "notes.model"),
        (Notes(url=HOME, model="tiny", key="k", key_file=Path("k")), "notes.key_file"),
        (Notes(url=HOME, model="tiny", key="two\nlines"), "one line"),
        (Notes(url=HOME, model="tiny", key=""), "one line"),
        (Notes(url=HOME, model="tiny", key_file=Path("none")), "cannot be read"),
    ],
)
def test_settings_that_do_not_fit_together_are_named(settings: Notes, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        endpoint_of(settings)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:11434", "file:///etc/passwd", "http://", "http:///v1", "http://[::1", "http://a:99999/v1", "",
        "http://ann:quokka@host/v1", "http://host/v1?key=quokka", "http://host/v1#quokka", "http://ho\nst/v1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="must be an address") as caught:
        endpoint_of(Notes(url=url, model="tiny"))
    assert "quokka" not in str(caught.value)


def test_a_key_comes_from_a_file_too_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("quokka\n")
    endpoint = endpoint_of(Notes(url=HOME, model="tiny", key_file=tmp_path / "key"))
    assert endpoint == Endpoint(HOME, "tiny", "quokka")
    assert "quokka" not in repr(endpoint)
    assert "quokka" not in repr(Notes(url=HOME, model="tiny", key="quokka"))
