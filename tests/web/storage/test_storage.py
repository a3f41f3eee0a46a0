"""What the tab and the browser remember, and what becomes of the pages where they refuse to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.access_fakes import Locked
from tests.fakes.web_fakes import FakeServer, eventually, meeting, microphone_tab, running, segment
from tests.web.conftest import Run
from tests.web.test_library import said, sign_in

FORBIDDEN = """for (const name of ['sessionStorage', 'localStorage']) {
  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError') } })
}"""
"""As where all data of sites are blocked"""
FULL = """Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"""

REMEMBERED = """async (refuses) => {
  const held = new Map(Object.entries({ old: 'before' }))
  const storage = {
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => {
      if (refuses) throw new Error('full')
      held.set(key, value)
    },
    removeItem: (key) => held.delete(key),
  }
  Object.defineProperty(globalThis, 'sessionStorage', { value: storage, configurable: true })
  const { tabStorage } = await load('storage/storage.js')
  const seen = [tabStorage.get('old'), tabStorage.get('new')]
  for (const key of ['old', 'new']) tabStorage.set(key, 'now')
  seen.push(tabStorage.get('old'), tabStorage.get('new'), [...held])
  tabStorage.remove('new')
  return [...seen, tabStorage.get('new')]
}"""


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A fake server with a past meeting."""
    with running() as started:
        started.meetings = [meeting("m1", "Planning")]
        yield started


@pytest.fixture
def page(browser: Browser, fake: FakeServer) -> Iterator[Page]:
    """A tab."""
    with microphone_tab(browser, 900, 700) as tab:
        yield tab


def test_what_the_browser_does_not_take_is_remembered_by_the_page_and_nothing_old_comes_back(javascript: Run) -> None:
    kept = [["old", "now"], ["new", "now"]]
    assert javascript(REMEMBERED, False) == ["before", None, "now", "now", kept, None]
    assert javascript(REMEMBERED, True) == ["before", None, "now", "now", [], None]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("refusal", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_pages_lead_to_each_other_and_record_where_the_browser_remembers_nothing(
    fake: FakeServer, page: Page, refusal: str
) -> None:
    page.add_init_script(refusal)
    page.goto(fake.url)
    page.get_by_role("link", name="Planning").click()
    expect(page.get_by_test_id("title")).to_be_visible()
    page.get_by_test_id("home").click()
    page.get_by_test_id("languages").select_option("de")
    expect(page.get_by_role("heading", name="Besprechungen")).to_be_visible()
    fake.snapshot = {}
    page.get_by_test_id("new-meeting").click()
    eventually(lambda: fake.stored >= 3, lambda seconds: page.wait_for_timeout(seconds * 1000))
    fake.tell(segment(1, 0.0, 1.0, "That was all.", "spk1"))
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("end")).to_contain_text("Ende der Besprechung")
    page.go_back()
    expect(page.get_by_role("heading", name="Besprechungen")).to_be_visible()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("refusal", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_who_has_a_link_or_the_servers_token_is_let_in_where_the_browser_remembers_nothing(
    server: Locked, tab: Any, refusal: str
) -> None:
    held = said(server, "Planning", "Good morning.")
    page = tab("/")
    page.context.add_init_script(refusal)
    page.goto(f"http://127.0.0.1:{server.serving.port}{held.path('view')}")
    expect(page.get_by_text("Good morning.")).to_be_visible()
    page.get_by_test_id("home").click()
    sign_in(page)
    page.get_by_role("link", name="Planning").first.click()
    expect(page.get_by_text("Good morning.")).to_be_visible()
