"""A meeting by the keyboard alone: where the focus is once what had it is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.web_fakes import LONG, FakeServer, microphone_tab, running, segment

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake server."""
    with running() as started:
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A tab as narrow as a phone."""
    with microphone_tab(browser, 390, 700) as tab:
        yield tab


def record(server: FakeServer, page: Page) -> None:
    """Make a meeting and record it."""
    page.goto(server.url)
    page.get_by_test_id("new-meeting").press("Enter")
    expect(page.get_by_test_id("connection")).to_have_text("Live")


def record_thirty_lines(server: FakeServer, page: Page) -> None:
    """Make a meeting, of which the last line is in sight."""
    record(server, page)
    server.tell(*(segment(i, i * 5.0, i * 5.0 + 4, LONG, f"spk{i % 3}") for i in range(30)))
    expect(page.locator("[data-segment=s29]")).to_be_in_viewport()


def test_the_focus_goes_from_stop_to_the_end_of_the_transcript_and_nothing_moves(
    server: FakeServer, page: Page
) -> None:
    record_thirty_lines(server, page)
    page.get_by_test_id("stop").press("Enter")
    end = page.get_by_test_id("end")
    expect(end).to_be_focused()
    expect(page.locator("[data-segment=s29]")).to_be_in_viewport()
    expect(page.get_by_test_id("announcer")).to_contain_text("The meeting is over.")


def test_the_focus_of_who_ends_a_meeting_without_a_word_goes_to_what_says_so(server: FakeServer, page: Page) -> None:
    record(server, page)
    page.get_by_test_id("stop").press("Enter")
    expect(page.get_by_role("heading", name="No words in this meeting")).to_be_focused()


def test_the_focus_of_whoever_was_in_the_bar_stays_near_when_somebody_else_ends_the_meeting(
    server: FakeServer, page: Page
) -> None:
    record_thirty_lines(server, page)
    page.get_by_test_id("mute").focus()
    server.tell({"type": "ended", "segments": 30})
    expect(page.get_by_test_id("end")).to_be_focused()


def test_the_focus_of_whoever_reads_elsewhere_stays_where_it_is_when_the_meeting_ends(
    server: FakeServer, page: Page
) -> None:
    record(server, page)
    server.tell(segment(1, 0.0, 1.0, "That was all.", "spk1"))
    page.get_by_test_id("title").focus()
    server.tell({"type": "ended", "segments": 1})
    expect(page.get_by_test_id("end")).to_be_visible()
    expect(page.get_by_test_id("title")).to_be_focused()


def test_a_button_that_moves_with_the_first_line_takes_the_focus_along(server: FakeServer, page: Page) -> None:
    server.snapshot = {"state": "live", "title": "Planning"}
    page.goto(f"{server.url}/m/m1")
    start = page.get_by_test_id("start")
    start.focus()
    server.tell(segment(1, 0.0, 1.0, "Good morning.", "spk1"))
    expect(page.locator("[data-segment=s1]")).to_be_visible()
    expect(page.get_by_test_id("waiting")).to_be_hidden()
    expect(start).to_be_focused()


def test_the_list_of_files_is_walked_from_end_to_end_and_gives_the_focus_back(server: FakeServer, page: Page) -> None:
    server.snapshot = {"state": "ended", "segments": [segment(i, i * 5.0, i * 5.0 + 4, LONG) for i in range(30)]}
    page.goto(f"{server.url}/m/m1")
    button = page.get_by_test_id("export")
    button.press("ArrowDown")
    page.keyboard.press("End")
    expect(page.get_by_test_id("export-preview")).to_be_focused()
    page.keyboard.press("Home")
    first = page.get_by_test_id("export-docx")
    expect(first).to_be_focused()
    assert page.evaluate("scrollY") == 0
    first.evaluate("link => link.removeAttribute('download')")
    first.evaluate("link => link.addEventListener('click', (event) => event.preventDefault())")
    first.press("Enter")
    expect(first).to_be_hidden()
    expect(button).to_be_focused()
