"""The page's pure modules, run in the browser they are written for: reducer, turns, frames, words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.fakes.web_fakes import browser_running, running, segment, speaker

pytestmark = pytest.mark.browser

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A tab on the page's own origin."""
    with running() as server, browser_running() as browser:
        tab = browser.new_page()
        tab.goto(server.url)
        yield tab


@pytest.fixture
def shown(page: Page) -> Run:
    """What messages lead to: the blocks, shortened to (speaker, start, texts) or ("gap", start, reason)."""

    def run(*messages: dict[str, Any]) -> Any:
        return page.evaluate(
            """async (messages) => {
              const { EMPTY, blocks, reduce } = await import('/static/state/transcript.js')
              const state = messages.reduce(reduce, EMPTY)
              return blocks(state).map((b) => b.kind === 'gap' ? ['gap', b.start, b.reason]
                : [b.speaker, b.start, b.segments.map((s) => s.text)])
            }""",
            list(messages),
        )

    return run


def revision(*changes: tuple[int, int, str | None]) -> dict[str, Any]:
    """A `speaker_revision` message from (segment number, rev, new speaker)."""
    rows = [{"id": f"s{number}", "rev": rev, "from": None, "to": to} for number, rev, to in changes]
    return {"type": "speaker_revision", "changes": rows, "reason": "recluster"}


def test_segments_of_one_voice_without_a_long_pause_are_one_turn(shown: Run) -> None:
    one = segment(1, 0.0, 2.0, "Good morning.", "spk1")
    two = segment(2, 3.0, 4.0, "Shall we start?", "spk1")
    three = segment(3, 12.0, 13.0, "Well.", "spk1")
    assert shown(one, two, three) == [["spk1", 0, ["Good morning.", "Shall we start?"]], ["spk1", 12, ["Well."]]]


def test_turns_are_in_order_of_time_whatever_the_order_of_arrival(shown: Run) -> None:
    assert shown(segment(2, 5.0, 6.0, "second", "spk2"), segment(1, 1.0, 2.0, "first", "spk1")) == [
        ["spk1", 1, ["first"]],
        ["spk2", 5, ["second"]],
    ]


def test_a_higher_revision_replaces_and_a_lower_or_equal_one_does_not(shown: Run) -> None:
    first = segment(1, 0.0, 1.0, "hell", rev=1, final=False)
    better = segment(1, 0.0, 1.2, "hello", rev=3)
    assert shown(first, better, segment(1, 0.0, 1.1, "hall", rev=2), segment(1, 0.0, 1.1, "holla", rev=3)) == [
        [None, 0, ["hello"]]
    ]


def test_empty_text_withdraws_a_segment_for_good(shown: Run) -> None:
    said = segment(1, 0.0, 1.0, "mhm", rev=2, final=False)
    gone = segment(1, 0.0, 1.0, "", rev=3)
    assert shown(said, gone) == []
    assert shown(gone, said) == []


def test_a_speaker_revision_moves_a_segment_to_its_speakers_turn(shown: Run) -> None:
    one, two = segment(1, 0.0, 1.0, "one", "spk1"), segment(2, 1.2, 2.0, "two")
    assert shown(one, two) == [["spk1", 0, ["one"]], [None, 1.2, ["two"]]]
    assert shown(one, two, revision((2, 2, "spk1"))) == [["spk1", 0, ["one", "two"]]]
    assert shown(one, two, revision((2, 1, "spk1"), (9, 5, "spk1"))) == [["spk1", 0, ["one"]], [None, 1.2, ["two"]]]


def test_a_merged_speaker_is_shown_as_the_one_it_turned_out_to_be(shown: Run) -> None:
    said = [segment(1, 0.0, 1.0, "one", "spk1"), segment(2, 1.2, 2.0, "two", "spk3")]
    merges = [speaker("spk3", 2, merged_into="spk2"), speaker("spk2", 1, merged_into="spk1"), speaker("spk1", 0)]
    assert shown(*said, *merges) == [["spk1", 0, ["one", "two"]]]


def test_a_loop_of_merges_does_not_hang_the_page(shown: Run) -> None:
    loop = [speaker("spk1", 0, merged_into="spk2"), speaker("spk2", 1, merged_into="spk1")]
    assert shown(segment(1, 0.0, 1.0, "one", "spk1"), *loop) == [["spk1", 0, ["one"]]]


def test_a_gap_stands_between_the_turns_and_parts_them(shown: Run) -> None:
    gap = {"type": "gap", "start": 1.0, "end": 2.0, "reason": "line"}
    said = [segment(1, 0.0, 1.0, "one", "spk1"), segment(2, 2.0, 3.0, "two", "spk1")]
    assert shown(*said, gap, gap) == [["spk1", 0, ["one"]], ["gap", 1, "line"], ["spk1", 2, ["two"]]]


def test_a_snapshot_replaces_what_was_known(shown: Run) -> None:
    snapshot = {"type": "snapshot", "segments": [segment(2, 3.0, 4.0, "kept", "spk1")], "speakers": [], "state": "live"}
    assert shown(segment(1, 0.0, 1.0, "gone"), snapshot) == [["spk1", 3, ["kept"]]]


def test_messages_that_are_not_known_change_nothing(shown: Run) -> None:
    assert shown({"type": "weather", "sunny": True}, {"type": "constructor"}) == []


def test_the_state_before_is_never_changed(page: Page) -> None:
    assert page.evaluate(
        """async ([one, later]) => {
          const { EMPTY, reduce } = await import('/static/state/transcript.js')
          const before = reduce(EMPTY, one)
          const written = JSON.stringify([...before.segments])
          later.reduce(reduce, before)
          return EMPTY.segments.size === 0 && JSON.stringify([...before.segments]) === written
        }""",
        [
            segment(1, 0.0, 1.0, "a"),
            [segment(1, 0.0, 1.0, "b", rev=2), segment(2, 0.0, 1.0, "c"), revision((1, 3, "spk1"))],
        ],
    )


def test_turns_that_did_not_change_stay_the_same_object(page: Page) -> None:
    assert page.evaluate(
        """async ([messages, last]) => {
          const { EMPTY, blocks, reduce } = await import('/static/state/transcript.js')
          const state = messages.reduce(reduce, EMPTY)
          const before = blocks(state)
          const after = blocks(reduce(state, last), before)
          return before.map((block, i) => block === after[i])
        }""",
        [[segment(1, 0.0, 1.0, "a", "spk1"), segment(2, 9.0, 10.0, "b", "spk2")], segment(3, 10.0, 11.0, "c", "spk2")],
    ) == [True, False]


def test_partial_text_begins_after_the_last_whole_stable_word(page: Page) -> None:
    def parts(text: str, stable: int, final: bool = False) -> Any:
        message = segment(1, 0.0, 1.0, text, final=final, stable=stable)
        return page.evaluate("async (s) => (await import('/static/state/transcript.js')).split(s)", message)

    assert parts("before lunch if", 12) == ["before lunch", " if"]
    assert parts("before lunch if", 9) == ["before ", "lunch if"]
    assert parts("😀 lunch if", 2) == ["😀 ", "lunch if"]
    assert parts("before", 6) == ["before", ""]
    assert parts("before lunch", 0) == ["", "before lunch"]
    assert parts("before lunch", 0, final=True) == ["before lunch", ""]


def test_a_frame_has_its_number_and_its_capture_time_little_endian(page: Page) -> None:
    frame = page.evaluate(
        """async () => {
          const { encodeFrame } = await import('/static/net/audio-outbox.js')
          return [...encodeFrame(258, 1_700_000_000_123_456, new Int16Array([1, -1]).buffer)]
        }"""
    )
    assert bytes(frame) == (258).to_bytes(4, "little") + (1_700_000_000_123_456).to_bytes(8, "little") + b"\1\0\xff\xff"


def test_an_outbox_drops_what_is_confirmed_and_keeps_the_rest_in_order(page: Page) -> None:
    result = page.evaluate(
        """async () => {
          const { AudioOutbox } = await import('/static/net/audio-outbox.js')
          const box = new AudioOutbox({ bytesPerSecond: 20, limit: 100 })
          const seen = []
          for (let i = 0; i < 4; i += 1) box.push(new Uint8Array([i, i]).buffer, 0)
          seen.push([box.first, box.next, box.seconds])
          box.ack(1)
          box.ack(0)
          seen.push([box.first, box.next, box.at(2)[12], box.at(1) === undefined])
          box.ack(99)
          seen.push([box.empty, box.first, box.bytes])
          while (box.push(new Uint8Array(8).buffer, 0));
          seen.push([box.bytes <= 100, box.lost])
          return seen
        }"""
    )
    assert result == [[0, 4, 0.4], [2, 4, 2, True], [True, 4, 0], [True, 0.4]]


def test_a_reloaded_page_takes_up_the_numbers_of_its_old_source(page: Page) -> None:
    result = page.evaluate(
        """async () => {
          const { AudioOutbox } = await import('/static/net/audio-outbox.js')
          const box = new AudioOutbox({ bytesPerSecond: 20 })
          box.push(new Uint8Array(2).buffer, 0)
          box.push(new Uint8Array(2).buffer, 0)
          const first = box.align(300)
          const numbers = [300, 301].map((seq) => new DataView(box.at(seq).buffer).getUint32(0, true))
          return [first, numbers, box.next, box.align(301), box.first, box.align(300)]
        }"""
    )
    assert result == [True, [300, 301], 302, True, 301, False]


def test_capture_times_are_steady_and_follow_a_standstill(page: Page) -> None:
    stamps = page.evaluate(
        """async () => {
          const { CaptureClock } = await import('/static/audio/capture-clock.js')
          const clock = new CaptureClock(1000)
          const moments = [[1000, 100], [1130, 230], [4000, 3100], [9100, 3200]];
          return moments.map(([now, sound]) => clock.stamp(100, now, sound));
        }"""
    )
    # The third came three seconds late; before the fourth the sound itself stood still for five.
    assert stamps == [900_000, 1_000_000, 1_100_000, 6_200_000]


def test_a_gap_that_grows_is_shown_once(shown: Run) -> None:
    gap = {"type": "gap", "start": 1.0, "end": 2.0, "reason": "line"}
    assert shown(gap, {**gap, "end": 9.0, "reason": "more"}) == [["gap", 1, "more"]]


def test_gaps_of_a_snapshot_are_shown_and_not_told_twice(shown: Run) -> None:
    gap = {"type": "gap", "start": 2.0, "end": 4.5, "reason": "lost"}
    snapshot = {"type": "snapshot", "segments": [], "speakers": [], "state": "live", "gaps": [gap]}
    assert shown(snapshot, gap) == [["gap", 2, "lost"]]


def test_waiting_before_a_new_connection_grows_is_spread_and_ends(page: Page) -> None:
    waits = page.evaluate(
        """async () => {
          const { backoff } = await import('/static/net/connection.js')
          return [backoff(1, 0), backoff(1, 1), backoff(2, 1), backoff(3, 1), backoff(20, 1), backoff(20, 0)]
        }"""
    )
    assert waits == [200, 400, 800, 1600, 10_000, 5_000]


def test_times_and_lengths_are_as_people_write_them(page: Page) -> None:
    assert page.evaluate(
        """async () => {
          const { clock, length, languages } = await import('/static/state/format.js')
          return [clock(59.9996), clock(61), clock(3725), length(38.2), length(754), length(4380), length(7200),
            languages(['en']), languages(['en', 'de']), languages([])]
        }"""
    ) == ["00:59", "01:01", "1:02:05", "38 s", "13 min", "1 h 13 min", "2 h", "English only", "English and German", ""]


def test_every_close_code_has_a_sentence_and_the_buffer_is_told(page: Page) -> None:
    sentences, buffered = page.evaluate(
        """async () => {
          const { connectionText, problemText } = await import('/static/state/messages.js')
          const codes = [4400, 4401, 4404, 4409, 4413, 4429, 1011]
          return [codes.map((close) => problemText({ close, message: 'why' }).text),
            connectionText({ connection: 'reconnecting', role: 'source', attempt: 1, unsent: 3.4 })]
        }"""
    )
    assert len(set(sentences)) == 6  # what has no sentence of its own shares one
    assert buffered == ["reconnecting", "Reconnecting — your audio is safe, 3 s buffered"]


def test_what_a_busy_server_leaves_out_is_told(page: Page) -> None:
    sentences = page.evaluate(
        """async () => {
          const { busyText } = await import('/static/state/messages.js')
          return ['none', 'rare_partials', 'no_partials', 'long_hop'].map((left_out) => busyText({ left_out }))
            .concat(busyText(null), busyText({}))
        }"""
    )
    assert [bool(sentence) for sentence in sentences] == [False, True, True, True, False, False]
    assert all("Nothing is lost" in sentence for sentence in sentences[1:4])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_voice_and_soft_text_is_readable_on_the_paper(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    worst = page.evaluate(
        """() => {
          const style = getComputedStyle(document.documentElement)
          const light = (name) => {
            const hex = style.getPropertyValue(name).trim()
            const part = (i) => parseInt(hex.slice(i, i + 2), 16) / 255
            const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            return 0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
          }
          const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)
          const inks = ['--soft', '--alarm', ...Array.from({ length: 10 }, (_, i) => `--speaker-${i}`)]
          const pairs = inks.flatMap((ink) => ['--paper', '--raised', '--sunken'].map((back) => [ink, back]))
          pairs.push(['--accent-ink', '--accent'], ['--alarm-ink', '--alarm-paper'], ['--warn-ink', '--warn-paper'])
          return Math.min(...pairs.map(([a, b]) => contrast(a, b)))
        }"""
    )
    assert worst >= 4.5


def snapshot(*lines: dict[str, Any], earlier: int = 0) -> dict[str, Any]:
    return {"type": "snapshot", "segments": list(lines), "speakers": [], "state": "live", "earlier": earlier}


def earlier(*lines: dict[str, Any], left: int = 0) -> dict[str, Any]:
    return {"type": "earlier", "segments": list(lines), "left": left}


def test_earlier_lines_come_before_those_of_the_snapshot_and_never_undo_what_is_newer(shown: Run) -> None:
    assert shown(
        snapshot(segment(9, 90.0, 91.0, "nine"), earlier=4),
        segment(3, 30.0, 31.0, "three again", rev=4),
        segment(1, 10.0, 11.0, "", rev=5),
        revision((9, 7, "spk1"), (2, 8, "spk1")),
        earlier(segment(3, 30.0, 31.0, "three", rev=2), segment(4, 40.0, 41.0, "four"), left=2),
        earlier(segment(1, 10.0, 11.0, "one"), segment(2, 20.0, 21.0, "two", "spk1", rev=8)),
    ) == [
        ["spk1", 20, ["two"]],
        [None, 30, ["three again"]],
        [None, 40, ["four"]],
        ["spk1", 90, ["nine"]],
    ]


def test_after_a_reconnection_what_was_shown_stays_until_it_has_come_again(shown: Run) -> None:
    def texts(*messages: dict[str, Any]) -> list[str]:
        return [text for _, _, turn in shown(*before, *messages) for text in turn]

    before = [snapshot(*(segment(i, i * 10.0, i * 10.0 + 1, f"old {i}") for i in range(5)))]
    again = snapshot(segment(4, 40.0, 41.0, "new 4"), segment(5, 50.0, 51.0, "new 5"), earlier=3)
    # line 3 is gone, line 2 has come again and changed, the others are not known yet
    part, last = earlier(segment(2, 20.0, 21.0, "new 2"), left=2), earlier(segment(1, 10.0, 11.0, "new 1"))
    live = segment(0, 0.0, 1.0, "live 0", rev=9)
    assert texts(again) == ["old 0", "old 1", "old 2", "old 3", "new 4", "new 5"]
    assert texts(again, part) == ["old 0", "old 1", "new 2", "new 4", "new 5"]
    assert texts(again, part, last) == ["new 1", "new 2", "new 4", "new 5"]
    assert texts(again, live, part, last) == ["live 0", "new 1", "new 2", "new 4", "new 5"]
    assert texts(snapshot(segment(7, 70.0, 71.0, "all"))) == ["all"]
