"""The title of a meeting's page while others rename the meeting, against a fake server that the test moves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fakes.web_fakes import FakeServer, eventually, microphone_tab, running

pytestmark = pytest.mark.browser


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A live meeting."""
    with running() as started:
        started.snapshot = {"title": "Planning", "state": "live"}
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A host's tab, at that meeting."""
    with microphone_tab(browser, 390, 700, "the server responded with a status of") as tab:
        tab.goto(f"{server.url}/m/m1")
        expect(title(tab)).to_have_value("Planning")
        yield tab


def title(page: Page) -> Any:
    """The field of the title."""
    return page.get_by_test_id("title")


def conflict(page: Page) -> Any:
    """What is said of a title that somebody else has given."""
    return page.get_by_test_id("title-conflict")


def renamed(server: FakeServer, page: Page, name: str) -> None:
    """Somebody else has given the meeting another title, and the page knows."""
    server.tell({"type": "state", "state": "live", "title": name})
    expect(page).to_have_title(re.compile(f"^{name} ·"))


def titles(server: FakeServer) -> list[str]:
    """Those that were sent."""
    return [body["title"] for method, _, body in server.requests if method == "PATCH"]


def asked(page: Page) -> list[Route]:
    """The titles that this tab sends, which the test answers."""
    held: list[Route] = []
    page.route(
        "**/api/meetings/m1", lambda route: held.append(route) if route.request.method == "PATCH" else route.fallback()
    )
    return held


def send(page: Page, held: list[Route], name: str) -> Route:
    """Rename the meeting; the request, which is not answered yet."""
    title(page).fill(name)
    title(page).press("Enter")
    eventually(lambda: held, lambda seconds: page.wait_for_timeout(seconds * 1000))
    return held.pop()


def test_the_title_field_follows_another_host_while_nobody_writes_in_it(server: FakeServer, page: Page) -> None:
    title(page).focus()
    renamed(server, page, "Budget")
    expect(title(page)).to_have_value("Budget")
    page.keyboard.press("Tab")
    renamed(server, page, "Release")
    expect(title(page)).to_have_value("Release")
    expect(conflict(page)).to_be_hidden()
    assert titles(server) == []


def test_a_title_that_is_being_written_is_not_sent_over_another_hosts_before_that_was_read(
    server: FakeServer, page: Page
) -> None:
    title(page).fill("Planning of")
    renamed(server, page, "Budget")
    expect(title(page)).to_have_value("Planning of")
    expect(conflict(page)).to_contain_text("It is now called “Budget”.")
    title(page).fill("Planning of May")
    page.get_by_test_id("languages").select_option("de")
    expect(conflict(page)).to_contain_text("Sie heißt jetzt „Budget“.")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    title(page).press("Enter")
    assert titles(server) == []
    page.get_by_test_id("title-keep-mine").press("Enter")
    expect(conflict(page)).to_be_hidden()
    expect(title(page)).to_be_focused()
    expect(page).to_have_title(re.compile("^Planning of May"))
    assert titles(server) == ["Planning of May"]

    title(page).fill("Mine")
    renamed(server, page, "Theirs")
    page.get_by_test_id("title-take-theirs").click()
    expect(title(page)).to_have_value("Theirs")
    expect(conflict(page)).to_be_hidden()
    title(page).press("Enter")
    assert titles(server) == ["Planning of May"]


def test_an_answer_to_a_title_of_ones_own_neither_replaces_a_newer_one_nor_leaves_it_unseen(
    server: FakeServer, page: Page
) -> None:
    held = asked(page)
    sent = send(page, held, "Mine")
    renamed(server, page, "Mine")
    renamed(server, page, "Theirs")
    sent.fulfill(json={"id": "m1", "title": "Mine"})
    expect(title(page)).to_have_value("Theirs")
    page.wait_for_timeout(300)
    expect(page).to_have_title("Theirs · Meeting transcriber")

    sent = send(page, held, "Again")
    title(page).fill("Again and again")
    sent.fulfill(json={"id": "m1", "title": "Again"})
    expect(page).to_have_title("Again · Meeting transcriber")
    expect(title(page)).to_have_value("Again and again")
    expect(conflict(page)).to_be_hidden()


def test_a_title_that_was_not_saved_is_kept_sent_again_and_not_left_without_a_question(
    server: FakeServer, page: Page
) -> None:
    held = asked(page)
    send(page, held, "Mine").fulfill(status=503, json={"error": {"code": "storage", "message": "The disk is full."}})
    expect(page.get_by_test_id("notices")).to_contain_text("The title was not saved.")
    expect(title(page)).to_have_value("Mine")
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("dialog")).to_contain_text("You have written something that is not saved.")
    page.get_by_role("button", name="Keep writing").click()
    send(page, held, "Mine").fulfill(json={"id": "m1", "title": "Mine"})
    expect(page).to_have_title("Mine · Meeting transcriber")
    expect(page.get_by_test_id("notices")).to_be_empty()
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
