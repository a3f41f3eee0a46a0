"""Each page and dialog as axe-core sees it: WCAG A and AA, wide and light, narrow and dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from meeting.config.package_files import CHECKOUT
from meeting.session.events import OutputReceived
from meeting.storage.store import Store
from pipelines.types import PipelineStats
from tests.conftest import Sample
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.server_fakes import tone
from tests.web.playback.test_playback import keep_sample

pytestmark = pytest.mark.browser

assert CHECKOUT is not None
AXE = (CHECKOUT / "tests" / "vendor" / "axe-core-4.10.3" / "axe.min.js").read_text(encoding="utf-8")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
FOUND = """async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ['violations'] })
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`))
}"""


@pytest.fixture(scope="module")
def store(server: Locked, sample: Sample) -> Store:
    """What the server keeps: the sample with its sound."""
    kept: Store = server.serving.app.state.rooms.store
    keep_sample(kept, sample, "sample")
    return kept


def check(page: Page) -> None:
    """No violation as the page is now, in either look."""
    page.evaluate(AXE)
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 4000})  # nothing lies under the player
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert page.evaluate(FOUND, list(RULES)) == [], f"{width} px, {scheme}"


@pytest.mark.slow
def test_home_search_and_voices_with_the_servers_token(server: Locked, tab: Any, store: Store) -> None:
    page = tab("/")
    check(page)
    page.get_by_test_id("token").fill(TOKEN)
    page.get_by_test_id("sign-in").press("Enter")
    page.get_by_test_id("options").click()
    expect(page.get_by_text("Plan for the week")).to_be_visible()
    check(page)
    page.get_by_test_id("search").fill("ready")
    page.get_by_test_id("search").press("Enter")
    expect(page.get_by_test_id("hit").first).to_be_visible()
    check(page)
    page.go_back()
    page.get_by_test_id("voices-link").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check(page)


@pytest.mark.slow
def test_a_meeting_that_is_over_its_player_its_figures_and_what_is_put_right(
    server: Locked, tab: Any, store: Store
) -> None:
    answer = server.call("POST", "/api/meetings/sample/links", json={"role": "host"})
    page = tab(f"/m/sample?t=20#t={answer.json()['url'].partition('#t=')[2]}")
    expect(page.get_by_role("slider")).to_be_visible()
    page.locator(".statistics summary").click()
    expect(page.locator(".statistics table")).to_be_visible()
    check(page)
    page.locator("[data-segment='s1']").dblclick()
    expect(page.get_by_test_id("line-words")).to_be_focused()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("edit-speaker").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("copy-link").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)


@pytest.mark.slow
def test_a_live_meeting_and_its_captions(server: Locked, tab: Any) -> None:
    meeting = server.create("Live")
    with server.connect(meeting.id, meeting.speak) as source:
        source.start()
        source.frame(0, tone(2.0))
        page = tab(meeting.path("host"))
        expect(page.locator("[data-segment]")).to_have_count(2)
        check(page)
        captions = tab(meeting.path("view").replace(f"/m/{meeting.id}", f"/m/{meeting.id}/captions?background=000"))
        expect(captions.locator(".caption").first).to_be_visible()
        check(captions)
        room = server.serving.app.state.rooms.get(meeting.id)
        away = PipelineStats(0.1, 9.0, 9.0, 0, 1.5, "long_hop", models_answer=False)
        room.post_from_thread(OutputReceived(*room.sources, away))
        expect(page.locator("[data-key=busy]")).to_contain_text("do not answer")
        check(page)


@pytest.mark.slow
def test_a_meeting_of_several_sources_and_what_is_asked_before_one_shares(server: Locked, tab: Any) -> None:
    meeting = server.create("Several")
    with server.connect(meeting.id, meeting.speak) as ann, server.connect(meeting.id, meeting.speak) as ben:
        ann.start()
        ann.frame(0, tone(2.0))
        ben.start(source={"name": "Ben", "kind": "solo"})
        ben.frame(0, tone(2.0))
        page = tab(meeting.path("host"))
        page.get_by_test_id("sources-open").click()
        page.get_by_role("button", name="Mute Ben").click()
        expect(page.get_by_role("button", name="Unmute Ben")).to_be_visible()
        check(page)
        page.get_by_test_id("start").click()
        page.get_by_label("Only me").check()
        page.get_by_test_id("join-begin").click()
        expect(page.get_by_test_id("join-problem")).to_be_visible()
        check(page)
        page.get_by_label("Your name").fill("Carl")
        page.get_by_test_id("join-begin").click()
        expect(page.get_by_role("button", name="Stop my microphone")).to_be_visible()
        page.get_by_role("button", name="Mute my microphone").click()
        check(page)
        page.get_by_test_id("share-tab").click()
        expect(page.get_by_test_id("join-dialog")).to_be_visible()
        check(page)
        page.get_by_test_id("join-cancel").click()
        page.get_by_role("button", name="Remove Ben").click()
        expect(page.get_by_test_id("dialog")).to_be_visible()
        check(page)
