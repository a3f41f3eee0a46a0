"""The pages in the reader's language: found out, chosen, changed while it records; none of another one is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.web_fakes import FakeServer, eventually, meeting, running, segment, speaker

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

SHOWN = """() => {
  const seen = (node) => node.checkVisibility() && node.closest('[lang]').lang !== 'en'
  const told = [...document.querySelectorAll('body *')].filter(seen).flatMap((node) => [
    node.getAttribute('aria-label'), node.getAttribute('placeholder'), node.getAttribute('title'),
    ...[...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data),
  ])
  return [document.title, ...told].filter(Boolean).map((text) => text.trim())
}"""
"""All that a page tells; what says of itself that it is in another language aside"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with running() as started:
        started.meetings = [
            meeting("a1", "Planung", speakers=["Ann", "Speaker 2"]),
            meeting("a2", state="live", duration=0),
            meeting("a3", state="open", duration=0),
        ]
        yield started


@pytest.fixture
def reader(browser: Browser, server: FakeServer) -> Iterator[Open]:
    """Opens the first page as somebody would whose browser is set to a language."""
    server.snapshot, server.sources = {}, []
    with ExitStack() as contexts:

        def open_page(locale: str, width: int = 1280) -> Page:
            size = {"width": width, "height": 844}
            context = browser.new_context(locale=locale, viewport=size, permissions=["microphone"])  # type: ignore[arg-type]
            page = contexts.enter_context(context).new_page()
            page.goto(server.url)
            expect(page.get_by_test_id("meeting-list").locator("li")).to_have_count(3)
            return page

        yield open_page


def record(page: Page, server: FakeServer) -> None:
    """Make a meeting with the microphone, and let something be said in it."""
    before = len(server.connections)
    page.get_by_test_id("new-meeting").click()
    eventually(lambda: len(server.connections) > before and server.connections[-1].frames, wait(page))
    server.tell(
        speaker("spk1", 0),
        speaker("spk2", 1),
        segment(1, 0.0, 1.0, "Guten Tag.", "spk1"),
        segment(2, 1.0, 2.0, "Hallo", None, final=False),
        {"type": "gap", "source_id": "src1", "start": 2.0, "end": 3.0, "reason": "frames were lost"},
    )
    expect(page.locator("[data-segment=s2]")).to_be_visible()


def wait(page: Page) -> Callable[[float], None]:
    return lambda seconds: page.wait_for_timeout(seconds * 1000)


def only_english(page: Page) -> set[str]:
    """The texts of the English page that the German one does not have."""
    english, german = page.evaluate(
        """async () => [(await import('/static/texts/english.js')).ENGLISH,
          (await import('/static/texts/german.js')).GERMAN].map((table) => Object.values(table).map(
            (text) => typeof text === 'string' ? [text] : Object.values(text)).flat())"""
    )
    return set(english) - set(german)


def fits(page: Page) -> bool:
    """Whether nothing stands beyond the right edge."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.slow
def test_a_german_browser_reads_german_and_nothing_else(reader: Open, server: FakeServer) -> None:
    page = reader("de-AT", 390)
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.title() == "Mitschrift"
    expect(page.get_by_test_id("meeting-list")).to_contain_text("AnnPerson 2")
    english = only_english(page)
    assert len(english) > 150
    page.get_by_test_id("options").click()
    told = page.evaluate(SHOWN)
    assert fits(page)
    record(page, server)
    expect(page.locator(".turns")).to_have_attribute("lang", "en")  # what the models hear
    expect(page.locator("[data-turn=s1] .turn-head")).to_have_attribute("lang", "de")
    told += page.evaluate(SHOWN)
    assert fits(page)
    for opens, closes in (("edit-speaker", "speaker-cancel"), ("terms-open", "terms-cancel")):
        page.get_by_test_id(opens).first.click()
        told += page.evaluate(SHOWN)
        page.get_by_test_id(closes).click()
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("dialog")).to_contain_text("Diese Besprechung beenden?")
    page.keyboard.press("Escape")
    page.get_by_test_id("stop").click()
    page.get_by_test_id("export").click()
    told += page.evaluate(SHOWN)
    assert fits(page)
    assert english & set(told) == set()


@pytest.mark.slow
def test_what_the_server_says_in_english_is_marked_as_that(reader: Open, server: FakeServer) -> None:
    page = reader("de")
    record(page, server)
    server.tell({"type": "error", "code": "bad_audio", "message": "this is no WAV", "fatal": False})
    server.tell({"type": "error", "code": "too_long", "message": "the meeting has 8 hours", "fatal": False})
    expect(page.get_by_test_id("notices").locator("[lang=en]")).to_contain_text("This is no WAV.")
    expect(page.get_by_test_id("notices")).to_contain_text("hat ihre größte Länge erreicht")
    expect(page.locator(".gap [lang=en]")).to_contain_text("frames were lost")


@pytest.mark.slow
def test_another_language_is_chosen_while_it_records_and_remembered(reader: Open, server: FakeServer) -> None:
    page = reader("fr")
    assert page.locator("html").get_attribute("lang") == "en"  # French is not there
    record(page, server)
    connections, heard = len(server.connections), len(server.connections[-1].frames)
    page.get_by_test_id("languages").select_option("de")
    expect(page.get_by_test_id("stop")).to_have_text("Beenden")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("[data-turn=s1] .turn-name")).to_have_text("Person 1")
    eventually(lambda: len(server.connections[-1].frames) > heard + 5, wait(page))
    assert len(server.connections) == connections
    expect(page.get_by_test_id("stop")).to_have_count(1)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("end")).to_contain_text("Alles ist gespeichert")
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("new-meeting")).to_have_text("Neue Besprechung")
    page.reload()
    expect(page.get_by_test_id("new-meeting")).to_have_text("Neue Besprechung")
    expect(page.get_by_test_id("languages")).to_have_value("de")
    page.get_by_test_id("options").click()
    page.get_by_test_id("people").fill("2-5")
    page.get_by_test_id("terms").fill("Nguyen")
    page.get_by_test_id("languages").select_option("en")
    expect(page.get_by_test_id("new-meeting")).to_have_text("New meeting")
    expect(page.get_by_test_id("meeting-list").locator("li")).to_have_count(3)
    expect(page.get_by_test_id("people")).to_have_value("2-5")  # what was written stays, and in sight
    expect(page.get_by_test_id("terms")).to_have_value("Nguyen")
    expect(page.get_by_test_id("terms")).to_be_visible()
