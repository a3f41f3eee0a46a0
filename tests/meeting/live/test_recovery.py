"""What an earlier process left: found, rebuilt, gone on with, or ended; servers are real, pipelines are fakes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from meeting.core.access import digest
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import EditedLine, Edits, Gap, Meeting, Resume, Source, State
from meeting.live.recovery import restore, window_left
from meeting.storage.edit_store import EditStore
from meeting.storage.files.journal import Journal, in_use
from meeting.storage.files.journal_format import STOPPED
from meeting.storage.files.recovery_attempts import MAX_AT_ONCE
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import ModelMissing, StoreError
from pipelines.types import SAMPLE_RATE, Samples, Segment, Span, SpeakerCount, Word
from tests.fakes.server_fakes import (
    FAKE_MODELS,
    Client,
    FakeBackend,
    FakePipeline,
    Serving,
    config,
    serving,
    tone,
    wait_ready,
)

A, SOURCE, TOKEN = "a" * 16, "s" * 16, "t" * 32
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
WINDOW = 600.0
RESUME = {"source_id": SOURCE, "token": TOKEN}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def words(number: int, rev: int = 1, text: str = "stored") -> Segment:
    span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
    return Segment(f"s{number}", rev, True, SOURCE, span, None, (Word(text, span),))


def left_behind(
    store: Store,
    seconds: int = 2,
    state: str = State.LIVE,
    resume: Resume | None = Resume(SOURCE, digest(TOKEN)),  # noqa: B008 - frozen
    speakers: SpeakerCount | None = None,
) -> Path:
    """A running meeting as a killed process leaves it; its journal."""
    store.create_meeting(Meeting(A, "Cut off", State.OPEN, NOW, speakers=speakers)).result()
    TranscriptStore(store).save_source(
        A, Source(SOURCE, "Ann", "room", "pcm_s16le", 16000, 1, None, 0, f"{A}.{SOURCE}.flac")
    ).result()
    store.set_state(A, state, started_at=NOW).result()
    if resume is not None:
        RecoveryStore(store).save_resume(A, resume).result()
    path = store.files.journal_path(A, SOURCE)
    with Journal(path, AudioInfo()) as journal:
        for seq in range(seconds):
            journal.append(AudioFrame(seq, 0, tone(1.0)))
        if state == State.ENDING:  # which is noted behind the last frame
            journal.mark(STOPPED)
    store.files.audio_path(A, SOURCE).write_bytes(b"half a FLAC")
    return path


# Finding


def test_a_cut_off_meeting_is_restored_with_all_its_window(store: Store) -> None:
    path = left_behind(store)
    restored = restore(store, A, WINDOW, NOW)
    assert restored is not None
    (source,) = restored.sources
    assert (source.source.id, source.remaining) == (SOURCE, WINDOW)
    assert source.resume == Resume(SOURCE, digest(TOKEN), (), NOW)
    assert restored.last_frame_at == datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)


def test_lines_beyond_a_journal_that_was_fetched_are_heard_again_and_nothing_is_filled_up(store: Store) -> None:
    left_behind(store, seconds=2)
    TranscriptStore(store).save_segments(A, [words(0), words(1), words(2)]).result()
    whole, fetched = (restore(store, A, WINDOW, NOW, fetched=value) for value in (False, True))
    assert whole is not None
    assert fetched is not None
    assert (len(whole.record.segments), whole.sources[0].processed) == (3, 3 * SAMPLE_RATE)
    assert [line.id for line in fetched.record.segments] == ["s0", "s1"]
    assert (fetched.record.meeting.samples, fetched.sources[0].processed) == (0, 0)


def test_a_crash_while_it_is_rebuilt_does_not_give_it_the_whole_window_again(store: Store) -> None:
    left_behind(store)
    restore(store, A, WINDOW, NOW)
    again = restore(store, A, WINDOW, NOW + timedelta(seconds=100))
    assert again is not None
    assert again.sources[0].remaining == WINDOW - 100


def test_an_old_recording_of_which_no_audio_is_left_is_no_old_meeting(store: Store) -> None:
    left_behind(store).unlink()
    store.set_state(A, State.LIVE, started_at=NOW - timedelta(days=3000)).result()
    assert restore(store, A, WINDOW, NOW) is None
    meeting = store.meeting(A)
    assert (meeting.state, meeting.ended_at) == (State.ENDED, NOW)


@pytest.mark.parametrize("state", [State.OPEN, State.ENDED])
def test_meetings_that_do_not_run_are_left_alone(store: Store, state: str) -> None:
    left_behind(store, state=state)
    assert restore(store, A, WINDOW, NOW) is None


def test_a_meeting_that_runs_in_another_process_is_left_alone(store: Store) -> None:
    path = left_behind(store)
    with Journal(path, AudioInfo()):
        assert restore(store, A, WINDOW, NOW) is None
    assert store.meeting(A).state == State.LIVE


def test_a_disk_that_refuses_is_told_as_every_trouble_of_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(store)

    def refuse(path: Path) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(StoreError, match="Input/output error"):
        restore(store, A, WINDOW, NOW)


def test_a_meeting_without_audio_is_ended_with_what_was_stored(store: Store) -> None:
    left_behind(store).unlink()
    TranscriptStore(store).save_segments(A, [words(2)]).result()
    assert restore(store, A, WINDOW, NOW) is None
    meeting = store.meeting(A)
    assert (meeting.state, meeting.samples, meeting.segments) == (State.ENDED, 3 * SAMPLE_RATE, 1)
    assert meeting.ended_at == NOW + timedelta(seconds=3)


@pytest.mark.parametrize(
    ("away", "left"),
    [(0, 600.0), (100, 500.0), (700, 0.0), (-100, 600.0), (-1e9, 600.0), (1e9, 0.0)],
)
def test_a_clock_that_was_set_meanwhile_gives_none_or_all_of_the_window(away: float, left: float) -> None:
    assert window_left(NOW, NOW + timedelta(seconds=away), WINDOW) == left
    assert window_left(None, NOW, WINDOW) == WINDOW


# Going on


def texts(served: Serving) -> list[tuple[str, str]]:
    body = served.http.get(f"/api/meetings/{A}/transcript").json()
    return [(segment["id"], segment["text"]) for segment in body["segments"]]


def test_a_source_resumes_in_the_next_process_and_nothing_is_missing(tmp_path: Path) -> None:
    import soundfile

    with Store(tmp_path) as store:
        left_behind(store, 2)
        TranscriptStore(store).save_segments(A, [words(0, rev=9, text="stale"), words(1, text="stale")]).result()
        EditStore(store).save(A, Edits({"spk1": "Ann"})).result()
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(A) as host, served.connect(A) as viewer:
            snapshot = viewer.receive()
            assert (snapshot["state"], [s["text"] for s in snapshot["segments"]]) == ("live", ["one", "one"])
            session = host.start(resume=RESUME)
            assert (session["next_seq"], session["resume_token"]) == (2, TOKEN)
            host.frame(1, tone(1.0))
            host.frame(2, tone(1.0))
            host.send("stop")
            assert host.until("ended")["segments"] == 3
            viewer.until("ended")
        assert texts(served) == [("s0", "one"), ("s1", "one"), ("s2", "one")]
        details = served.http.get(f"/api/meetings/{A}").json()
        assert (details["state"], details["duration"], details["speakers"][0]["name"]) == ("ended", 3.0, "Ann")
    with Store(tmp_path) as store:
        audio, _ = soundfile.read(store.files.audio_path(A, SOURCE), dtype="int16")
        assert audio.tobytes() == tone(1.0) * 3
        assert not store.files.journal_path(A, SOURCE).exists()


@pytest.mark.slow
def test_a_cut_off_meeting_is_heard_again_with_its_terms_and_takes_others(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store, 2, resume=Resume(SOURCE, digest(TOKEN), ("Zebra",)))
        store.set_hotwords(A, ("Okapi",)).result()
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as served:
        wait_ready(served)
        (pipeline,) = backend.pipelines
        assert pipeline.hotwords == ("Zebra", "Okapi")
        with served.connect(A) as host:
            host.start(resume=RESUME)
            served.http.put(f"/api/meetings/{A}/hotwords", json={"hotwords": ["Gnu"]})
            host.frame(1, tone(1.0))
            host.frame(2, tone(1.0))
            host.send("stop")
            host.until("ended")
        assert pipeline.hotwords == ("Zebra", "Gnu")


def test_a_cut_off_meeting_is_heard_again_with_the_number_of_people_that_it_was_made_with(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store, 2, speakers=SpeakerCount(2, 5))
    backend = FakeBackend()
    with serving(config(tmp_path), backend) as served:
        wait_ready(served)
        assert [pipeline.speakers for pipeline in backend.pipelines] == [SpeakerCount(2, 5)]


@pytest.mark.slow
def test_what_people_have_set_survives_a_crash_and_the_rebuilding(tmp_path: Path) -> None:
    heard = words(0, text="one")
    mine = replace(heard, rev=7, speaker="spk1", words=(Word("won", heard.span),))
    with Store(tmp_path) as store:
        left_behind(store)
        edits = Edits({"spk1": "Ann"}, {"spk2": "spk1"}, {"s0": EditedLine(mine, heard.words, True)})
        EditStore(store).save(A, edits, ["s0"]).result()
    with serving(config(tmp_path, resume_window=1.0)) as served:
        reader = ended(served)
        last = [message for message in reader.seen if message["type"] == "snapshot"][-1]
        assert texts(served) == [("s0", "won"), ("s1", "one")]
        details = served.http.get(f"/api/meetings/{A}").json()["speakers"]
        assert [(s["id"], s["name"], s["merged_into"]) for s in details] == [
            ("spk1", "Ann", None),
            ("spk2", None, "spk1"),
        ]
        assert len(last["segments"]) <= 2
    with Store(tmp_path) as store:
        assert [(s.id, s.speaker) for s in TranscriptStore(store).record(A).segments] == [
            ("s0", "spk1"),
            ("s1", "spk1"),
        ]


@pytest.mark.slow
def test_while_it_is_rebuilt_readers_see_what_was_stored_and_its_source_is_told(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
        TranscriptStore(store).save_segments(A, [words(0)]).result()
        RecoveryStore(store).save_gap(A, Gap(SOURCE, Span(0, 1600), "lost")).result()
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served:
        assert served.http.get("/healthz").status_code == 200
        assert served.http.get("/readyz").status_code == 503
        with served.connect(A) as viewer, served.connect(A) as host:
            snapshot = viewer.receive()
            assert [s["text"] for s in snapshot["segments"]] == ["stored"]
            assert [(gap["start"], gap["end"]) for gap in snapshot["gaps"]] == [(0.0, 0.1)]
            host.send("start", version=1, audio={"encoding": "pcm_s16le", "sample_rate": 16000}, resume=RESUME)
            assert host.until("session")["next_seq"] == 2
            told = host.until("error")
            assert (told["code"], told["fatal"]) == ("recovering", False)
            host.frame(2, tone(1.0))
            assert host.until("ack")["seq"] == 2
            assert backend.gate is not None
            backend.gate.set()
            assert [s["text"] for s in viewer.until("snapshot")["segments"]] == ["one", "one", "one"]
            host.send("stop")
            assert host.until("ended")["segments"] == 3


@pytest.mark.slow
def test_what_was_kept_while_the_models_loaded_is_heard_by_the_next_process(tmp_path: Path) -> None:
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host:
            assert host.start()["models"] == {}
            for seq in range(3):
                host.frame(seq, tone(1.0))
            while host.until("ack")["seq"] < 2:
                pass
            served.server.handle_exit(15, None)
            assert host.close_code() == 1013
    assert backend.gate is not None
    backend.gate.set()
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(meeting_id) as viewer:
            viewer.until("ended")
        meeting = served.http.get(f"/api/meetings/{meeting_id}/transcript").json()
        assert [segment["text"] for segment in meeting["segments"]] == ["one"] * 3
        assert (meeting["meeting"]["duration"], meeting["models"]) == (3.0, FAKE_MODELS)


@pytest.mark.slow
def test_a_stopped_meeting_is_ended_by_the_next_process_though_the_database_refused_to_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, refused = Store.set_state, threading.Event()

    def refusing(store: Store, meeting_id: str, state: str, **given: Any) -> Future[None]:
        if state != State.ENDING:
            return saved(store, meeting_id, state, **given)
        refused.set()
        future: Future[None] = Future()
        future.set_exception(StoreError("disk I/O error"))
        return future

    monkeypatch.setattr(Store, "set_state", refusing)
    with serving(config(tmp_path), FakeBackend(gate=threading.Event())) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host:
            host.start()
            host.frame(0, tone(1.0))
            host.until("ack")
            served.server.handle_exit(15, None)
            assert host.close_code() == 1013
    assert refused.is_set()
    monkeypatch.setattr(Store, "set_state", saved)
    with Store(tmp_path) as store:
        assert store.meeting(meeting_id).state == State.LIVE
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(meeting_id) as viewer:
            assert viewer.until("ended")["segments"] == 1


@pytest.mark.slow
def test_a_journal_is_free_once_its_server_has_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = Journal.close

    def late(journal: Journal) -> None:
        threading.Event().wait(0.5)
        close(journal)

    monkeypatch.setattr(Journal, "close", late)
    with serving(config(tmp_path), FakeBackend(gate=threading.Event())) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host:
            host.start()
            host.frame(0, tone(1.0))
            host.until("ack")
            served.server.handle_exit(15, None)
            host.close_code()
    (path,) = (tmp_path / "audio").glob("*.journal")
    assert not in_use(path)


@pytest.mark.slow
def test_a_meeting_that_ran_in_another_process_is_heard_once_that_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meeting.live.unfinished.RETRY_SECONDS", 0.05)
    with Store(tmp_path) as store:
        path = left_behind(store, resume=None)
    other = Journal(path, AudioInfo())
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        assert served.http.get(f"/api/meetings/{A}").json()["state"] == "live"
        other.close()
        while served.http.get(f"/api/meetings/{A}").json()["state"] != "ended":
            threading.Event().wait(0.05)
        assert len(texts(served)) == 2


@pytest.mark.slow
def test_models_that_cannot_be_loaded_leave_the_meeting_to_a_later_process(tmp_path: Path) -> None:
    backend = FakeBackend(gate=threading.Event(), error=ModelMissing("run models pull"))
    with serving(config(tmp_path), backend) as served:
        meeting_id = served.create()
        with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
            token = host.start()
            host.frame(0, tone(1.0))
            host.until("ack")
            assert backend.gate is not None
            backend.gate.set()
            while (told := host.until("error"))["code"] == "loading":
                pass
            assert (told["code"], told["message"], told["fatal"]) == ("models", "run models pull", True)
            assert (host.close_code(), viewer.close_code()) == (4400, 1013)
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(meeting_id) as host:
            resume = {"source_id": token["source_id"], "token": token["resume_token"]}
            assert host.start(resume=resume)["next_seq"] == 1
            host.frame(1, tone(1.0))
            host.send("stop")
            assert host.until("ended")["segments"] == 2


def test_a_stranger_cannot_go_on_with_it(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(A) as client:
            assert client.start(resume={"source_id": SOURCE, "token": digest(TOKEN)})["code"] == "unauthorized"
            assert client.close_code() == 4401


def ended(served: Serving) -> Client:
    """A reader of the meeting who has seen its end."""
    with served.connect(A) as viewer:
        viewer.until("ended")
        return viewer


def test_a_source_that_stays_away_ends_the_meeting_complete(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
    with serving(config(tmp_path, resume_window=1.0)) as served:
        ended(served)
        assert texts(served) == [("s0", "one"), ("s1", "one")]
        details = served.http.get(f"/api/meetings/{A}").json()
        assert (details["state"], details["started_at"]) == ("ended", "2026-01-02T00:00:00.000Z")


@pytest.mark.parametrize(
    ("state", "resume"),
    [
        pytest.param(State.ENDING, Resume(SOURCE, digest(TOKEN)), id="its source had stopped"),
        pytest.param(State.LIVE, Resume(SOURCE, None), id="a replay"),
        pytest.param(State.LIVE, None, id="stored by an earlier version"),
    ],
)
def test_a_meeting_that_nobody_can_come_back_to_is_ended_at_once(
    tmp_path: Path, state: str, resume: Resume | None
) -> None:
    with Store(tmp_path) as store:
        left_behind(store, state=state, resume=resume)
    with serving(config(tmp_path)) as served:
        ended(served)
        assert texts(served) == [("s0", "one"), ("s1", "one")]


def test_a_clock_that_went_back_does_not_end_a_meeting_before_it_began(tmp_path: Path) -> None:
    later = datetime.now(timezone.utc) + timedelta(days=400)
    with Store(tmp_path) as store:
        left_behind(store, resume=None)
        store.set_state(A, State.LIVE, started_at=later).result()
    with serving(config(tmp_path)) as served:
        ended(served)
        details = served.http.get(f"/api/meetings/{A}").json()
        assert details["ended_at"] == details["started_at"]


@pytest.mark.slow
def test_a_server_that_stops_while_it_rebuilds_leaves_it_to_the_next(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
    backend = FakeBackend(gate=threading.Event())
    with serving(config(tmp_path), backend) as served, served.connect(A) as viewer:
        viewer.receive()
        served.server.handle_exit(15, None)
        assert viewer.close_code() == 1013
        assert backend.gate is not None
        backend.gate.set()
    with Store(tmp_path) as store:
        assert store.meeting(A).state == State.LIVE
    with serving(config(tmp_path, resume_window=1.0)) as served:
        ended(served)
        assert len(texts(served)) == 2


@pytest.mark.slow
def test_of_many_meetings_only_some_hold_a_pipeline_at_once(tmp_path: Path) -> None:
    ids = [letter * 16 for letter in "bcdefgh"]
    with Store(tmp_path) as store:
        left_behind(store)
        for id_ in ids:
            store.create_meeting(replace(store.meeting(A), id=id_)).result()
            TranscriptStore(store).save_source(id_, Source(SOURCE, "Ann", "room", "pcm_s16le", 16000, 1)).result()
            with Journal(store.files.journal_path(id_, SOURCE), AudioInfo()) as journal:
                journal.append(AudioFrame(0, 0, tone(1.0)))
    goes_on = threading.Event()

    class Held(FakePipeline):
        def feed(self, audio: Samples) -> None:
            """Hear nothing before the test lets it."""
            goes_on.wait(20)
            super().feed(audio)

    backend = FakeBackend(pipeline=Held)
    with serving(config(tmp_path), backend) as served:
        recovery_queue = served.app.state.rooms.services.recovery_queue
        while len(recovery_queue._waiting) < 1 + len(ids) - MAX_AT_ONCE or len(backend.pipelines) < MAX_AT_ONCE:
            threading.Event().wait(0.01)
        assert len(backend.pipelines) == MAX_AT_ONCE
        goes_on.set()
        wait_ready(served)
        assert len(backend.pipelines) == 1 + len(ids)


def test_several_meetings_are_rebuilt(tmp_path: Path) -> None:
    others = ["b" * 16, "c" * 16]
    with Store(tmp_path) as store:
        left_behind(store)
        for other in others:
            store.create_meeting(replace(store.meeting(A), id=other)).result()
    with serving(config(tmp_path, resume_window=1.0)) as served:
        wait_ready(served)
        ended(served)
        assert {served.http.get(f"/api/meetings/{id_}").json()["state"] for id_ in (A, *others)} == {"ended"}


def test_a_host_ends_and_deletes_a_meeting_that_is_still_being_rebuilt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
    backend = FakeBackend(gate=threading.Event())
    assert backend.gate is not None
    with serving(config(tmp_path), backend) as served, served.connect(A) as viewer:
        viewer.until("snapshot")
        assert served.http.delete(f"/api/meetings/{A}").status_code == 409
        assert served.http.post(f"/api/meetings/{A}/end").json()["state"] in ("live", "ending")
        assert served.http.delete(f"/api/meetings/{A}").status_code == 204
        assert viewer.close_code() == 4404
        assert not list((tmp_path / "audio").iterdir())
        assert "failed" not in caplog.text
        backend.gate.set()


def test_a_meeting_that_is_ended_while_it_is_rebuilt_ends_with_all_that_was_received(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store)
    backend = FakeBackend(gate=threading.Event())
    assert backend.gate is not None
    with serving(config(tmp_path), backend) as served, served.connect(A) as viewer:
        viewer.until("snapshot")
        assert served.http.post(f"/api/meetings/{A}/end").status_code == 200
        backend.gate.set()
        assert viewer.until("ended")["segments"] == 2
