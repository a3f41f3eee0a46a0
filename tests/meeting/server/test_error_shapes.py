"""Errors that are answered before an endpoint for another service's clients is reached, in that service's words."""

from __future__ import annotations

from typing import Any

import pytest

from meeting.core.errors import ErrorCode
from meeting.server.error_shapes import error_shape
from tests.fakes.access_fakes import Locked

DOORS = ("/v1/audio/transcriptions", "/v1/listen")


def detail(path: str, body: dict[str, Any]) -> tuple[str, str]:
    """Code and sentence of an error, once it has the shape that it should have."""
    if path == "/v1/listen":
        assert set(body) == {"err_code", "err_msg", "request_id"}
        return body["err_code"].lower(), body["err_msg"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]["code"], body["error"]["message"]


def test_each_address_has_its_own_shape() -> None:
    refused = 403, ErrorCode.FORBIDDEN, "no"
    assert error_shape("/api/meetings", *refused) == {"error": {"code": "forbidden", "message": "no"}}
    for path in ("/v1/listen", "/v2/listen"):
        assert detail("/v1/listen", dict(error_shape(path, *refused))) == ("forbidden", "no")
    for path in ("/v1/models", "/v1/realtime", "/v1/nowhere"):
        assert detail(path, dict(error_shape(path, *refused))) == ("forbidden", "no")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")]
)
def test_openais_errors_are_of_a_kind(status: int, kind: str) -> None:
    body: Any = error_shape("/v1/models", status, ErrorCode.REFUSED, "no")
    assert body["error"]["type"] == kind


@pytest.mark.parametrize("path", DOORS)
def test_who_may_not_pass_is_told_so(server: Locked, path: str) -> None:
    server.forget_guesses()
    for token in (None, "wrong"):
        answer = server.call("POST", path, token)
        assert (answer.status_code, detail(path, answer.json())[0]) == (401, "unauthorized")
    answer = server.call("POST", path, server.create().host)
    assert (answer.status_code, detail(path, answer.json())[0]) == (403, "forbidden")
    server.forget_guesses()


@pytest.mark.parametrize("path", DOORS)
def test_a_page_of_another_site_and_a_wrong_name_are_told_so(server: Locked, path: str) -> None:
    answer = server.call("POST", path, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, detail(path, answer.json())[0]) == (403, "wrong_origin")
    answer = server.call("POST", path, headers={"Host": "evil.example"})
    assert (answer.status_code, detail(path, answer.json())[0]) == (421, "wrong_host")


@pytest.mark.parametrize("path", DOORS)
def test_what_the_framework_refuses_is_told_so(server: Locked, path: str) -> None:
    answer = server.call("DELETE", path)
    assert (answer.status_code, detail(path, answer.json())[0]) == (405, "method_not_allowed")
    assert detail("/v1/nowhere", server.call("GET", "/v1/nowhere").json())[0] == "not_found"
