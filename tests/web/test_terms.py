"""Names and terms that are likely to be said, in a browser: given before a meeting starts, changed while it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.web_fakes import FakeServer, meeting, microphone_tab, running

pytestmark = pytest.mark.browser

LABEL = "Names and terms that are likely to be said"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake server of its own for each test."""
    with running() as started:
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A narrow tab that may use the microphone; an error of the page fails the test."""
    with microphone_tab(browser, 390, 800, "503 (Service Unavailable)") as tab:
        yield tab


def watch(server: FakeServer, page: Page, state: str = "live", role: str = "server") -> None:
    """Open a running meeting with the rights of `role`."""
    server.meetings = [meeting("m1", "Planning", state=state, role=role, tokens=role != "server")]
    server.snapshot = {"state": state, "title": "Planning"}
    page.goto(f"{server.url}/m/m1")
    expect(page.get_by_test_id("title")).to_have_value("Planning")


@pytest.mark.slow
def test_a_meeting_is_made_with_the_terms_that_were_written(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    expect(page.get_by_test_id("terms")).to_be_hidden()
    page.get_by_test_id("options").press("Enter")
    page.get_by_label(LABEL).fill("Nguyen, Kubernetes\nSaint-Gobain")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_test_id("new-meeting").click()
    page.wait_for_url("**/m/m1")
    assert server.requests == [
        ("POST", "/api/meetings", {"hotwords": ["Nguyen", "Kubernetes", "Saint-Gobain"]}),
    ]


@pytest.mark.slow
def test_too_many_terms_are_told_before_anything_is_made(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("options").click()
    page.get_by_label(LABEL).fill(",".join(str(number) for number in range(201)))
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("notice")).to_contain_text("at most 200")
    assert server.requests == []


@pytest.mark.slow
def test_a_host_changes_the_terms_of_a_running_meeting_from_the_keyboard(server: FakeServer, page: Page) -> None:
    server.hotwords = ["Nguyen", "Kubernetes"]
    watch(server, page)
    button = page.get_by_role("button", name="Terms")
    button.press("Enter")
    field = page.get_by_role("dialog", name=LABEL).get_by_role("textbox", name=LABEL)
    expect(field).to_be_focused()
    expect(field).to_have_value("Nguyen\nKubernetes")
    page.keyboard.press("Control+End")
    page.keyboard.type(", Okapi")
    expect(page.get_by_test_id("terms-count")).to_have_text("3 terms")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_test_id("terms-save").press("Enter")
    expect(page.get_by_test_id("terms-dialog")).to_have_count(0)
    expect(button).to_be_focused()
    assert server.hotwords == ["Nguyen", "Kubernetes", "Okapi"]
    button.click()
    expect(page.get_by_test_id("terms")).to_have_value("Nguyen\nKubernetes\nOkapi")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("terms-dialog")).to_have_count(0)


@pytest.mark.slow
def test_what_cannot_be_saved_says_why_and_is_not_lost(server: FakeServer, page: Page) -> None:
    watch(server, page)
    page.get_by_test_id("terms-open").click()
    field = page.get_by_test_id("terms")
    field.fill("x" * 101)
    expect(page.get_by_test_id("terms-problem")).to_contain_text("at most 100 characters")
    expect(page.get_by_test_id("terms-save")).to_be_disabled()
    field.fill("refused")
    page.get_by_test_id("terms-save").click()
    expect(page.get_by_test_id("terms-problem")).to_have_text("Not saved. The disk is full.")
    expect(field).to_have_value("refused")
    field.fill("taken")
    page.get_by_test_id("terms-save").click()
    expect(page.get_by_test_id("terms-dialog")).to_have_count(0)
    assert server.hotwords == ["taken"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "role", "offered"),
    [("open", "host", True), ("live", "host", True), ("live", "speak", False), ("live", "view", False)],
)
def test_terms_are_offered_to_hosts_while_something_may_be_said(
    server: FakeServer, page: Page, state: str, role: str, offered: bool
) -> None:
    watch(server, page, state, role)
    button = page.get_by_test_id("terms-open")
    expect(button).to_be_visible() if offered else expect(button).to_be_hidden()
    server.tell({"type": "state", "state": "ending", "title": "Planning"})
    expect(button).to_be_hidden()
