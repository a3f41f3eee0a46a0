"""The colours of the page, in the browser that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.fakes.web_fakes import browser_running, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A tab with the first page."""
    with running() as server, browser_running() as browser:
        tab = browser.new_page()
        tab.goto(server.url)
        yield tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_voice_and_soft_text_is_readable_on_the_paper(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    worst = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement)
          const light = (name) => {
            const hex = style.getPropertyValue(name).trim()
            const part = (i) => parseInt(hex.slice(i, i + 2), 16) / 255
            const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            return 0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
          }
          const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
          const inks = ['--soft', '--alarm', ...Array.from({ length: 10 }, (_, i) => `--speaker-${i}`)]
          const pairs = inks.flatMap((ink) => ['--paper', '--raised', '--sunken'].map((back) => [ink, back]))
          pairs.push(['--accent-ink', '--accent'], ['--alarm-ink', '--alarm-paper'], ['--warn-ink', '--warn-paper'])
          return Math.min(...pairs.map(([a, b]) => contrast(a, b)))
        }"""
    )
    assert worst >= 4.5
