"""Hearing a meeting again in a real browser, with its real sound: words, keys, the strip, a live meeting, a voice."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from meeting.core.records import Meeting, Source, State
from meeting.storage.files.mix_gains import FULL, SOFT
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word, samples, seconds
from tests.conftest import Sample
from tests.fakes.access_fakes import Locked
from tests.fakes.server_fakes import tone
from tests.fakes.stored import keep_two_sources
from tests.fakes.web_fakes import eventually

pytestmark = pytest.mark.browser

BEGAN = datetime(2026, 5, 4, 9, 30, tzinfo=timezone.utc)
HEARD = "() => [...(CSS.highlights.get('heard') ?? [])].map(String)"
LISTEN = """() => {
  const copy = AudioBuffer.prototype.copyToChannel
  window.sounds = []
  AudioBuffer.prototype.copyToChannel = function (samples, ...rest) {
    window.sounds.push([...samples.slice(0, 800)])
    return copy.call(this, samples, ...rest)
  }
}"""
"""Remember how each part begins that is put to the sound output"""
AT = "() => Number(document.querySelector('[role=slider]')?.getAttribute('aria-valuenow'))"
NOTE = f"""() => {{
  window.noted = []
  const note = () => {{
    window.noted.push([({HEARD})().join(), ({AT})()])
    requestAnimationFrame(note)
  }}
  note()
}}"""
"""Note in each frame which words are marked, and where the player is: looks from outside miss some on a busy machine"""
NOTED = """(word) => {
  const at = window.noted.findIndex(([marked]) => marked === word)
  return at < 0 ? null : window.noted.splice(0, at + 1)[at][1] + 1
}"""
"""A second after where the player was when this word was marked, which is after the last that was asked for"""


def spoken(number: int, turn: dict[str, Any], speaker: str) -> Segment:
    """A line of the sample, its words spread evenly over it."""
    start, end = samples(turn["start_time"]), samples(turn["end_time"])
    said = str(turn["words"]).split()
    edges = [start + (end - start) * i // len(said) for i in range(len(said) + 1)]
    words = tuple(Word(word, Span(edges[i], edges[i + 1]), 0.9) for i, word in enumerate(said))
    return Segment(f"s{number}", 1, True, "a", Span(start, end), speaker, words)


def keep_sample(store: Store, sample: Sample, meeting_id: str, audio: bool = True) -> None:
    """Keep the sample as a meeting that is over."""
    length = len(sample.samples())
    names = list(dict.fromkeys(str(turn["speaker"]) for turn in sample.turns))
    ids = {name: f"spk{number}" for number, name in enumerate(names, 1)}
    path = store.files.audio_path(meeting_id, "a")
    source = Source("a", "Sample", "room", "flac", SAMPLE_RATE, 1, None, length, path.name if audio else None)
    ended = BEGAN + timedelta(seconds=length / SAMPLE_RATE)
    meeting = Meeting(meeting_id, "Plan for the week", State.ENDED, BEGAN, BEGAN, ended, length)
    lines = [spoken(number, turn, ids[str(turn["speaker"])]) for number, turn in enumerate(sample.turns)]
    store.create_meeting(meeting).result()
    kept = TranscriptStore(store)
    kept.save_source(meeting_id, source).result()
    voices = [Speaker(id_, name, color) for color, (name, id_) in enumerate(ids.items())]
    kept.save_speakers(meeting_id, voices).result()
    kept.save_segments(meeting_id, lines).result()
    turns = tuple(Turn(line.span, line.speaker or "") for line in lines)
    kept.save_turns(meeting_id, "src", TurnsRevised(Span(0, length), turns)).result()
    if audio:
        shutil.copy(sample.audio, path)


@pytest.fixture(scope="module")
def store(server: Locked, sample: Sample) -> Store:
    """What the server keeps: the sample with its sound, and without."""
    kept: Store = server.serving.app.state.rooms.store
    keep_sample(kept, sample, "sample")
    keep_sample(kept, sample, "silent", audio=False)
    return kept


def opened(server: Locked, tab: Any, meeting_id: str = "sample", query: str = "", role: str = "host") -> Page:
    """A page of a meeting, with a link of its own."""
    answer = server.call("POST", f"/api/meetings/{meeting_id}/links", json={"role": role})
    page: Page = tab(f"/m/{meeting_id}{query}#t={answer.json()['url'].partition('#t=')[2]}")
    expect(page.get_by_test_id("end")).to_be_visible()
    page.evaluate(NOTE)
    return page


def until(page: Page, script: str, argument: Any = None) -> Any:
    """Wait until something holds in a page; its policy keeps the browser's driver from waiting there."""
    return eventually(lambda: page.evaluate(script, argument), lambda seconds: page.wait_for_timeout(1000 * seconds))


def position(page: Page, *near: float) -> None:
    """Wait until the player stands at one of these seconds."""
    until(page, f"(near) => near.includes(({AT})())", near)


def heard(page: Page, word: str) -> int:
    """Wait until this word alone was marked, after the last that was waited for; the second at which the player was."""
    return int(until(page, NOTED, word)) - 1


def click_word(page: Page, line: str, word: str) -> None:
    """Click in the middle of a word."""
    box = page.locator(f"[data-segment={line}]").evaluate(
        """(line, word) => {
          line.scrollIntoView({ block: 'center' })
          const range = document.createRange()
          const text = line.firstChild
          const from = text.data.indexOf(word)
          range.setStart(text, from)
          range.setEnd(text, from + word.length)
          const { left, top, width, height } = range.getBoundingClientRect()
          return [left + width / 2, top + height / 2]
        }""",
        word,
    )
    page.mouse.click(*box)


@pytest.mark.slow
def test_words_are_marked_while_they_are_heard_and_keys_move_the_player(server: Locked, store: Store, tab: Any) -> None:
    page = opened(server, tab)
    play = page.get_by_test_id("player-play")
    expect(play).to_have_accessible_name("Play")
    page.keyboard.press(" ")
    expect(play).to_have_accessible_name("Pause")
    heard(page, "Good")
    heard(page, "everyone.")
    page.keyboard.press(" ")
    expect(play).to_have_accessible_name("Play")
    stood = page.evaluate(AT)
    page.keyboard.press("ArrowRight")
    position(page, stood + 5)
    page.keyboard.press("ArrowLeft")
    position(page, stood)
    page.get_by_test_id("title").focus()
    page.keyboard.press("End")
    page.keyboard.type(" x")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("title")).to_have_value("Plan for the week x")
    page.keyboard.press("Escape")
    assert page.evaluate(AT) == stood
    expect(play).to_have_accessible_name("Play")


@pytest.mark.slow
def test_a_click_on_a_word_or_on_a_time_plays_from_there_and_one_that_selects_does_not(
    server: Locked, store: Store, sample: Sample, tab: Any
) -> None:
    page = opened(server, tab)
    page.evaluate(LISTEN)
    click_word(page, "s2", "problems")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Pause")
    assert heard(page, "problems?") in (11, 12)
    until(page, "window.sounds.length > 0")
    word = spoken(2, sample.turns[2], "spk1").words[-1]
    start = samples(seconds(word.span.start))
    assert page.evaluate("window.sounds[0]") == sample.samples()[start : start + 800].tolist()
    page.get_by_test_id("player-play").click()
    page.locator("[data-turn=s4] .turn-play").press("Enter")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Pause")
    until(page, "document.querySelector('[data-segment=s4][data-heard]') !== null")
    page.get_by_test_id("player-play").click()
    line = page.locator("[data-segment=s1]").bounding_box()
    assert line is not None
    page.mouse.move(line["x"] + 5, line["y"] + 10)
    page.mouse.down()
    page.mouse.move(line["x"] + 150, line["y"] + 10)
    page.mouse.up()
    assert page.evaluate("String(getSelection())") != ""
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play")
    page.locator("[data-segment=s1]").dblclick()
    expect(page.get_by_test_id("line-words")).to_be_visible()
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play")


@pytest.mark.slow
def test_the_strip_is_a_slider_for_hands_keys_and_ears(server: Locked, store: Store, tab: Any) -> None:
    page = opened(server, tab)
    strip = page.get_by_role("slider", name="Position in the meeting")
    strip.press("End")
    position(page, 65)
    strip.press("PageDown")
    position(page, 5)
    expect(strip).to_have_attribute("aria-valuetext", "00:05 of 01:05, Ben")
    strip.press("ArrowLeft")
    position(page, 0)
    box = strip.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 3)
    position(page, 32)
    strip.press("<")
    expect(page.get_by_test_id("player-rate")).to_have_value("0.75")
    page.get_by_test_id("player-rate").select_option("2")
    strip.press("End")
    strip.press("ArrowLeft")
    strip.press(" ")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Pause")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play", timeout=60_000)
    position(page, 65)
    assert page.locator(".strip path").count() == 3


@pytest.mark.slow
def test_an_address_opens_a_meeting_at_a_second_ready_to_play(server: Locked, store: Store, tab: Any) -> None:
    page = opened(server, tab, query="?t=48.25")
    line = page.locator("[data-segment][data-heard]")
    expect(line).to_be_in_viewport()
    expect(page.get_by_test_id("player-time")).to_have_text("00:48 / 01:05")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play")
    assert len(page.evaluate(HEARD)) == 1
    assert page.url.endswith("/m/sample?t=48.25")
    page.keyboard.press(" ")
    position(page, 49, 50, 51)
    page.get_by_test_id("player-play").click()


@pytest.mark.slow
def test_a_meeting_of_several_microphones_is_heard_with_all_of_them(server: Locked, store: Store, tab: Any) -> None:
    keep_two_sources(store, "two")
    page = opened(server, tab, "two")
    page.evaluate(f"({LISTEN})()")
    expect(page.get_by_test_id("player-time")).to_have_text("00:00 / 00:08")
    page.locator("[data-turn='2s1'] .turn-play").press("Enter")
    until(page, "window.sounds.length > 0")
    # The words of b are shown there, and a is heard softly.
    assert set(page.evaluate("window.sounds[0]")) == {(8192 * SOFT // FULL + 4096) / 32768}
    heard(page, "eight.")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play", timeout=60_000)
    position(page, 8)


@pytest.mark.slow
def test_the_last_minute_of_a_live_meeting_is_heard_again(server: Locked, tab: Any) -> None:
    meeting = server.create("Live")
    with server.connect(meeting.id, meeting.speak) as source:
        page = tab(meeting.path("host"), 390)
        expect(page.get_by_test_id("connection")).to_have_text("Waiting for someone to start")
        source.start()
        source.frame(0, tone(6.0))
        again = page.get_by_role("button", name="Hear the last minute again")
        again.press("Enter")
        expect(page.get_by_test_id("player-play")).to_have_accessible_name("Pause")
        expect(page.get_by_test_id("player-play")).to_be_focused()
        until(page, f"({HEARD})()[0] === 'one' && ({AT})() >= 1")
        source.frame(1, tone(3.0))
        until(page, f"({AT})() >= 3")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Back to live").press("Enter")
        expect(again).to_be_focused()
        source.send("stop")
        source.close_code()
    expect(page.get_by_test_id("end")).to_be_visible()
    expect(page.get_by_test_id("player")).to_be_visible()


@pytest.mark.slow
def test_who_may_not_hear_it_has_no_player_and_what_was_not_kept_is_told_to_who_may(
    server: Locked, store: Store, tab: Any
) -> None:
    reader = opened(server, tab, role="view")
    host = opened(server, tab, "silent")
    expect(host.get_by_test_id("no-audio")).to_have_text(
        "The audio of this meeting was not kept, so it cannot be played."
    )
    expect(host.get_by_test_id("player")).to_be_hidden()
    for page in (reader, host):
        expect(page.get_by_test_id("player")).to_be_hidden()
        expect(page.locator(".turn-play")).to_have_count(0)
        click_word(page, "s1", "phones")
        assert page.evaluate(HEARD) == []
    expect(reader.get_by_test_id("no-audio")).to_be_hidden()


@pytest.mark.slow
def test_audio_that_has_gone_is_told(server: Locked, store: Store, sample: Sample, tab: Any) -> None:
    keep_sample(store, sample, "gone")
    page = opened(server, tab, "gone")
    store.files.audio_path("gone", "a").unlink()
    page.get_by_test_id("player-play").click()
    expect(page.locator("[data-key=playback]")).to_contain_text("The audio cannot be played.")
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play")


@pytest.mark.slow
def test_a_voice_is_heard_in_three_excerpts_before_it_is_named(server: Locked, store: Store, tab: Any) -> None:
    page = opened(server, tab, query="?t=30")
    page.locator("[data-turn=s0]").get_by_test_id("edit-speaker").click()
    excerpts = page.get_by_role("group", name="Hear this voice").get_by_role("button")
    expect(excerpts).to_have_count(3)
    excerpts.first.press("Enter")
    expect(excerpts.first).to_have_accessible_name("Stop excerpt 1")
    until(page, "document.querySelector('[data-speaker=spk1] [data-heard]') !== null")
    excerpts.nth(1).press("Enter")
    expect(excerpts.nth(1)).to_have_accessible_name("Stop excerpt 2")
    expect(excerpts.first).to_have_accessible_name("Excerpt 1, at 00:00")
    page.get_by_test_id("speaker-cancel").click()
    position(page, 30)
    expect(page.get_by_test_id("player-play")).to_have_accessible_name("Play")


@pytest.mark.slow
def test_statistics_are_a_table_with_bars(server: Locked, store: Store, tab: Any) -> None:
    page = opened(server, tab, role="view")
    page.get_by_text("Who spoke how much").press("Enter")
    rows = page.get_by_test_id("statistics").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("Ann00:20 (38%)773212")
    expect(page.get_by_test_id("statistics")).to_contain_text("Silence: 11 s (17%)")


@pytest.mark.slow
def test_readers_of_a_long_meeting_come_to_the_line_of_a_second_that_is_not_drawn_at_first(
    server: Locked, tab: Any
) -> None:
    meeting = server.held("Long")
    lines = [
        spoken(number, {"start_time": 3 * number, "end_time": 3 * number + 2, "words": f"so line{number}"}, "spk1")
        for number in range(1, 320)
    ]
    TranscriptStore(server.serving.app.state.rooms.store).save_segments(meeting.id, lines).result()
    page = opened(server, tab, meeting.id, "?t=91.5", "view")
    heard(page, "line30")
    expect(page.locator("[data-segment=s30]")).to_be_in_viewport()
