"""When samples were captured, from two clocks."""

from __future__ import annotations

from tests.web.conftest import Run


def test_capture_times_are_steady_and_follow_a_standstill(javascript: Run) -> None:
    stamps = javascript(
        """async () => {
          const { CaptureClock } = await load('audio/capture-clock.js')
          const clock = new CaptureClock(1000)
          const moments = [[1000, 100], [1130, 230], [4000, 3100], [9100, 3200]];
          return moments.map(([now, sound]) => clock.stamp(100, now, sound));
        }"""
    )
    # The third came three seconds late; before the fourth the sound itself stood still for five.
    assert stamps == [900_000, 1_000_000, 1_100_000, 6_200_000]
