"""Numbers and names as people read them."""

from __future__ import annotations

from tests.web.conftest import Run


def test_times_and_lengths_are_as_people_write_them(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { clock, length, languages } = await load('state/format.js')
          return [clock(59.9996), clock(61), clock(3725), length(38.2), length(754), length(4380), length(7200),
            languages(['en']), languages(['en', 'de']), languages([])]
        }"""
    ) == ["00:59", "01:01", "1:02:05", "38 s", "13 min", "1 h 13 min", "2 h", "English only", "English and German", ""]
