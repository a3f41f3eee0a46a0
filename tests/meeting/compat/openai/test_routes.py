"""Where clients of OpenAI find what they look for."""

from __future__ import annotations

import pytest

from tests.fakes.containers import wav
from tests.fakes.server_fakes import Serving, tone


@pytest.mark.slow
def test_the_addresses_are_not_described_as_ours(open_server: Serving) -> None:
    assert not any(path.startswith("/v1/") for path in open_server.app.openapi()["paths"])


def test_the_models_are_listed_and_told_one_by_one(open_server: Serving) -> None:
    body = open_server.http.get("/v1/models").json()
    assert [one["id"] for one in body["data"]] == ["fake", "whisper-1"]
    assert open_server.http.get("/v1/models/fake").json() == body["data"][0]
    missing = open_server.http.get("/v1/models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_what_cannot_be_translated_is_refused_once_the_whole_file_has_come(open_server: Serving) -> None:
    answer = open_server.http.post("/v1/audio/translations", files={"file": ("a.wav", wav(tone(90.0)))})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["type"]) == ("model", "invalid_request_error")
    assert "language it is said in" in error["message"]
