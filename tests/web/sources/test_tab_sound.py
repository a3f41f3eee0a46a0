"""The sound of a tab as the browser itself captures it: what another tab plays, until that tab is closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.fakes.web_fakes import FakeServer, FakeSource, browser_running, eventually, running

pytestmark = pytest.mark.browser

WITHOUT = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--mute-audio")
"""With the fakes every capture gives a beep; a browser that is muted has no sound to capture"""
SWITCHES = ("--auto-select-tab-capture-source-by-title=Radio", "--autoplay-policy=no-user-gesture-required")
RADIO = """() => {
  document.title = 'Radio'
  const context = new AudioContext()
  const tone = new OscillatorNode(context, { frequency: 440 })
  tone.connect(context.destination)
  tone.start()
}"""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A meeting that somebody else is heard in."""
    with running() as started:
        started.sources = [FakeSource("src1", "Room microphone", "room", 1)]
        started.snapshot = {"state": "live"}
        yield started


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    """Tabs of a browser that chooses the tab called Radio when it is asked what to share."""
    with browser_running(*SWITCHES, without=WITHOUT) as browser, browser.new_context() as tabs:
        yield tabs


@pytest.mark.slow
def test_what_another_tab_plays_is_heard_until_that_tab_is_closed(server: FakeServer, context: BrowserContext) -> None:
    radio, page = context.new_page(), context.new_page()
    radio.goto(server.url)
    radio.evaluate(RADIO)
    page.goto(f"{server.url}/m/m1")
    page.get_by_test_id("share-tab").click()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_role("button", name="Stop sharing the sound")).to_be_enabled()
    eventually(
        lambda: max(server.connections[-1].peaks, default=0) > 1000,
        lambda seconds: page.wait_for_timeout(seconds * 1000),
    )
    radio.close()
    expect(page.get_by_test_id("notices")).to_contain_text("The sharing has ended")
    eventually(lambda: server.sources[-1].state == "ended", lambda seconds: page.wait_for_timeout(seconds * 1000))
    expect(page.get_by_role("button", name="Share a tab’s sound")).to_be_visible()
