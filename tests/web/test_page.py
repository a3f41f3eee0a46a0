"""The pages in a browser, against a fake server: what people see, press, hear of and share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.fakes.web_fakes import (
    ASKING,
    LONG,
    FakeServer,
    eventually,
    meeting,
    microphone_tab,
    running,
    segment,
    speaker,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake server of its own for each test."""
    with running() as started:
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A tab that may use the microphone; what it complains about fails the test."""
    with microphone_tab(browser, 900, 700) as tab:
        yield tab


@pytest.fixture
def until(page: Page) -> Callable[[Callable[[], object]], None]:
    """Wait while the page goes on."""

    def wait(holds: Callable[[], object]) -> None:
        eventually(holds, lambda seconds: page.wait_for_timeout(seconds * 1000))

    return wait


def watch(server: FakeServer, page: Page, *segments: dict[str, Any], state: str = "live") -> None:
    """Open a meeting as a reader."""
    server.snapshot = {"segments": list(segments), "state": state, "title": "Planning"}
    page.goto(f"{server.url}/m/m1")
    expect(page.get_by_test_id("title")).to_have_value("Planning")


def line(page: Page, number: int) -> Any:
    """The element of one segment."""
    return page.locator(f"[data-segment=s{number}]")


@pytest.mark.slow
def test_one_button_starts_a_meeting_and_sends_what_the_microphone_hears(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    expect(page.get_by_test_id("empty")).to_be_visible()
    page.get_by_test_id("new-meeting").click()
    page.wait_for_url("**/m/m1")
    until(lambda: server.stored >= 10)
    (connection,) = server.connections
    assert connection.start is not None
    rate = connection.start["audio"]["sample_rate"]
    assert connection.start["audio"] == {"encoding": "pcm_s16le", "sample_rate": rate, "channels": 1}
    assert [seq for seq, _, _ in connection.frames] == list(range(len(connection.frames)))
    assert {size for _, _, size in connection.frames} == {2 * round(rate / 10)}
    times = [captured for _, captured, _ in connection.frames]
    assert times == sorted(times)
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    expect(page.get_by_test_id("elapsed")).to_have_text(re.compile(r"00:0[1-9]"))
    until(lambda: int(page.get_by_test_id("level").get_attribute("aria-valuenow") or 0) > 0)
    expect(page.get_by_test_id("mic-select").locator("option")).not_to_have_count(0)


@pytest.mark.slow
def test_switching_the_microphone_keeps_the_meeting_and_its_numbers(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.stored >= 3)
    choice = page.get_by_test_id("mic-select")
    expect(choice.locator("option")).not_to_have_count(0)
    choice.select_option(index=choice.locator("option").count() - 1)
    before = server.stored
    until(lambda: server.stored >= before + 8)
    (connection,) = server.connections
    assert [seq for seq, _, _ in connection.frames] == list(range(len(connection.frames)))


@pytest.mark.slow
def test_once_it_was_stopped_nothing_looks_as_if_somebody_still_listened(server: FakeServer, page: Page) -> None:
    server.ending = False
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    heard = [page.get_by_test_id(name) for name in ("level", "mute", "mic-select")]
    for part in heard:
        expect(part).to_be_visible()
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("stop")).to_have_text("Finishing…")
    for part in heard:
        expect(part).to_be_hidden()


@pytest.mark.slow
def test_stop_ends_the_meeting_and_offers_every_format(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    server.tell(segment(1, 0.0, 1.0, "That was all.", "spk1"))
    page.get_by_test_id("stop").click()
    page.get_by_test_id("export").click()
    links = page.locator("a[data-testid^=export-]")
    formats = [re.search(r"format=(\w+)", links.nth(i).get_attribute("href") or "") for i in range(links.count())]
    assert [found and found[1] for found in formats] == [
        "docx", "txt", "html", "md", "srt", "vtt", "csv", "json", "rttm", "seglst",
    ]  # fmt: skip
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("export-srt")).to_be_hidden()
    expect(page.get_by_test_id("end")).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("end")).to_contain_text("Everything is saved")


@pytest.mark.slow
def test_a_microphone_that_the_system_takes_away_is_told_until_it_is_back_and_the_screen_stays_on(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.add_init_script(
        """{
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
          navigator.mediaDevices.getUserMedia = async (asked) => {
            const stream = await open(asked)
            window.track = stream.getAudioTracks()[0]
            return stream
          }
          window.locks = []
          const release = async () => window.locks.pop()
          navigator.wakeLock.request = async (kind) => (window.locks.push(kind), { release })
          window.taken = (muted) => {
            Object.defineProperty(window.track, 'muted', { value: muted, configurable: true })
            window.track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'))
          }
        }"""
    )
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.connections and server.connections[0].frames)
    until(lambda: page.evaluate("locks") == ["screen"])
    page.evaluate("taken(true)")
    notices = page.get_by_test_id("notices")
    expect(notices).to_contain_text("The system has taken the microphone away")
    page.evaluate("taken(false)")
    expect(notices).not_to_contain_text("The system has taken")
    page.evaluate("window.track.stop(); window.track.dispatchEvent(new Event('ended'))")
    expect(notices).to_contain_text("The microphone was unplugged")
    page.get_by_test_id("stop").click()
    until(lambda: page.evaluate("locks") == [])


@pytest.mark.slow
def test_the_sample_is_streamed_like_a_microphone(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("sample-meeting").click()
    until(lambda: server.stored >= 12)
    (connection,) = server.connections
    assert connection.start is not None
    assert connection.start["audio"] == {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1}
    assert server.requests[0][2] == {"title": "Sample meeting"}
    times = [captured for _, captured, _ in connection.frames]
    assert times[-1] - times[0] == pytest.approx(100_000 * (len(times) - 1), rel=0.01)
    mute = page.get_by_test_id("mute")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_test_id("mic-select")).to_be_hidden()


@pytest.mark.slow
def test_the_sample_runs_where_nothing_can_be_played(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.add_init_script("window.AudioContext = class { constructor() { throw new Error('no device') } }")
    page.goto(server.url)
    page.get_by_test_id("sample-meeting").click()
    until(lambda: server.stored >= 3)
    expect(page.get_by_test_id("mute")).to_be_hidden()


@pytest.mark.slow
def test_markup_in_names_titles_and_words_is_shown_as_text(server: FakeServer, page: Page) -> None:
    evil = "<img src=x onerror=window.hit=1><b>bold</b>"
    server.meetings = [meeting("a1", evil, speakers=[evil])]
    page.goto(server.url)
    expect(page.locator(".row-title")).to_have_text(evil)
    expect(page.locator(".person")).to_have_text(evil)
    server.snapshot = {"title": evil, "state": "live", "segments": [segment(1, 0.0, 1.0, evil, "spk1")]}
    server.models = {"speech": evil, "why": evil}
    page.goto(f"{server.url}/m/m1")
    expect(line(page, 1)).to_have_text(evil)  # by then the page listens
    server.tell(
        speaker("spk1", 0, evil),
        segment(2, 1.1, 2.0, evil, "spk1"),
        {"type": "gap", "start": 3.0, "end": 4.0, "reason": evil},
        {"type": "error", "code": "odd", "message": evil, "fatal": False},
    )
    expect(line(page, 2)).to_have_text(evil)
    expect(page.locator(".turn-name")).to_have_text(evil)
    expect(page.locator("[data-gap]")).to_contain_text(evil)
    expect(page.get_by_test_id("notices")).to_contain_text(evil)
    expect(page.get_by_test_id("models")).to_contain_text(evil)
    assert page.evaluate("[window.hit, document.querySelectorAll('main img, main b').length]") == [None, 0]


@pytest.mark.slow
def test_partial_text_is_marked_until_it_is_final(server: FakeServer, page: Page) -> None:
    watch(server, page)
    server.tell(segment(1, 0.0, 1.0, "shall we", final=False, stable=6))
    expect(line(page, 1)).to_have_attribute("data-final", "false")
    expect(line(page, 1).locator(".partial")).to_have_text(" we")
    expect(page.locator("[data-turn]")).to_have_attribute("data-speaker", "")
    expect(page.locator(".turn-name")).to_have_text("Speaker ?")
    server.tell(segment(1, 0.0, 1.6, "Shall we start?", "spk1", rev=2))
    expect(line(page, 1)).to_have_attribute("data-final", "true")
    expect(line(page, 1).locator(".partial")).to_be_empty()
    expect(page.locator(".turn-name")).to_have_text("Speaker 1")


@pytest.mark.slow
def test_a_revision_changes_only_the_lines_it_names(server: FakeServer, page: Page) -> None:
    watch(server, page, segment(1, 0.0, 1.0, "one", "spk1"), segment(2, 1.1, 2.0, "two", "spk2"))
    expect(page.locator("[data-turn]")).to_have_count(2)
    page.evaluate(
        "document.querySelector('[data-segment=s1]').mine = document.querySelector('[data-segment=s2]').mine = 1"
    )
    changes = [{"id": "s2", "rev": 2, "from": "spk2", "to": "spk1"}]
    server.tell({"type": "speaker_revision", "changes": changes, "reason": "recluster"})
    expect(page.locator("[data-turn]")).to_have_count(1)
    expect(page.locator(".turn-text")).to_have_text("one two")
    assert page.evaluate("[...document.querySelectorAll('[data-segment]')].map((node) => node.mine)") == [1, 1]
    server.tell(speaker("spk1", 3, "Ann"))
    expect(page.locator(".turn-name")).to_have_text("Ann")
    expect(page.locator("[data-turn]")).to_have_attribute("data-color", "3")


@pytest.mark.slow
def test_a_server_that_is_too_full_says_what_it_leaves_out_and_when_it_no_longer_does(
    server: FakeServer, page: Page
) -> None:
    watch(server, page, segment(1, 0.0, 1.2, "Good morning everybody.", "spk1"))
    figures = {"rtf": 0.9, "asr_lag": 0.4, "diarization_lag": 0.5, "dropped_partials": 3, "load": 0.95}
    notice = page.locator("[data-key=busy]")
    for left_out, told in (("none", None), ("no_partials", "once a sentence is over"), ("none", None)):
        server.tell({"type": "stats", **figures, "left_out": left_out})
        if told:
            expect(notice).to_contain_text(told)
        else:
            expect(notice).to_have_count(0)


@pytest.mark.slow
def test_models_on_other_machines_that_do_not_answer_are_told_of_in_words_until_they_do(
    server: FakeServer, page: Page
) -> None:
    watch(server, page, segment(1, 0.0, 1.2, "Good morning everybody.", "spk1"))
    figures = {"rtf": 0.9, "asr_lag": 9.0, "diarization_lag": 9.0, "dropped_partials": 3, "load": 1.5}
    notice = page.locator("[data-key=busy]")
    server.tell({"type": "stats", **figures, "left_out": "long_hop", "models_answer": False})
    expect(notice).to_contain_text("The models on other machines do not answer at the moment.")
    expect(notice).not_to_contain_text("busy")
    server.tell({"type": "stats", **figures, "left_out": "long_hop", "models_answer": True})
    expect(notice).to_contain_text("busy")
    server.tell({"type": "stats", **figures, "left_out": "none", "models_answer": True})
    expect(notice).to_have_count(0)


@pytest.mark.slow
def test_a_withdrawn_line_disappears_with_its_turn(server: FakeServer, page: Page) -> None:
    watch(server, page, segment(1, 0.0, 1.0, "one", "spk1"), segment(2, 1.1, 2.0, "mhm", "spk2", final=False))
    expect(line(page, 2)).to_be_visible()
    server.tell(segment(2, 1.1, 2.0, "", "spk2", rev=2))
    expect(line(page, 2)).to_have_count(0)
    expect(page.locator("[data-turn]")).to_have_count(1)


@pytest.mark.slow
def test_only_final_lines_are_announced(server: FakeServer, page: Page) -> None:
    watch(server, page, segment(1, 0.0, 1.0, "before you came", "spk1"))
    announcer = page.get_by_test_id("announcer")
    expect(announcer).to_have_attribute("aria-live", "polite")
    server.tell(segment(2, 2.0, 3.0, "half a", "spk1", final=False))
    server.tell(segment(2, 2.0, 3.4, "Half a word.", "spk1", rev=2), segment(3, 4.0, 5.0, "Who?"))
    expect(announcer.locator("p")).to_have_text(["Speaker 1: Half a word.", "Unknown speaker: Who?"])
    assert page.locator("[aria-live]").count() == 1


@pytest.mark.slow
def test_a_page_that_nobody_sees_is_drawn_all_the_same_though_it_gets_no_frames(server: FakeServer, page: Page) -> None:
    page.add_init_script("window.requestAnimationFrame = () => 1")
    watch(server, page, segment(1, 0.0, 1.0, "before you came", "spk1"))
    server.tell(segment(2, 2.0, 3.0, "while you were away", "spk1"))
    expect(line(page, 2)).to_have_text("while you were away")
    expect(page.get_by_test_id("announcer")).to_have_text("Speaker 1: while you were away")


@pytest.mark.slow
def test_the_page_follows_the_newest_line_until_the_reader_scrolls_up(server: FakeServer, page: Page) -> None:
    watch(server, page, *(segment(i, i * 9.0, i * 9.0 + 4, LONG, f"spk{i % 3}") for i in range(30)))
    expect(line(page, 29)).to_be_in_viewport()
    server.tell(segment(30, 300.0, 304.0, LONG, "spk1"))
    expect(line(page, 30)).to_be_in_viewport()
    expect(page.get_by_test_id("jump-newest")).to_be_hidden()
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -900)
    jump = page.get_by_test_id("jump-newest")
    expect(jump).to_be_visible()
    where = page.evaluate("scrollY")
    server.tell(segment(31, 310.0, 314.0, LONG, "spk2"))
    expect(line(page, 31)).to_be_attached()
    assert page.evaluate("scrollY") == where
    jump.click()
    expect(line(page, 31)).to_be_in_viewport()
    expect(jump).to_be_hidden()
    server.tell(segment(32, 320.0, 324.0, LONG, "spk1"))
    expect(line(page, 32)).to_be_in_viewport()


@pytest.mark.slow
def test_a_lost_connection_is_told_and_what_was_said_meanwhile_arrives(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.stored >= 3)
    server.refuse = 1012
    server.cut()
    connection = page.get_by_test_id("connection")
    expect(connection).to_have_text(re.compile(r"Reconnecting — your audio is safe, [1-9]\d* s buffered"))
    server.refuse = None
    expect(connection).to_have_text("Live")
    until(lambda: server.stored >= 20)
    sent = [[seq for seq, _, _ in one.frames] for one in server.connections]
    arrived = {seq for seqs in sent for seq in seqs}
    assert arrived == set(range(max(20, len(arrived))))  # what is stored by now may be one fewer
    assert sent[1][0] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("state", ["live", "ended"])
def test_a_server_that_cannot_tell_of_the_meeting_at_first_is_asked_again_and_a_host_is_a_host_then(
    server: FakeServer, browser: Browser, state: str
) -> None:
    with microphone_tab(browser, 900, 700, refused="503 (Service Unavailable)") as host:
        failing = [True]

        def answer(route: Route) -> None:
            if failing[0]:
                error = {"code": "recovering", "message": "an earlier meeting is being rebuilt"}
                route.fulfill(status=503, json={"error": error})
            else:
                route.continue_()

        host.route("**/api/meetings/m1", answer)
        watch(server, host, segment(1, 0.0, 1.0, "Hello there.", "spk1"), state=state)
        expect(line(host, 1)).to_have_text("Hello there.")
        expect(line(host, 1)).not_to_have_attribute("tabindex", "0")
        server.snapshot["segments"] = [segment(1, 0.0, 1.0, "Hello everybody.", "spk1", rev=2)]
        if state == "live":
            server.tell(*server.snapshot["segments"])
        failing[0] = False
        expect(line(host, 1)).to_have_attribute("tabindex", "0")
        expect(line(host, 1)).to_have_text("Hello everybody.")


@pytest.mark.slow
def test_a_full_disk_is_told_until_there_is_room_again(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    full = "the server's disk does not take what is heard: recording waits, and goes on as soon as there is room"
    server.acking = False
    server.tell({"type": "error", "code": "storage", "message": full, "fatal": False})
    notices = page.get_by_test_id("notices")
    expect(notices).to_contain_text("disk does not take what is heard: recording waits")
    expect(page.get_by_test_id("connection")).to_contain_text("catching up", timeout=60_000)
    server.acking = True
    server.tell({"type": "error", "code": "storage_ok", "message": "everything can be saved again", "fatal": False})
    expect(notices).to_contain_text("everything that was heard is being saved")
    expect(notices).not_to_contain_text("recording waits")


def test_a_reader_sees_waiting_then_the_meeting_then_its_end(server: FakeServer, page: Page) -> None:
    watch(server, page, state="open")
    expect(page.get_by_test_id("waiting")).to_contain_text("Nobody has started yet")
    expect(page.get_by_test_id("start")).to_be_visible()
    server.tell({"type": "state", "state": "live", "title": "Planning"}, segment(1, 0.0, 1.0, "Hello.", "spk1"))
    expect(page.get_by_test_id("waiting")).to_be_hidden()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    expect(page.get_by_test_id("stop")).to_be_hidden()
    server.tell({"type": "ended", "segments": 1})
    expect(page.get_by_test_id("export")).to_be_visible()


@pytest.mark.slow
def test_a_past_meeting_opens_from_the_list_with_its_words_and_exports(server: FakeServer, page: Page) -> None:
    server.meetings = [meeting("a1", "Planning", speakers=["Ann"])]
    said = [segment(1, 0.0, 1.0, "It was decided.", "spk1")]
    server.snapshot = {"title": "Planning", "state": "ended", "segments": said, "speakers": [speaker("spk1", 0, "Ann")]}
    page.goto(server.url)
    page.get_by_role("link", name="Planning").click()
    expect(line(page, 1)).to_have_text("It was decided.")
    expect(page.get_by_test_id("export")).to_be_visible()
    expect(page.get_by_test_id("speakers")).to_have_text("Ann100%")
    expect(page.get_by_test_id("stop")).to_be_hidden()
    page.go_back()
    expect(page.get_by_test_id("meeting-list")).to_contain_text("Planning")


LISTENERS = """{
  window.listening = new Set()
  const { addEventListener: add, removeEventListener: remove } = document
  document.addEventListener = (type, call, ...more) => {
    if (type === 'pointerdown') listening.add(call)
    return add.call(document, type, call, ...more)
  }
  document.removeEventListener = (type, call, ...more) => {
    if (type === 'pointerdown') listening.delete(call)
    return remove.call(document, type, call, ...more)
  }
}"""
"""`listening` are those on the document that a pointer calls"""


@pytest.mark.slow
def test_the_list_of_files_closes_with_a_click_elsewhere_and_a_page_that_was_left_is_not_held_by_it(
    server: FakeServer, page: Page
) -> None:
    server.meetings = [meeting("a1", "Planning")]
    server.snapshot = {"state": "ended", "title": "Planning", "segments": [segment(1, 0.0, 1.0, "Good.", "spk1")]}
    page.add_init_script(LISTENERS)
    page.goto(server.url)
    for _ in range(2):
        page.get_by_role("link", name="Planning").click()
        page.get_by_test_id("export").click()
        expect(page.get_by_test_id("export-srt")).to_be_visible()
        line(page, 1).click()
        expect(page.get_by_test_id("export-srt")).to_be_hidden()
        page.get_by_test_id("export").click()
        page.get_by_test_id("home").click()
        expect(page.get_by_test_id("new-meeting")).to_be_visible()
    assert page.evaluate("listening.size") == 0


def test_what_is_told_of_the_models_closes_with_escape_and_once_somebody_is_busy_elsewhere(
    server: FakeServer, page: Page
) -> None:
    server.snapshot = {"state": "ended", "title": "Planning", "segments": [segment(1, 0.0, 1.0, "Good.", "spk1")]}
    page.add_init_script(LISTENERS)
    page.goto(f"{server.url}/m/m1")
    name, told = page.get_by_test_id("models").locator("summary"), page.get_by_text("moonshine tiny-en")
    name.press("Enter")
    expect(told).to_be_visible()
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    expect(name).to_be_focused()
    name.click()
    expect(told).to_be_visible()
    page.mouse.click(880, 600)
    expect(told).to_be_hidden()
    name.press("Enter")
    expect(told).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(told).to_be_hidden()
    eventually(lambda: page.evaluate("listening.size") == 0, lambda seconds: page.wait_for_timeout(seconds * 1000))


@pytest.mark.slow
def test_the_title_is_changed_in_place(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    watch(server, page)
    title = page.get_by_test_id("title")
    title.fill("Budget")
    title.press("Enter")
    until(lambda: ("PATCH", "/api/meetings/m1", {"title": "Budget"}) in server.requests)
    title.fill("Nonsense")
    title.press("Escape")
    expect(title).to_have_value("Budget")
    expect(page).to_have_title(re.compile("Budget"))


@pytest.mark.slow
def test_deleting_can_be_taken_back_for_ten_seconds_and_the_list_is_paged(server: FakeServer, page: Page) -> None:
    server.meetings, server.page_size = [meeting(f"a{i}", f"Meeting {i}") for i in range(3)], 2
    page.clock.install()
    page.goto(server.url)
    rows = page.locator("[data-meeting]")
    expect(rows).to_have_count(2)
    page.get_by_test_id("more").click()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Meeting 0").press("ArrowDown")
    page.keyboard.press("Delete")
    undo = page.get_by_role("button", name="Undo: bring back “Meeting 1”")
    expect(undo).to_be_focused()
    expect(page.get_by_test_id("undo-bar")).to_contain_text("Leaving this page makes it final.")
    expect(rows).to_have_count(2)
    undo.press("Enter")
    expect(rows).to_have_count(3)
    expect(page.get_by_role("link", name="Meeting 1")).to_be_focused()
    expect(page.get_by_test_id("undo-bar")).to_be_hidden()
    page.clock.fast_forward(12_000)
    assert server.requests == []

    page.get_by_role("button", name="Delete Meeting 1").click()
    page.clock.fast_forward(8_000)
    expect(rows).to_have_count(2)
    assert server.requests == []
    page.clock.fast_forward(2_500)
    expect(page.get_by_test_id("undo-bar")).to_be_hidden()
    expect(page.get_by_role("heading", name="Meetings")).to_be_focused()
    assert server.requests == [("DELETE", "/api/meetings/a1", None)]
    expect(rows).to_have_count(2)


@pytest.mark.slow
@pytest.mark.parametrize("leave", ["reload", "close", "another page"])
def test_whoever_leaves_has_seen_a_meeting_gone_and_so_it_goes(
    server: FakeServer, browser: Browser, leave: str
) -> None:
    server.meetings = [meeting("a1", "One"), meeting("a2", "Two"), meeting("a3", "Three", state="live")]
    page = browser.new_page()
    page.add_init_script(
        """{
          const [ask, later] = [window.fetch, window.setTimeout]
          window.kept = []
          window.fetch = (path, options) => {
            if (options.method === 'DELETE') window.kept.push(options.keepalive)
            return ask(path, options)
          }
          window.setTimeout = (call, wait) => (wait === 10_000 ? 0 : later(call, wait)) // nobody waits that long
        }"""
    )
    page.goto(server.url)
    page.get_by_role("button", name="Delete Three").click()
    expect(page.get_by_test_id("notice")).to_have_text("“Three” is still running. End it first, and then delete it.")
    page.get_by_role("button", name="Delete One").click()
    page.get_by_role("button", name="Delete Two").click()
    page.get_by_role("button", name="Undo: bring back “Two”").click()
    expect(page.get_by_role("link", name="Two")).to_be_focused()
    assert server.requests == []
    if leave == "reload":
        page.reload()
    elif leave == "close":
        page.close()
    else:
        page.get_by_role("link", name="Two").click()
        assert page.evaluate("kept") == [True]
    eventually(lambda: server.requests == [("DELETE", "/api/meetings/a1", None)])


@pytest.mark.slow
def test_a_meeting_that_the_server_does_not_delete_comes_back_with_the_reason(
    server: FakeServer, browser: Browser
) -> None:
    server.meetings = [meeting("a1", "One")]
    page = browser.new_page()
    page.clock.install()
    page.goto(server.url)
    page.route("**/api/meetings/a1", lambda route: route.abort())
    page.get_by_role("button", name="Delete One").click()
    page.clock.fast_forward(10_500)
    expect(page.get_by_test_id("notice")).to_contain_text("“One” was not deleted. The server does not answer.")
    expect(page.get_by_role("link", name="One")).to_be_visible()


@pytest.mark.slow
def test_the_list_shows_what_becomes_of_meetings_while_it_is_open(server: FakeServer, page: Page) -> None:
    server.meetings = [meeting("a1", "One", state="open", duration=0)]
    page.clock.install()
    page.goto(server.url)
    expect(page.locator("[data-state=open]")).to_have_text("Not started")
    page.get_by_role("link", name="One").focus()
    server.meetings = [meeting("a2", "Two", state="live"), meeting("a1", "One", speakers=["Ann"])]
    page.clock.fast_forward(15_500)
    expect(page.locator("[data-state=live]")).to_have_text("Live now")
    assert page.locator(".row-title").all_inner_texts() == ["Two", "One"]
    expect(page.get_by_role("link", name="One")).to_be_focused()
    expect(page.locator(".people").last).to_have_text("Ann")


DROP = """([x, y]) => {
  const dataTransfer = new DataTransfer()
  dataTransfer.items.add(new File([], 'Empty.wav'))
  const options = { dataTransfer, bubbles: true, cancelable: true }
  const target = document.elementFromPoint(x, y)
  return ['dragover', 'drop'].every((type) => !target.dispatchEvent(new DragEvent(type, options)))
}"""
"""Drop an empty file there; whether the browser is kept from showing it in the place of the page"""


@pytest.mark.slow
def test_a_file_may_be_dropped_anywhere_on_the_first_page_and_never_takes_the_place_of_a_page(
    server: FakeServer, page: Page
) -> None:
    page.set_viewport_size({"width": 1600, "height": 900})
    server.meetings = [meeting("a1", "Alpha")]
    page.goto(server.url)
    sent = page.locator(".job")
    for count, place in enumerate([(800, 300), (100, 400), (800, 30), (1500, 850)], 1):
        assert page.evaluate(DROP, place)
        expect(sent).to_have_count(count)
    page.get_by_test_id("languages").select_option("de")
    assert page.evaluate(DROP, (100, 400))
    expect(sent).to_have_count(5)
    page.get_by_role("link", name="Alpha").click()
    expect(page.get_by_test_id("home")).to_be_visible()
    assert page.evaluate(DROP, (800, 400))
    page.get_by_test_id("home").click()
    expect(sent).to_have_count(5)


@pytest.mark.slow
def test_leaving_while_recording_asks_first(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    page.go_back()
    page.get_by_role("button", name="Keep recording").click()
    expect(page.get_by_test_id("stop")).to_be_visible()
    assert page.url.endswith("/m/m1")
    page.get_by_test_id("home").click()
    page.get_by_test_id("confirm").click()
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
    assert server.stored > 0


@pytest.mark.slow
def test_a_link_to_the_meeting_that_is_being_recorded_asks_before_the_page_is_shown_anew(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    page.evaluate("location.hash = '#t=another'")
    page.get_by_role("button", name="Keep recording").click()
    assert page.url.endswith("/m/m1"), "the token stands in no address"
    stored = server.stored
    until(lambda: server.stored > stored)
    expect(page.get_by_test_id("stop")).to_be_visible()


def back(page: Page, steps: int = 1) -> None:
    """Go back at once, also over entries that nobody has clicked in, which the browser's own button leaves out."""
    page.evaluate("steps => history.go(-steps)", steps)


@pytest.mark.slow
def test_the_way_back_from_a_meeting_leads_to_what_was_before_the_page_that_it_was_opened_from(
    server: FakeServer, page: Page
) -> None:
    server.meetings = [meeting("a1", "Alpha")]
    server.snapshot = {"title": "Alpha", "state": "ended"}
    page.goto("about:blank")
    page.goto(server.url)
    page.get_by_role("link", name="Alpha").click()
    expect(page.get_by_test_id("title")).to_have_value("Alpha")
    length = page.evaluate("history.length")
    back(page)
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
    assert page.evaluate("history.length") == length, "the meeting is still ahead"
    page.go_forward()
    expect(page.get_by_test_id("title")).to_have_value("Alpha")
    back(page)
    expect(page.get_by_test_id("new-meeting")).to_be_visible()
    page.go_back()
    expect(page).to_have_url("about:blank")


@pytest.mark.slow
def test_who_goes_back_while_recording_is_asked_once_and_led_to_where_they_wanted(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    server.meetings = [meeting("a1", "Alpha")]
    page.goto(f"{server.url}/m/a1")
    page.get_by_test_id("home").click()
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    length = page.evaluate("history.length")
    for steps in (1, 2, 1):
        back(page, steps)
        page.wait_for_timeout(300)
        expect(page.get_by_test_id("dialog")).to_have_count(1)
        assert page.url.endswith("/m/m1")
    page.get_by_role("button", name="Keep recording").click()
    stored = server.stored
    until(lambda: server.stored > stored)
    back(page, 2)
    page.get_by_test_id("confirm").click()
    expect(page).to_have_url(f"{server.url}/m/a1")
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    assert page.evaluate("history.length") == length, "the way ahead is kept"
    page.go_forward()
    expect(page.get_by_test_id("new-meeting")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "sentence"),
    [(4404, "There is no such meeting"), (4429, "Wait a little, then try again"), (4401, "Ask the host")],
)
def test_a_refused_connection_is_explained(server: FakeServer, page: Page, code: int, sentence: str) -> None:
    server.refuse = code
    page.goto(f"{server.url}/m/m1")
    expect(page.locator("main")).to_contain_text(sentence)


@pytest.mark.slow
def test_an_unknown_meeting_is_explained(server: FakeServer, page: Page) -> None:
    page.goto(f"{server.url}/m/nothing")
    expect(page.get_by_test_id("only-message")).to_contain_text("no such meeting")


@pytest.mark.slow
def test_captions_come_back_by_themselves_where_that_may_help(server: FakeServer, page: Page) -> None:
    page.clock.install()
    server.refuse, server.snapshot = (
        4429,
        {"state": "live", "segments": [segment(1, 0.0, 1.0, "Good morning.", "spk1")]},
    )
    page.goto(f"{server.url}/m/m1/captions?seconds=0")
    captions = page.get_by_test_id("captions")
    expect(captions).to_contain_text("There is no room at the moment")
    server.refuse = None
    page.clock.fast_forward(31_000)
    expect(captions).to_have_text("Speaker 1: Good morning.")
    server.cut()
    page.clock.fast_forward(2_000)
    eventually(lambda: len(server.connections) == 2, lambda seconds: page.wait_for_timeout(seconds * 1000))
    expect(captions).to_have_text("Speaker 1: Good morning.")

    server.refuse, server.refused = 4404, 0
    page.reload()
    expect(captions).to_contain_text("no such meeting")
    page.clock.fast_forward(100_000)
    page.wait_for_timeout(300)
    assert server.refused == 1


@pytest.mark.slow
def test_captions_that_have_disappeared_come_back_with_the_next_words_only(server: FakeServer, page: Page) -> None:
    old, newest = segment(1, 0.0, 1.0, "Good morning.", "spk1"), segment(2, 150.0, 152.0, "Let us begin.", "spk1")
    server.snapshot = {"state": "live", "segments": [old, newest]}
    page.clock.install()
    page.goto(f"{server.url}/m/m1/captions?seconds=60")
    captions = page.get_by_test_id("captions")
    expect(captions).to_contain_text("Let us begin.")
    page.clock.run_for(61_000)
    expect(captions).to_have_text("")
    corrected = segment(1, 0.0, 1.0, "Good evening.", "spk1", rev=2)
    server.snapshot["segments"] = [corrected, newest]
    server.tell(corrected)
    page.clock.run_for(5000)
    expect(captions).to_have_text("")
    before = len(server.connections)
    server.cut()
    page.clock.run_for(5000)
    eventually(lambda: len(server.connections) > before, lambda seconds: page.wait_for_timeout(seconds * 1000))
    page.clock.run_for(5000)
    expect(captions).to_have_text("")
    server.tell(segment(3, 300.0, 302.0, "We go on.", "spk1"))
    page.clock.run_for(1000)
    expect(captions).to_contain_text("We go on.")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 3600])
def test_captions_that_stay_are_gone_ten_seconds_after_the_meeting(
    server: FakeServer, page: Page, seconds: int
) -> None:
    server.snapshot = {"state": "live", "segments": [segment(1, 0.0, 1.0, "Good morning.", "spk1")]}
    page.clock.install()
    page.goto(f"{server.url}/m/m1/captions?seconds={seconds}")
    captions = page.get_by_test_id("captions")
    expect(captions).to_contain_text("Good morning.")
    page.clock.run_for(120_000)
    expect(captions).to_contain_text("Good morning.")
    server.tell(segment(2, 2.0, 3.0, "Good bye.", "spk1"), {"type": "ended", "segments": 2})
    expect(captions).to_contain_text("Good bye.")
    page.clock.run_for(11_000)
    expect(captions).to_have_text("")


@pytest.mark.slow
def test_a_refused_microphone_is_explained_and_leaves_no_empty_meeting(server: FakeServer, page: Page) -> None:
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("notice")).to_contain_text("Allow it in the browser")
    expect(page.get_by_test_id("new-meeting")).to_be_enabled()
    assert server.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("left_during", ["question of the browser", "answer of the server"])
def test_whoever_opens_another_page_before_a_new_meeting_has_begun_stays_there_unrecorded(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None], left_during: str
) -> None:
    server.meetings = [meeting("a1", "Planning")]
    page.goto(server.url)
    page.evaluate(ASKING)
    held: list[Route] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST" and left_during == "answer of the server":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/meetings", answer)
    page.get_by_test_id("new-meeting").click()
    until(lambda: page.evaluate("window.asking"))
    if left_during == "answer of the server":
        page.evaluate("allow()")
        until(lambda: held)
    page.get_by_role("link", name="Planning").click()
    expect(page.get_by_test_id("meeting")).to_be_visible()
    for route in held:
        route.continue_()
    page.evaluate("allow()")
    until(lambda: page.evaluate("tracks.length && tracks.every(({ readyState }) => readyState === 'ended')"))
    made = [] if left_during == "question of the browser" else ["POST", "DELETE"]
    until(lambda: [method for method, *_ in server.requests] == made)
    page.wait_for_timeout(300)
    assert page.url == f"{server.url}/m/a1"
    assert [connection.start for connection in server.connections] == [None]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/m/m1"])
def test_the_page_fits_a_narrow_phone(server: FakeServer, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    words = "A" * 120 + " " + LONG
    server.meetings = [meeting("a1", words, speakers=["Somebody with a very long name", "Ann", "Ben", "Carl", "Dora"])]
    server.snapshot = {"title": words, "state": "live", "segments": [segment(1, 0.0, 1.0, words, "spk1")]}
    page.goto(server.url + path)
    expect(page.locator("[data-meeting], [data-segment]").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Dr. Maximiliane Freifrau von und zu Guttenberg-Hohenlohe-Langenburg", "A" * 120])
def test_long_names_of_voices_fit_a_narrow_phone_in_lists_and_dialogs(
    server: FakeServer, page: Page, name: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    server.meetings = [meeting("a1", "Alpha", speakers=[name, "Ann"])]
    server.snapshot = {"state": "ended", "speakers": [speaker("spk1", 0, name)]}
    server.snapshot["segments"] = [segment(1, 0.0, 1.0, "Hello", "spk1")]
    page.goto(server.url)
    expect(page.locator(".person").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{server.url}/m/m1")
    share = page.locator(".talk-share")
    expect(share).to_have_text("100%")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert share.evaluate("it => it.offsetHeight < 2 * parseFloat(getComputedStyle(it).fontSize)"), "one line"
    page.get_by_test_id("edit-speaker").click()
    dialog = page.get_by_test_id("speaker-dialog")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0


@pytest.mark.slow
def test_a_long_meeting_is_patched_not_drawn_again(server: FakeServer, page: Page) -> None:
    watch(server, page, *(segment(i, i * 9.0, i * 9.0 + 4, "Some words.", f"spk{i % 3}") for i in range(3000)))
    expect(page.locator("[data-turn]")).to_have_count(3000)
    page.evaluate(
        """() => {
          window.touched = 0
          const count = (records) => { touched += records.length }
          const what = { childList: true, characterData: true, attributes: true, subtree: true }
          new MutationObserver(count).observe(document.querySelector('[data-testid=transcript]'), what)
        }"""
    )
    server.tell(segment(2999, 26991.0, 26996.0, "Some words more.", "spk2", rev=2))
    expect(line(page, 2999)).to_have_text("Some words more.")
    assert page.evaluate("touched") < 10


@pytest.mark.slow
def test_what_is_said_while_the_models_load_is_saved_and_the_page_says_so(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    server.loading = True
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_test_id("notices")).to_contain_text("Go on talking: nothing is lost")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    expect(page.get_by_test_id("models")).to_be_hidden()
    until(lambda: server.stored >= 15)
    server.load()
    expect(page.get_by_test_id("notices")).to_be_empty()
    expect(page.get_by_test_id("models")).to_be_visible()
    assert [seq for seq, _, _ in server.connections[0].frames][:3] == [0, 1, 2]


def test_a_reloaded_page_goes_on_with_the_recording(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.stored >= 3)
    page.on("dialog", lambda dialog: dialog.accept())
    server.snapshot = {"state": "live", "audio": 7.0}
    page.reload()
    before = server.stored
    page.get_by_role("button", name="Go on recording").click()
    until(lambda: server.stored >= before + 3)
    last = server.connections[-1]
    assert last.start is not None
    assert last.start["resume"] == {"source_id": "src1", "token": "secret"}
    assert last.frames[0][0] == before
    expect(page.get_by_test_id("elapsed")).to_have_text(re.compile("00:0[789]"))


@pytest.mark.slow
def test_a_meeting_that_ended_while_the_line_was_down_says_what_is_missing(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.goto(server.url)
    page.get_by_test_id("new-meeting").click()
    until(lambda: server.stored >= 3)
    server.refuse = 1012
    server.cut()
    expect(page.get_by_test_id("connection")).to_have_text(re.compile("[2-9] s buffered"))
    server.refuse, server.snapshot = None, {"state": "ended"}
    expect(page.get_by_test_id("notices")).to_contain_text(re.compile(r"The last \d+ s of your audio did not reach it"))
    expect(page.get_by_test_id("export")).to_be_visible()


PATIENT = 60_000
"""Milliseconds that a thousand lines may take to be drawn on a machine that has other work"""


def said(first: int, last: int) -> list[dict[str, Any]]:
    """Lines of two voices, so many that no window holds them."""
    lines = (
        f"This is line number {i}, and it is long enough to fill a good part of the window's width."
        for i in range(last)
    )
    return [segment(i, i * 5.0, i * 5.0 + 2, text, f"spk{i % 2 + 1}") for i, text in enumerate(lines) if i >= first]


def long_meeting(server: FakeServer, page: Page, state: str) -> None:
    """Open a meeting of 1,000 lines, of which the last 300 come at once."""
    server.snapshot = {"segments": said(700, 1000), "state": state, "title": "Planning", "earlier": 700}
    page.goto(f"{server.url}/m/m1")
    expect(line(page, 999)).to_be_attached()


def rest(server: FakeServer) -> None:
    """Send the other 700, newest first."""
    for first in range(600, -1, -100):
        server.tell({"type": "earlier", "segments": said(first, first + 100), "left": first})


@pytest.mark.slow
def test_a_long_meeting_shows_its_newest_lines_at_once_and_then_all_without_reading_them_out(
    server: FakeServer, page: Page
) -> None:
    long_meeting(server, page, "live")
    expect(line(page, 999)).to_be_in_viewport()
    expect(page.get_by_test_id("earlier")).to_have_text("Earlier lines are on their way…")
    rest(server)
    expect(line(page, 0)).to_be_attached(timeout=PATIENT)
    expect(page.get_by_test_id("earlier")).to_be_hidden(timeout=PATIENT)
    expect(line(page, 999)).to_be_in_viewport()
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    assert page.locator("[data-segment]").evaluate_all("all => all.map((e) => e.dataset.segment)") == [
        f"s{i}" for i in range(1000)
    ]
    expect(page.locator("#announcer")).to_be_empty()
    server.tell(segment(1000, 5000.0, 5001.0, "And one more.", "spk1"))
    expect(line(page, 1000)).to_be_in_viewport()
    expect(page.locator("#announcer")).to_have_text("Speaker 1: And one more.")


@pytest.mark.slow
@pytest.mark.parametrize("state", ["live", "ended"])
def test_what_is_being_read_stays_where_it_is_while_earlier_lines_come(
    server: FakeServer, page: Page, state: str
) -> None:
    long_meeting(server, page, state)
    expect(line(page, 900)).to_be_attached()
    line(page, 900).scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, -300)")
    page.wait_for_timeout(300)
    top = "document.querySelector('[data-segment=s900]').getBoundingClientRect().top"
    before = page.evaluate(top)
    rest(server)
    expect(line(page, 0)).to_be_attached(timeout=PATIENT)
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    assert abs(page.evaluate(top) - before) <= 1
    page.wait_for_timeout(100)
    assert abs(page.evaluate(top) - before) <= 1


@pytest.mark.slow
def test_a_long_meeting_that_is_over_is_read_from_its_beginning(server: FakeServer, page: Page) -> None:
    long_meeting(server, page, "ended")
    rest(server)
    expect(line(page, 0)).to_be_in_viewport()
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    expect(line(page, 0)).to_be_in_viewport()
    server.tell({"type": "ended", "segments": 1000})
    expect(page.get_by_test_id("end")).to_be_visible()
    assert len(server.connections) == 1


@pytest.mark.slow
def test_after_a_lost_connection_a_long_meeting_does_not_shrink(server: FakeServer, page: Page) -> None:
    long_meeting(server, page, "live")
    rest(server)
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    line(page, 100).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    top = "document.querySelector('[data-segment=s100]').getBoundingClientRect().top"
    before = page.evaluate(top)
    server.cut()
    expect(page.get_by_test_id("connection")).to_contain_text("Reconnecting")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    assert len(server.connections) == 2
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    rest(server)
    expect(page.get_by_test_id("earlier")).to_be_hidden(timeout=PATIENT)
    expect(page.locator("[data-segment]")).to_have_count(1000, timeout=PATIENT)
    assert abs(page.evaluate(top) - before) <= 1
