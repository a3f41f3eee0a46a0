"""What the player does: where it stands, how fast it is, and at which second an address opens it."""

from __future__ import annotations

from tests.web.conftest import Run


def test_it_stays_within_the_meeting_and_begins_again_after_its_end(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { NO_PLAYBACK: none, begun, sought } = await load('state/playback/playback.js')
          const at = (second) => sought(none, second, 60).position
          const from = (second) => begun({ ...none, position: second }, 60)
          return [at(-3), at(12.5), at(99), from(12.5).position, from(60).position, from(12.5).playing]
        }"""
    ) == [0, 12.5, 60, 12.5, 0, True]


def test_after_an_excerpt_it_stands_where_it_stood(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { NO_PLAYBACK: none, begun, excerptBegun, paused, sought } = await load('state/playback/playback.js')
          const stood = sought(none, 40, 60)
          const first = excerptBegun(stood, { start: 3, end: 5 })
          const second = excerptBegun({ ...first, position: 4 }, { start: 9, end: 11 })
          const after = paused({ ...second, position: 11 })
          const instead = begun(second, 60)
          return [first.position, second.position, after.position, after.playing, after.excerpt, instead.excerpt]
        }"""
    ) == [3, 9, 40, False, None, None]


def test_rates_go_from_three_quarters_to_twice_as_fast(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { nextRate } = await load('state/playback/playback.js')
          return [nextRate(1, 1), nextRate(2, 1), nextRate(1, -1), nextRate(0.75, -1)]
        }"""
    ) == [1.25, 2, 0.75, 0.75]


def test_an_address_names_a_second_with_up_to_three_decimals(javascript: Run) -> None:
    given = ["?t=12", "?t=0", "?a=b&t=75.125", "", "?t=", "?t=1.2345", "?t=-3", "?t=1e9", "?t=abc", "?t=12345678"]
    assert javascript(
        """async (queries) => {
          const { secondIn } = await load('state/playback/playback.js')
          return queries.map(secondIn)
        }""",
        given,
    ) == [12, 0, 75.125, None, None, None, None, None, None, None]
