"""The probe of a model hub, against a small server on this machine that answers like one, or does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.models import probe
from pipelines.models.plugins import GROUPS
from pipelines.models.probe import probe_and_select, probe_models, whisper_candidates
from pipelines.models.selection import CACHED, GATED, NOT_FOUND, NOT_INSTALLED, ON_HUB, UNREACHABLE
from pipelines.options import EngineOptions
from tests.fakes.models.packages import install
from tests.pipelines.models.test_hub import put_into_cache
from tests.pipelines.models.test_selection import EMB, SEG

SETTINGS = EngineOptions(device="cpu", whisper="tiny", hub_timeout=5.0)


class FakeHub(BaseHTTPRequestHandler):
    """Answers HEAD by `answers`: path without its first slash to status; notes what was asked."""

    answers: dict[str, int] = {}  # noqa: RUF012
    asked: list[tuple[str, str | None]] = []  # noqa: RUF012
    names_commits = True

    def do_HEAD(self) -> None:
        self.asked.append((self.path, self.headers.get("authorization")))
        status = next((code for name, code in self.answers.items() if name in self.path), 200)
        self.send_response(status)
        if self.names_commits:
            self.send_header("X-Repo-Commit", "0" * 40)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    class Hub(FakeHub):
        answers: dict[str, int] = {}  # noqa: RUF012
        asked: list[tuple[str, str | None]] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield Hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_hub_that_has_everything_says_so(fake_hub: type[FakeHub]) -> None:
    assert dict(probe_models(SETTINGS).weights) == {"tiny": ON_HUB, SEG: ON_HUB, EMB: ON_HUB}


def test_a_redirect_to_where_the_weights_lie_is_a_yes_and_not_followed(fake_hub: type[FakeHub]) -> None:
    fake_hub.answers["model.bin"] = 302
    assert probe_models(SETTINGS).weights["tiny"] == ON_HUB


@pytest.mark.parametrize(
    ("status", "state"), [(401, GATED), (403, GATED), (404, NOT_FOUND), (500, UNREACHABLE), (503, UNREACHABLE)]
)
def test_what_a_hub_answers_is_understood(fake_hub: type[FakeHub], status: int, state: str) -> None:
    fake_hub.answers["segmentation-3.0"] = status
    weights = probe_models(SETTINGS).weights
    assert (weights[SEG], weights[EMB]) == (state, ON_HUB)


def test_a_log_in_page_is_not_taken_for_a_hub(fake_hub: type[FakeHub]) -> None:
    fake_hub.names_commits = False
    assert set(probe_models(SETTINGS).weights.values()) == {UNREACHABLE}


def test_the_token_goes_to_the_hub(fake_hub: type[FakeHub]) -> None:
    probe_models(EngineOptions(device="cpu", whisper="tiny", hub_token="hf_made_up", hub_timeout=5.0))
    assert {token for _, token in fake_hub.asked} == {"Bearer hf_made_up"}


def test_what_is_cached_is_not_asked_for(fake_hub: type[FakeHub], hub_cache: Path) -> None:
    put_into_cache(hub_cache, SEG, "pytorch_model.bin")
    put_into_cache(hub_cache, "Systran/faster-whisper-tiny", "model.bin", "config.json", "tokenizer.json")
    assert dict(probe_models(SETTINGS).weights) == {"tiny": CACHED, SEG: CACHED, EMB: ON_HUB}
    assert len(fake_hub.asked) == 1


def test_half_a_model_is_not_a_cached_one(hub_cache: Path) -> None:
    put_into_cache(hub_cache, "Systran/faster-whisper-tiny", "config.json")
    assert probe_models(SETTINGS).weights["tiny"] == UNREACHABLE


def test_nobody_is_asked_offline(fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert set(probe_models(SETTINGS).weights.values()) == {UNREACHABLE}
    assert fake_hub.asked == []


def test_nobody_is_asked_for_the_embedded_set(fake_hub: type[FakeHub]) -> None:
    assert dict(probe_models(EngineOptions(set="embedded", device="cpu")).weights) == {}
    assert fake_hub.asked == []


def test_a_hub_that_refuses_the_connection_is_silent() -> None:
    assert set(probe_models(SETTINGS).weights.values()) == {UNREACHABLE}


def test_a_hub_that_never_answers_is_silent_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        weights = probe_models(EngineOptions(device="cpu", whisper="tiny", hub_timeout=0.2)).weights
    assert set(weights.values()) == {UNREACHABLE}


def test_a_name_server_that_hangs_does_not_hold_up_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*_: object) -> str:
        answered.wait(60)
        return ON_HUB

    monkeypatch.setattr(probe, "ask", hang)
    weights = probe_models(EngineOptions(device="cpu", whisper="tiny", hub_timeout=0.1)).weights
    answered.set()
    assert set(weights.values()) == {UNREACHABLE}


def test_a_path_is_looked_up_on_this_machine(tmp_path: Path) -> None:
    there, gone = tmp_path / "seg.bin", tmp_path / "gone.bin"
    there.write_bytes(b"weights")
    weights = probe_models(
        EngineOptions(device="cpu", segmentation=str(there), embedding=str(gone), hub_timeout=0.1)
    ).weights
    assert (weights[str(there)], weights[str(gone)]) == (CACHED, NOT_FOUND)


@pytest.mark.parametrize(
    ("name", "cuda", "candidates"),
    [
        ("auto", False, ("tiny", "base", "small")),
        ("auto", True, ("tiny", "base", "small", "medium", "large-v3-turbo")),
        ("medium", False, ("medium",)),
    ],
)
def test_only_models_that_may_serve_are_asked_for(name: str, cuda: bool, candidates: tuple[str, ...]) -> None:
    assert whisper_candidates(name, cuda) == candidates


def test_deciding_looks_and_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert probe_and_select(EngineOptions(set="embedded", device="cpu")).speech.kind == "moonshine"


@pytest.mark.parametrize(("there", "state"), [(True, ON_HUB), (False, NOT_INSTALLED)])
def test_a_recogniser_whose_package_is_missing_is_not_installed_whatever_the_hub_has(
    fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch, there: bool, state: str
) -> None:
    monkeypatch.setattr("pipelines.models.probe.importlib.util.find_spec", lambda name: object() if there else None)
    options = EngineOptions(set="embedded", recognizer="whispercpp:small", device="cpu", hub_timeout=5.0)
    assert dict(probe_models(options).weights) == {"small": state}
    assert bool(fake_hub.asked) is there


def test_what_an_installed_model_takes_the_place_of_is_not_asked_for(
    fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, monkeypatch, "acme", {group: {"acme": "acme:load"} for group in GROUPS.values()})
    options = EngineOptions(recognizer="acme", segmentation="acme:large", device="cpu", hub_timeout=5.0)
    assert dict(probe_models(options).weights) == {EMB: ON_HUB}
