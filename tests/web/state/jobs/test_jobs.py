"""What the first page says of recordings on their way."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Run

JOB: dict[str, Any] = {
    "id": "a", "state": "running", "name": "talk.wav", "size": 100, "modified": 7, "received": 100, "title": "Talk",
    "meeting": "m", "heard": None, "length": None, "remaining": None, "problem": None,
}  # fmt: skip
SENDING: dict[str, Any] = {
    "key": 1,
    "name": "b.mp3",
    "size": 100,
    "modified": 7,
    "job": None,
    "sent": 0,
    "lost": False,
    "problem": "",
}
ROWS = """async ([listed, sending]) => {
  const { jobRows, NO_JOBS } = await load('state/jobs/jobs.js')
  return jobRows({ ...NO_JOBS, listed, sending })
}"""


def rows(javascript: Run, jobs: list[dict[str, Any]], sending: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Share, text and look of each row."""
    found = javascript(ROWS, [[JOB | job for job in jobs], [SENDING | one for one in sending]])
    return [(row["share"], row["text"], row["look"]) for row in found]


def test_how_far_a_job_is_is_said_in_words_and_as_a_share(javascript: Run) -> None:
    states = [
        {"state": "receiving", "received": 40},
        {"state": "queued"},
        {},
        {"heard": 130.0},
        {"heard": 50.0, "length": 200.0},
        {"heard": 50.0, "length": 200.0, "remaining": 130.0},
        {"heard": 199.9, "length": 200.0, "remaining": 0.1},
        {"state": "failed", "problem": "no audio"},
        {"state": "done", "problem": "cut off"},
        {"state": "done"},
    ]
    assert rows(javascript, states, []) == [
        (0.4, "Stopped at 40%. Choose the same file again, and it goes on from there.", "going"),
        (0, "Waiting for its turn", "going"),
        (None, "Transcription begins", "going"),
        (None, "2 min transcribed so far", "going"),
        (0.25, "25% transcribed", "going"),
        (0.25, "25% transcribed, about 2 min left", "going"),
        (1, "Almost done: going over all of it once more", "going"),
        (None, "Not transcribed: no audio", "failed"),
        (None, "Transcribed, but cut off", "done"),
    ]


def test_what_this_page_sends_stands_once_and_says_how_much_has_gone(javascript: Run) -> None:
    listed = [{"state": "receiving", "received": 10}]
    sending = [
        {"job": "a", "sent": 30},
        {"key": 2, "job": "new", "sent": 50, "lost": True},
        {"key": 3},
        {"key": 4, "problem": "The file is empty."},
    ]
    assert rows(javascript, listed, sending) == [
        (0.3, "30% sent", "going"),
        (0.5, "No connection. It goes on by itself from 50%.", "going"),
        (0, "Waiting to be sent", "going"),
        (None, "Not sent. The file is empty.", "failed"),
    ]


def test_a_recording_that_another_page_sends_has_not_stopped_until_nothing_has_come_for_a_while(
    javascript: Run,
) -> None:
    texts = javascript(
        """async ([job, looks]) => {
          const { jobRows, NO_JOBS, withListed } = await load('state/jobs/jobs.js')
          let state = NO_JOBS
          return looks.map(([now, received]) => {
            state = withListed(state, [{ ...job, state: 'receiving', received }], now)
            return jobRows(state)[0].text
          })
        }""",
        [JOB, [(50_000, 4), (51_000, 4), (58_000, 8), (67_000, 8), (68_000, 8), (69_000, 9)]],
    )
    stopped = "Stopped at 8%. Choose the same file again, and it goes on from there."
    arrived = [f"{percent}% has arrived so far" for percent in (4, 4, 8, 8, 9)]
    assert texts == [*arrived[:4], stopped, arrived[4]]


def test_a_file_that_is_chosen_again_stands_where_it_stopped(javascript: Run) -> None:
    listed = [{"state": "receiving", "received": 10}]
    assert rows(javascript, listed, [{"name": "talk.wav"}]) == [(0, "Waiting to be sent", "going")]


def test_a_recording_that_has_become_a_meeting_is_noticed_once(javascript: Run) -> None:
    assert javascript(
        """async (job) => {
          const { anyGoing, begun, newlyDone, NO_JOBS } = await load('state/jobs/jobs.js')
          const jobs = (states) => states.map((state, i) => ({ ...job, id: `${i}`, state }))
          const listed = (...states) => ({ listed: jobs(states), sending: [] })
          const [before, after] = [listed('running', 'done', 'queued'), listed('done', 'done', 'failed')]
          const ids = (jobs) => jobs.map(({ id }) => id).join()
          const coming = listed('running', 'receiving').listed
          const file = { name: 'talk.wav', size: 100, modified: 7 }
          return [
            ids(newlyDone(before, after)), ids(newlyDone(NO_JOBS, after)), anyGoing(before), anyGoing(after),
            begun(coming, file)?.id, begun(coming, { ...file, modified: 8 }) === undefined,
          ]
        }""",
        JOB,
    ) == ["0", "", True, False, "1", True]
