"""Writing a line on a page whose other lines go on changing, against a fake server that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fakes.web_fakes import FakeServer, eventually, microphone_tab, running, segment, speaker

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """A live meeting of two voices, three lines of one of them."""
    with running() as started:
        lines = [segment(number, number * 2.0, number * 2.0 + 1, f"line {number}", "spk1") for number in (1, 2, 3)]
        speakers = [speaker("spk1", 0, "Ann"), speaker("spk2", 1, "Ben")]
        started.snapshot = {"title": "Planning", "state": "live", "segments": lines, "speakers": speakers}
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A host's tab, at that meeting."""
    with microphone_tab(browser, 900, 700, "the server responded with a status of") as tab:
        tab.goto(f"{server.url}/m/m1")
        expect(tab.locator("[data-segment][tabindex]")).to_have_count(1)
        yield tab


def line(page: Page, id_: str) -> Any:
    """A line as it is read."""
    return page.locator(f"[data-segment={id_}]")


def words(page: Page) -> Any:
    """Where a line is written."""
    return page.get_by_test_id("line-words")


def given(server: FakeServer, page: Page, id_: str, rev: int, to: str, names: list[str]) -> None:
    """A line gets another voice, after which the turns are of these speakers."""
    change = {"id": id_, "rev": rev, "from": "spk1" if to == "spk2" else "spk2", "to": to}
    server.tell({"type": "speaker_revision", "changes": [change], "reason": "live"})
    expect(page.locator(".turn-name")).to_have_text(names)


def asked(page: Page) -> list[Route]:
    """The changes that this tab sends, which the test answers."""
    held: list[Route] = []
    page.route(
        "**/segments/*", lambda route: held.append(route) if route.request.method == "PATCH" else route.fallback()
    )
    return held


def save_voice(page: Page, id_: str, held: list[Route]) -> Route:
    """Give a line to Ben in its editor; the request, which is not answered yet."""
    line(page, id_).dblclick()
    page.locator(".line-editor").get_by_test_id("voice").select_option(label="Ben")
    page.get_by_test_id("line-save").click()
    eventually(lambda: held, lambda seconds: page.wait_for_timeout(seconds * 1000))
    return held.pop()


def test_whoever_writes_a_line_goes_on_writing_while_lines_change_their_turns(server: FakeServer, page: Page) -> None:
    line(page, "s2").dblclick()
    words(page).evaluate("(field) => field.setSelectionRange(5, 5)")
    given(server, page, "s1", 2, "spk2", ["Ben", "Ann"])  # the turn is another one now
    page.keyboard.type("a")
    given(server, page, "s2", 2, "spk2", ["Ben", "Ann"])  # to the turn before
    page.keyboard.type("b")
    given(server, page, "s2", 3, "spk1", ["Ben", "Ann"])  # to the turn behind
    page.keyboard.type("c")
    given(server, page, "s1", 3, "spk1", ["Ann"])  # both turns join
    page.keyboard.type("d")
    expect(words(page)).to_have_value("line abcd2")
    server.tell({**segment(2, 4.0, 5.0, "", "spk1", rev=4)})  # it is gone, and so is its place
    expect(page.get_by_test_id("line-conflict")).to_be_visible()
    page.keyboard.type("e")
    expect(words(page)).to_have_value("line abcde2")
    page.keyboard.press("Escape")
    line(page, "s3").click()
    given(server, page, "s1", 4, "spk2", ["Ben", "Ann"])
    expect(line(page, "s3")).to_be_focused()


def test_the_answer_for_one_line_leaves_the_editor_of_another_one_alone(server: FakeServer, page: Page) -> None:
    held = asked(page)
    saving = save_voice(page, "s1", held)
    expect(words(page)).not_to_be_editable()
    line(page, "s3").dblclick()
    words(page).fill("not lost")
    saving.fulfill(json={**segment(1, 2.0, 3.0, "line 1", "spk2", rev=2), "change": "c1"})
    expect(page.locator(".turn-name").first).to_have_text("Ben")
    expect(words(page)).to_have_value("not lost")
    expect(words(page)).to_be_focused()


def test_a_line_that_is_not_saved_after_its_editor_was_left_is_told_of_and_no_focus_taken_away(
    server: FakeServer, page: Page
) -> None:
    held = asked(page)
    saving = save_voice(page, "s1", held)
    line(page, "s3").dblclick()
    full = {"error": {"code": "storage", "message": "the disk is full"}}
    saving.fulfill(status=503, json=full)
    expect(page.get_by_test_id("edit-said")).to_have_text("The line at 00:02 is not saved. the disk is full")
    expect(words(page)).to_be_focused()
    page.keyboard.press("Escape")
    saving = save_voice(page, "s2", held)
    page.get_by_test_id("title").focus()
    saving.fulfill(json={**segment(2, 4.0, 5.0, "line 2", "spk2", rev=2), "change": "c2"})
    expect(words(page)).to_have_count(0)
    expect(page.get_by_test_id("title")).to_be_focused()


def test_another_language_of_the_page_keeps_what_is_being_written_and_what_others_wrote_meanwhile(
    server: FakeServer, page: Page
) -> None:
    line(page, "s2").dblclick()
    words(page).fill("mine")
    voice = page.locator(".line-editor").get_by_test_id("voice")
    voice.select_option(label="A new voice…")
    page.get_by_test_id("voice-name").first.fill("Cleo")
    server.tell(segment(2, 4.0, 5.0, "theirs", "spk1", rev=2))
    expect(page.get_by_test_id("line-conflict")).to_contain_text("“theirs”")
    page.get_by_test_id("languages").focus()
    page.get_by_test_id("languages").select_option("de")
    expect(page.get_by_test_id("line-cancel")).to_have_text("Abbrechen")
    expect(page.get_by_test_id("line-conflict")).to_contain_text("„theirs“")
    expect(words(page)).to_have_value("mine")
    expect(voice.locator("option:checked")).to_have_text("Eine neue Stimme …")
    expect(page.get_by_test_id("voice-name").first).to_have_value("Cleo")
    expect(page.get_by_test_id("languages")).to_be_focused()
    page.get_by_test_id("line-take-theirs").click()
    words(page).press("Escape")
    expect(line(page, "s2")).to_have_text("theirs")


def test_a_page_with_a_line_that_is_not_saved_is_not_left_without_a_question(server: FakeServer, page: Page) -> None:
    prevented = """() => {
      const event = new Event('beforeunload', { cancelable: true })
      return !window.dispatchEvent(event)
    }"""
    line(page, "s2").dblclick()
    assert not page.evaluate(prevented)
    words(page).fill("mine")
    assert page.evaluate(prevented)
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("dialog")).to_contain_text("You have written something that is not saved.")
    page.keyboard.press("Escape")
    expect(words(page)).to_have_value("mine")
    page.get_by_test_id("home").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
