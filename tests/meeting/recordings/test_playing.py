"""The client that a recording comes from: what it makes of what it is told."""

from __future__ import annotations

import asyncio

import pytest

from meeting.core.errors import CloseCode, ErrorCode
from meeting.core.messages import ErrorMessage, ResumeInfo, SessionMessage
from meeting.recordings.pcm import AUDIO
from meeting.recordings.playing import PlayingClient, source_start, to_frames
from pipelines.errors import AudioError, MeetingError, StoreError


def told(*messages: ErrorMessage | SessionMessage) -> PlayingClient:
    """A client that has been told this."""

    async def tell() -> PlayingClient:
        client = PlayingClient()
        for message in messages:
            client.put(message, "")
        client.follow(lambda: None)
        return client

    return asyncio.run(tell())


def test_it_goes_on_where_the_meeting_says() -> None:
    client = told(SessionMessage("m", "s", "secret", 7, {}))
    assert client.next_seq == 7
    assert client.session.is_set()
    assert not client.closed.is_set()
    client.close(CloseCode.NORMAL, "ended")
    assert client.closed.is_set()
    client.check()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (ErrorCode.BAD_AUDIO, AudioError),
        (ErrorCode.STORAGE, StoreError),
        (ErrorCode.TOO_LONG, MeetingError),
    ],
)
def test_what_went_wrong_is_raised_as_what_it_is(code: ErrorCode, kind: type[MeetingError]) -> None:
    with pytest.raises(kind, match="a sentence"):
        told(ErrorMessage(code, "a sentence", False)).check()


@pytest.mark.parametrize("code", [ErrorCode.LOADING, ErrorCode.RECOVERING])
def test_what_passes_is_no_problem(code: ErrorCode) -> None:
    told(ErrorMessage(code, "wait", False)).check()
    told(ErrorMessage(ErrorCode.STORAGE, "full", False), ErrorMessage(ErrorCode.STORAGE_OK, "", False)).check()


def test_a_recording_starts_as_a_room_of_people_under_its_name() -> None:
    resume = ResumeInfo("s", "secret")
    start = source_start("a" * 300, "de", resume)
    assert (start.audio, start.source.name, start.source.kind) == (AUDIO, "a" * 200, "room")
    assert (start.language, start.resume) == ("de", resume)


def test_frames_are_numbered_and_timed_by_their_samples() -> None:
    frames = list(to_frames(iter([bytes(32_000), bytes(32_000), bytes(4)]), 8000))
    assert [(frame.seq, frame.capture_us) for frame in frames] == [(0, 0), (1, 500_000), (2, 1_000_000)]
