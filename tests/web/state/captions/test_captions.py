"""What large captions show, and how they are asked to look."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Run

SAID = (("s0", 0.0, True, "Long ago."), ("s1", 150.0, True, "The newest line."), ("s2", 153.0, False, "and"))
"""A meeting: id, start, whether final, text"""
USUAL = {"size": 48, "lines": 2, "seconds": 10, "look": "outline", "background": "transparent", "names": True}


def line(id: str, start: float, final: bool, text: str, rev: int = 1) -> dict[str, Any]:
    """A line of two seconds."""
    about = {"type": "segment", "id": id, "rev": rev, "final": final, "start": start, "end": start + 2}
    return about | {"speaker": "spk1", "text": text, "stable_chars": 0, "words": []}


def snapshot(*more: tuple[str, float, bool, str]) -> dict[str, Any]:
    """The meeting, and further lines."""
    return {"type": "snapshot", "state": "live", "speakers": [], "segments": [line(*one) for one in (*SAID, *more)]}


@pytest.mark.parametrize(
    ("query", "different"),
    [
        ("", {}),
        ("?size=72&lines=3&seconds=0&look=box&background=%23Ff0&names=off",
         {"size": 72, "lines": 3, "seconds": 0, "look": "box", "background": "#ff0", "names": False}),
        ("?background=101010", {"background": "#101010"}),
        ("?size=9999&lines=2.6&seconds=1e9", {"size": 300, "lines": 3, "seconds": 3600}),
        ("?size=-1&lines=0", {"size": 12, "lines": 1}),
        ("?size=big&lines=&look=url(x)&background=red;}&names=1", {}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_in_an_address_counts_as_not_said(
    javascript: Run, query: str, different: dict[str, object]
) -> None:
    options = javascript(
        "async (query) => (await load('state/captions/captions.js')).captionOptions(query)",
        query,
    )
    assert options == {**USUAL, **different}


def test_the_newest_turns_are_shown_under_their_names(javascript: Run) -> None:
    shown = javascript(
        """async () => {
          const { newestCaptions } = await load('state/captions/captions.js')
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const line = (id, start, speaker, text, final = true, stable_chars = 0) =>
            ({ type: 'segment', id, rev: 1, final, start, end: start + 1, speaker, text, stable_chars, words: [] })
          const messages = [
            { type: 'speaker', id: 'spk1', name: 'Ann', color: 1, merged_into: null },
            { type: 'speaker', id: 'spk2', name: null, color: 2, merged_into: null },
            line('s0', 0, 'spk2', 'long ago'),
            ...['b', 'c', 'd', 'e', 'f', 'g'].map((text, i) => line(`x${i}`, 100 + i * 2, `spk${1 + (i % 2)}`, text)),
            { type: 'gap', start: 111, end: 111.5, reason: 'lost' },
            line('s2', 112, null, 'who'),
            line('s3', 113, null, 'knows', false, 0),
            line('s4', 113.5, null, ''),
          ]
          const transcript = messages.reduce(reduce, EMPTY_TRANSCRIPT)
          const told = (names) => newestCaptions(transcript, names).map(({ name, color, stable, partial }) =>
            [name, color, stable, partial])
          return [told(true), told(false).at(-1), newestCaptions(EMPTY_TRANSCRIPT, true)]
        }"""
    )
    assert shown == [
        [
            ["Speaker 2", 2, "c", ""], ["Ann", 1, "d", ""], ["Speaker 2", 2, "e", ""],
            ["Ann", 1, "f", ""], ["Speaker 2", 2, "g", ""], ["Speaker ?", "", "who", "knows"],
        ],
        ["", "", "who", "knows"],
        [],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "more"),
    [
        (line("s3", 155.0, True, "One more."), True),
        (line("s3", 400.0, True, "The newest line. and"), True),
        (line("s2", 153.0, False, "and then", rev=2), True),
        (line("s2", 153.0, True, "And so.", rev=2), True),
        (line("s2", 153.0, True, "and", rev=2), False),
        (line("s2", 153.0, False, "", rev=2), False),
        (line("s0", 0.0, True, "Long, long ago.", rev=2), False),
        (line("s1", 150.0, True, "The last line.", rev=2), False),
        (line("s0b", 0.5, True, "ago."), False),
        (snapshot(), False),
        (snapshot(("s3", 155.0, True, "One more.")), True),
        ({"type": "state", "state": "live", "title": "Planning"}, False),
    ],
)
def test_what_is_corrected_or_repeated_was_not_said_just_now(
    javascript: Run, message: dict[str, Any], more: bool
) -> None:
    told = javascript(
        """async ([known, message]) => {
          const { tellsMore } = await load('state/captions/captions.js')
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const before = reduce(EMPTY_TRANSCRIPT, known)
          return [tellsMore(EMPTY_TRANSCRIPT, before, known), tellsMore(before, reduce(before, message), message)]
        }""",
        [snapshot(), message],
    )
    assert told == [True, more]


@pytest.mark.parametrize(
    ("seconds", "before", "after", "more", "left"),
    [
        (5, "live", "live", True, 5),
        (5, "live", "live", False, None),
        (0, "live", "live", True, "for ever"),
        (0, "live", "ended", False, 10),
        (5, "live", "ended", False, None),
        (5, "live", "ended", True, 5),
        (60, "live", "ended", False, 10),
        (60, "connecting", "ended", True, 10),
        (60, "ended", "ended", False, None),
    ],
)
def test_words_stay_as_long_as_the_address_says_and_ten_seconds_at_most_once_the_meeting_is_over(
    javascript: Run, seconds: int, before: str, after: str, more: bool, left: object
) -> None:
    found = javascript(
        """async ({ seconds, before, after, more }) => {
          const { disappearsIn } = await load('state/captions/captions.js')
          const { EMPTY_TRANSCRIPT } = await load('state/transcript.js')
          const phases = [before, after].map((phase) => ({ ...EMPTY_TRANSCRIPT, phase }))
          const left = disappearsIn(seconds, ...phases, more)
          return left === Infinity ? 'for ever' : left
        }""",
        {"seconds": seconds, "before": before, "after": after, "more": more},
    )
    assert found == left
