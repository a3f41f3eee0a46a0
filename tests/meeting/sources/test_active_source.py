"""An open source: what waits for models, and how a frame that holds hours is taken; files are real."""

from __future__ import annotations

import io
import queue
import threading
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from meeting.session.events import (
    FrameAppended,
    GapFound,
    ModelsLoaded,
    OutputReceived,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
)
from meeting.sources.backend import Emit
from meeting.storage.files import journal
from meeting.storage.store import Store
from pipelines.audio.decoding import CHUNK_SAMPLES
from pipelines.errors import ModelMissing
from pipelines.types import SAMPLE_RATE, Samples, Span
from tests.fakes.server_fakes import NO_AUDIO, FakeBackend, FakePipeline, tone
from tests.fakes.source_fakes import (
    AGAIN,
    JOB,
    MEETING,
    MODELS,
    SOURCE,
    Bench,
    Loading,
    SlowPipeline,
    frame,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def test_an_impossible_format_is_refused_before_models_are_waited_for(store: Store) -> None:
    backend = FakeBackend(gate=threading.Event())
    bench = Bench(store, backend, job=replace(JOB, audio=AudioInfo(sample_rate=0)))
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    bench.worker.abandon()
    assert backend.gate is not None
    backend.gate.set()


def test_models_that_cannot_be_had_refuse_the_source(store: Store) -> None:
    bench = Bench(store, FakeBackend(error=ModelMissing("run models pull")))
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "models", "run models pull")
    bench.worker.abandon()


def test_frames_are_kept_and_told_while_the_models_load_and_heard_once_they_are_there(store: Store) -> None:
    import soundfile

    bench = Bench(store, backend := Loading())
    assert bench.next(SourceOpened) == SourceOpened(SOURCE, None, f"{MEETING}.{SOURCE}.flac")
    bench.worker.append(AudioFrame(0, 0, tone(1.0)))
    bench.worker.append(AudioFrame(1, 3_000_000, tone(1.0)))
    assert bench.next(OutputReceived, FrameAppended) == FrameAppended(SOURCE, 0, 16000)
    assert isinstance(bench.next(GapFound), GapFound)
    assert bench.next(OutputReceived, FrameAppended) == FrameAppended(SOURCE, 1, 64000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1]
    assert backend.pipelines == []
    backend.gate.set()
    assert bench.next(OutputReceived, ModelsLoaded) == ModelsLoaded(SOURCE, MODELS)
    bench.next(OutputReceived)  # with no further frame
    bench.worker.append(AudioFrame(2, 4_000_000, tone(1.0)))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 80000)
    audio, _ = soundfile.read(store.files.audio_path(MEETING, SOURCE), dtype="int16")
    assert audio.tobytes() == tone(1.0) + bytes(4 * SAMPLE_RATE) + tone(1.0) * 2
    (pipeline,) = backend.pipelines
    assert isinstance(pipeline, FakePipeline)
    assert len(pipeline._audio) == 80000


def test_more_than_the_backlog_waits_for_the_models_and_its_client_is_told_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.sources.active_source.REMIND_SECONDS", 0.01)
    bench = Bench(store, backend := Loading(), backlog=1.5)
    for seq in range(4):
        bench.worker.append(frame(seq, tone(1.0)))
    assert [bench.next(FrameAppended) for _ in range(2)] == [
        FrameAppended(SOURCE, 0, 16000),
        FrameAppended(SOURCE, 1, 32000),
    ]
    assert [bench.next(FrameAppended) for _ in range(3)] == [FrameAppended(SOURCE, 1, 32000)] * 3
    assert bench.room.done == [32000]
    backend.gate.set()
    assert bench.rest()[-1] == SourceFinished(SOURCE, 64000)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1, 2, 3]


def test_what_is_no_audio_is_told_while_the_models_load_and_the_rest_is_heard(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.append(frame(0, tone(1.0)))
    bench.worker.append(frame(1, NO_AUDIO))
    failed = bench.next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "bad_audio"
    bench.worker.finish()
    backend.gate.set()
    assert isinstance(bench.next(OutputReceived, SourceFinished), OutputReceived)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 16000)


def test_a_source_that_ends_while_the_models_load_is_heard_to_its_end(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.append(frame(0, tone(1.5)))
    bench.worker.finish()
    bench.next(FrameAppended)
    backend.gate.set()
    assert isinstance(bench.next(OutputReceived, SourceFinished), OutputReceived)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 24000)


def test_a_server_that_stops_does_not_wait_for_the_models(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.worker.append(frame(0, tone(1.0)))
    bench.worker.finish()
    bench.next(FrameAppended)
    bench.worker.finish(shutdown_fast=True)
    assert bench.next(SourceFinished) == SourceFinished(SOURCE, 16000, complete=False)
    assert journal.in_use(store.files.journal_path(MEETING, SOURCE))
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]
    backend.gate.set()


def test_models_that_cannot_be_loaded_leave_what_was_kept_on_disk(store: Store) -> None:
    bench = Bench(store, backend := Loading(error=ModelMissing("run models pull")))
    bench.worker.append(frame(0, tone(1.0)))
    bench.next(FrameAppended)
    backend.gate.set()
    assert bench.next(SourceFailed) == SourceFailed(SOURCE, "models", "run models pull")
    assert bench.rest()[-1] == SourceFinished(SOURCE, 16000, complete=False)
    assert [kept.seq for kept in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]


def test_a_source_abandoned_while_the_models_load_does_not_wait_for_them(store: Store) -> None:
    bench = Bench(store, backend := Loading())
    bench.next(SourceOpened)
    bench.worker.abandon()
    bench.worker._thread.join(20)
    assert not bench.worker._thread.is_alive()
    backend.gate.set()
    assert bench.events.empty()
    assert backend.pipelines == []


def test_missing_audio_becomes_silence_and_is_told(store: Store) -> None:
    bench = Bench(store)
    bench.worker.append(AudioFrame(0, 0, tone(1.0)))
    bench.worker.append(AudioFrame(1, 3_000_000, tone(1.0)))
    missed = bench.next(GapFound)
    assert missed == GapFound(Gap(SOURCE, Span(16000, 48000), "sound that never arrived"))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 64000)
    bench.rest()


def test_a_crowded_meeting_is_fed_no_further(store: Store) -> None:
    bench = Bench(store, crowded=True)
    for seq in range(2):
        bench.worker.append(frame(seq, tone(0.1)))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 0, 1600)
    assert bench.room.done == []
    bench.room.crowded = False  # type: ignore[assignment]
    bench.flow.set_backlog(0.0)  # whoever waits looks again
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 3200)
    bench.rest()


def test_a_pipeline_with_a_backlog_is_waited_for(store: Store) -> None:
    bench = Bench(store, FakeBackend(pipeline=SlowPipeline), backlog=60.0)
    for seq in range(2):
        bench.worker.append(frame(seq, tone(0.1)))
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 0, 1600)
    with pytest.raises(queue.Empty):
        bench.events.get(timeout=0.1)
    assert bench.room.done == []
    bench.flow.set_backlog(60.0)
    assert bench.next(FrameAppended) == FrameAppended(SOURCE, 1, 3200)
    bench.flow.set_backlog(60.0)
    bench.rest()


class FakeSlowPipeline(FakePipeline):
    """Says how far behind it is, and remembers whether it was live at each part."""

    def __init__(self, emit: Emit, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.lived: list[bool] = []
        self.behind = [9.0, 2.5, 0.5, 30.0, 9.0]

    def feed(self, audio: Samples) -> None:
        """Remember."""
        self.lived.append(self.live)
        self.on_backlog(self.behind.pop(0))
        super().feed(audio)


@pytest.mark.parametrize(("live", "lived"), [(True, [False, False, False, True, True]), (False, [False] * 5)])
def test_a_source_is_live_once_it_has_caught_up_and_a_recording_never(
    store: Store, live: bool, lived: list[bool]
) -> None:
    backend = FakeBackend(pipeline=FakeSlowPipeline)
    bench = Bench(store, backend, live=live)
    for seq in range(5):
        bench.worker.append(frame(seq, tone(0.1)))
    bench.rest()
    (pipeline,) = backend.pipelines
    assert pipeline.lived == lived  # type: ignore[attr-defined]


class FakeExpectingPipeline(FakePipeline):
    """Remembers which terms it expected in each part."""

    def __init__(self, emit: Emit, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.expected: list[tuple[str, ...]] = []

    def feed(self, audio: Samples) -> None:
        """Remember."""
        self.expected.append(self.hotwords)
        super().feed(audio)


def test_terms_that_change_hold_for_the_audio_that_is_processed_next(store: Store) -> None:
    backend = FakeBackend(pipeline=FakeExpectingPipeline)
    bench = Bench(store, backend, job=replace(JOB, hotwords=("Zebra",)))
    for seq, terms in enumerate([None, ("Gnu", "Okapi"), ()]):
        if terms is not None:
            bench.worker.expect(terms)
        bench.worker.append(frame(seq, tone(0.1)))
        bench.next(FrameAppended)
    bench.rest()
    (pipeline,) = backend.pipelines
    assert pipeline.expected == [("Zebra",), ("Gnu", "Okapi"), ()]  # type: ignore[attr-defined]


def test_terms_that_change_while_the_models_load_hold_for_all_that_was_held(store: Store) -> None:
    backend = Loading(pipeline=FakeExpectingPipeline)
    bench = Bench(store, backend, job=replace(JOB, hotwords=("Zebra",)))
    bench.worker.append(frame(0, tone(0.1)))
    bench.next(FrameAppended)
    bench.worker.expect(("Gnu",))
    backend.gate.set()
    bench.next(ModelsLoaded)
    bench.rest()
    (pipeline,) = backend.pipelines
    assert set(pipeline.expected) == {("Gnu",)}  # type: ignore[attr-defined]


BOMB = replace(JOB, audio=AudioInfo("flac", 0, 0))


def bomb(seconds: int) -> bytes:
    """Much silence in few bytes of FLAC, and a second of sound behind it."""
    import soundfile

    file = io.BytesIO()
    audio = np.concatenate([np.zeros(seconds * SAMPLE_RATE, np.int16), np.frombuffer(tone(1.0), "<i2")])
    soundfile.write(file, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


class Counting(FakePipeline):
    """Notes how much it gets at once, and whether it gets more while too much waits; says and keeps nothing."""

    def __init__(self, emit: Emit, source_id: str) -> None:
        super().__init__(emit, source_id)
        self.fed: list[int] = []
        self.busy = False
        self.too_early = 0

    def feed(self, audio: Samples) -> None:
        """Count, and have too much to do for a moment."""
        self.fed.append(len(audio))
        self.too_early += self.busy
        self.busy = True
        self.on_backlog(100.0)
        threading.Timer(0.003, self.rest).start()

    def rest(self) -> None:
        """Have nothing to do."""
        self.busy = False
        self.on_backlog(0.0)


def counting(bench: Bench) -> Counting:
    (pipeline,) = bench.backend.pipelines
    assert isinstance(pipeline, Counting)
    return pipeline


@pytest.mark.slow
def test_a_frame_of_many_minutes_is_heard_in_pieces_and_waited_for_after_each(store: Store) -> None:
    bench = Bench(store, FakeBackend(pipeline=Counting), job=BOMB)
    bench.worker.append(frame(0, bomb(600)))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 601 * SAMPLE_RATE)
    told = [event.samples for event in events if isinstance(event, FrameAppended)]
    assert {event.seq for event in events if isinstance(event, FrameAppended)} == {0}
    assert told == sorted(set(told))
    assert len(told) > 50
    pipeline = counting(bench)
    assert sum(pipeline.fed) == 601 * SAMPLE_RATE
    assert max(pipeline.fed) < 2 * CHUNK_SAMPLES
    assert not pipeline.too_early
    bench.end()


def test_a_frame_that_holds_more_than_a_meeting_may_last_is_heard_up_to_there(store: Store) -> None:
    import soundfile

    bench = Bench(store, FakeBackend(pipeline=Counting), job=BOMB, max_seconds=60.5)
    bench.worker.append(frame(0, bomb(600)))
    bench.worker.append(frame(1, b"more"))
    events = bench.rest()
    assert events[-1] == SourceFinished(SOURCE, 968_000)
    kept = [event for event in events if isinstance(event, FrameAppended)]
    assert kept[-1] == FrameAppended(SOURCE, 0, 968_000)
    assert sum(counting(bench).fed) == 968_000
    assert soundfile.info(store.files.audio_path(MEETING, SOURCE)).frames == 968_000
    assert [frame.seq for frame in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0]
    bench.end()


@pytest.mark.parametrize(("before", "after"), [(0, 968_000), (2_000_000, 2_000_000)])
def test_what_a_killed_process_left_is_heard_in_pieces_and_as_far_as_before(
    store: Store, before: int, after: int
) -> None:
    with journal.Journal(store.files.journal_path(MEETING, SOURCE), BOMB.audio) as written:
        written.append(frame(0, bomb(600)))
    job = replace(AGAIN, processed=before)
    bench = Bench(store, FakeBackend(pipeline=Counting), job=job, max_seconds=60.5)
    recovered = bench.next(SourceRecovered)
    assert isinstance(recovered, SourceRecovered)
    assert recovered.samples == after
    bench.rest()
    assert sum(counting(bench).fed) == after
    assert max(counting(bench).fed) < 2 * CHUNK_SAMPLES
    bench.end()


@pytest.mark.slow
def test_of_a_frame_of_many_minutes_no_more_than_the_backlog_waits_for_the_models(store: Store) -> None:
    backend = Loading(pipeline=Counting)
    bench = Bench(store, backend, job=BOMB, backlog=30.0)
    bench.worker.append(frame(0, bomb(600)))
    while (kept := bench.next(FrameAppended)).samples <= 30 * SAMPLE_RATE:  # type: ignore[attr-defined]
        pass
    backend.gate.set()
    assert bench.rest()[-1] == SourceFinished(SOURCE, 601 * SAMPLE_RATE)
    pipeline = counting(bench)
    assert sum(pipeline.fed) == 601 * SAMPLE_RATE
    assert kept.samples < 30 * SAMPLE_RATE + 2 * CHUNK_SAMPLES  # type: ignore[attr-defined]
    bench.end()


def test_a_server_that_stops_leaves_the_rest_of_such_a_frame_to_a_later_one(store: Store) -> None:
    backend = Loading(pipeline=Counting)
    bench = Bench(store, backend, job=BOMB, backlog=30.0)
    bench.worker.append(frame(0, bomb(600)))
    bench.worker.append(frame(1, b"more"))
    bench.worker.finish(shutdown_fast=True)
    drained = bench.next(SourceFinished)
    assert isinstance(drained, SourceFinished)
    assert not drained.complete
    assert drained.samples < 30 * SAMPLE_RATE + 2 * CHUNK_SAMPLES
    assert [frame.seq for frame in journal.read(store.files.journal_path(MEETING, SOURCE))] == [0, 1]
    backend.gate.set()
    bench.end()


def test_an_impossible_rate_inside_a_container_is_told_in_a_sentence(store: Store) -> None:
    bench = Bench(store, job=replace(JOB, audio=AudioInfo("wav", 0, 0)))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(1)
        written.writeframes(tone(1.0))
    bench.worker.append(frame(0, file.getvalue()))
    events = bench.rest()
    sentence = "its sample rate is 1 Hz: convert it to one of 4000 to 384000 Hz"
    assert [event for event in events if isinstance(event, SourceFailed)] == [
        SourceFailed(SOURCE, "bad_audio", sentence)
    ]
    assert events[-1] == SourceFinished(SOURCE, 0)
    bench.end()


def test_a_source_that_cannot_be_kept_is_told_the_name_of_the_file_and_the_log_where_it_is(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.files.journal_path(MEETING, SOURCE)
    path.mkdir()
    failed = Bench(store).next(SourceFailed)
    assert isinstance(failed, SourceFailed)
    assert failed.code == "storage"
    assert failed.message.startswith(f"{path.name} cannot be used")
    assert str(path) in caplog.text


def test_many_gaps_are_told_in_bounded_number_and_the_same_when_they_are_heard_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.core.continuity.gaps.MAX_GAPS", 3)

    def gaps(bench: Bench) -> dict[int, Gap]:
        found = [event.gap for event in bench.rest() if isinstance(event, GapFound)]
        return {gap.span.start: gap for gap in found}

    bench = Bench(store)
    for seq in range(30):
        bench.worker.append(AudioFrame(seq, seq * 3_000_000, tone(1.0)))
    live = gaps(bench)
    bench.end()
    again = gaps(Bench(store, job=replace(JOB, recover=True)))
    assert again == live
    assert len(live) == 3
    assert [*live.values()][-1].reason.startswith("54 s of sound never arrived, in 27 places from here on")
