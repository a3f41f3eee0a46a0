"""Correcting where the words are, in a real browser, by two hosts and before a reader's eyes; and all of it undone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.access_fakes import Given, Locked
from tests.fakes.server_fakes import tone
from tests.web.editing.spoken import over, said

pytestmark = pytest.mark.browser


def line(page: Page, id_: str) -> Any:
    """A line as it is read."""
    return page.locator(f"[data-segment='{id_}']")


def words(page: Page) -> Any:
    """Where a line is written."""
    return page.get_by_test_id("line-words")


def reads(page: Page, *texts: str) -> None:
    """The lines that a page shows, in order."""
    expect(page.locator("[data-segment]")).to_have_text(list(texts))


def cursor(page: Page, at: int) -> None:
    """Put the cursor behind so many characters."""
    words(page).evaluate("(field, at) => field.setSelectionRange(at, at)", at)
    words(page).press("Shift")


def changed_elsewhere(server: Locked, meeting: Given, id_: str, text: str) -> None:
    """Somebody else writes a line."""
    path = f"/api/meetings/{meeting.id}/segments/{id_}"
    rev = server.call("GET", path, meeting.host).json()["rev"]
    assert server.call("PATCH", path, meeting.host, json={"rev": rev, "text": text}).is_success


@pytest.mark.slow
def test_a_live_line_is_written_split_joined_and_undone_before_everybodys_eyes(server: Locked, tab: Any) -> None:
    meeting = server.create("Live")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(2.0))
        host, other, reader = tab(meeting.path("host")), tab(meeting.path("host")), tab(meeting.path("view"))
        pages = (host, other, reader)
        for page in pages:
            reads(page, "one", "one")
        expect(reader.locator("[data-segment][tabindex]")).to_have_count(0)
        line(reader, "s0").dblclick()
        expect(words(reader)).to_have_count(0)

        line(host, "s0").dblclick()
        expect(words(host)).to_be_focused()
        words(host).fill("never mind")
        words(host).press("Escape")
        expect(line(host, "s0")).to_be_focused()
        reads(host, "one", "one")
        host.keyboard.press("Enter")
        words(host).fill("  one  and a half ")
        words(host).press("Enter")
        for page in pages:
            reads(page, "one and a half", "one")

        # A second host writes the same line meanwhile: nothing is lost of either.
        line(other, "s0").dblclick()
        words(other).fill("won and a half")
        line(host, "s0").press("F2")
        expect(host.get_by_test_id("line-recognised")).to_have_text("Recognised: one")
        words(host).fill("one and three quarters")
        words(host).press("Enter")
        conflict = other.get_by_test_id("line-conflict")
        expect(conflict).to_contain_text("“one and three quarters”")
        expect(words(other)).to_have_value("won and a half")
        expect(other.get_by_test_id("line-save")).to_be_disabled()
        other.get_by_test_id("line-keep-mine").click()
        for page in pages:
            reads(page, "won and a half", "one")
        host.keyboard.press("Control+z")
        expect(host.get_by_test_id("edit-said")).to_contain_text("cannot be taken back any more")

        line(host, "s0").press("Enter")
        cursor(host, 4)
        host.get_by_test_id("line-split").click()
        for page in pages:
            reads(page, "won", "and a half", "one")
        line(host, "s0").press("ArrowDown")
        host.keyboard.press("Enter")
        host.get_by_test_id("line-join").click()
        for page in pages:
            reads(page, "won", "and a half one")
        host.keyboard.press("Control+z")
        for page in pages:
            reads(page, "won", "and a half", "one")
        host.get_by_test_id("undo").click()
        for page in pages:
            reads(page, "won and a half", "one")
        expect(host.get_by_test_id("redo")).to_be_visible()  # the answer may come behind the news
        host.keyboard.press("Control+Shift+z")
        for page in pages:
            reads(page, "won", "and a half", "one")
        source.send("stop")
        source.close_code()


@pytest.mark.slow
def test_lines_are_selected_by_keyboard_and_pointer_given_away_at_once_and_taken_back(server: Locked, tab: Any) -> None:
    lines = [said(f"x{n}", n * 5, f"line {n}", "spk1") for n in range(1, 5)]
    meeting = over(server, *lines)
    page = tab(meeting.path("host"), 390)
    names = page.locator(".turn-name")
    expect(names).to_have_text(["Speaker 1"] * 5)
    line(page, "x1").click()
    expect(line(page, "x1")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_test_id("selected-count")).to_have_text("2 lines selected")
    line(page, "x4").click(modifiers=["Control"])
    expect(page.locator("[data-selected]")).to_have_text(["line 1", "line 2", "line 4"])
    bar = page.get_by_test_id("edit-bar")
    bar.get_by_test_id("give-lines").click()
    expect(bar.get_by_role("alert")).to_contain_text("Choose a voice")
    bar.get_by_test_id("voice").select_option(label="A new voice…")
    bar.get_by_test_id("voice-name").fill("<b>Dee</b>")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    bar.get_by_test_id("give-lines").click()
    expect(names).to_have_text(["Speaker 1", "<b>Dee</b>", "<b>Dee</b>", "Speaker 1", "<b>Dee</b>"])
    expect(page.locator("[data-selected]")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(names).to_have_text(["Speaker 1"] * 5)
    expect(page.get_by_test_id("edit-said")).to_have_text("Taken back.")
    line(page, "x1").click(modifiers=["Shift"])
    line(page, "x3").click(modifiers=["Shift"])
    expect(page.get_by_test_id("selected-count")).to_have_text("3 lines selected")
    expect(bar.locator("option", has_text="Dee")).to_have_count(0)
    changed_elsewhere(server, meeting, "x2", "line too")
    bar.get_by_test_id("voice").select_option(label="Speaker 2")
    bar.get_by_test_id("give-lines").click()
    expect(bar.get_by_role("alert")).to_contain_text("changed meanwhile")
    expect(names).to_have_text(["Speaker 1"] * 5)
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_what_was_done_in_the_dialog_of_a_voice_is_undone_as_one(server: Locked, tab: Any) -> None:
    meeting = over(server, said("y1", 5, "two", "spk2"), said("y2", 6, "too", "spk2"))
    page = tab(meeting.path("host"))
    page.locator("[data-turn=y1]").get_by_test_id("edit-speaker").click()
    page.get_by_label("Name").fill("Ann")
    page.get_by_test_id("line-text").first.fill("tow")
    page.get_by_test_id("line-text").last.fill("tool")
    page.get_by_test_id("speaker-save").click()
    expect(page.locator("[data-turn=y1] .turn-name")).to_have_text("Ann")
    reads(page, "one", "tow", "tool")
    page.get_by_test_id("undo").click()
    expect(page.locator("[data-turn=y1] .turn-name")).to_have_text("Speaker 2")
    reads(page, "one", "two", "too")
    page.get_by_test_id("redo").click()
    expect(page.locator("[data-turn=y1] .turn-name")).to_have_text("Ann")
    reads(page, "one", "tow", "tool")


@pytest.mark.slow
def test_what_somebody_writes_into_a_line_that_is_gone_or_changed_is_kept(server: Locked, tab: Any) -> None:
    meeting = over(server, said("z1", 5, "first", "spk1"), said("z2", 6, "second", "spk1"))
    page = tab(meeting.path("host"))
    line(page, "z1").hover()
    page.get_by_test_id("line-tool-edit").click()
    words(page).fill("mine")
    line(page, "z2").dblclick()  # what is not saved is not left by mistake
    expect(words(page)).to_have_value("mine")
    expect(words(page)).to_be_focused()
    changed_elsewhere(server, meeting, "z1", "theirs")
    words(page).press("Enter")
    expect(page.get_by_test_id("line-conflict")).to_contain_text("“theirs”")
    expect(words(page)).to_have_value("mine")
    page.get_by_test_id("line-take-theirs").click()
    expect(words(page)).to_have_value("theirs")
    words(page).press("Escape")
    reads(page, "one", "theirs", "second")
    line(page, "z2").dblclick()
    words(page).fill("not lost")
    revs = [
        server.call("GET", f"/api/meetings/{meeting.id}/segments/{id_}", meeting.host).json()["rev"]
        for id_ in ("z1", "z2")
    ]
    join = {"rev": revs[0], "next": "z2", "next_rev": revs[1]}
    joined = server.call("POST", f"/api/meetings/{meeting.id}/segments/z1/join", meeting.host, json=join)
    assert joined.is_success
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.get_by_test_id("line-conflict")).to_contain_text("joined this line")
    expect(words(page)).to_have_value("not lost")
    words(page).press("Escape")
    expect(words(page)).to_have_count(0)
    reads(page, "one", "theirs second")
