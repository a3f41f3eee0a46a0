"""Secrets of endpoints stand where the settings say, and show up nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meeting.config.webhooks import EVENTS, read_endpoints
from meeting.webhooks.endpoints import Endpoint, with_keys
from pipelines.errors import SettingsError
from tests.meeting.webhooks.receivers import SECRET

KEY = b"0123456789abcdef0123456789abcdef"


def endpoint(events: list[str], **secret: str) -> Endpoint:
    item = {"name": "crm", "url": "https://example.org/?key=hidden", "events": events, **secret}
    (found,) = with_keys(read_endpoints([item], "x"), {"HUSH": SECRET})
    return found


def test_a_secret_stands_in_the_settings_in_the_environment_or_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    for where in ({"secret": SECRET}, {"secret_env": "HUSH"}, {"secret_file": str(path)}):
        assert endpoint(["meeting.ended"], **where).keys == (KEY,)


def test_a_secret_that_is_not_there_is_told_with_its_webhook(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="webhook crm: secret_env names NONE, which is not in the environment"):
        endpoint(["meeting.ended"], secret_env="NONE")
    with pytest.raises(SettingsError, match=r"webhook crm: secret_file .*none cannot be read"):
        endpoint(["meeting.ended"], secret_file=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="webhook crm: the secret must be whsec_ and"):
        endpoint(["meeting.ended"], secret="password")


def test_what_is_sent_where_is_told_with_whether_text_is_among_it_and_without_what_is_secret() -> None:
    quiet, open_ = endpoint(["meeting.ended"], secret=SECRET), endpoint(list(EVENTS), secret=SECRET)
    assert quiet.describe() == "webhook crm: example.org is told titles and times of meetings (meeting.ended)"
    told = "titles and times of meetings and what is said in meetings (meeting.started, segment.final, meeting.ended)"
    assert open_.describe() == f"webhook crm: example.org is told {told}"
    assert replace(quiet, url="http://example.org").describe().endswith("without https: all on the way can read it")
    assert "hidden" not in f"{open_!r} {open_.describe()}"
    assert str(KEY) not in repr(open_)
