"""Pages, and the description of the API, of a server in process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.server_fakes import Serving, config, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/search", "/m/abc", "/m/abc/captions"])
def test_the_page_is_served_for_home_and_meetings(served: Serving, path: str) -> None:
    answer = served.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<!doctype html>" in answer.text


def test_the_api_describes_itself_without_another_server(served: Serving) -> None:
    page = served.http.get("/docs").text
    assert "POST /api/meetings" in page
    assert "<script" not in page
    assert "/api/meetings/{meeting_id}/export" in served.http.get("/openapi.json").json()["paths"]
