"""The probe of a model hub, against a small server on this machine that answers like one, or does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.errors import ModelMissing
from pipelines.models import hub
from pipelines.models.hub import fetch, fetch_whisper, look, whisper_candidates, whisper_repository
from pipelines.models.selection import ABSENT, CACHED, GATED, HUB, SILENT
from pipelines.options import EngineOptions
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no hub to ask."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


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


def put_into_cache(cache: Path, repository: str, *files: str) -> Path:
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    for file in files:
        (snapshot / file).write_text("weights")
    return snapshot


def test_a_hub_that_has_everything_says_so(fake_hub: type[FakeHub]) -> None:
    assert dict(look(SETTINGS).weights) == {"tiny": HUB, SEG: HUB, EMB: HUB}


def test_a_redirect_to_where_the_weights_lie_is_a_yes_and_not_followed(fake_hub: type[FakeHub]) -> None:
    fake_hub.answers["model.bin"] = 302
    assert look(SETTINGS).weights["tiny"] == HUB


@pytest.mark.parametrize(("status", "state"), [(401, GATED), (403, GATED), (404, ABSENT), (500, SILENT), (503, SILENT)])
def test_what_a_hub_answers_is_understood(fake_hub: type[FakeHub], status: int, state: str) -> None:
    fake_hub.answers["segmentation-3.0"] = status
    weights = look(SETTINGS).weights
    assert (weights[SEG], weights[EMB]) == (state, HUB)


def test_a_log_in_page_is_not_taken_for_a_hub(fake_hub: type[FakeHub]) -> None:
    fake_hub.names_commits = False
    assert set(look(SETTINGS).weights.values()) == {SILENT}


def test_the_token_goes_to_the_hub(fake_hub: type[FakeHub]) -> None:
    look(EngineOptions(device="cpu", whisper="tiny", hub_token="hf_made_up", hub_timeout=5.0))
    assert {token for _, token in fake_hub.asked} == {"Bearer hf_made_up"}


def test_what_is_cached_is_not_asked_for(fake_hub: type[FakeHub], cache: Path) -> None:
    put_into_cache(cache, SEG, "pytorch_model.bin")
    put_into_cache(cache, "Systran/faster-whisper-tiny", "model.bin", "config.json", "tokenizer.json")
    assert dict(look(SETTINGS).weights) == {"tiny": CACHED, SEG: CACHED, EMB: HUB}
    assert len(fake_hub.asked) == 1


def test_half_a_model_is_not_a_cached_one(cache: Path) -> None:
    put_into_cache(cache, "Systran/faster-whisper-tiny", "config.json")
    assert look(SETTINGS).weights["tiny"] == SILENT


def test_nobody_is_asked_offline(fake_hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert set(look(SETTINGS).weights.values()) == {SILENT}
    assert fake_hub.asked == []


def test_nobody_is_asked_for_the_embedded_set(fake_hub: type[FakeHub]) -> None:
    assert dict(look(EngineOptions(set="embedded", device="cpu")).weights) == {}
    assert fake_hub.asked == []


def test_a_hub_that_refuses_the_connection_is_silent() -> None:
    assert set(look(SETTINGS).weights.values()) == {SILENT}


def test_a_hub_that_never_answers_is_silent_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        weights = look(EngineOptions(device="cpu", whisper="tiny", hub_timeout=0.2)).weights
    assert set(weights.values()) == {SILENT}


def test_a_name_server_that_hangs_does_not_hold_up_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def hang(*_: object) -> str:
        answered.wait(60)
        return HUB

    monkeypatch.setattr(hub, "_head", hang)
    weights = look(EngineOptions(device="cpu", whisper="tiny", hub_timeout=0.1)).weights
    answered.set()
    assert set(weights.values()) == {SILENT}


def test_a_path_is_looked_up_on_this_machine(tmp_path: Path) -> None:
    there, gone = tmp_path / "seg.bin", tmp_path / "gone.bin"
    there.write_bytes(b"weights")
    weights = look(EngineOptions(device="cpu", segmentation=str(there), embedding=str(gone), hub_timeout=0.1)).weights
    assert (weights[str(there)], weights[str(gone)]) == (CACHED, ABSENT)


def test_short_names_of_whisper_are_mapped_as_faster_whisper_does() -> None:
    from faster_whisper.utils import _MODELS

    assert {name: whisper_repository(name) for name in _MODELS} == _MODELS
    assert whisper_repository("someone/her-whisper") == "someone/her-whisper"


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


def test_a_cached_file_is_found_without_a_hub(cache: Path) -> None:
    snapshot = put_into_cache(cache, EMB, "pytorch_model.bin")
    assert fetch(EMB, "pytorch_model.bin", None, local_only=True) == snapshot / "pytorch_model.bin"


def test_a_cached_whisper_is_found_without_a_hub(cache: Path) -> None:
    snapshot = put_into_cache(cache, "Systran/faster-whisper-tiny", "model.bin")
    assert fetch_whisper("tiny", None, local_only=True) == snapshot


def test_what_cannot_be_had_is_missing_with_a_word_on_what_to_do() -> None:
    with pytest.raises(ModelMissing, match=r"could not be had.*MEETING_MODELS_HUB_TOKEN"):
        fetch(SEG, "pytorch_model.bin", None, local_only=True)
    with pytest.raises(ModelMissing, match="Whisper model tiny could not be had"):
        fetch_whisper("tiny", None, local_only=True)
