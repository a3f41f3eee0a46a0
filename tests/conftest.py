"""What all tests share: isolation from the user's settings and data, skips with a reason, the sample recording."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.types import Samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.databases.postgres_server import PostgresServer
    from tests.fakes.access_fakes import Locked
    from tests.fakes.server_fakes import Serving
    from tests.meeting.notes.model_server import ModelServer

ROOT = Path(__file__).resolve().parents[1]
KEPT_VARIABLES = ("MEETING_MODELS_CACHE_DIR",)
"""Settings from the environment that tests may see: where this machine keeps its models"""


def chromium() -> str | None:
    """The browser to drive: `CHROMIUM`, else Debian's."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return found if found and Path(found).exists() else None


@cache
def without_browser() -> str | None:
    """Why the browser tests cannot run; None when they can."""
    return None if chromium() else "no browser: install chromium or set CHROMIUM to its path"


@cache
def without_models() -> str | None:
    """Why the model tests cannot run; None when they can."""
    from pipelines.models.pinned_files import file_statuses

    absent = [
        file.name for file in file_statuses(os.environ.get("MEETING_MODELS_CACHE_DIR")) if file.state != "verified"
    ]
    return f"not on this machine: {', '.join(absent)}; run `make setup`" if absent else None


@cache
def without_gpu() -> str | None:
    """Why the GPU tests cannot run; None when they can."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns where a driver is old or missing; the reason says enough
        return None if torch.cuda.is_available() else "no CUDA device that torch can use"


@cache
def without_ray() -> str | None:
    """Why the tests of a cluster cannot run; None when they can."""
    found = all(importlib.util.find_spec(name) for name in ("ray", "grpc"))
    return None if found else 'no Ray: .venv/bin/pip install -c constraints.txt -e ".[ray]"'


NEEDS: dict[str, Callable[[], str | None]] = {
    "browser": without_browser,
    "model": without_models,
    "gpu": without_gpu,
    "ray": without_ray,
}
"""Marker -> why its tests cannot run here"""


LONGEST = ("tests/system/test_faults.py", "tests/system/test_end_to_end.py")
"""The files that take longest, the longest first: begun late, they would be waited for alone"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that processes side by side end at about the same time.

    The files that drive a browser are spread over the others, those with most tests first: they stand in one folder,
    and several browsers at once take all of the machine from each other.
    """
    browsers = Counter(item.path for item in items if item.get_closest_marker("browser"))
    others = dict.fromkeys(item.path for item in items if item.path not in browsers)
    place = {
        path: (number + 0.5) / len(files)
        for files in ([path for path, _ in browsers.most_common()], list(others))
        for number, path in enumerate(files)
    }
    items.sort(key=lambda item: ([not item.nodeid.startswith(file) for file in LONGEST], place[item.path]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with a reason, what this machine cannot run."""
    tame_lazy_modules()
    for marker, reason in NEEDS.items():
        if item.get_closest_marker(marker) and (missing := reason()):
            pytest.skip(missing)


_tamed: set[str] = set()


def tame_lazy_modules() -> None:
    """Let hypothesis, which asks every loaded module for its file, not set off speechbrain's lazy imports.

    Looks only at modules loaded since it was last called: there are thousands, and as many tests.
    """
    if "speechbrain" in sys.modules:
        new = sys.modules.keys() - _tamed
        for module in [sys.modules[name] for name in new]:
            if any(kind.__name__ == "LazyModule" for kind in type(module).__mro__):
                vars(module).setdefault("__file__", None)
        _tamed.update(new)


_test_numbers = count()


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the user's reaches a test, and no test writes to the user's data."""
    for name in list(os.environ):
        if name.startswith("MEETING_") and name not in KEPT_VARIABLES:
            monkeypatch.delenv(name)
    # not in `tmp_path`: to make one looks at all those before it, which for thousands of tests takes most of their time
    folder = tmp_path_factory.getbasetemp() / f"data-of-test-{next(_test_numbers)}"
    monkeypatch.setenv("MEETING_DATA_DIR", str(folder))


@pytest.fixture(scope="session", autouse=True)
def new_databases_are_copies_of_a_migrated_one() -> Iterator[None]:
    """Only the tests of migrating migrate each file; servers in processes of their own do, too."""
    from tests.databases.copied_file import new_files_are_copies

    with new_files_are_copies():
        yield


@pytest.fixture
def new_databases_are_migrated() -> Iterator[None]:
    """For tests of migrating."""
    from tests.databases.copied_file import new_files_are_migrated

    with new_files_are_migrated():
        yield


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that a test runs here sets up logs: on a stream that is closed when the test is over."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A real server that asks for tokens, one for all tests of a file; some files have a `server` of their own."""
    from tests.fakes.access_fakes import locked

    with locked(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, one for all tests of a process."""
    from tests.databases.postgres_server import postgres_server, without_postgres

    missing = without_postgres()
    if missing:
        pytest.skip(missing)
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A real server that asks for no tokens, with pipelines that say "one" each second; one for all tests of a file."""
    from tests.fakes.server_fakes import FakeBackend, LeanPipeline, config, serving, wait_ready

    with serving(config(tmp_path_factory.mktemp("data")), FakeBackend(pipeline=LeanPipeline)) as running:
        wait_ready(running)
        yield running


@pytest.fixture(scope="module")
def running_model() -> Iterator[ModelServer]:
    """A stand-in for a language model's server, one for all tests of a file; what it was asked before stays."""
    from tests.meeting.notes.model_server import model_server

    with model_server() as running:
        yield running


@pytest.fixture
def model(running_model: ModelServer) -> ModelServer:
    """The stand-in, which has been asked nothing yet."""
    running_model.forget()
    return running_model


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file; while it runs, this thread has an event loop."""
    from tests.fakes.web_fakes import browser_running

    with browser_running() as started:
        yield started


@pytest.fixture
def tab(browser: Browser, server: Locked) -> Iterator[Callable[..., Page]]:
    """Opens a path in a browser of its own, as another person would, `width` pixels wide.

    No page may complain, and none may ask for an address with a token in it.
    """
    from tests.fakes.access_fakes import TOKEN

    asked: list[str] = []
    complaints: list[str] = []
    with ExitStack() as contexts:

        def open_tab(path: str, width: int = 900) -> Page:
            allowed = ["microphone", "clipboard-read", "clipboard-write"]
            size: Any = {"width": width, "height": 700}
            page = contexts.enter_context(browser.new_context(permissions=allowed, viewport=size)).new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda socket: asked.append(socket.url))
            page.goto(f"http://127.0.0.1:{server.serving.port}{path}")
            return page

        yield open_tab
    assert complaints == []
    assert asked
    # A page may be opened at a second of its meeting (`?t=12.5`), which is no token.
    assert [url for url in asked if "#" not in url and re.search(r"[?&](t|token)=(?![\d.]*$)", url)] == []
    assert [url for url in asked if TOKEN in url.partition("#")[0]] == []


@dataclass(frozen=True, slots=True)
class Sample:
    """The recording that ships with the project, and what is said in it."""

    audio: Path
    rttm: Path
    seglst: Path
    about: dict[str, object]
    """`sample.json`: title, speakers, length, credits"""
    turns: tuple[dict[str, object], ...]
    """Rows of the SegLST: speaker, start_time, end_time (seconds) and words"""

    @property
    def words(self) -> str:
        """All that is said, in order of start."""
        return " ".join(str(turn["words"]) for turn in self.turns)

    def samples(self) -> Samples:
        """The audio, decoded."""
        import soundfile

        audio: Samples = soundfile.read(self.audio, dtype="float32")[0]
        return audio


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The sample meeting: three voices, about a minute."""
    folder = ROOT / "web" / "sample"
    about = json.loads((folder / "sample.json").read_text())
    seglst = folder / "sample.seglst.json"
    turns = tuple(json.loads(seglst.read_text()))
    return Sample(folder / about["file"], folder / "sample.rttm", seglst, about, turns)


@pytest.fixture(scope="session")
def shared_eval() -> Path:
    """The folder of evaluation recordings beside a developer's checkout; skips where there is none."""
    folder = ROOT.parent / "shared" / "eval"
    if not folder.is_dir():
        pytest.skip("the evaluation recordings (../shared/eval) are not here")
    return folder
