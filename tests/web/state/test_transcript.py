"""The transcript that messages add up to, and the turns that are shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.web_fakes import segment, speaker
from tests.web.conftest import Run


@pytest.fixture
def shown(javascript: Run) -> Run:
    """What messages lead to: the blocks, shortened to (speaker, start, texts) or ("gap", start, reason)."""

    def run(*messages: dict[str, Any]) -> Any:
        return javascript(
            """async (messages) => {
              const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
              const { toBlocks } = await load('state/turns.js')
              const transcript = messages.reduce(reduce, EMPTY_TRANSCRIPT)
              return toBlocks(transcript).map((b) => b.kind === 'gap' ? ['gap', b.start, b.reason]
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


def test_the_state_before_is_never_changed(javascript: Run) -> None:
    assert javascript(
        """async ([one, later]) => {
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const before = reduce(EMPTY_TRANSCRIPT, one)
          const written = JSON.stringify([...before.segments])
          later.reduce(reduce, before)
          return EMPTY_TRANSCRIPT.segments.size === 0 && JSON.stringify([...before.segments]) === written
        }""",
        [
            segment(1, 0.0, 1.0, "a"),
            [segment(1, 0.0, 1.0, "b", rev=2), segment(2, 0.0, 1.0, "c"), revision((1, 3, "spk1"))],
        ],
    )


def test_turns_that_did_not_change_stay_the_same_object(javascript: Run) -> None:
    assert javascript(
        """async ([messages, last]) => {
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const { toBlocks } = await load('state/turns.js')
          const transcript = messages.reduce(reduce, EMPTY_TRANSCRIPT)
          const before = toBlocks(transcript)
          const after = toBlocks(reduce(transcript, last), before)
          return before.map((block, i) => block === after[i])
        }""",
        [[segment(1, 0.0, 1.0, "a", "spk1"), segment(2, 9.0, 10.0, "b", "spk2")], segment(3, 10.0, 11.0, "c", "spk2")],
    ) == [True, False]


def test_partial_text_begins_after_the_last_whole_stable_word(javascript: Run) -> None:
    def parts(text: str, stable: int, final: bool = False) -> Any:
        message = segment(1, 0.0, 1.0, text, final=final, stable=stable)
        return javascript("async (s) => (await load('state/partial-text.js')).splitPartial(s)", message)

    assert parts("before lunch if", 12) == ["before lunch", " if"]
    assert parts("before lunch if", 9) == ["before ", "lunch if"]
    assert parts("😀 lunch if", 2) == ["😀 ", "lunch if"]
    assert parts("before", 6) == ["before", ""]
    assert parts("before lunch", 0) == ["", "before lunch"]
    assert parts("before lunch", 0, final=True) == ["before lunch", ""]


def test_a_gap_that_grows_is_shown_once(shown: Run) -> None:
    gap = {"type": "gap", "start": 1.0, "end": 2.0, "reason": "line"}
    assert shown(gap, {**gap, "end": 9.0, "reason": "more"}) == [["gap", 1, "more"]]


def test_gaps_of_a_snapshot_are_shown_and_not_told_twice(shown: Run) -> None:
    gap = {"type": "gap", "start": 2.0, "end": 4.5, "reason": "lost"}
    snapshot = {"type": "snapshot", "segments": [], "speakers": [], "state": "live", "gaps": [gap]}
    assert shown(snapshot, gap) == [["gap", 2, "lost"]]


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
