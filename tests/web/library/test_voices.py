"""Voices that are remembered in a real browser: asked for, recognised in the next meeting, listed, forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect

from meeting.session.events import OutputReceived
from pipelines.types import Voice, VoicesHeard
from tests.fakes.access_fakes import Given, Locked
from tests.fakes.server_fakes import Serving, tone
from tests.fakes.web_fakes import eventually
from tests.web.test_library import sign_in

pytestmark = pytest.mark.browser

ANN = np.array([1.0, 0.0], np.float32)


@contextmanager
def speaking(server: Locked, title: str) -> Iterator[Given]:
    """A meeting that runs, in which somebody sounds like Ann."""
    meeting = server.create(title)
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(2.0))
        source.until("speaker_revision")
        room = server.serving.app.state.rooms.get(meeting.id)
        room.post_from_thread(OutputReceived(room.sources[0], VoicesHeard((Voice("spk1", ANN, 25.0),), "ge2e")))
        yield meeting
        source.send("stop")
        source.close_code()


@pytest.mark.slow
def test_a_voice_is_remembered_by_hand_recognised_confirmed_listed_and_forgotten(server: Locked, tab: Any) -> None:
    with speaking(server, "First") as meeting:
        page = tab(meeting.path("host"), 390)
        page.get_by_test_id("edit-speaker").first.click()
        remember = page.get_by_label("Remember this voice")
        expect(remember).not_to_be_checked()
        expect(remember).to_have_accessible_description(
            "Later meetings show this name where the voice is recognised. For that, what the voice sounds like is kept "
            "on this server until somebody forgets it. Ask the person first."
        )
        remember.check()
        page.get_by_test_id("speaker-save").click()
        expect(page.get_by_test_id("speaker-problem")).to_contain_text("this voice has no name")
        page.get_by_label("Name").fill("Ann")
        page.get_by_test_id("speaker-save").click()
        expect(page.get_by_test_id("speaker-dialog")).to_have_count(0)
        expect(page.get_by_test_id("recognised-mark")).to_have_count(0)
        page.get_by_test_id("edit-speaker").first.click()
        expect(page.get_by_test_id("remembered")).to_contain_text("This voice is remembered as Ann.")
        expect(remember).to_be_hidden()

    with speaking(server, "Second") as meeting:
        host, reader = tab(meeting.path("host"), 390), tab(meeting.path("view"))
        for page in (host, reader):
            expect(page.locator(".turn-name").first).to_have_text("Ann ? (recognised by the voice, not confirmed)")
        host.get_by_test_id("edit-speaker").first.click()
        expect(host.get_by_test_id("recognized")).to_contain_text("The voice was recognised as Ann. Is that right?")
        host.get_by_test_id("recognized-right").press("Enter")
        for page in (host, reader):
            expect(page.locator(".turn-name").first).to_have_text("Ann")

    with speaking(server, "Third") as meeting:
        host = tab(meeting.path("host"))
        expect(host.get_by_test_id("recognised-mark")).to_have_count(1)
        host.get_by_test_id("edit-speaker").first.click()
        host.get_by_test_id("recognized-wrong").click()
        expect(host.locator(".turn-name").first).to_have_text("Speaker 1")

    page = tab("/voices", 390)
    sign_in(page)
    row = page.get_by_test_id("voices").locator("li")
    expect(row).to_contain_text("heard in 2 meetings")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    name = page.get_by_label("Name of the voice Ann")
    name.fill("Ann Marie")
    name.press("Tab")
    expect(page.get_by_label("Name of the voice Ann Marie")).to_have_value("Ann Marie")
    page.reload()
    page.get_by_role("button", name="Forget the voice of Ann Marie").press("Enter")
    page.get_by_test_id("confirm").press("Enter")
    expect(page.get_by_test_id("empty")).to_be_visible()
    assert server.call("GET", "/api/voices").json() == {"voices": []}


@pytest.mark.slow
def test_renaming_a_voice_leaves_the_focus_in_its_field_and_the_other_fields_alone(
    open_server: Serving, browser: Browser
) -> None:
    kept = [
        {"id": id_, "name": name, "model": "ge2e", "created_at": None, "meetings": 2, "used": True}
        for id_, name in (("a", "Ann"), ("b", "Ben"))
    ]
    page = browser.new_page()
    page.route("**/api/voices", lambda route: route.fulfill(json={"voices": kept}))
    held: list[Route] = []
    page.route("**/api/voices/*", lambda route: held.append(route))
    page.goto(f"http://127.0.0.1:{open_server.port}/voices")
    fields = page.get_by_test_id("voice-name")
    fields.first.fill("Ann Marie")
    fields.first.press("Enter")
    eventually(lambda: held, lambda seconds: page.wait_for_timeout(seconds * 1000))
    held.pop().fulfill(status=204)
    expect(page.get_by_label("Name of the voice Ann Marie")).to_be_focused()

    fields.first.fill("Anna")
    fields.last.click()
    page.keyboard.type("ny")
    eventually(lambda: held, lambda seconds: page.wait_for_timeout(seconds * 1000))
    held.pop().fulfill(status=503, json={"error": {"code": "storage", "message": "the disk is full"}})
    expect(page.get_by_test_id("voices-problem")).to_have_text("Not saved. the disk is full")
    expect(fields.first).to_have_value("Ann Marie")
    expect(fields.last).to_have_value("Benny")
    expect(fields.last).to_be_focused()
    fields.last.fill("Ben")

    page.get_by_test_id("forget").first.press("Enter")
    expect(page.get_by_test_id("dialog")).to_contain_text("Forget the voice of Ann Marie?")
    page.keyboard.press("Enter")  # a key that is held forgets nothing
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    page.get_by_test_id("forget").first.press("Enter")
    page.get_by_test_id("confirm").press("Enter")
    eventually(lambda: held, lambda seconds: page.wait_for_timeout(seconds * 1000))
    (forgetting,) = held
    assert (forgetting.request.method, forgetting.request.url[-2:]) == ("DELETE", "/a")
    forgetting.fulfill(status=204)
    expect(page.get_by_test_id("forget")).to_have_count(1)
    expect(page.get_by_test_id("forget")).to_be_focused()
    page.context.close()


@pytest.mark.slow
def test_the_first_page_leads_to_the_voices_and_a_host_takes_back_what_was_remembered(server: Locked, tab: Any) -> None:
    with speaking(server, "Again") as meeting:
        server.call("PATCH", f"/api/meetings/{meeting.id}/speakers/spk1", json={"name": "Ben"})
        server.call("PUT", f"/api/meetings/{meeting.id}/speakers/spk1/voice")
        page = tab(meeting.path("host"))
        page.get_by_test_id("edit-speaker").first.click()
        page.get_by_test_id("forget-voice").click()
        expect(page.get_by_test_id("remembered")).to_have_text("Forgotten. Nothing of this voice is kept any more.")
        expect(page.get_by_label("Remember this voice")).to_be_focused()
    home = tab("/")
    sign_in(home)
    home.get_by_test_id("voices-link").click()
    expect(home).to_have_url(f"http://127.0.0.1:{server.serving.port}/voices")
    expect(home.get_by_test_id("empty")).to_be_visible()
    assert home.title() == "Voices · Meeting transcriber"
