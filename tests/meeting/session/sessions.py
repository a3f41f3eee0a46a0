"""Sessions with the events that they are made of, and what is looked for in their effects."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from meeting.config.settings import Limits
from meeting.core.access import Role
from meeting.core.messages import AudioFrame, AudioInfo, ErrorMessage, ResumeInfo, SourceInfo, Start
from meeting.session.events import (
    Broadcast,
    ClientJoined,
    ConfirmStored,
    Disconnect,
    Effect,
    Event,
    Send,
    SourceOpened,
    SourceStored,
    StartReceived,
)
from meeting.session.session import Session
from pipelines.types import SAMPLE_RATE, Segment, Span, Word

T = TypeVar("T")
LIMITS = Limits(viewers=2, frame_bytes=1024, meeting_hours=1.0, resume_window=60.0)
MODELS = {"set": "fake"}
START = Start(1, AudioInfo(), SourceInfo("Ann", "room"))
OPENED = SourceOpened("src1", MODELS, "m1.src1.flac")
HOST, VIEWER, OTHER = 1, 2, 3
BOB = replace(START, source=SourceInfo("Bob", "room"))
SECOND = StartReceived(OTHER, BOB, "src2", "token2")


class StoringSession(Session):
    """A session whose room stores everything at once."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What the room carries out, the news that all is stored included."""
        effects: list[Effect] = []
        for effect in super().handle(event, now):
            stored = isinstance(effect, ConfirmStored)
            effects += super().handle(SourceStored(effect.source_id), now) if stored else [effect]
        return effects


def new_session(*events: Event, limits: Limits = LIMITS, kind: type[Session] = StoringSession) -> Session:
    """A meeting to which all this has happened at once."""
    session = kind("m1", "Monday", limits, MODELS)
    for event in events:
        session.handle(event, 0.0)
    return session


def started(client: int = HOST, start: Start = START, refusal: str | None = None) -> StartReceived:
    """A client starts the source `src1` with the token `secret`."""
    return StartReceived(client, start, "src1", "secret", refusal)


def resumed(client: int, token: str = "secret", source_id: str = "src1") -> StartReceived:
    """A client would go on with a source."""
    return StartReceived(client, replace(START, resume=ResumeInfo(source_id, token)), "src2", "other")


def live_session(limits: Limits = LIMITS) -> Session:
    """A meeting whose source is `HOST`."""
    return new_session(ClientJoined(HOST), started(), OPENED, limits=limits)


def two_sources() -> Session:
    """A meeting with the sources of `HOST` and of `OTHER`, who may speak."""
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    session.handle(SourceOpened("src2", MODELS, "m1.src2.flac"), 0.0)
    return session


def line_of(source_id: str, id_: str, speaker: str | None = None) -> Segment:
    """A final line of a source, in its first tenth of a second."""
    span = Span(0, 1600)
    return Segment(id_, 1, True, source_id, span, speaker, (Word("Hello", span),))


def frame(seq: int, size: int = 4) -> AudioFrame:
    """A frame of silence."""
    return AudioFrame(seq, 0, bytes(size))


def segment(rev: int = 1, final: bool = True, words: tuple[str, ...] = ("Hello",)) -> Segment:
    """A line of the first second."""
    span = Span(0, SAMPLE_RATE)
    return Segment("s1", rev, final, "src1", span, None, tuple(Word(word, span) for word in words))


def only(effects: list[Effect], kind: type[T]) -> list[T]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def errors(effects: list[Effect]) -> list[tuple[str, bool]]:
    """Code and fatality of every error that is told."""
    messages = [e.message for e in effects if isinstance(e, (Send, Broadcast))]
    return [(m.code, m.fatal) for m in messages if isinstance(m, ErrorMessage)]


def disconnects(effects: list[Effect]) -> list[tuple[int, int]]:
    """Whose connection is closed, and with which code."""
    return [(drop.client, drop.code) for drop in only(effects, Disconnect)]
