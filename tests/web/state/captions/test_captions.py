"""What large captions show, and how they are asked to look."""

from __future__ import annotations

import pytest

from tests.web.conftest import Run

USUAL = {"size": 48, "lines": 2, "seconds": 10, "look": "outline", "background": "transparent", "names": True}


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
