"""What is done with meetings afterwards, in a real browser, on a real server that asks for its token."""

from __future__ import annotations

import re
from typing import Any

import docx
import pytest
from playwright.sync_api import Page, expect

from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word
from tests.fakes.access_fakes import TOKEN, Given, Locked
from tests.fakes.server_fakes import tone
from tests.fakes.web_fakes import eventually

pytestmark = pytest.mark.browser
READABLE = """() => {
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  const canvas = document.createElement('canvas').getContext('2d')
  canvas.fillStyle = getComputedStyle(document.querySelector('.caption b')).color
  canvas.fillRect(0, 0, 1, 1)
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => linear(part / 255))
  return (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) / 0.05
}"""
"""Contrast of a name with the black around it"""
XSS = "<img src=x onerror=\"document.title='owned'\">"


def said(server: Locked, title: str, *texts: str) -> Given:
    """A meeting in which somebody says these, one each 10 seconds, from 2.5 seconds on."""
    meeting = server.held(title)
    lines = []
    for number, text in enumerate(texts):
        start = number * 10 * SAMPLE_RATE + SAMPLE_RATE * 5 // 2
        span = Span(start, start + SAMPLE_RATE)
        lines.append(Segment(f"x{number}", 1, True, "a", span, "spk1", tuple(Word(w, span) for w in text.split())))
    store = TranscriptStore(server.serving.app.state.rooms.store)
    store.save_speakers(meeting.id, [Speaker("spk1")])
    store.save_segments(meeting.id, lines).result()
    return meeting


def sign_in(page: Page) -> None:
    """Show the page the server's token."""
    page.get_by_test_id("token").fill(TOKEN)
    page.get_by_test_id("sign-in").press("Enter")


@pytest.mark.slow
def test_what_was_said_is_found_from_the_first_page_on_and_leads_to_its_moment(server: Locked, tab: Any) -> None:
    many = said(server, "Many", *(f"zebra {number}" for number in range(30)))
    meeting = said(server, "Release", "nothing", f"the release date {XSS} is Friday", "a date of release")
    page = tab("/", 390)
    sign_in(page)
    page.get_by_test_id("search").fill('"release date" fri*')
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("search-status")).to_have_text("1 line found")
    expect(page.get_by_test_id("announcer")).to_have_text("1 line found")
    hit = page.get_by_test_id("hit")
    expect(hit).to_contain_text(XSS)
    assert page.locator("mark").all_inner_texts() == ["release date", "Friday"]
    expect(page.get_by_role("heading", name="Release")).to_be_visible()
    assert page.title() == '"release date" fri* · Meeting transcriber'
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    hit.press("Enter")
    expect(page).to_have_url(re.compile(rf"/m/{meeting.id}\?t=12\.5$"))
    page.go_back()
    expect(hit).to_have_count(1)

    page.get_by_test_id("search").fill("zebra")
    page.get_by_test_id("search").press("Enter")
    expect(hit).to_have_count(20)
    page.get_by_test_id("more").press("Enter")
    expect(hit).to_have_count(30)
    expect(page.get_by_test_id("search-status")).to_have_text("30 lines found")
    expect(hit.nth(20)).to_be_focused()
    expect(page.get_by_test_id("more")).to_be_hidden()
    page.go_back()
    expect(page.locator("mark").first).to_have_text("release date")

    server.call("DELETE", f"/api/meetings/{many.id}")
    page.get_by_test_id("search").fill("zebra")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("search-status")).to_contain_text("Nothing was found.")


@pytest.mark.slow
def test_the_address_of_a_search_can_be_given_to_others_and_narrows_it(server: Locked, tab: Any) -> None:
    meeting = said(server, "Yaks", "a yak", "two yaks")
    path = "/search?q=yak*&speaker=Person+1&since=2020-01-01"
    page = tab(path)
    expect(page.get_by_test_id("token")).to_be_visible()  # whoever may not list meetings may not search them
    page.get_by_test_id("languages").select_option("de")
    sign_in(page)
    expect(page.get_by_test_id("search-status")).to_have_text("2 Zeilen gefunden")
    expect(page.get_by_test_id("search-speaker")).to_have_value("Person 1")
    expect(page.get_by_test_id("hit").first).to_contain_text("Person 1")
    page.get_by_test_id("search-until").fill("2020-01-02")
    page.get_by_test_id("search-until").press("Enter")
    expect(page.get_by_test_id("search-status")).to_contain_text("Nichts gefunden.")
    assert page.url.endswith("?q=yak*&speaker=Person+1&since=2020-01-01&until=2020-01-02")

    page.get_by_test_id("search").fill("y*")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("search-problem")).to_contain_text("at least 2 letters")
    expect(page.locator("[data-testid=search-problem] [lang=en]")).to_have_count(1)
    page.get_by_test_id("search").fill(" ")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("search-problem")).to_have_text(
        "Schreiben Sie mindestens ein Wort, das gesucht werden soll."
    )

    reader = tab(meeting.path("view"))
    expect(reader.get_by_test_id("title")).to_be_visible()
    reader.goto(f"http://127.0.0.1:{server.serving.port}/search?q=yak")
    expect(reader.get_by_test_id("token")).to_be_visible()
    expect(reader.get_by_test_id("hit")).to_have_count(0)


@pytest.mark.slow
def test_a_file_is_looked_at_and_then_saved_and_nothing_that_was_said_does_anything(server: Locked, tab: Any) -> None:
    meeting = said(server, "=1+1", XSS, "=cmd|' /C calc'!A0")
    page = tab(meeting.path("view"), 390)
    button = page.get_by_test_id("export")
    button.press("ArrowDown")
    page.keyboard.press("ArrowUp")  # the last entry
    expect(page.get_by_test_id("export-preview")).to_be_focused()
    page.keyboard.press("Enter")
    shown, chosen = page.get_by_test_id("preview"), page.get_by_test_id("preview-format")
    chosen.select_option("html")
    expect(shown).to_contain_text("<h1><bdi>=1+1</bdi></h1>")
    expect(shown).to_contain_text("&lt;img src=x")
    for format_, text in (("csv", '"\'=1+1"'), ("txt", XSS), ("vtt", "WEBVTT"), ("seglst", "session_id")):
        chosen.select_option(format_)
        expect(shown).to_contain_text(text)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.keyboard.press("Escape")
    expect(button).to_be_focused()

    button.press("ArrowDown")
    with page.expect_download() as saving:
        page.keyboard.press("Enter")
    path = saving.value.path()
    assert saving.value.suggested_filename == "1-1.docx"
    told = [paragraph.text for paragraph in docx.Document(str(path)).paragraphs]
    assert told[0] == "=1+1"
    assert told[-1] == f"Speaker 1  00:00:00\none {XSS} =cmd|' /C calc'!A0"

    server.call("DELETE", f"/api/meetings/{meeting.id}")
    button.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("preview-note")).to_contain_text("token")


def test_the_list_is_narrowed_and_a_meeting_in_it_deleted_for_good(server: Locked, tab: Any) -> None:
    waiting, over = server.create("Größe der Würfel"), server.held("GRÖSSE der Bälle")
    page = tab("/", 390)
    sign_in(page)
    rows = page.locator("[data-meeting]")
    page.get_by_test_id("filter-title").press_sequentially("größe")
    expect(rows).to_have_count(2)
    expect(page.get_by_test_id("filter-title")).to_be_focused()
    page.get_by_test_id("filter-time").select_option("past")
    expect(rows).to_have_count(1)
    expect(rows).to_have_attribute("data-meeting", over.id)
    page.get_by_test_id("filter-time").select_option("current")
    expect(rows).to_have_attribute("data-meeting", waiting.id)
    page.get_by_test_id("filter-title").fill("gröbe")
    expect(page.get_by_test_id("empty")).to_contain_text("No meeting fits.")
    page.get_by_test_id("filter-title").fill("würfel")
    page.get_by_role("button", name="Delete Größe der Würfel").click()
    expect(page.get_by_test_id("undo")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert server.call("GET", f"/api/meetings/{waiting.id}").status_code == 200
    page.close(run_before_unload=True)
    eventually(lambda: server.call("GET", f"/api/meetings/{waiting.id}").status_code == 404)
    assert server.call("GET", f"/api/meetings/{over.id}").status_code == 200


@pytest.mark.slow
def test_a_link_has_a_code_beside_it_and_leads_to_captions_that_can_be_read_on_anything(
    server: Locked, tab: Any
) -> None:
    meeting = server.create("Release")
    host = tab(meeting.path("host"), 390)
    host.get_by_role("button", name="Share", exact=True).press("Enter")
    expect(host.get_by_test_id("share-captions")).to_be_visible()
    host.get_by_test_id("share-captions").press("Enter")
    expect(host.get_by_role("img", name="QR code of this link").locator("svg path").first).to_be_visible()
    assert host.evaluate("document.documentElement.scrollWidth") == 390
    link = host.get_by_test_id("share-link").input_value()
    assert host.evaluate("navigator.clipboard.readText()") == link
    path = link.partition(str(server.serving.port))[2]
    assert path.startswith(f"/m/{meeting.id}/captions#t=")
    token = path.partition("#")[2]

    shown = tab(f"/m/{meeting.id}/captions?size=60&lines=2&seconds=4#{token}", 640)
    boxed = tab(f"/m/{meeting.id}/captions?look=box&background=00f&names=off&seconds=0#{token}")
    refused = tab(f"/m/{meeting.id}/captions#t={'x' * 32}")
    expect(refused.get_by_test_id("captions")).to_contain_text("This link does not allow that.")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        for second in range(6):
            source.frame(second, tone(1.0))
        captions = shown.get_by_test_id("captions")
        expect(captions.locator("b").first).to_have_text("Speaker 1: ")
        expect(captions).to_contain_text("one one")
        expect(boxed.get_by_test_id("captions")).to_have_text(re.compile("^one"))
        assert shown.evaluate(READABLE) >= 4.5
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
        assert boxed.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 255)"
        assert captions.bounding_box()["height"] <= 2 * 1.35 * 60 + 1
        expect(shown.locator(".bar")).to_be_hidden()
        assert token not in shown.url
        expect(captions).to_have_text("", timeout=60_000)  # nobody speaks any more
        source.frame(6, tone(1.0))
        expect(captions).to_contain_text("one")
        source.send("stop")
        source.close_code()
    expect(boxed.get_by_test_id("captions")).to_contain_text("one")
