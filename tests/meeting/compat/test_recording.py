"""A recording through a meeting that tells what it is made to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from meeting.compat.live_stream import StreamMessage
from meeting.compat.recording import Transcribed, transcribe
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import Ack, Ended, ErrorMessage
from tests.meeting.compat.test_lines import line

ENDED = Ended(1)
NO_AUDIO = ErrorMessage(ErrorCode.BAD_AUDIO, "this is no audio", False)


class Told:
    """A stream with so many messages, which ends or goes on for ever."""

    close_code = CloseCode.INTERNAL

    def __init__(self, *messages: StreamMessage, ends: bool = True) -> None:
        self._messages = messages
        self._ends = ends

    async def messages(self) -> AsyncIterator[StreamMessage]:
        for message in self._messages:
            yield message
        if not self._ends:
            await asyncio.Event().wait()


class Asked:
    """A request whose client goes after a while, or stays."""

    def __init__(self, goes: bool = False) -> None:
        self._goes = goes

    async def receive(self) -> dict[str, str]:
        await asyncio.sleep(0.01 if self._goes else 3600)
        return {"type": "http.disconnect"}


def heard(stream: Any, fed: float = 0.0, goes: bool = False, broken: bool = False, **options: Any) -> Transcribed:
    async def feed() -> None:
        await asyncio.sleep(fed)
        if broken:
            raise ClientDisconnect

    request: Any = Asked(goes)
    return asyncio.run(asyncio.wait_for(transcribe(request, stream, feed(), **options), 5))


@pytest.mark.parametrize("body_taken", [True, False])
def test_the_lines_and_the_length_are_what_was_told(body_taken: bool) -> None:
    found = heard(
        Told(line("1"), Ack(0, 1.0), line("2", text="two", start=1.0), Ack(1, 2.5), ENDED), body_taken=body_taken
    )
    assert ([one.text for one in found.lines], found.duration) == (["one", "two"], 2.5)


def test_every_message_is_passed_on_as_it_comes() -> None:
    told: list[StreamMessage] = []

    async def tell(message: StreamMessage) -> None:
        told.append(message)

    heard(Told(line("1"), Ack(0, 1.0), ENDED), tell=tell)
    assert told == [line("1"), Ack(0, 1.0), ENDED]


def test_a_stream_that_fails_raises_what_it_says() -> None:
    with pytest.raises(ProtocolError, match="broken") as raised:
        heard(Told(line("1"), ErrorMessage(ErrorCode.MODELS, "broken", True)), fed=3600)
    assert (raised.value.code, raised.value.close) == (ErrorCode.MODELS, CloseCode.INTERNAL)


def test_trouble_at_the_end_does_not_take_back_what_was_heard() -> None:
    assert [one.text for one in heard(Told(line("1"), NO_AUDIO, ENDED)).lines] == ["one"]
    with pytest.raises(ProtocolError, match="this is no audio"):
        heard(Told(NO_AUDIO, ENDED))


@pytest.mark.parametrize(("fed", "body_taken"), [(0.0, True), (0.0, False), (3600, True)])
def test_a_client_that_goes_ends_it(fed: float, body_taken: bool) -> None:
    with pytest.raises(ClientDisconnect):
        heard(Told(line("1"), ends=False), fed, goes=True, body_taken=body_taken)


def test_a_client_that_goes_while_it_sends_is_seen_by_who_reads() -> None:
    with pytest.raises(ClientDisconnect):
        heard(Told(ends=False), broken=True)
