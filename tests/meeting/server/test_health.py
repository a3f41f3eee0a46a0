"""Health, readiness and metrics of a server in process; models are fakes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import ModelMissing
from tests.fakes.server_fakes import FAKE_MODELS, FakeBackend, Serving, config, serving, wait_ready


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


def test_health_and_readiness(served: Serving) -> None:
    assert served.http.get("/healthz").json() == {"status": "ok"}
    wait_ready(served)
    assert served.http.get("/readyz").json() == {"status": "ready", "models": FAKE_MODELS}


def test_figures_are_numbers_only(served: Serving) -> None:
    served.create("Very Private Title")
    text = served.http.get("/metrics").text
    assert "meeting_live 0.0" in text
    assert "Private" not in text


def test_before_the_models_are_loaded_the_page_is_there_already(tmp_path: Path) -> None:
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served:
        assert served.http.get("/").status_code == 200
        answer = served.http.get("/readyz")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "loading")
        assert backend.gate is not None
        backend.gate.set()
        wait_ready(served)


def test_models_that_cannot_be_loaded_are_reported(tmp_path: Path) -> None:
    failures: list[Exception] = []
    backend = FakeBackend(error=ModelMissing("run models pull"))
    with serving(config(tmp_path), backend, on_failure=failures.append) as served:
        while not failures:
            threading.Event().wait(0.01)
        assert served.http.get("/readyz").json()["error"] == {"code": "models", "message": "run models pull"}
        with served.connect(served.create()) as client:
            assert client.start()["code"] == "models"
            assert client.close_code() == 4400
