"""Recordings of several sources played into one meeting: in step, each where it stood."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from meeting.config.settings import Limits, Models
from meeting.core.errors import ErrorCode
from meeting.core.messages import AudioFrame
from meeting.core.placing import in_meeting
from meeting.core.records import Meeting, Record, Source, State
from meeting.live.rooms import RECORDED_BACKLOG, Rooms
from meeting.recordings.playing import PlayingClient
from meeting.recordings.playing_together import AHEAD, Part, play_together
from meeting.sources.engine_loader import EngineLoader, Services
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Samples, samples, seconds
from tests.fakes.server_fakes import NO_AUDIO, FakeBackend, FakePipeline, LeanPipeline

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
FRAME = SAMPLE_RATE // 2
FRAMES = 12
"""Of each source: six seconds"""


def source(id_: str, number: int, begins: float = 0.0, kind: str = "room") -> Source:
    """A source as its meeting knew it."""
    anchors = ((0, samples(begins)),) if begins else ()
    return Source(
        id_, f"Name of {id_}", kind, "webm_opus", 48_000, 2, "de", 96_000, "x", number=number, anchors=anchors
    )


class Tape:
    """Frames of sources, and in which order they were asked for."""

    def __init__(self, bad: str = "") -> None:
        self.asked: list[tuple[str, int]] = []
        self.closed: list[str] = []
        self._bad = bad

    def part(self, source: Source) -> Part:
        return Part(source, lambda: self._frames(source.id), FRAME)

    async def _frames(self, id_: str) -> AsyncGenerator[AudioFrame, None]:
        try:
            for seq in range(FRAMES):
                self.asked.append((id_, seq))
                payload = NO_AUDIO if id_ == self._bad and seq == 3 else np.full(FRAME, 0.5, "<f4").tobytes()
                yield AudioFrame(seq, seq * 500_000, payload)
        finally:
            self.closed.append(id_)


def play(
    tmp_path: Path, tape: Tape, known: Sequence[Source], backend: FakeBackend, limits: Limits | None = None
) -> tuple[Record, Sequence[PlayingClient]]:
    """Play all of them; what is stored, and the clients that they came from."""

    async def run(services: Services) -> Sequence[PlayingClient]:
        rooms = Rooms(services, limits or Limits())
        room = await rooms.enter("m")
        assert room is not None
        try:
            with rooms.unkept.hold("m"):
                clients = await play_together(room, [tape.part(one) for one in known], "en", "token")
                stored.append(TranscriptStore(services.store).record("m"))
                return clients
        finally:
            await rooms.finish_all()

    stored: list[Record] = []
    with Store(tmp_path) as store:
        store.create_meeting(Meeting("m", "Talk", State.OPEN, NOW, kept=False, recorded=True)).result()
        engine = EngineLoader(backend, Models())
        engine.load()
        engine.wait()
        clients = asyncio.run(run(Services(store, backend, engine)))
    return stored[0], clients


def test_each_source_is_what_it_was_and_stands_where_it_stood(tmp_path: Path) -> None:
    known = [source("a", 1), source("b", 3, 2.25, "solo")]
    record, clients = play(tmp_path, Tape(), known, FakeBackend())
    assert record.meeting.state == State.ENDED
    assert record.meeting.samples == samples(8.25)
    assert [client.problem for client in clients] == [None, None]
    told = [(one.id, one.number, one.name, one.kind, one.anchors, one.language) for one in record.sources]
    assert told == [
        ("a", 1, "Name of a", "room", (), "en"),
        ("b", 3, "Name of b", "solo", ((0, samples(2.25)),), "en"),
    ]
    starts = {id_: [seconds(s.span.start) for s in record.segments if s.source_id == id_] for id_ in "ab"}
    assert starts == {"a": [0, 1, 2, 3, 4, 5], "b": [2.25, 3.25, 4.25, 5.25, 6.25, 7.25]}


def test_no_source_runs_ahead_of_the_others_however_slow_one_is(tmp_path: Path) -> None:
    known = {one.id: one for one in (source("a", 1), source("b", 2, 2.0), source("c", 3, 4.0))}
    fed: list[tuple[str, int]] = []

    class Watched(LeanPipeline):
        slow = 0.1

        def feed(self, audio: Samples) -> None:
            self.slow = 0.1 if self._source_id == "b" else 0.0
            fed.append((self._source_id, self._done))
            super().feed(audio)

    tape = Tape()
    play(tmp_path, tape, list(known.values()), FakeBackend(pipeline=Watched))
    assert tape.closed == ["a", "b", "c"]
    heard = {id_: in_meeting(known[id_].anchors, 0) for id_ in known}
    left = dict.fromkeys(known, FRAMES)
    for id_, done in fed:
        heard[id_], left[id_] = in_meeting(known[id_].anchors, done), left[id_] - 1
        others = [heard[other] for other in known if left[other] and other != id_]
        # What a fake has done is known by the second only.
        assert all(heard[id_] - other <= samples(1.0) + (AHEAD + 2) * FRAME for other in others)
    assert not any(left.values())


def test_a_source_that_began_when_all_others_had_stopped_is_heard_all_the_same(tmp_path: Path) -> None:
    known = [source("a", 1), source("b", 2, 600.0), source("c", 3, 1200.0)]
    record, _ = play(tmp_path, Tape(), known, FakeBackend(), Limits(sources=1))
    assert record.meeting.samples == samples(1206.0)
    assert [line.source_id for line in record.segments] == [*"aaaaaabbbbbbcccccc"]


@pytest.mark.slow
def test_all_of_them_together_have_no_more_waiting_for_the_models_than_one_may(tmp_path: Path) -> None:
    waiting: list[FakePipeline] = []
    fed, free = Counter[str](), threading.Event()

    class Busy(LeanPipeline):
        def feed(self, audio: Samples) -> None:
            super().feed(audio)
            fed[self._source_id] += not free.is_set()
            self.on_backlog(0.0 if free.is_set() else RECORDED_BACKLOG / 3)
            waiting.append(self)
            if len(fed) == 4 and len(waiting) == 4:
                threading.Timer(0.3, go_on).start()

    def go_on() -> None:
        free.set()
        for pipeline in waiting:
            pipeline.on_backlog(0.0)

    known = [source(id_, number) for number, id_ in enumerate("abcd", 1)]
    record, _ = play(tmp_path, Tape(), known, FakeBackend(pipeline=Busy))
    assert record.meeting.state == State.ENDED
    assert fed == dict.fromkeys("abcd", 1), "a third of what may wait is more than the share of one in four"


@pytest.mark.parametrize("bad", ["a", "b"])
def test_a_source_that_cannot_be_heard_says_why_and_lets_go_of_all(tmp_path: Path, bad: str) -> None:
    tape = Tape(bad)
    _, clients = play(tmp_path, tape, [source("a", 1), source("b", 2, 1.0)], FakeBackend())
    problems = [client.problem.code for client in clients if client.problem is not None]
    assert problems == [ErrorCode.BAD_AUDIO]
    assert sorted(tape.closed) == ["a", "b"]
