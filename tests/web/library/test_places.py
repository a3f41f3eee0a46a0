"""The way back through a tab's history, and a reload: they lead to where somebody was on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.access_fakes import Locked
from tests.fakes.web_fakes import LONG, FakeServer, eventually, meeting, microphone_tab, running, segment
from tests.web.test_library import said, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINE = "[data-segment=s150]"
ROW = "[data-meeting=a45]"


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A fake server that lists 60 meetings, 20 at once; each has 300 lines."""
    with running() as started:
        started.meetings, started.page_size = [meeting(f"a{i}", f"Meeting {i}") for i in range(60)], 20
        started.snapshot = {"title": "Planning", "state": "ended", "segments": lines(300)}
        yield started


@pytest.fixture
def page(browser: Browser, fake: FakeServer) -> Iterator[Page]:
    """A tab."""
    with microphone_tab(browser, 900, 700) as tab:
        yield tab


def lines(count: int) -> list[dict[str, Any]]:
    """Lines of two voices."""
    return [segment(i, i * 5.0, i * 5.0 + 2, LONG, f"spk{i % 2 + 1}") for i in range(count)]


def height(page: Page, selector: str) -> float:
    """Pixels from the top of the window to an element."""
    return float(page.locator(selector).evaluate("node => node.getBoundingClientRect().top"))


def show(page: Page, selector: str) -> float:
    """Scroll an element to the middle of the window; where it stands then."""
    page.locator(selector).evaluate("node => node.scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(300)
    return height(page, selector)


def back(page: Page, selector: str, before: float, go: str = "history.back()") -> None:
    """Go back, to where an element stands as high as before."""
    page.evaluate(go)
    expect(page.locator(selector)).to_be_in_viewport()
    eventually(lambda: abs(height(page, selector) - before) <= 2, lambda seconds: page.wait_for_timeout(seconds * 1000))


def test_the_way_back_to_the_list_leads_to_as_many_meetings_and_to_the_one_that_was_opened(
    fake: FakeServer, page: Page
) -> None:
    page.goto(fake.url)
    for rows in (20, 40, 60):
        expect(page.locator("[data-meeting]")).to_have_count(rows)
        if rows < 60:
            page.get_by_test_id("more").click()
    page.get_by_test_id("filter-time").select_option("past")
    expect(page.locator("[data-meeting]")).to_have_count(20)
    for rows in (40, 60):
        page.get_by_test_id("more").click()
        expect(page.locator("[data-meeting]")).to_have_count(rows)
    before = show(page, ROW)
    page.get_by_role("link", name="Meeting 45").click()
    expect(page.get_by_test_id("title")).to_have_value("Planning")
    assert page.evaluate("scrollY") == 0
    back(page, ROW, before)
    expect(page.locator("[data-meeting]")).to_have_count(60)
    expect(page.get_by_role("link", name="Meeting 45")).to_be_focused()
    expect(page.get_by_test_id("filter-time")).to_have_value("past")

    page.reload()
    back(page, ROW, before, "0")

    length = page.evaluate("history.length")
    page.get_by_test_id("home").click()
    expect(page.locator("[data-meeting]")).to_have_count(20)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("history.length") == length, "one way back leads to where the list was come from"


@pytest.mark.parametrize("state", ["ended", "live"])
def test_the_way_back_to_a_meeting_leads_to_what_was_read_in_it(fake: FakeServer, page: Page, state: str) -> None:
    fake.snapshot["state"] = state
    page.goto(f"{fake.url}/m/m1?t=1200")
    expect(page.locator("[data-segment]")).to_have_count(300)
    expect(page.locator("[data-segment=s240]")).to_be_in_viewport()
    before = show(page, LINE)
    page.get_by_test_id("home").click()
    expect(page.locator("[data-meeting]")).to_have_count(20)
    fake.snapshot["segments"] = lines(305)
    back(page, LINE, before)
    expect(page.locator("[data-segment]")).to_have_count(305)
    page.wait_for_timeout(2500)
    back(page, LINE, before, "0")
    page.reload()
    expect(page.locator("[data-segment]")).to_have_count(305)
    back(page, LINE, before, "0")


@pytest.mark.parametrize("opened", ["", "?t=750"])
def test_who_followed_a_live_meeting_is_led_to_what_was_said_meanwhile(
    fake: FakeServer, page: Page, opened: str
) -> None:
    fake.snapshot["state"] = "live"
    page.goto(f"{fake.url}/m/m1{opened}")
    if opened:
        expect(page.locator(LINE)).to_be_in_viewport()
        page.get_by_test_id("jump-newest").click()
    expect(page.locator("[data-segment=s299]")).to_be_in_viewport()
    page.get_by_test_id("home").click()
    expect(page.locator("[data-meeting]")).to_have_count(20)
    fake.snapshot["segments"] = lines(305)
    page.evaluate("history.back()")
    expect(page.locator("[data-segment=s304]")).to_be_in_viewport()
    page.reload()
    expect(page.locator("[data-segment=s304]")).to_be_in_viewport()


def test_who_scrolls_while_the_page_is_being_drawn_is_not_taken_back_to_where_they_were(
    fake: FakeServer, page: Page
) -> None:
    page.goto(f"{fake.url}/m/m1")
    expect(page.locator("[data-segment]")).to_have_count(300)
    before = show(page, LINE)
    page.get_by_test_id("home").click()
    expect(page.locator("[data-meeting]")).to_have_count(20)
    back(page, LINE, before)
    page.mouse.move(450, 350)
    page.mouse.wheel(0, -2000)
    expect(page.locator(LINE)).not_to_be_in_viewport()
    page.locator("main").evaluate("node => (node.style.paddingBottom = '99px')")
    page.wait_for_timeout(300)
    expect(page.locator(LINE)).not_to_be_in_viewport()


def test_the_way_back_to_a_search_leads_to_as_many_lines_and_to_the_one_that_was_opened(
    server: Locked, tab: Any
) -> None:
    said(server, "Many", *(f"zebra {number}" for number in range(45)))
    page = tab("/search?q=zebra", 390)
    sign_in(page)
    hits = page.get_by_test_id("hit")
    for count in (20, 40, 45):
        expect(hits).to_have_count(count)
        if count < 45:
            page.get_by_test_id("more").press("Enter")
    page.wait_for_timeout(300)
    fortieth = f'.hit[href="{hits.nth(40).get_attribute("href")}"]'
    before = show(page, fortieth)
    page.locator(fortieth).click()
    expect(page).to_have_url(re.compile(r"/m/.*\?t="))
    back(page, fortieth, before)
    expect(hits).to_have_count(45)
    expect(page.locator(fortieth)).to_be_focused()
    page.reload()
    back(page, fortieth, before, "0")


def test_the_way_back_from_a_search_leads_to_what_was_looked_for_on_the_first_page(server: Locked, tab: Any) -> None:
    said(server, "Sums", "a quagga")
    page = tab("/", 390)
    sign_in(page)
    field = page.get_by_test_id("search")
    field.fill("quagga")
    field.press("Enter")
    expect(page.get_by_test_id("hit")).to_have_count(1)
    expect(field).to_have_value("quagga")
    page.go_back()
    expect(page.get_by_test_id("filter-title")).to_be_visible()
    expect(field).to_have_value("quagga")
    page.get_by_test_id("languages").select_option("de")
    expect(page.get_by_role("heading", name="Besprechungen")).to_be_visible()
    expect(field).to_have_value("quagga")
    page.go_forward()
    expect(page.get_by_test_id("hit")).to_have_count(1)
    expect(field).to_have_value("quagga")
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("filter-title")).to_be_visible()
    expect(field).to_have_value("")
