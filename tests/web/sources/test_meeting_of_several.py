"""Several people in one meeting on a real server, each with a browser and a microphone of their own."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import chromium
from tests.fakes.access_fakes import Given, Locked
from tests.fakes.web_fakes import SWITCHES, eventually

pytestmark = pytest.mark.browser

QUIET = 0.01
"""Amplitude of a tone that is 43 dB below full scale; the browser's own fake microphone beeps loudly"""
PATIENT = 30_000
"""Milliseconds that a machine with other work may take to hear a second of sound"""


@pytest.fixture(scope="module")
def quiet(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A second browser, whose microphone hears a quiet tone."""
    path = tmp_path_factory.mktemp("microphone") / "quiet.wav"
    write_tone(path)
    switches = [*SWITCHES, f"--use-file-for-fake-audio-capture={path}"]
    started = browser.browser_type.launch(executable_path=chromium(), args=switches)
    yield started
    started.close()


def write_tone(path: Path) -> None:
    """Ten seconds at 48 kHz, which the browser plays again and again."""
    samples = QUIET * 32767 * np.sin(2 * np.pi * 300 * np.arange(480_000) / 48_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture
def other(quiet: Browser, server: Locked) -> Iterator[Callable[[str], Page]]:
    """Opens a path in the second browser."""
    with quiet.new_context(permissions=["microphone"], viewport={"width": 390, "height": 844}) as context:

        def open_page(path: str) -> Page:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.serving.port}{path}")
            return page

        yield open_page


def share(page: Page, name: str, kind: str) -> None:
    """Share the microphone."""
    page.get_by_test_id("start").click()
    page.get_by_test_id("participant-name").fill(name)
    page.get_by_test_id(f"participant-{kind}").check()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live", timeout=PATIENT)
    expect(page.get_by_test_id("stop")).to_be_visible()


def sources(server: Locked, meeting: Given) -> dict[str, dict[str, Any]]:
    """The sources of a meeting by name, as the server tells them."""
    told = server.call("GET", f"/api/meetings/{meeting.id}").json()["sources"]
    return {source["name"]: source for source in told}


def level(page: Page, name: str) -> int:
    """What the meter of a source shows."""
    return int(page.get_by_role("meter", name=f"Level of {name}").get_attribute("aria-valuenow") or 0)


@pytest.mark.slow
def test_two_microphones_in_one_meeting_from_joining_to_the_end(server: Locked, tab: Any, other: Any) -> None:
    meeting = server.create("Planning")
    ann = tab(meeting.path("host"), 1280)
    share(ann, "Room", "room")
    expect(ann.locator("[data-segment]").first).to_be_visible(timeout=PATIENT)
    ben = other(meeting.path("speak"))
    share(ben, "Ben", "solo")

    def wait(holds: Callable[[], object]) -> Any:
        return eventually(holds, lambda seconds: ann.wait_for_timeout(seconds * 1000), 30)

    ann.get_by_role("button", name="2 sound sources").click()
    expect(ann.locator(".source-name")).to_have_text(["Room", "Ben"])
    wait(lambda: 0 < level(ann, "Ben") < level(ann, "Room"))
    assert {name: one["kind"] for name, one in sources(server, meeting).items()} == {"Room": "room", "Ben": "solo"}

    ann.get_by_role("button", name="Mute Ben").click()
    expect(ben.get_by_test_id("notices")).to_contain_text("A host has muted your microphone")
    assert sources(server, meeting)["Ben"]["muted"]
    ann.get_by_role("button", name="Unmute Ben").click()
    expect(ben.get_by_test_id("notices")).to_be_empty()

    ann.get_by_role("button", name="Stop my microphone").click()
    expect(ann.get_by_test_id("start")).to_be_visible(timeout=PATIENT)
    wait(lambda: sources(server, meeting)["Room"]["state"] == "ended")
    before = ben.get_by_test_id("elapsed").inner_text()
    wait(lambda: ben.get_by_test_id("elapsed").inner_text() > before)
    assert sources(server, meeting)["Ben"]["state"] == "live"
    expect(ann.get_by_test_id("connection")).to_have_text("Live")

    ben.get_by_test_id("stop").click()
    for page in (ann, ben):
        expect(page.get_by_test_id("export")).to_be_visible(timeout=PATIENT)


@pytest.mark.slow
def test_a_host_removes_a_microphone_and_its_page_reads_along(server: Locked, tab: Any, other: Any) -> None:
    meeting = server.create("Planning")
    ann = tab(meeting.path("host"), 1280)
    share(ann, "Room", "room")
    ben = other(meeting.path("speak"))
    share(ben, "Ben", "solo")
    ann.get_by_test_id("sources-open").click()
    ann.get_by_role("button", name="Remove Ben").click()
    ann.get_by_test_id("confirm").click()
    expect(ben.get_by_test_id("notices")).to_contain_text("A host has removed your microphone", timeout=PATIENT)
    expect(ben.get_by_test_id("stop")).to_be_hidden()
    share(ben, "Ben", "solo")
    expect(ann.locator(".source-name")).to_have_text(["Room", "Ben"], timeout=PATIENT)
    ann.get_by_role("button", name="End for everybody").click()
    ann.get_by_test_id("confirm").click()
    for page in (ann, ben):
        expect(page.get_by_test_id("export")).to_be_visible(timeout=PATIENT)


@pytest.mark.slow
def test_a_microphone_and_a_tab_of_one_page_are_two_sources_and_a_reload_resumes_both(server: Locked, tab: Any) -> None:
    meeting = server.create("Planning")
    page = tab(meeting.path("speak"), 1280)
    share(page, "Ann", "solo")
    page.get_by_test_id("share-tab").click()
    page.get_by_test_id("tab-name").fill("Call")
    page.get_by_test_id("join-begin").click()

    def wait(holds: Callable[[], object]) -> Any:
        return eventually(holds, lambda seconds: page.wait_for_timeout(seconds * 1000), 30)

    def states() -> dict[str, str]:
        return {name: one["state"] for name, one in sources(server, meeting).items()}

    wait(lambda: states() == {"Ann": "live", "Call": "live"})
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    wait(lambda: states() == {"Ann": "away", "Call": "away"})
    page.get_by_role("button", name="Go on recording").click()
    page.get_by_test_id("share-tab").click()
    page.get_by_test_id("join-begin").click()
    wait(lambda: states() == {"Ann": "live", "Call": "live"})
    assert len(server.call("GET", f"/api/meetings/{meeting.id}").json()["sources"]) == 2
    page.get_by_test_id("share-tab").click()
    wait(lambda: states() == {"Ann": "live", "Call": "ended"})
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("export")).to_be_visible(timeout=PATIENT)
