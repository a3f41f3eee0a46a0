"""When a recording was made, as the first page tells the server."""

from __future__ import annotations

from tests.web.conftest import Run


def test_a_recording_is_dated_as_was_said_else_by_its_file(javascript: Run) -> None:
    now = 1_700_000_000_000
    told = javascript(
        """async (now) => {
          const { dated } = await load('state/jobs/dating.js')
          const said = dated('2019-07-14T09:30', now - 5, now).recorded_at
          return [
            new Date(said).getTime() === new Date(2019, 6, 14, 9, 30).getTime(),
            dated('', now - 5, now),
            dated('', now + 1, now),
            dated('', 0, now),
          ]
        }""",
        now,
    )
    assert told == [True, {"recorded_at": "2023-11-14T22:13:19.995Z"}, {}, {}]


def test_what_is_to_come_or_was_before_there_were_recordings_is_told(javascript: Run) -> None:
    told = javascript(
        """async () => {
          const { dateProblem } = await load('state/jobs/dating.js')
          const now = new Date(2024, 0, 1).getTime()
          const dates = ['', '2023-12-31T23:59', '2024-01-01T00:01', '0190-01-01T00:00', 'x']
          return dates.map((given) => dateProblem(given, now))
        }"""
    )
    wrong = "When was the recording made? It cannot be later than now."
    assert told == ["", "", wrong, wrong, wrong]
