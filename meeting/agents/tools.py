"""The tools: what each takes, what it is for in words for a model, and how a call is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meeting.agents.library import Answer, Library
from meeting.storage.search.query import MAX_HITS, parse_search
from pipelines.errors import MeetingError

PATH = "/mcp"
"""Where a server answers calls over HTTP"""
LOOK_SECONDS = 0.5
"""How often whoever waits for new lines looks for them"""
MAX_WAIT = 25.0
"""Seconds that one call waits at most"""

MeetingId = Annotated[
    str | None,
    Field(max_length=100, description='Id of a meeting or the start of one, or "last"; with a link leave it out'),
]
Name = Annotated[str | None, Field(max_length=200, description='Whole name of a speaker, such as "Ann" or "Speaker 2"')]
Cursor = Annotated[str | None, Field(max_length=200, description="`next` of the answer before, for what follows it")]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListMeetings(_Arguments):
    """What `list_meetings` takes."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor = None


class SearchMeetings(_Arguments):
    """What `search` takes."""

    query: Annotated[
        str, Field(description='Words that a line must all hold; "a phrase" in quotes; the start of a word and *')
    ]
    speaker: Name = None
    since: Annotated[str | None, Field(max_length=50, description="First day of meetings, such as 2026-05-04")] = None
    until: Annotated[str | None, Field(max_length=50, description="Last day of meetings")] = None
    meeting: MeetingId = None
    limit: Annotated[int, Field(ge=1, le=MAX_HITS)] = 20
    cursor: Cursor = None


class ReadTranscript(_Arguments):
    """What `read_transcript` takes."""

    meeting: MeetingId = None
    from_seconds: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    to_seconds: Annotated[float | None, Field(ge=0, le=1e6)] = None
    speaker: Name = None
    limit: Annotated[int, Field(ge=1, le=200, description="Lines at most")] = 100
    cursor: Cursor = None


class FollowMeeting(_Arguments):
    """What `follow_meeting` takes."""

    meeting: MeetingId = None
    after: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,18}$", description="`after` of the answer before; leave it out at first")
    ] = None
    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT, description="How long to wait for new lines")] = 20.0


class Speakers(_Arguments):
    """What `speakers` takes."""

    meeting: MeetingId = None


IsWanted = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool; `run` is given an instance of `takes`."""

    name: str
    description: str
    takes: type[BaseModel]
    run: Callable[[Library, Any, IsWanted], Awaitable[Answer]]


async def call(name: str, arguments: dict[str, Any], library: Library, is_wanted: IsWanted) -> Answer:
    """Answer one call; a long one ends early once `is_wanted` is false. Raises MeetingError."""
    tool = TOOLS.get(name)
    if tool is None:
        raise MeetingError(f"there is no tool of that name; there are: {', '.join(TOOLS)}")
    try:
        taken = tool.takes.model_validate(arguments)
    except ValidationError as error:
        # Without what was given, which may be long, and without the library's addresses.
        told = (f"{'.'.join(map(str, one['loc'])) or name}: {one['msg']}" for one in error.errors()[:3])
        raise MeetingError("; ".join(told)[:500]) from None
    return await tool.run(library, taken, is_wanted)


async def _list_meetings(library: Library, taken: ListMeetings, is_wanted: IsWanted) -> Answer:
    return await asyncio.to_thread(library.meetings, taken.limit, taken.cursor)


async def _search(library: Library, taken: SearchMeetings, is_wanted: IsWanted) -> Answer:
    wanted = parse_search(taken.query, taken.speaker, taken.since, taken.until, taken.meeting)
    return await asyncio.to_thread(library.search, wanted, taken.limit, taken.cursor)


async def _read_transcript(library: Library, taken: ReadTranscript, is_wanted: IsWanted) -> Answer:
    return await asyncio.to_thread(
        library.transcript,
        taken.meeting,
        taken.from_seconds,
        taken.to_seconds,
        taken.speaker,
        taken.limit,
        taken.cursor,
    )


async def _follow_meeting(library: Library, taken: FollowMeeting, is_wanted: IsWanted) -> Answer:
    meeting = await asyncio.to_thread(library.find, taken.meeting)
    after = None if taken.after is None else int(taken.after)
    clock = asyncio.get_running_loop().time
    end = clock() + taken.wait_seconds
    while True:
        answer, enough = await asyncio.to_thread(library.new_lines, meeting.id, after)
        left = end - clock()
        if enough or left <= 0 or not await is_wanted():
            return answer
        await asyncio.sleep(min(LOOK_SECONDS, left))


async def _speakers(library: Library, taken: Speakers, is_wanted: IsWanted) -> Answer:
    return await asyncio.to_thread(library.speakers, taken.meeting)


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "list_meetings",
            "List the meetings that are kept, newest first: id, title, state (open, live, ending, ended), when it "
            "began, duration in seconds, names of the speakers.",
            ListMeetings,
            _list_meetings,
        ),
        Tool(
            "search",
            "Find lines in what was said, last said first, in all meetings or in one; also only what one speaker said, "
            "or meetings between two days. Each hit has meeting, line, start in seconds, speaker and an excerpt: read "
            "around it with read_transcript. Few hits or none, and a `next`: look on with that as the cursor.",
            SearchMeetings,
            _search,
        ),
        Tool(
            "read_transcript",
            "Read who said what in a meeting, in order of time: all of it, between two seconds, or what one speaker "
            "said. `next` is the cursor for the lines that follow, null at the end.",
            ReadTranscript,
            _read_transcript,
        ),
        Tool(
            "follow_meeting",
            "Wait for what is said next in a live meeting. The first call, without `after`, gives the last lines at "
            "once; pass its `after` to wait for new ones. No lines: nothing was said meanwhile. State `ended`: it is "
            "over. Earlier lines may be given to another speaker later: read_transcript has them as they are.",
            FollowMeeting,
            _follow_meeting,
        ),
        Tool(
            "speakers",
            "Who speaks in a meeting, and how much: seconds, share, turns, lines, words and words per minute of each, "
            "the most first; seconds of overlap and of silence.",
            Speakers,
            _speakers,
        ),
    )
}
"""By name"""
