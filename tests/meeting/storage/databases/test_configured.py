"""Which database the settings name, and where its password comes from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meeting.config.settings import Storage
from meeting.storage.databases.configured import database_of, database_url
from pipelines.errors import SettingsError

URL = "postgresql://meeting@db.example.org/meetings"


def test_without_a_name_it_is_the_file_and_no_driver_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert database_of(Storage()) is None
    assert database_of(Storage(database="")) is None


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_url_is_taken_as_it_is_written_everywhere(scheme: str) -> None:
    url = database_url(Storage(database=f"{scheme}://meeting@db.example.org:5433/meetings?sslmode=verify-full"))
    assert (url.drivername, url.username, url.host, url.port, url.database) == (
        "postgresql+psycopg",
        "meeting",
        "db.example.org",
        5433,
        "meetings",
    )
    assert url.query == {"sslmode": "verify-full"}
    assert url.password is None


def test_the_password_may_stand_in_the_url_in_a_setting_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    for settings, password in (
        (Storage(database="postgresql://meeting:in%20it@h/d"), "in it"),
        (Storage(database=URL, database_password="set"), "set"),
        (Storage(database=URL, database_password_file=file), "from a file"),
    ):
        assert database_url(settings).password == password


def test_two_passwords_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="more than once") as caught:
        database_url(Storage(database="postgresql://meeting:hunter2@h/d", database_password="hunter3"))
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/d", "hunter2", "postgresql://u:hunter2@h", "postgresql://u:hunter2@h:x/d"]
)
def test_what_is_no_such_url_is_a_sentence_that_does_not_quote_it(url: str) -> None:
    with pytest.raises(SettingsError, match="is written as") as caught:
        database_url(Storage(database=url))
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_a_setting_never_shows_a_password() -> None:
    assert "hunter2" not in repr(Storage(database="postgresql://u:hunter2@h/d", database_password="hunter2"))


def test_a_driver_that_is_missing_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("meeting.storage.databases.postgres")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"pip install 'meeting-transcriber\[postgres\]'"):
        database_of(Storage(database=URL))
