"""The endpoints of recordings that become meetings."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import PurePath
from typing import Annotated, TypedDict

from fastapi import APIRouter, FastAPI, Header, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator
from starlette.requests import ClientDisconnect

from meeting.core.ids import new_id
from meeting.core.messages import JsonObject, checked_start
from meeting.core.records import Job, JobState, Meeting, State, iso_time
from meeting.jobs.jobs import Jobs
from meeting.jobs.retranscribing import new_attempt, sound_of
from meeting.recordings.playing import source_start
from meeting.server.api.context import meeting_url, store_of
from meeting.server.api.description import PROBLEMS, VISIBLE, Id, meetings_router
from meeting.server.api.meetings import NewMeeting, People, speaker_count
from pipelines.types import SpeakerCount

router = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=PROBLEMS)
of_meetings = meetings_router()
of_models = APIRouter(prefix="/api/models", tags=["jobs"], responses=PROBLEMS)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), VISIBLE]
Language = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LARGEST = 1 << 53
"""The largest whole number that every client can say"""
EARLIEST = 1860
"""No sound was recorded before"""
CLOCKS_DIFFER = timedelta(hours=1)
"""By how much a client's clock may be ahead of ours"""


class NewJob(NewMeeting):
    """A recording that is going to be sent, and the meeting that is to come of it."""

    name: Name
    """What its file is called"""
    size: Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
    """Bytes"""
    modified: Annotated[int, Field(strict=True, ge=0, le=LARGEST)] = 0
    """When the file was last changed, in milliseconds since 1970"""
    recorded_at: AwareDatetime | None = None
    """When it was recorded: then its meeting began"""
    language: Language | None = None
    """What is spoken: a code, or several with commas"""

    @field_validator("recorded_at")
    @classmethod
    def not_to_come(cls, moment: datetime | None) -> datetime | None:
        """A moment of the past, by a clock that may be ahead of ours."""
        if moment is None:
            return None
        now = datetime.now(timezone.utc)
        if not EARLIEST <= moment.year <= now.year + 1 or moment > now + CLOCKS_DIFFER:
            raise ValueError(f"a recording was made between the year {EARLIEST} and now")
        return min(moment.astimezone(timezone.utc), now)


class JobFacts(TypedDict):
    """A job as it is told; times in UTC."""

    id: str
    state: JobState
    name: str
    size: int
    modified: int
    received: int
    """Bytes that have arrived"""
    title: str
    meeting: str | None
    """Id, once the job runs"""
    url: str | None
    """Where the meeting's page lies"""
    heard: float | None
    """Seconds of the recording that are through the models; null while it waits"""
    length: float | None
    """Seconds of the recording as its file says; null where it does not, or nobody has looked yet"""
    remaining: float | None
    """Seconds until all is heard, at the pace so far; null while that cannot be told"""
    recorded_at: str | None
    """When the recording was made, where somebody has said so"""
    again: bool
    """Whether nothing is sent, and a meeting is transcribed again"""
    models: str | None
    """Name of those with which that is done, where they are not those of the server"""
    problem: str | None
    """Why it failed, or what is to be said of the recording"""
    created_at: str | None
    changed_at: str | None


class Listing(TypedDict):
    """All jobs, in the order in which they were asked for."""

    jobs: list[JobFacts]


class Again(BaseModel):
    """How a meeting is to be transcribed again; what is not said is as it was."""

    model_config = ConfigDict(extra="forbid")
    language: Language | None = None
    """What is spoken; null lets the recogniser find out"""
    speakers: People = None
    """How many people speak"""
    models: Name | None = None
    """Name of models that this machine has, as `/api/models` lists them; null takes those of the server"""


class Models(TypedDict):
    """Models that this machine can load without fetching anything."""

    name: str
    """As a meeting is transcribed again with them"""
    speech: str
    """Their recogniser"""
    languages: list[str] | None
    """Codes of the languages that it reads; null where that is known only once it is loaded"""
    running: bool
    """Whether they are those of the server"""


class ModelListing(TypedDict):
    """All of them."""

    models: list[Models]


def add_jobs(app: FastAPI) -> None:
    """Serve them."""
    app.include_router(router)
    app.include_router(of_models)
    app.include_router(of_meetings)


@of_meetings.post("/{meeting_id}/transcription", status_code=202, response_model=JsonObject)
async def again(request: Request, meeting_id: Id, body: Again | None = None) -> JobFacts:
    """Transcribe a meeting that is over again; the names of its voices and what people have edited stay."""
    told = body or Again()
    checked_start(source_start("", told.language))
    store, jobs = store_of(request), jobs_of(request)
    models = await jobs.others.chosen(told.models, told.language)
    sound = await asyncio.to_thread(sound_of, store, meeting_id)
    count = None if told.speakers is None else SpeakerCount.parse(str(told.speakers))
    job = new_attempt(sound, JobState.QUEUED, told.language, count, models)
    await jobs.create_again(job, sound)
    return await _facts(request, jobs, job)


@of_models.get("", response_model=JsonObject)
async def models(request: Request) -> ModelListing:
    """The models that a meeting can be transcribed again with; none where that is left to the command."""
    others = jobs_of(request).others
    return {
        "models": [
            {
                "name": one.name,
                "speech": one.speech,
                "languages": None if one.languages is None else list(one.languages),
                "running": others.is_running(one),
            }
            for one in await others.choices()
        ]
    }


@router.post("", status_code=201, response_model=JsonObject)
async def create(request: Request, body: NewJob) -> JobFacts:
    """A recording is going to be sent: say what it is, then send it to `/api/jobs/{id}/recording`."""
    now = datetime.now(timezone.utc)
    checked_start(source_start(body.name, body.language))
    meeting = Meeting(
        new_id(),
        body.title or PurePath(body.name).stem[:200] or body.name[:200],
        State.OPEN,
        now,
        body.recorded_at,
        hotwords=tuple(body.hotwords),
        speakers=speaker_count(body),
        recorded=True,
    )
    job = Job(
        new_id(),
        JobState.RECEIVING,
        body.name,
        body.size,
        body.modified,
        meeting,
        body.language,
        new_id(),
        secrets.token_urlsafe(24),
        now,
    )
    jobs = jobs_of(request)
    await jobs.create(job)
    return await _facts(request, jobs, job)


@router.get("", response_model=JsonObject)
async def index(request: Request) -> Listing:
    """All jobs that are on their way, and for two days those that are over."""
    jobs = jobs_of(request)
    return {"jobs": [await _facts(request, jobs, job) for job in await jobs.all()]}


@router.get("/{job_id}", response_model=JsonObject)
async def show(request: Request, job_id: Id) -> JobFacts:
    """How far one job is."""
    jobs = jobs_of(request)
    return await _facts(request, jobs, await jobs.job(job_id))


@router.delete("/{job_id}", status_code=204)
async def cancel(request: Request, job_id: Id) -> Response:
    """Stop a job with all that has come of it; or forget one that is over, whose meeting stays."""
    await jobs_of(request).cancel(job_id)
    return Response(status_code=204)


@router.get("/{job_id}/recording", status_code=204)
@router.head("/{job_id}/recording", status_code=204, include_in_schema=False)
async def offset(request: Request, job_id: Id) -> Response:
    """How many bytes of the recording have arrived, in `Upload-Offset`."""
    jobs = jobs_of(request)
    job = await jobs.job(job_id)
    return Response(status_code=204, headers={**_offset(await jobs.received(job)), "Upload-Length": str(job.size)})


@router.patch("/{job_id}/recording", status_code=204, openapi_extra={"requestBody": {"content": {"*/*": {}}}})
async def append(request: Request, job_id: Id, upload_offset: Annotated[int, Header(ge=0, le=LARGEST)]) -> Response:
    """Send what comes behind the first `Upload-Offset` bytes of the recording: all of the rest, or some of it."""
    there = await jobs_of(request).append(job_id, upload_offset, _pieces(request))
    return Response(status_code=204, headers=_offset(there))


def jobs_of(request: Request) -> Jobs:
    """Who takes recordings."""
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    # A sender who goes in the middle has sent what came.
    with suppress(ClientDisconnect):
        async for piece in request.stream():
            if piece:
                yield piece


def _offset(received: int) -> dict[str, str]:
    return {"Upload-Offset": str(received)}


async def _facts(request: Request, jobs: Jobs, job: Job) -> JobFacts:
    begun = job.state in (JobState.RUNNING, JobState.DONE)
    meeting_id = job.again_of or (job.meeting.id if begun else None)
    progress = jobs.progress(job.id) if job.state is JobState.RUNNING else None
    return {
        "id": job.id,
        "state": job.state,
        "name": job.name,
        "size": job.size,
        "modified": job.modified,
        "received": await jobs.received(job),
        "title": job.meeting.title,
        "meeting": meeting_id,
        "url": None if meeting_id is None else meeting_url(request, meeting_id),
        "heard": None if progress is None else round(progress.heard, 1),
        "length": None if progress is None else progress.total,
        "remaining": None if progress is None else progress.remaining,
        "recorded_at": iso_time(job.meeting.started_at),
        "again": job.again_of is not None,
        "models": job.models,
        "problem": job.problem,
        "created_at": iso_time(job.meeting.created_at),
        "changed_at": iso_time(job.changed_at),
    }
