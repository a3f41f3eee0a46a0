"""The command that transcribes a meeting again; models are fakes here."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import Conflict, ProtocolError
from meeting.jobs.command import retranscribe
from meeting.recordings.replay import ReplayOptions, replay
from meeting.storage.edit_store import EditStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SpeakerCount
from tests.databases.postgres_server import PostgresServer
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config
from tests.fakes.stored import keep_two_sources
from tests.meeting.cluster.shared_servers import SERVER, leases_of, on_postgres, server_with, watched_by
from tests.meeting.recordings.test_replay import recording


class TalkativeBackend(FakeBackend):
    """Other models."""


@pytest.mark.slow
def test_a_meeting_is_transcribed_again_with_other_models_and_keeps_its_names(tmp_path: Path) -> None:
    settings = config(tmp_path / "data")
    meeting = replay(settings, ReplayOptions(recording(tmp_path)), FakeBackend())["meeting"]
    with Store(tmp_path / "data") as store:
        EditStore(store).change(meeting, SpeakerChange("spk1", rename=True, name="Ann"))
        before = TranscriptStore(store).record(meeting)
    backend = FakeBackend()
    done = retranscribe(settings, "last", "en", SpeakerCount(1, 1), backend)
    assert done == {
        "meeting": meeting,
        "seconds": 2.5,
        "segments": 3,
        "speakers": 1,
        "models": {"speech": "fake", "why": "a test"},
        "problem": None,
    }
    assert [pipeline.speakers for pipeline in backend.pipelines] == [SpeakerCount(1, 1)]
    with Store(tmp_path / "data") as store:
        after = TranscriptStore(store).record(meeting)
        assert store.unkept() == []
        assert [path.suffix for path in store.files.all()] == [".flac"]
    assert (after.speakers, after.turns) == (before.speakers, before.turns)
    assert [line.text for line in after.segments] == [line.text for line in before.segments]
    assert {line.id for line in after.segments}.isdisjoint(line.id for line in before.segments)


def test_what_cannot_be_transcribed_again_is_one_sentence_before_models_are_loaded(tmp_path: Path) -> None:
    backend = FakeBackend(error=AssertionError("loaded"))
    with pytest.raises(NotFound):
        retranscribe(config(tmp_path), "last", backend=backend)
    with pytest.raises(ProtocolError, match="language"):
        retranscribe(config(tmp_path), "last", "klingon", backend=backend)


@pytest.mark.slow
def test_several_microphones_are_told_as_one_meeting_and_what_is_missing_is_said(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        keep_two_sources(store, "two")
    done = retranscribe(config(tmp_path, meeting_hours=0.001, sources=1), "two", backend=FakeBackend())
    assert (done["seconds"], done["segments"], done["problem"]) == (8.0, 12, None)
    with Store(tmp_path) as store:
        store.files.audio_path("two", "a").unlink()
    done = retranscribe(config(tmp_path), "two", backend=FakeBackend())
    assert (done["seconds"], done["segments"]) == (8.0, 12)
    assert done["problem"] == "there is no sound any more of Ann: what was transcribed of it stays as it was"


@pytest.mark.slow
def test_beside_several_servers_what_is_heard_is_the_commands_and_one_that_a_server_has_is_left_to_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings, seen = on_postgres(tmp_path / "data", postgres), list[object]()
    backend = FakeBackend(pipeline=watched_by(settings, seen))
    meeting = replay(settings, ReplayOptions(recording(tmp_path)), backend)["meeting"]
    assert set(seen) == {()}
    with server_with(settings, meeting), pytest.raises(Conflict, match=re.escape(f"the server {SERVER} has this")):
        retranscribe(settings, meeting, backend=FakeBackend(error=AssertionError("loaded")))
    pieces = len(seen)
    done = retranscribe(settings, meeting, backend=backend)
    assert (done["segments"], done["problem"]) == (3, None)
    assert len(seen) > pieces
    assert set(seen) == {()}
    with leases_of(settings) as leases, Store.configured(settings.storage) as store:
        assert leases.left() == []
        assert store.unkept() == []


@pytest.mark.slow
def test_what_was_heard_waits_until_a_server_has_the_meeting_no_more(tmp_path: Path, postgres: PostgresServer) -> None:
    settings = on_postgres(tmp_path / "data", postgres)
    meeting = replay(settings, ReplayOptions(recording(tmp_path)), FakeBackend())["meeting"]
    with Store.configured(settings.storage) as store:
        before = [line.id for line in TranscriptStore(store).record(meeting).segments]
    taken = threading.Event()
    # The server lets go before the command is waited for, whatever happens.
    with ThreadPoolExecutor(1) as threads, ExitStack() as had:

        class Taken(FakePipeline):
            def finish(self) -> None:
                had.enter_context(server_with(settings, meeting))
                taken.set()
                super().finish()

        done = threads.submit(retranscribe, settings, meeting, backend=FakeBackend(pipeline=Taken))
        assert taken.wait(60)
        with Store.configured(settings.storage) as store:
            assert [line.id for line in TranscriptStore(store).record(meeting).segments] == before
        assert not done.done()
        had.close()
        assert done.result(60)["segments"] == 3
