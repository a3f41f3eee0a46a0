"""The rules of jobs, with times that the tests decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from meeting.core.errors import ProtocolError
from meeting.core.records import Job, JobState, Meeting, State
from meeting.jobs.rules import (
    KEPT_FOR,
    MOST_ATTEMPTS,
    MOST_TOLD,
    TRANSITIONS,
    WAITING,
    Progress,
    begun,
    expired,
    gone_on_with,
    moved,
    next_up,
    require_place,
    require_size,
    shortness,
    to_forget,
)

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def job(id_: str, state: JobState, minute: int = 0) -> Job:
    """A job that was asked for so many minutes after `NOW`."""
    meeting = Meeting(f"m-{id_}", "Talk", State.OPEN, NOW + timedelta(minutes=minute), recorded=True)
    return Job(id_, state, "talk.wav", 10, 0, meeting, None, "s", "secret", NOW)


@pytest.mark.parametrize("before", list(JobState))
@pytest.mark.parametrize("after", list(JobState))
def test_a_state_follows_only_those_that_it_may(before: JobState, after: JobState) -> None:
    if after in TRANSITIONS[before]:
        later = NOW + timedelta(hours=1)
        assert moved(job("a", before), after, later, "why") == replace(
            job("a", before), state=after, changed_at=later, problem="why"
        )
    else:
        with pytest.raises(AssertionError, match=f"after {before}, got {after}"):
            moved(job("a", before), after, NOW)


def test_only_what_is_on_its_way_can_be_cancelled() -> None:
    assert {state for state in JobState if JobState.CANCELLED in TRANSITIONS[state]} == WAITING


def test_a_recording_runs_as_the_meeting_that_it_was_and_since_when_it_first_did() -> None:
    later = NOW + timedelta(hours=1)
    queued, left = job("a", JobState.QUEUED), job("b", JobState.RUNNING)
    assert begun(queued, later, "new") == replace(queued, state=JobState.RUNNING, changed_at=later)
    assert begun(left, later, "new") == left


def test_a_meeting_is_heard_again_from_its_start_each_time_into_another_one_and_the_times_are_counted() -> None:
    again = replace(job("a", JobState.QUEUED), again_of="m-old")
    first = begun(again, NOW, "first")
    assert (first.meeting.id, first.attempts, first.state) == ("first", 1, JobState.RUNNING)
    second = begun(first, NOW + timedelta(hours=1), "second")
    assert (second.meeting.id, second.attempts, second.changed_at) == ("second", 2, NOW)


def test_a_recording_has_at_most_so_many_megabytes() -> None:
    require_size(replace(job("a", JobState.RECEIVING), size=2_000_000), 2)
    with pytest.raises(ProtocolError, match="at most 2 MB"):
        require_size(replace(job("a", JobState.RECEIVING), size=2_000_001), 2)


def test_what_an_earlier_process_was_at_work_on_goes_first_then_who_came_first() -> None:
    jobs = [
        job("late", JobState.QUEUED, 3),
        job("early", JobState.QUEUED, 1),
        job("begun", JobState.RUNNING, 5),
        job("coming", JobState.RECEIVING, 0),
        job("over", JobState.DONE, 0),
    ]
    assert [one.id for one in next_up(jobs, (), 10)] == ["begun", "early", "late"]
    assert [one.id for one in next_up(jobs, (), 1)] == ["begun"]
    assert [one.id for one in next_up(jobs, ("begun",), 2)] == ["early"]
    assert next_up(jobs, ("begun",), 1) == next_up(jobs, ("begun", "early"), 1) == []


def test_one_job_at_a_time_has_models_of_its_own_and_lets_others_pass() -> None:
    first, second = (replace(job(id_, JobState.QUEUED, 1), again_of="m", models="owl") for id_ in ("a", "b"))
    jobs = [first, second, job("c", JobState.QUEUED, 2)]
    assert [one.id for one in next_up(jobs, (), 10)] == ["a", "c"]
    assert [one.id for one in next_up(jobs, ("a",), 10)] == ["c"]
    assert [one.id for one in next_up(jobs, ("c",), 2)] == ["a"]
    left = [replace(first, state=JobState.RUNNING), replace(second, state=JobState.RUNNING)]
    assert [one.id for one in next_up(left, (), 10)] == ["a"]


def test_jobs_that_are_over_and_recordings_that_do_not_come_are_forgotten() -> None:
    soon, late = NOW + KEPT_FOR, NOW + KEPT_FOR + timedelta(seconds=1)
    for state in (JobState.DONE, JobState.FAILED):
        assert [expired(job("a", state), NOW, at) for at in (soon, late)] == [False, True]
    for state in (JobState.QUEUED, JobState.RUNNING):
        assert not expired(job("a", state), NOW, late)
    coming = job("a", JobState.RECEIVING)
    assert expired(coming, NOW, late)
    assert not expired(coming, soon, late)


def test_there_are_so_many_places_for_jobs_that_are_not_over() -> None:
    jobs = [job("a", JobState.RUNNING), job("b", JobState.DONE), job("c", JobState.RECEIVING)]
    assert require_place(jobs, 3) == [jobs[0], jobs[2]]
    with pytest.raises(ProtocolError, match="2 recordings are on their way"):
        require_place(jobs, 2)


def test_of_many_jobs_that_are_over_the_oldest_are_forgotten() -> None:
    over = [replace(job(f"{n}", JobState.FAILED), changed_at=NOW + timedelta(seconds=n)) for n in range(MOST_TOLD + 2)]
    waiting = job("w", JobState.QUEUED)
    assert to_forget([*reversed(over), waiting], lambda id_: NOW, NOW) == [over[1], over[0]]
    assert to_forget(over[:2], lambda id_: NOW, NOW + 2 * KEPT_FOR) == over[:2]


def test_a_recording_that_an_earlier_process_had_whole_waits_for_its_turn_and_one_that_is_gone_has_failed() -> None:
    coming = job("a", JobState.RECEIVING)
    assert gone_on_with(coming, coming.size - 1, False) is None
    assert gone_on_with(coming, coming.size, False) == (JobState.QUEUED, None)
    state, problem = gone_on_with(coming, None, False) or (None, None)
    assert state == JobState.FAILED
    assert "send it again" in (problem or "")


def test_a_server_that_crashed_does_not_hear_the_same_meeting_again_at_every_start() -> None:
    again = replace(job("a", JobState.RUNNING), again_of="m")
    assert gone_on_with(again, None, False) is None
    state, problem = gone_on_with(again, None, True) or (None, None)
    assert (state, "crashed" in (problem or "")) == (JobState.FAILED, True)
    for other in (replace(again, state=JobState.QUEUED), job("b", JobState.RUNNING)):
        assert gone_on_with(other, None, True) is None


def test_a_server_that_was_killed_over_a_meeting_again_and_again_hears_it_no_more() -> None:
    again = replace(job("a", JobState.RUNNING), again_of="m", attempts=MOST_ATTEMPTS - 1)
    assert gone_on_with(again, None, False) is None
    state, problem = gone_on_with(replace(again, attempts=MOST_ATTEMPTS), None, False) or (None, None)
    assert (state, "killed 3 times" in (problem or "")) == (JobState.FAILED, True)
    for other in (JobState.QUEUED, JobState.DONE):
        assert gone_on_with(replace(again, attempts=MOST_ATTEMPTS, state=other), None, False) is None


@pytest.mark.parametrize(
    ("declared", "heard", "said"),
    [(None, 1.0, False), (60.0, 60.0, False), (60.0, 58.0, False), (60.0, 57.9, True), (3600.0, 3530.0, False)],
)
def test_a_meeting_that_is_much_shorter_than_its_file_says_is_told_of(
    declared: float | None, heard: float, said: bool
) -> None:
    assert (shortness(declared, heard) is not None) == said


def test_how_long_it_takes_follows_from_how_fast_it_went() -> None:
    progress = Progress(100.0)
    assert progress.remaining is None
    progress.update(1000.0, 0.0)
    assert progress.remaining is None
    progress.update(1002.0, 20.0)
    assert (progress.heard, progress.remaining) == (20.0, 8.0)
    progress.update(1010.0, 101.0)
    assert progress.remaining == 0.0


def test_what_is_heard_again_after_a_restart_is_measured_anew() -> None:
    progress = Progress(100.0)
    progress.update(0.0, 50.0)
    progress.update(1.0, 0.0)
    progress.update(2.0, 10.0)
    assert progress.remaining == 9.0


def test_a_recording_that_does_not_say_how_long_it_is_has_no_estimate() -> None:
    progress = Progress(None)
    progress.update(0.0, 0.0)
    progress.update(1.0, 10.0)
    assert (progress.heard, progress.remaining) == (10.0, None)
