"""Sharing sound into a meeting that runs, from a page's own side: asked, sent, muted, stopped, taken away, resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fakes.web_fakes import (
    ASKING,
    FakeServer,
    FakeSource,
    eventually,
    meeting,
    microphone_tab,
    running,
    segment,
    source,
)

pytestmark = pytest.mark.browser

Until = Callable[[Callable[[], object]], Any]
END = ("POST", "/api/meetings/m1/end", None)
FORGOTTEN = ("unauthorized", 4401)
TOKENS = "Object.keys(sessionStorage).filter((key) => key !== 'places')"
"""All that the tab remembers but where on its pages somebody was"""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A meeting that somebody else is heard in already."""
    with running() as started:
        started.sources = [FakeSource("src1", "Room microphone", "room", 1)]
        started.snapshot = {"state": "live", "title": "Planning", "segments": [segment(1, 0.0, 1.0, "Hello.", "spk1")]}
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A tab that reads along."""
    with microphone_tab(browser, 900, 700) as tab:
        tab.goto(f"{server.url}/m/m1")
        expect(tab.get_by_test_id("sources-open")).to_be_visible()
        yield tab


@pytest.fixture
def until(page: Page) -> Until:
    """Wait while the page goes on."""
    return lambda holds: eventually(holds, lambda seconds: page.wait_for_timeout(seconds * 1000))


def join(page: Page, name: str = "Ann", kind: str = "solo") -> None:
    """Share the microphone, as somebody does who is asked for a name."""
    page.get_by_test_id("start").click()
    page.get_by_test_id("participant-name").fill(name)
    page.get_by_test_id(f"participant-{kind}").check()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_test_id("stop")).to_be_visible()


def share_tab(page: Page) -> None:
    """Share the sound of a tab; the browser chooses by itself."""
    page.get_by_test_id("share-tab").click()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_role("button", name="Stop sharing the sound")).to_be_enabled()


@pytest.mark.slow
def test_who_joins_is_asked_who_speaks_and_remembered(server: FakeServer, page: Page, until: Until) -> None:
    page.get_by_role("button", name="Share my microphone").press("Enter")
    name = page.get_by_label("Your name")
    expect(name).to_be_focused()
    expect(page.get_by_label("Several people")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Only me")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Write your name")).to_be_visible()
    expect(name).to_be_focused()
    assert len(server.sources) == 1
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    until(lambda: len(server.sources) == 2 and server.sources[1].stored > 3)
    assert (server.sources[1].name, server.sources[1].kind) == ("Ann", "solo")
    bar = page.get_by_role("region", name="Recording")
    expect(bar).to_be_focused()
    page.get_by_test_id("stop").press("Enter")
    expect(bar).to_be_focused()
    page.get_by_test_id("start").click()
    expect(name).to_have_value("Ann")
    expect(page.get_by_label("Only me")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("join-dialog")).to_have_count(0)
    assert len(server.sources) == 2


@pytest.mark.slow
def test_who_stops_reads_along_while_the_others_go_on(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    until(lambda: server.stored > 3)
    expect(page.get_by_role("button", name="Stop my microphone")).to_be_visible()
    expect(page.get_by_role("button", name="End for everybody")).to_be_visible()
    page.get_by_test_id("stop").click()
    expect(page.get_by_role("button", name="Share my microphone")).to_be_visible()
    expect(page.get_by_test_id("notices")).to_be_empty()
    before = len(server.connections)
    server.cut()
    until(lambda: len(server.connections) > before)
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    server.tell(segment(2, 2.0, 3.0, "And I am still here.", "spk1"))
    expect(page.locator("[data-segment=s2]")).to_have_text("And I am still here.")
    assert server.connections[-1].start is None
    assert server.sources[1].state == "ended"
    before = len(server.connections)
    page.get_by_test_id("home").click()  # nothing is asked: nothing is recorded here
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
    assert len(server.connections) == before


@pytest.mark.slow
def test_ending_for_everybody_stops_ones_own_microphone_first(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    until(lambda: server.stored > 3)
    page.get_by_test_id("end-meeting").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("end")).to_be_visible()
    assert END in server.requests
    until(lambda: server.sources[1].state == "ended")
    expect(page.get_by_test_id("notices")).to_be_empty()


@pytest.mark.slow
def test_a_meeting_is_not_ended_for_everybody_before_the_last_of_ones_own_sound_has_arrived(
    server: FakeServer, page: Page, until: Until
) -> None:
    join(page)
    until(lambda: server.stored > 3)
    server.acking = server.ending = False
    page.wait_for_timeout(300)  # it captures ten frames a second
    page.get_by_test_id("end-meeting").click()
    page.get_by_test_id("confirm").click()
    page.wait_for_timeout(1000)
    assert END not in server.requests
    server.tell({"type": "ack", "seq": 10_000, "audio": 1000.0})
    until(lambda: END in server.requests)


@pytest.mark.slow
def test_leaving_says_that_the_meeting_goes_on(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    until(lambda: server.stored > 3)
    page.get_by_test_id("home").click()
    expect(page.get_by_test_id("dialog")).to_contain_text("the meeting goes on for the others")
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
    assert [source.state for source in server.sources] == ["live", "ended"]


@pytest.mark.slow
def test_a_reload_goes_on_with_the_own_source_and_makes_no_second_one(
    server: FakeServer, page: Page, until: Until
) -> None:
    join(page)
    until(lambda: server.stored > 3)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    server.change(server.sources[1], state="away")
    page.get_by_role("button", name="Go on recording").click()
    before = server.stored
    until(lambda: server.stored > before + 3)
    assert len(server.sources) == 2
    assert server.connections[-1].start is not None
    assert server.connections[-1].start["resume"] == {"source_id": "src2", "token": "secret2"}
    expect(page.get_by_test_id("stop")).to_have_text("Stop my microphone")


@pytest.mark.slow
def test_a_reload_after_the_own_source_has_ended_starts_anew(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    until(lambda: server.stored > 3)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    server.change(server.sources[1], state="ended")
    expect(page.get_by_role("button", name="Share my microphone")).to_be_visible()
    join(page)
    until(lambda: len(server.sources) == 3 and server.sources[2].stored > 3)
    assert server.connections[-1].start is not None
    assert server.connections[-1].start["resume"] is None


@pytest.mark.slow
def test_a_connection_that_is_lost_after_the_stop_leaves_a_reader(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    until(lambda: server.stored > 3)
    server.ending = False
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("connection")).to_have_text("Finishing the last words…")
    server.sources[1].state, server.sources[1].refusal = "ended", FORGOTTEN
    server.cut()
    expect(page.get_by_role("button", name="Share my microphone")).to_be_visible()
    expect(page.get_by_test_id("notices")).to_be_empty()
    until(lambda: server.connections[-1].start is None)
    server.tell(segment(2, 2.0, 3.0, "Still here.", "spk1"))
    expect(page.locator("[data-segment=s2]")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("refusal", [FORGOTTEN, ("lost", 4400)])
def test_who_was_away_for_too_long_or_is_not_found_on_disk_reads_along_and_may_share_again(
    server: FakeServer, page: Page, until: Until, refusal: tuple[str, int]
) -> None:
    join(page)
    until(lambda: server.stored > 3)
    server.sources[1].state, server.sources[1].refusal = "ended", refusal
    server.cut()
    expect(page.get_by_test_id("notices")).to_contain_text("Your microphone is not heard any more")
    expect(page.get_by_role("button", name="Share my microphone")).to_be_visible()
    assert page.evaluate(TOKENS) == []
    join(page)
    until(lambda: len(server.sources) == 3 and server.sources[2].stored > 3)


@pytest.mark.slow
@pytest.mark.parametrize("open_at_the_end", ["dialog", "question of the browser"])
def test_a_microphone_is_not_shared_into_a_meeting_that_has_ended_while_its_owner_was_asked(
    server: FakeServer, page: Page, until: Until, open_at_the_end: str
) -> None:
    page.evaluate(ASKING)
    page.get_by_test_id("start").click()
    begin = page.get_by_test_id("join-begin")
    if open_at_the_end == "dialog":
        page.evaluate("allow()")
    else:
        begin.click()
        until(lambda: page.evaluate("window.asking"))
    server.snapshot["state"] = "ended"
    server.tell({"type": "ended", "segments": 1})
    expect(page.get_by_test_id("end")).to_be_visible()
    told = page.get_by_test_id("end").text_content()
    if open_at_the_end == "dialog":
        begin.click()
    else:
        page.evaluate("allow()")
        until(lambda: page.evaluate("tracks.length"))
    page.wait_for_timeout(1000)
    assert page.evaluate("tracks.every(({ readyState }) => readyState === 'ended')")
    assert page.get_by_test_id("end").text_content() == told
    assert [connection.start for connection in server.connections] == [None]


@pytest.mark.slow
def test_muting_oneself_sends_silence_and_says_so(server: FakeServer, page: Page, until: Until) -> None:
    join(page)
    connection = until(lambda: server.connections[-1] if server.connections[-1].start else None)
    until(lambda: max(connection.peaks, default=0) > 1000)
    mute = page.get_by_role("button", name="Mute my microphone")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("connection")).to_have_text("Live — your microphone is muted")
    at = len(connection.frames) + 5
    until(lambda: len(connection.frames) > at + 30)  # it beeps once a second
    assert max(connection.peaks[at:]) == 0
    numbers = [seq for seq, _, _ in connection.frames]
    assert numbers == list(range(len(numbers)))
    mute.click()
    until(lambda: max(connection.peaks[at:]) > 1000)
    expect(page.get_by_test_id("connection")).to_have_text("Live")


@pytest.mark.slow
def test_a_host_mutes_and_removes_and_the_one_it_happens_to_reads_it(
    server: FakeServer, page: Page, browser: Browser, until: Until
) -> None:
    join(page)
    until(lambda: server.stored > 3)
    with microphone_tab(browser, 900, 700) as host:
        host.goto(f"{server.url}/m/m1")
        toggle = host.get_by_role("button", name="2 sound sources")
        toggle.click()
        expect(toggle).to_have_attribute("aria-expanded", "true")
        host.get_by_role("button", name="Mute Ann").click()
        expect(page.get_by_test_id("notices")).to_contain_text("A host has muted your microphone")
        row = host.locator("[data-source=src2]")
        expect(row).to_contain_text("Muted by a host")
        host.get_by_role("button", name="Unmute Ann").click()
        expect(page.get_by_test_id("notices")).to_be_empty()
        assert [body for method, path, body in server.requests if path.endswith("/sources/src2")] == [
            {"muted": True},
            {"muted": False},
        ]
        before = len(server.connections)
        host.get_by_role("button", name="Remove Ann").click()
        host.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("notices")).to_contain_text("A host has removed your microphone")
        expect(row).to_have_count(0)
        expect(host.get_by_role("button", name="1 sound source")).to_be_visible()
    until(lambda: len(server.connections) > before)
    expect(page.get_by_role("button", name="Share my microphone")).to_be_visible()
    server.tell(segment(3, 5.0, 6.0, "We go on.", "spk1"))
    expect(page.locator("[data-segment=s3]")).to_be_visible()
    assert server.sources[1].state == "ended"


def test_what_stands_at_the_foot_of_a_low_window_stays_below_the_bar_at_its_top(server: FakeServer, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 400})
    for number in range(2, 6):
        server.tell(source(number, f"Person {number}", "solo"))
    page.get_by_test_id("sources-open").click()
    expect(page.locator(".source")).to_have_count(5)
    top = "selector => document.querySelector(selector).getBoundingClientRect()"
    assert page.evaluate(f"({top})('.recording-holder').top >= ({top})('.bar').bottom - 1")
    page.locator(".source[data-source=src5]").scroll_into_view_if_needed()
    expect(page.locator(".source[data-source=src5]")).to_be_in_viewport()


@pytest.mark.slow
def test_the_list_shows_level_lag_and_state_of_each(server: FakeServer, page: Page) -> None:
    toggle = page.get_by_test_id("sources-open")
    toggle.press("Enter")
    row = page.locator("[data-source=src1]")
    expect(row).to_contain_text("Room microphone")
    figures = {
        "rtf": 0.2,
        "asr_lag": 1.4,
        "diarization_lag": 0.5,
        "dropped_partials": 0,
        "load": 0.3,
        "left_out": "none",
    }
    server.tell({"type": "stats", "source_id": "src1", "level": -15.0, "language": None, **figures})
    meter = page.get_by_role("meter", name="Level of Room microphone")
    expect(meter).to_have_attribute("aria-valuenow", "75")
    expect(row).to_contain_text("Text 1.4 s behind")
    server.change(server.sources[0], state="away")
    expect(row).to_contain_text("Connection lost, waited for")
    server.change(FakeSource("src2", "Ben", "solo", 2))
    server.tell({"type": "gap", "source_id": "src2", "start": 3.0, "end": 4.0, "reason": ""})
    expect(page.locator("[data-gap]")).to_have_text("Ben, 00:03 – 00:04: sound is missing here")
    expect(page.get_by_test_id("announcer")).to_contain_text("Room microphone has lost the connection.")
    toggle.press("Enter")
    expect(page.get_by_test_id("sources")).to_be_hidden()


@pytest.mark.slow
def test_one_more_than_the_meeting_takes_is_told_and_reads_along(server: FakeServer, page: Page, until: Until) -> None:
    server.most_sources = 1
    before = len(server.connections)
    page.get_by_test_id("start").click()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_test_id("notices")).to_contain_text("as many sound sources in this meeting as it takes")
    until(lambda: len(server.connections) == before + 2)  # the refused one, and a reader's again
    server.tell(segment(2, 2.0, 3.0, "Still here.", "spk1"))
    expect(page.locator("[data-segment=s2]")).to_be_visible()
    expect(page.get_by_test_id("start")).to_be_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("both", [False, True])
def test_a_tabs_sound_is_a_source_of_its_own_beside_the_microphone(
    server: FakeServer, page: Page, until: Until, both: bool
) -> None:
    if both:
        join(page)
    share_tab(page)
    tab = until(lambda: next((one for one in server.sources if one.name == "Shared sound"), None))
    until(lambda: tab.stored > 5)
    assert tab.kind == "room"
    page.get_by_test_id("sources-open").click()
    expect(page.locator(f"[data-source={tab.id}]")).to_contain_text("from this page")
    assert page.get_by_text("from this page").locator("visible=true").count() == (2 if both else 1)
    page.get_by_test_id("share-tab").click()
    until(lambda: tab.state == "ended")
    expect(page.get_by_role("button", name="Share a tab’s sound")).to_be_visible()
    expect(page.get_by_test_id("notices")).to_be_empty()
    if both:
        before = server.sources[1].stored
        until(lambda: server.sources[1].stored > before + 3)
        expect(page.get_by_test_id("stop")).to_be_visible()


@pytest.mark.slow
def test_a_tab_that_is_shared_survives_a_lost_connection_and_a_reload_resumes_it(
    server: FakeServer, page: Page, until: Until
) -> None:
    share_tab(page)
    until(lambda: server.stored > 3)
    server.cut()
    before = server.stored
    until(lambda: server.stored > before + 5)
    expect(page.get_by_test_id("notices")).to_be_empty()
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_test_id("share-tab")).to_be_enabled()
    before = server.stored
    share_tab(page)
    until(lambda: server.stored > before + 3)
    assert len(server.sources) == 2
    assert server.connections[-1].start is not None
    assert server.connections[-1].start["resume"] == {"source_id": "src2", "token": "secret2"}


@pytest.mark.slow
def test_a_meeting_that_a_host_ends_lets_go_of_the_tab_without_a_complaint(
    server: FakeServer, page: Page, until: Until
) -> None:
    share_tab(page)
    until(lambda: server.stored > 3)
    server.tell({"type": "ended", "segments": 1})
    expect(page.get_by_test_id("end")).to_be_visible()
    expect(page.get_by_test_id("share-tab")).to_be_hidden()
    expect(page.get_by_test_id("notices")).to_be_empty()
    page.reload()
    assert page.evaluate(TOKENS) == []


@pytest.mark.slow
def test_a_tab_that_a_host_removes_is_let_go_and_the_microphone_goes_on(
    server: FakeServer, page: Page, until: Until
) -> None:
    join(page)
    share_tab(page)
    tab = until(lambda: server.sources[2] if len(server.sources) == 3 and server.sources[2].stored > 3 else None)
    server.change(tab, muted=True)
    expect(page.get_by_test_id("notices")).to_contain_text("A host has muted the sound that you share")
    server.remove(tab)
    expect(page.get_by_test_id("notices")).to_have_text(
        "A host has removed the sound that you shared from this meeting."
    )
    expect(page.get_by_role("button", name="Share a tab’s sound")).to_be_visible()
    before = server.sources[1].stored
    until(lambda: server.sources[1].stored > before + 3)


NO_SOUND = """navigator.mediaDevices.getDisplayMedia = async () => {
  const canvas = document.createElement('canvas')
  canvas.getContext('2d')
  return canvas.captureStream()
}"""


REFUSED = "navigator.mediaDevices.getDisplayMedia = () => Promise.reject(new DOMException('', '{}'))"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (NO_SOUND, "The browser gave no sound"),
        (REFUSED.format("NotAllowedError"), "Nothing is shared"),
        (REFUSED.format("OddError"), "OddError"),
    ],
)
def test_a_tab_without_sound_and_a_refused_one_are_explained(
    server: FakeServer, page: Page, script: str, sentence: str
) -> None:
    page.evaluate(f"() => {{ {script} }}")
    page.get_by_test_id("share-tab").click()
    page.get_by_test_id("join-begin").click()
    expect(page.get_by_test_id("notices")).to_contain_text(sentence)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("join-dialog")).to_be_visible()
    assert len(server.sources) == 1


@pytest.mark.slow
def test_a_browser_that_cannot_share_a_tab_says_so(server: FakeServer, page: Page) -> None:
    page.evaluate("() => { navigator.mediaDevices.getDisplayMedia = undefined }")
    page.get_by_test_id("share-tab").click()
    expect(page.get_by_test_id("notices")).to_contain_text("This browser cannot share the sound of a tab")


@pytest.mark.slow
def test_readers_without_the_right_to_speak_see_who_is_heard_and_share_nothing(
    server: FakeServer, browser: Browser
) -> None:
    server.meetings = [meeting("m1", "Planning", state="live", role="view", tokens=True)]
    with microphone_tab(browser, 390, 844) as reader:
        reader.goto(f"{server.url}/m/m1")
        reader.get_by_test_id("sources-open").click()
        expect(reader.locator("[data-source=src1]")).to_contain_text("Room microphone")
        for hidden in ("start", "share-tab", "source-mute", "source-remove"):
            expect(reader.get_by_test_id(hidden)).to_be_hidden()
        assert reader.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_whoever_makes_a_meeting_may_say_that_only_one_person_speaks(
    server: FakeServer, page: Page, until: Until
) -> None:
    server.sources, server.snapshot = [], {}
    page.goto(server.url)
    page.get_by_test_id("options").click()
    page.get_by_label("Only me").check()
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("notice")).to_contain_text("Write your name")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.stored > 3)
    assert (server.sources[0].name, server.sources[0].kind) == ("Ann", "solo")
