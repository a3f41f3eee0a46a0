"""A server with a token in a real browser: signing in, sharing links, and what their holders can and cannot do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.server_fakes import tone

pytestmark = pytest.mark.browser
XSS = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_test_id("token").fill(token)
    page.get_by_test_id("sign-in").click()


@pytest.mark.slow
def test_the_first_page_asks_for_the_token_and_takes_no_other(server: Locked, tab: Any) -> None:
    server.forget_guesses()
    server.create("Only for those who sign in")
    page = tab("/")
    expect(page.get_by_test_id("sign-in-page")).to_be_visible()
    expect(page.get_by_text("Only for those who sign in")).to_have_count(0)
    sign_in(page, "not-the-token-of-it")
    expect(page.get_by_test_id("sign-in-problem")).to_contain_text("not the token")
    sign_in(page, "spaces are in here ")
    expect(page.get_by_test_id("sign-in-problem")).to_contain_text("not the token")
    sign_in(page)
    expect(page.get_by_test_id("meeting-list")).to_contain_text("Only for those who sign in")
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-in-page")).to_be_visible()
    assert page.evaluate("sessionStorage.length + document.cookie.length") == 0


def test_a_meeting_from_signing_in_to_a_reader_who_can_only_read(server: Locked, tab: Any) -> None:
    host = tab("/")
    sign_in(host)
    host.get_by_test_id("new-meeting").click()
    host.wait_for_url(re.compile(r"/m/\w+$"))
    expect(host.get_by_test_id("connection")).to_have_text("Live")
    expect(host.locator("[data-segment]").first).to_be_visible(timeout=60_000)
    host.get_by_test_id("copy-link").click()
    host.get_by_test_id("share-view").click()
    expect(host.get_by_test_id("share-status")).to_contain_text("Copied")
    address = host.evaluate("navigator.clipboard.readText()")
    host.get_by_test_id("share-done").click()

    reader = tab(re.sub(r"^https?://[^/]+", "", address))
    expect(reader.locator("[data-segment]").first).to_contain_text("one")
    assert "#" not in reader.url
    expect(reader.get_by_test_id("title")).to_have_attribute("readonly", "")
    for hidden in ("start", "stop"):
        expect(reader.get_by_test_id(hidden)).to_be_hidden()
    meeting_id = reader.url.rpartition("/")[2]
    view = address.partition("#t=")[2]
    assert server.call("PATCH", f"/api/meetings/{meeting_id}", view, json={"title": "x"}).status_code == 403

    host.get_by_test_id("stop").click()
    expect(host.get_by_test_id("end")).to_be_visible()
    expect(reader.get_by_test_id("end")).to_be_visible()
    reader.get_by_test_id("export").click()
    with reader.expect_download() as download:
        reader.get_by_test_id("export-txt").click()
    assert download.value.suggested_filename.endswith(".txt")
    assert "one" in Path(download.value.path()).read_text()
    reader.reload()
    expect(reader.get_by_test_id("end")).to_be_visible()
    reader.get_by_test_id("home").click()
    expect(reader.get_by_test_id("sign-in-page")).to_be_visible()


@pytest.mark.slow
def test_a_link_to_speak_lets_one_start_and_not_rename(server: Locked, tab: Any) -> None:
    meeting = server.create("To speak in")
    page = tab(meeting.path("speak"))
    expect(page.get_by_test_id("title")).to_have_attribute("readonly", "")
    expect(page.get_by_test_id("copy-link")).to_be_hidden()
    page.get_by_test_id("start").click()
    page.get_by_test_id("join-begin").click()
    expect(page.locator("[data-segment]").first).to_be_visible(timeout=60_000)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("end")).to_be_visible()


@pytest.mark.slow
def test_a_host_link_renames_and_shares_and_revoking_sends_readers_out(server: Locked, tab: Any) -> None:
    meeting = server.create("Before")
    host, reader = tab(meeting.path("host")), tab(meeting.path("view"))
    expect(reader.get_by_test_id("title")).to_have_value("Before")
    title = host.get_by_test_id("title")
    expect(title).to_be_editable()
    title.fill("After")
    title.press("Enter")
    expect(reader.get_by_test_id("title")).to_have_value("After")
    host.get_by_test_id("copy-link").click()
    rows = host.get_by_test_id("share-list").locator("li")
    expect(rows).to_have_count(3)
    expect(host.get_by_test_id("revoke")).to_have_count(2)
    host.get_by_test_id("share-term").select_option(label="for one day")
    host.get_by_test_id("share-speak").click()
    expect(rows).to_have_count(4)
    expect(rows.nth(3)).to_contain_text("until")
    rows.and_(host.locator("[data-role=view]")).get_by_test_id("revoke").click()
    expect(rows).to_have_count(3)
    expect(reader.get_by_test_id("sign-in-page")).to_be_visible()
    expect(reader.get_by_test_id("transcript")).to_have_count(0)
    reader.reload()
    expect(reader.get_by_test_id("sign-in-page")).to_be_visible()


@pytest.mark.slow
def test_a_browser_that_copies_nothing_without_encryption_shows_the_link_and_says_to_copy_it(
    server: Locked, tab: Any
) -> None:
    meeting = server.create("Release")
    host = tab(meeting.path("host"))
    host.evaluate("() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }) }")
    host.get_by_role("button", name="Share", exact=True).click()
    rows = host.get_by_test_id("share-list").locator("li")
    expect(rows).to_have_count(3)
    host.get_by_test_id("share-view").click()
    expect(rows).to_have_count(4)
    expect(host.get_by_test_id("share-status")).to_contain_text("Copy this link now")
    expect(host.get_by_test_id("share-link")).to_have_value(re.compile(f"/m/{meeting.id}#t="))
    reader = tab(meeting.path("view"))
    reader.evaluate("() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }) }")
    reader.get_by_role("button", name="Copy link", exact=True).click()
    expect(reader.get_by_test_id("share-status")).to_contain_text("Copy this link:")


@pytest.mark.slow
@pytest.mark.parametrize("token", ["#t=wrong", "#t=", "", "#t=a%20b"])
def test_without_a_link_that_opens_it_a_meeting_shows_nothing(server: Locked, tab: Any, token: str) -> None:
    server.forget_guesses()
    meeting = server.held("Hidden")
    page = tab(f"/m/{meeting.id}{token}")
    expect(page.get_by_test_id("sign-in-page")).to_be_visible()
    expect(page.get_by_text("Hidden")).to_have_count(0)
    sign_in(page)
    expect(page.get_by_test_id("title")).to_have_value("Hidden")
    expect(page.locator("[data-segment]")).to_contain_text("one")


@pytest.mark.slow
def test_markup_in_titles_names_and_words_is_shown_as_text(server: Locked, tab: Any) -> None:
    meeting = server.held(XSS)
    store: Store = server.serving.app.state.rooms.store
    span = Span(0, SAMPLE_RATE)
    said = Segment("x1", 1, True, "a", span, "spk7", (Word(XSS, span),))
    TranscriptStore(store).save_speakers(meeting.id, [Speaker("spk7", f"{XSS} Ann", 3)]).result()
    TranscriptStore(store).save_segments(
        meeting.id, [said, replace(said, rev=2, words=(Word(f"{XSS} edited", span),))]
    ).result()
    page = tab("/")
    sign_in(page)
    expect(page.get_by_test_id("meeting-list")).to_contain_text(XSS)
    row = page.locator(f"[data-meeting='{meeting.id}']")
    row.get_by_test_id("delete").click()
    expect(page.get_by_test_id("undo-bar")).to_contain_text(XSS)
    page.get_by_test_id("undo").click()
    row.get_by_role("link").click()
    expect(page.get_by_test_id("title")).to_have_value(XSS)
    expect(page.locator("[data-segment=x1]")).to_contain_text(f"{XSS} edited")
    expect(page.get_by_test_id("transcript")).to_contain_text(f"{XSS} Ann")
    assert page.locator("main img, main script, [onerror]").count() == 0
    expect(page).to_have_title(re.compile(re.escape(XSS)))


@pytest.mark.slow
def test_a_host_ends_a_meeting_whose_recording_page_is_gone(server: Locked, tab: Any) -> None:
    meeting = server.create("Left alone")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(2.0))
        source.until("ack")
        host, speaker, reader = (tab(meeting.path(role)) for role in ("host", "speak", "view"))
        for page in (host, speaker, reader):
            expect(page.locator("[data-segment]").first).to_contain_text("one")
        for page in (speaker, reader):
            expect(page.get_by_test_id("end-meeting")).to_be_hidden()
    button = host.get_by_role("button", name="End meeting")
    button.focus()
    host.keyboard.press("Enter")
    expect(host.get_by_role("dialog", name="End this meeting?")).to_be_visible()
    host.keyboard.press("Escape")
    expect(button).to_be_focused()
    assert server.call("GET", f"/api/meetings/{meeting.id}", meeting.view).json()["state"] == "live"
    host.keyboard.press("Enter")
    host.get_by_test_id("confirm").click()
    for page in (host, speaker, reader):
        expect(page.get_by_test_id("end")).to_be_visible()
        expect(page.get_by_test_id("end-meeting")).to_be_hidden()
    facts = server.call("GET", f"/api/meetings/{meeting.id}", meeting.view).json()
    assert (facts["state"], facts["segments"]) == ("ended", 2)
    assert server.call("DELETE", f"/api/meetings/{meeting.id}", meeting.host).status_code == 204


@pytest.mark.slow
def test_an_end_that_fails_is_told_and_can_be_tried_again(server: Locked, tab: Any) -> None:
    meeting = server.create()
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        page = tab(meeting.path("host"))
        refusal = {"error": {"code": "storage", "message": "No room."}}
        page.route("**/end", lambda route: route.fulfill(status=503, json=refusal))
        page.get_by_test_id("end-meeting").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_text("The meeting was not ended. No room.")).to_be_visible()
        expect(page.get_by_test_id("end-meeting")).to_be_enabled()
        page.unroute("**/end")
        page.get_by_test_id("end-meeting").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("end-meeting")).to_be_hidden()
        assert source.close_code() == 1000
