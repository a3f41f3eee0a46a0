"""Errors of endpoints, as they are answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meeting.storage.store import Store
from tests.fakes.server_fakes import Serving, config, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/meetings/none", 404, "not_found"),
        ("PUT", "/api/meetings", 405, "method_not_allowed"),
        ("GET", "/api/meetings?limit=0", 422, "invalid"),
        ("GET", "/api/meetings?before=rubbish", 400, "bad_request"),
        ("GET", "/api/meetings/none/export", 422, "invalid"),
    ],
)
def test_errors_have_one_shape(served: Serving, method: str, path: str, status: int, code: str) -> None:
    answer = served.http.request(method, path)
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["code"] == code
    assert answer.status_code == status


def test_an_unforeseen_error_says_nothing_of_its_inside(
    served: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(Store, "meetings", broken)
    answer = served.http.get("/api/meetings", headers={"Connection": "close"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
