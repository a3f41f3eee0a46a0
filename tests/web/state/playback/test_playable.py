"""Whether a meeting can be heard on a page, and how long it is."""

from __future__ import annotations

from tests.web.conftest import Run

CASES = [
    ({}, True, False),
    ({"role": "server"}, True, False),
    ({"phase": "live"}, True, False),
    ({"phase": "open"}, False, False),
    ({"role": "view"}, False, False),
    ({"role": "view", "kept": False}, False, False),
    ({"kept": False}, False, True),
    ({"kept": None}, False, True),
    ({"kept": None, "words": False}, False, False),
    ({"kept": False, "phase": "live"}, False, False),
]
"""What is different from a host at a meeting that is over and was kept; whether it plays, whether audio is missed"""


def test_hosts_hear_what_was_kept_and_are_told_of_what_was_not(javascript: Run) -> None:
    told = javascript(
        """async (cases) => {
          const { audioLength, isPlayable, lacksAudio } = await load('state/playback/playable.js')
          const { openedPage, withFacts } = await load('state/page-state.js')
          return cases.map(([{ phase = 'ended', role = 'host', kept = true, words = true }]) => {
            const sources = kept === null ? [] : [{ audio: { kept } }]
            const page = withFacts(openedPage(), { created_at: null, state: phase, role, duration: 60, sources })
            const segments = new Map(words ? [['s1', {}]] : [])
            const state = { ...page, transcript: { ...page.transcript, phase, segments } }
            const seen = { ...state, playback: { ...state.playback, length: 61.5 } }
            return [isPlayable(state), lacksAudio(state), audioLength(state), audioLength(seen)]
          })
        }""",
        CASES,
    )
    assert [tuple(one[:2]) for one in told] == [(playable, lacking) for _, playable, lacking in CASES]
    assert told[0][2:] == [60, 61.5]
