"""The page of docs/tutorial-client.md, with the real recordrtc in a real browser, and its pieces without one."""

from __future__ import annotations

import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed

from pipelines.types import SAMPLE_RATE
from tests.conftest import ROOT, Sample
from tests.fakes.containers import slices
from tests.fakes.web_fakes import browser_running
from tests.patient_clients import connect
from tests.system.test_end_to_end import PATIENCE, SHORT, RealServer, error_rate, excerpt, free_port, said_until

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

RECORDRTC = ROOT / "tests" / "vendor" / "recordrtc-5.6.2" / "RecordRTC.min.js"


@dataclass
class Visited:
    """A server, and where the page lies that uses it."""

    real: RealServer
    page: str

    def kept(self) -> list[object]:
        """The meetings that there are."""
        return list(self.real.get("/api/meetings")["meetings"])


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visited]:
    """A server that lets a page of another address in, and that page as the documentation has it."""
    folder = tmp_path_factory.mktemp("tutorial")
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        origin = f"http://localhost:{pages.server_port}"
        real = RealServer(folder / "server", free_port(), settings={"MEETING_SERVER_ALLOWED_ORIGINS": origin})
        real.folder.mkdir()
        (folder / "client.html").write_text(documented_page(real.port))
        real.start()
        real.wait_for("/readyz")
        yield Visited(real, f"{origin}/client.html")
        real.end(signal.SIGTERM)
        pages.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def text_of(shown: str) -> str:
    """What was said, without the names in front."""
    return re.sub(r"^Speaker \d+: ", "", shown, flags=re.MULTILINE)


def documented_page(port: int) -> str:
    """The page as the documentation has it, for a server on another port."""
    (page,) = re.findall(r"^```html\n(.*?)^```", (ROOT / "docs" / "tutorial-client.md").read_text(), re.M | re.S)
    return str(page).replace("127.0.0.1:8765", f"127.0.0.1:{port}")


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_shows_text_with_speakers_while_it_records(visited: Visited, sample: Sample, tmp_path: Path) -> None:
    microphone = excerpt(sample, tmp_path, SHORT)
    said = said_until(sample, SHORT)
    with browser_running(f"--use-file-for-fake-audio-capture={microphone}%noloop") as browser:
        tab = browser.new_context(permissions=["microphone"]).new_page()
        complaints: list[str] = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.route("https://cdn.jsdelivr.net/**", lambda route: route.fulfill(path=RECORDRTC))
        tab.goto(visited.page)
        tab.locator("#start").click()
        shown = tab.locator("#text")
        expect(shown).to_contain_text("morning", timeout=60_000)
        expect(shown).to_contain_text("phones", timeout=60_000)
        expect(shown).to_contain_text(re.compile(r"Speaker 1: .*Speaker 2: ", re.DOTALL), timeout=60_000)
        while_recording = str(shown.text_content())
        tab.locator("#stop").click()
        tab.wait_for_timeout(3000)
        in_the_end = str(shown.text_content())
    assert complaints == []
    assert error_rate(said, text_of(while_recording)) < 0.5
    assert error_rate(said, text_of(in_the_end)) < 0.3
    assert visited.kept() == []


@pytest.mark.slow
def test_recorded_pieces_give_growing_text_across_their_borders(visited: Visited, sample: Sample) -> None:
    audio = sample.samples()[: round(SHORT * SAMPLE_RATE)]
    texts: list[str] = []
    with connect(f"ws://127.0.0.1:{visited.real.port}/transcribe", compression=None, ping_timeout=None) as socket:
        for piece in slices(audio):
            socket.send(piece)
        socket.send('{"type":"stop"}')
        code: Any = None
        try:
            while True:
                texts.append(str(socket.recv(timeout=PATIENCE)))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
    assert code == 1000
    assert len(texts) >= 3
    assert error_rate(said_until(sample, SHORT), text_of(texts[-1])) < 0.25
    assert re.match(r"Speaker 1: .*\nSpeaker 2: ", texts[-1])
    assert visited.kept() == []


@pytest.mark.slow
def test_a_server_that_is_killed_while_a_page_records_leaves_nothing_after_its_next_start(
    visited: Visited, sample: Sample
) -> None:
    real = visited.real
    with connect(f"ws://127.0.0.1:{real.port}/transcribe", compression=None) as socket:
        for piece in slices(sample.samples()[: 5 * SAMPLE_RATE]):
            socket.send(piece)
        socket.recv(timeout=PATIENCE)
        real.end(signal.SIGKILL)
    assert [path.suffix for path in (real.data / "audio").iterdir() if path.suffix == ".journal"] == [".journal"]
    real.start()
    real.wait_for("/readyz")
    assert list((real.data / "audio").iterdir()) == []
    assert visited.kept() == []
    with closing(sqlite3.connect(real.data / "meetings.sqlite3")) as database:
        for table in ("meetings", "sources", "segments", "speakers", "turns", "resumes", "gaps"):
            assert database.execute(f"select count(*) from {table}").fetchone() == (0,)
