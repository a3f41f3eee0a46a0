"""The endpoints of webhooks in the settings: what may be said of one, and what is told of what may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meeting.config.sources import load_config
from meeting.config.webhooks import DEFAULT_EVENTS, EVENTS, read_endpoints, split_url
from pipelines.errors import SettingsError

GIVEN = {"url": "https://example.org:8443/hook?key=hidden", "secret": "whsec_hush"}


def refusal(*items: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read_endpoints(items, "webhooks.endpoints")
    assert "hidden" not in str(caught.value)
    assert "hush" not in str(caught.value)
    return str(caught.value)


def test_an_endpoint_is_called_by_its_host_and_told_no_text_unless_something_else_is_said() -> None:
    (endpoint,) = read_endpoints([GIVEN], "x")
    assert (endpoint.name, endpoint.host, endpoint.events) == ("example.org:8443", "example.org:8443", DEFAULT_EVENTS)
    assert "segment.final" not in endpoint.events


def test_everything_may_be_said_and_events_stand_in_one_order() -> None:
    item = {"name": "crm", "url": "http://h", "secret_file": "f", "events": list(reversed(EVENTS))}
    (endpoint,) = read_endpoints([item], "x")
    assert (endpoint.name, endpoint.secret_file, endpoint.events) == ("crm", Path("f"), EVENTS)
    assert read_endpoints([{"url": "http://h", "secret_env": "HUSH"}], "x")[0].secret_env == "HUSH"


def test_neither_address_nor_secret_is_shown() -> None:
    assert "hidden" not in repr(read_endpoints([GIVEN], "x"))
    assert "hush" not in repr(read_endpoints([GIVEN], "x"))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("https://example.org", "must hold keys and values"),
        ({**GIVEN, "event": []}, "unknown key 'event'; did you mean events?"),
        ({**GIVEN, "url": 7}, "url must be a text"),
        ({**GIVEN, "name": " "}, "name must be a text"),
        ({**GIVEN, "name": "a\nb"}, "name must be a line"),
        ({"secret": "whsec_hush"}, "url must be an address"),
        ({"url": "https://h"}, "needs one of secret, secret_env, secret_file"),
        ({**GIVEN, "secret_env": "A"}, "needs one of secret, secret_env, secret_file, not secret and secret_env"),
        ({**GIVEN, "events": []}, "events must be a list of meeting.started, segment.final, meeting.ended"),
        ({**GIVEN, "events": "meeting.ended"}, "events must be a list"),
        ({**GIVEN, "events": ["meeting.end"]}, "unknown event 'meeting.end'; did you mean meeting.ended?"),
    ],
)
def test_what_is_wrong_is_named_with_its_endpoint(item: Any, said: str) -> None:
    told = refusal({"url": "http://first", "secret": "s"}, item)
    assert told.startswith("webhooks.endpoints, number 2: ")
    assert said in told


def test_two_endpoints_have_two_names() -> None:
    assert "give each a name of its own" in refusal(GIVEN, GIVEN)


def test_there_are_not_endlessly_many() -> None:
    assert "at most 20 endpoints, not 21" in refusal(*[{**GIVEN, "name": str(n)} for n in range(21)])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/hidden",
        "https:///hidden",
        "https://ex ample.org/hidden",
        "https://exämple.org/hidden",
        "https://example.org:99999/hidden",
        "https://example.org:0/hidden",
        "https://example.org/\r\nhidden: 1",
        "https://[::1/hidden",
        "https://hidden@example.org/",
        "https://user:hidden@example.org/",
        "https://example.org/#hidden",
        "https://example.org/" + "hidden" * 1000,
    ],
)
def test_what_is_no_address_to_send_to_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        split_url(url)
    assert "hidden" not in str(caught.value)


def test_endpoints_come_from_the_file_or_as_json_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("webhooks:\n  endpoints:\n    - {url: https://file.example, secret_env: A}\n")
    assert load_config(path, {}).webhooks.endpoints[0].host == "file.example"
    environment = {"MEETING_WEBHOOKS_ENDPOINTS": json.dumps([GIVEN])}
    assert load_config(path, environment).webhooks.endpoints[0].host == "example.org:8443"
    with pytest.raises(SettingsError, match=r"MEETING_WEBHOOKS_ENDPOINTS must be a list of endpoints.*not the value"):
        load_config(path, {"MEETING_WEBHOOKS_ENDPOINTS": "[{hush"})
