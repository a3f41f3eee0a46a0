"""The life of a job as pure rules: which state follows which, which job is next, how far one is, how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.records import Job, JobState

KEPT_FOR = timedelta(days=2)
"""How long a recording waits for the rest of it, and what became of a job is told"""
MOST_TOLD = 200
"""Jobs that are over of which is told"""
MOST_ATTEMPTS = 3
"""How often a meeting is begun to be transcribed again, where each time the server dies"""
SHORT_SECONDS, SHORT_SHARE = 2.0, 0.02
"""By how much a recording may be shorter than its file says, in seconds and as a share of its length"""

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.RECEIVING: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""Which state may follow which"""

WAITING = frozenset({JobState.RECEIVING, JobState.QUEUED, JobState.RUNNING})
"""States of jobs that are not over"""


def moved(job: Job, state: JobState, now: datetime, problem: str | None = None) -> Job:
    """The job in its next state, since `now`."""
    if state not in TRANSITIONS[job.state]:
        allowed = ", ".join(sorted(TRANSITIONS[job.state])) or "nothing"
        raise AssertionError(f"expected {allowed} after {job.state}, got {state}")
    return replace(job, state=state, changed_at=now, problem=problem)


def begun(job: Job, now: datetime, meeting_id: str) -> Job:
    """The job as it runs, since `now` or a process before this one; `meeting_id` is new, and for a try of its own.

    What an earlier process heard of a meeting that is transcribed again was not kept.
    """
    if job.again_of is not None:
        job = replace(job, meeting=replace(job.meeting, id=meeting_id), attempts=job.attempts + 1)
    return moved(job, JobState.RUNNING, now) if job.state is JobState.QUEUED else job


def next_up(jobs: Collection[Job], running: Collection[str], most: int) -> list[Job]:
    """The jobs to start now, where those with ids in `running` are at work and `most` may be at once.

    Those that an earlier process was at work on come first, then the others in the order in which they were asked for.
    One at a time has models of its own, for which there must be memory beside that of the server's.
    """
    ready = [job for job in jobs if job.state in (JobState.RUNNING, JobState.QUEUED) and job.id not in running]
    ready.sort(key=lambda job: (job.state is not JobState.RUNNING, job.meeting.created_at, job.id))
    with_models = [job for job in ready if job.models is not None]
    loaded = any(job.models is not None for job in jobs if job.id in running)
    late = {job.id for job in with_models[0 if loaded else 1 :]}
    return [job for job in ready if job.id not in late][: max(0, most - len(running))]


def require_size(job: Job, most: int) -> None:
    """Raises ProtocolError where a recording has more than `most` MB."""
    if job.size > most * 1_000_000:
        text = f"a recording has at most {most} MB (limits.recording)"
        raise ProtocolError(text, ErrorCode.TOO_LARGE, CloseCode.TOO_LARGE)


def require_place(jobs: Collection[Job], most: int) -> list[Job]:
    """The jobs that are not over; raises ProtocolError where there may be no more."""
    waiting = [one for one in jobs if one.state in WAITING]
    if len(waiting) >= most:
        text = f"{len(waiting)} recordings are on their way already (limits.jobs): try again when one is through"
        raise ProtocolError(text, ErrorCode.TOO_MANY, CloseCode.TOO_MANY)
    return waiting


def expired(job: Job, touched: datetime, now: datetime) -> bool:
    """Whether a job is forgotten: it is over, or no byte of its recording has come since `touched`, for long."""
    if job.state is JobState.RECEIVING:
        return now - max(job.changed_at, touched) > KEPT_FOR
    return job.state not in WAITING and now - job.changed_at > KEPT_FOR


def to_forget(jobs: Collection[Job], touched: Callable[[str], datetime], now: datetime) -> list[Job]:
    """The jobs that are forgotten now: those that have expired, and of those that are over the oldest of too many.

    `touched` tells when a byte of a job's recording last came.
    """
    over = sorted((job for job in jobs if job.state not in WAITING), key=lambda job: job.changed_at)
    many = {job.id for job in over[:-MOST_TOLD]}
    return [job for job in jobs if job.id in many or expired(job, touched(job.id), now)]


def gone_on_with(job: Job, there: int | None, crashed: bool) -> tuple[JobState, str | None] | None:
    """The state of a job after a restart, and why; None where it is as it was.

    An earlier process may have died between the last byte of a recording and the state that follows, or after it had
    removed what it could not use: of `there` bytes, None is no file. One that `crashed` may have done so over a
    meeting that was transcribed again, and one that was killed may have run out of memory over it: as that begins
    from the beginning each time, it is not begun for ever.
    """
    if job.state is JobState.RUNNING and job.again_of is not None:
        if crashed:
            return JobState.FAILED, "the server crashed while this meeting was heard again, and it stays as it was"
        if job.attempts >= MOST_ATTEMPTS:
            return JobState.FAILED, (
                f"the server was killed {job.attempts} times while this meeting was heard again, perhaps for lack of "
                "memory, and it stays as it was"
            )
    if job.state is not JobState.RECEIVING:
        return None
    if there is None:
        return JobState.FAILED, "what had arrived of this recording is gone: send it again"
    return (JobState.QUEUED, None) if there >= job.size else None


def shortness(declared: float | None, heard: float) -> str | None:
    """What is to be said of a meeting that is shorter than its file says, seconds each; None where it fits."""
    if declared is None or heard >= declared - max(SHORT_SECONDS, SHORT_SHARE * declared):
        return None
    return (
        f"the file says that it is {declared:.0f} s long, and {heard:.0f} s were heard: it is cut off, or its meeting "
        "was ended early"
    )


@dataclass(slots=True)
class Progress:
    """How fast a recording is heard, from how much was heard when."""

    total: float | None
    """Seconds of the recording, where it says so"""
    heard: float = 0.0
    """Seconds"""
    _first: tuple[float, float] | None = None
    _now: float = 0.0

    def update(self, now: float, heard: float) -> None:
        """So many seconds have been heard at time `now`, seconds of a steady clock."""
        if self._first is None or heard < self.heard:  # after a restart it is heard again from the beginning
            self._first = (now, heard)
        self._now, self.heard = now, heard

    @property
    def remaining(self) -> float | None:
        """Seconds until all is heard at this pace; None while that cannot be told."""
        if self._first is None or self.total is None:
            return None
        since, before = self._first
        if self.heard <= before or self._now <= since:
            return None
        return max(0.0, self.total - self.heard) * (self._now - since) / (self.heard - before)
