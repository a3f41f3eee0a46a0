"""Naming voices and correcting lines in a real browser, seen by a second tab; the mark of people speaking at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.fakes.access_fakes import Locked
from tests.fakes.server_fakes import tone
from tests.web.editing.spoken import over, said

pytestmark = pytest.mark.browser

COME_BACK = "window.dispatchEvent(new Event('focus'))"


@pytest.mark.slow
def test_a_name_given_in_one_tab_is_read_in_another_and_stays(server: Locked, tab: Any) -> None:
    meeting = server.create("Live")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(2.0))
        host, reader = tab(meeting.path("host")), tab(meeting.path("view"))
        button = host.get_by_test_id("edit-speaker")
        expect(button).to_have_text("Speaker 1")
        expect(reader.get_by_text("Speaker 1").first).to_be_visible()
        expect(reader.get_by_test_id("edit-speaker")).to_have_count(0)
        button.press("Enter")
        name = host.get_by_label("Name")
        expect(name).to_be_focused()
        name.fill("Nobody")
        name.press("Escape")
        expect(host.get_by_test_id("speaker-dialog")).to_have_count(0)
        expect(button).to_be_focused()
        expect(button).to_have_text("Speaker 1")
        button.click()
        host.get_by_label("Name").fill("<b>Ann</b>")
        host.get_by_label("Name").press("Enter")
        for page in (host, reader):
            expect(page.locator(".turn-name").first).to_have_text("<b>Ann</b>")
            expect(page.get_by_test_id("speakers")).to_contain_text("<b>Ann</b>")
        source.frame(1, tone(1.0))
        expect(reader.locator("[data-segment=s2]")).to_be_visible()
        expect(reader.get_by_text("Speaker 1")).to_have_count(0)
        source.send("stop")
        source.close_code()
    expect(reader.get_by_test_id("end")).to_be_visible()
    reader.reload()
    expect(reader.locator(".turn-name").first).to_have_text("<b>Ann</b>")


@pytest.mark.slow
def test_afterwards_voices_are_merged_and_lines_given_away_and_written_on_a_narrow_page(
    server: Locked, tab: Any
) -> None:
    meeting = over(server, said("s1", 5, "two", "spk2"), said("s2", 6, "too", "spk2"), said("s3", 10, "what", None))
    page = tab(meeting.path("host"), 390)
    page.locator("[data-turn=s1]").get_by_test_id("edit-speaker").click()
    rows = page.get_by_test_id("speaker-dialog").locator("[data-line]")
    expect(rows).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    rows.nth(1).get_by_test_id("line-speaker").select_option(label="Speaker 1")
    rows.nth(1).get_by_test_id("line-text").fill("to <i>go</i>")
    page.get_by_test_id("speaker-save").click()
    given = page.locator("[data-turn=s2]")
    expect(given.locator(".turn-name")).to_have_text("Speaker 1")
    expect(given.locator("[data-segment=s2]")).to_have_text("to <i>go</i>")

    page.locator("[data-turn=s3]").get_by_test_id("edit-speaker").click()
    expect(page.get_by_test_id("speaker-name")).to_have_count(0)
    page.get_by_test_id("line-speaker").select_option(label="Speaker 2")
    page.get_by_test_id("speaker-save").click()
    expect(page.locator("[data-turn=s3] .turn-name")).to_have_text("Speaker 2")

    page.locator("[data-turn=s3]").get_by_test_id("edit-speaker").click()
    page.get_by_label("Same person as").select_option(label="Speaker 1")
    page.get_by_test_id("speaker-save").click()
    expect(page.get_by_text("Speaker 2")).to_have_count(0)
    page.reload()
    expect(page.locator("[data-segment=s3]")).to_be_visible()
    expect(page.get_by_text("Speaker 2")).to_have_count(0)


def test_a_line_that_changed_meanwhile_is_not_overwritten(server: Locked, tab: Any) -> None:
    meeting = over(server, said("s1", 5, "two", "spk2"))
    page = tab(meeting.path("host"))
    page.locator("[data-turn=s1]").get_by_test_id("edit-speaker").click()
    path = f"/api/meetings/{meeting.id}/segments/s1"
    assert server.call("PATCH", path, meeting.host, json={"rev": 1, "text": "too"}).status_code == 200
    page.get_by_test_id("line-text").fill("to")
    page.get_by_test_id("speaker-save").click()
    expect(page.get_by_test_id("speaker-problem")).to_contain_text("changed meanwhile")
    page.get_by_test_id("speaker-cancel").click()
    expect(page.get_by_test_id("speaker-dialog")).to_have_count(0)


@pytest.mark.slow
def test_what_fails_behind_what_was_saved_is_told_as_that_and_can_be_put_right(server: Locked, tab: Any) -> None:
    meeting = over(server, said("s1", 5, "two", "spk2"), said("s2", 6, "too", "spk2"))
    page = tab(meeting.path("host"))
    page.locator("[data-turn=s1]").get_by_test_id("edit-speaker").click()
    page.get_by_test_id("line-text").first.fill("to")
    page.get_by_test_id("line-speaker").last.select_option(label="Speaker 1")
    remember, save = page.get_by_label("Remember this voice"), page.get_by_test_id("speaker-save")
    remember.check()
    save.click()
    problem = page.get_by_test_id("speaker-problem")
    expect(problem).to_contain_text("Only a part is saved. this voice has no name")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Same person as").select_option(label="Speaker 1")
    save.click()
    expect(problem).to_contain_text("10 s are needed")
    remember.uncheck()
    page.get_by_test_id("line-text").first.fill("too")
    save.click()
    expect(page.get_by_test_id("speaker-dialog")).to_have_count(0)
    expect(page.locator("[data-segment=s1]")).to_have_text("too")
    expect(page.locator(".turn-name").last).to_have_text("Ann")


@pytest.mark.slow
def test_people_speaking_at_once_are_marked_for_eyes_and_ears(server: Locked, tab: Any) -> None:
    meeting = over(server, said("s1", 5, "both of us", "spk2", overlap=True), said("s2", 6, "one of us", "spk2"))
    page = tab(meeting.path("view"))
    expect(page.locator("[data-segment=s1]")).to_have_text("(speaking at once) both of us")
    expect(page.get_by_title("Speaking at once")).to_have_count(1)


@pytest.mark.slow
def test_readers_of_a_meeting_that_is_over_see_what_a_host_changes_without_a_reload(server: Locked, tab: Any) -> None:
    meeting = over(server, said("s1", 5, "two", "spk2"), said("s2", 20, "stays", "spk1"))
    host, reader = tab(meeting.path("host")), tab(meeting.path("view"))
    expect(reader.locator("[data-segment=s1]")).to_have_text("two")
    reader.locator("[data-segment=s2]").evaluate("(node) => { node.untouched = true }")
    host.locator("[data-turn=s1]").get_by_test_id("edit-speaker").click()
    host.get_by_label("Name").fill("Ann")
    host.get_by_test_id("line-text").fill("too")
    host.get_by_test_id("speaker-save").click()
    expect(host.get_by_test_id("speaker-dialog")).to_have_count(0)
    host.get_by_test_id("title").fill("Over and done")
    host.get_by_test_id("title").press("Enter")
    expect(host).to_have_title(re.compile("^Over and done"))
    reader.evaluate(COME_BACK)
    expect(reader.locator("[data-turn=s1] .turn-name")).to_have_text("Ann")
    expect(reader.locator("[data-segment=s1]")).to_have_text("too")
    expect(reader.get_by_test_id("title")).to_have_value("Over and done")
    assert reader.locator("[data-segment=s2]").evaluate("(node) => node.untouched")
    expect(reader.get_by_test_id("end")).to_be_visible()


@pytest.mark.slow
def test_a_page_that_stays_in_sight_looks_by_itself_and_leaves_alone_what_somebody_types(
    server: Locked, tab: Any
) -> None:
    meeting = over(server, said("s1", 5, "two", "spk2"), said("s2", 20, "stays", "spk1"))
    page = tab(meeting.path("host"))
    page.clock.install()
    page.reload()
    page.locator("[data-turn=s1]").get_by_test_id("edit-speaker").click()
    page.get_by_test_id("line-text").fill("mine")
    path = f"/api/meetings/{meeting.id}/segments"
    for line in ("s1", "s2"):
        assert server.call("PATCH", f"{path}/{line}", meeting.host, json={"rev": 1, "text": "theirs"}).is_success
    with page.expect_response(lambda answer: answer.status == 200 and answer.url.endswith(meeting.id)):
        page.clock.fast_forward(15_000)
    expect(page.locator("[data-segment=s2]")).to_have_text("theirs")
    expect(page.get_by_test_id("line-text")).to_have_value("mine")
    with page.expect_response(lambda answer: answer.status == 304):
        page.clock.fast_forward(15_000)
    expect(page.get_by_test_id("line-text")).to_have_value("mine")
    page.get_by_test_id("speaker-save").click()
    expect(page.get_by_test_id("speaker-problem")).to_contain_text("changed meanwhile")
    expect(page.get_by_test_id("line-text")).to_have_value("mine")


@pytest.mark.slow
def test_who_read_along_until_the_end_sees_later_changes_as_well(server: Locked, tab: Any) -> None:
    meeting = server.create("Live")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(1.0))
        reader = tab(meeting.path("view"))
        expect(reader.get_by_text("Speaker 1").first).to_be_visible()
        source.send("stop")
        source.close_code()
    expect(reader.get_by_test_id("end")).to_be_visible()
    path = f"/api/meetings/{meeting.id}/speakers/spk1"
    assert server.call("PATCH", path, meeting.host, json={"name": "Ann"}).is_success
    reader.evaluate(COME_BACK)
    expect(reader.locator(".turn-name").first).to_have_text("Ann")
