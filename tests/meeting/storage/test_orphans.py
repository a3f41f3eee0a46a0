"""Journals that no row accounts for: none with acknowledged audio is left unheard, none is thrown away unread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Meeting, Source, State
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.journal import Journal
from meeting.storage.orphans import claim_journals
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SpeakerCount
from tests.fakes.server_fakes import config, serving, tone, wait_ready

pytestmark = pytest.mark.usefixtures("every_database")

A, B = "a" * 16, "b" * 16
ONE, TWO = "1" * 16, "2" * 16
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
SPEAKERS = SpeakerCount(2, 5)
ROW = Source(ONE, "Ann", "room", "pcm_s16le", 16000, 1, None, 0, f"{A}.{ONE}.flac")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def made(store: Store, state: str = State.OPEN, *rows: Source) -> None:
    """A meeting, and what is stored of its sources."""
    store.create_meeting(Meeting(A, "Monday", State.OPEN, NOW, speakers=SPEAKERS)).result()
    for row in rows:
        TranscriptStore(store).save_source(A, row).result()
    if state != State.OPEN:
        store.set_state(A, state, started_at=NOW).result()


def spoken(store: Store, source_id: str = ONE, seconds: int = 2, meeting_id: str = A) -> Path:
    """A journal as a killed process leaves it."""
    path = store.files.journal_path(meeting_id, source_id)
    with Journal(path, AudioInfo()) as journal:
        for seq in range(seconds):
            journal.append(AudioFrame(seq, seq * 1_000_000, tone(1.0)))
    return path


def test_audio_whose_source_was_never_stored_is_heard_by_the_next_start(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        made(store)
        path = spoken(store)
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        with served.connect(A) as viewer:
            viewer.until("ended")
        body = served.http.get(f"/api/meetings/{A}/transcript").json()
        assert [segment["text"] for segment in body["segments"]] == ["one", "one"]
        assert (body["meeting"]["state"], body["meeting"]["duration"]) == ("ended", 2.0)
    assert not path.exists()


@pytest.mark.parametrize("rows", [(), (ROW,)], ids=["no row", "a row"])
@pytest.mark.parametrize("state", [State.OPEN, State.LIVE])
def test_a_journal_with_frames_makes_its_meeting_live(store: Store, state: str, rows: tuple[Source, ...]) -> None:
    made(store, state, *rows)
    spoken(store)
    claim_journals(store)
    record = TranscriptStore(store).record(A)
    assert record.meeting.state == State.LIVE
    assert record.meeting.started_at is not None
    assert [(source.id, source.encoding, source.sample_rate) for source in record.sources] == [
        (ONE, "pcm_s16le", 16000)
    ]
    assert RecoveryStore(store).unfinished() == [A]


def test_a_journal_without_a_frame_goes_and_its_meeting_stays_open(store: Store) -> None:
    made(store)
    path = spoken(store, seconds=0)
    claim_journals(store)
    assert not path.exists()
    assert store.meeting(A).state == State.OPEN


def test_audio_whose_meeting_is_over_gets_a_meeting_of_its_own(store: Store) -> None:
    made(store, State.ENDED, replace(ROW, id=TWO, samples=32000, audio=None))
    spoken(store, TWO)
    lost = spoken(store, ONE)
    store.set_hotwords(A, ("Okapi",)).result()
    for _ in range(2):
        claim_journals(store)
    assert not lost.exists()
    assert store.files.journal_path(ONE, ONE).is_file()
    assert store.meeting(ONE).hotwords == ("Okapi",)
    assert store.meeting(ONE).speakers == SPEAKERS
    own = TranscriptStore(store).record(ONE)
    assert (own.meeting.title, own.meeting.state, own.sources[0].id) == ("Monday", State.LIVE, ONE)
    assert ONE in RecoveryStore(store).unfinished()
    assert store.meeting(A).state == State.ENDED


def test_audio_beside_that_of_another_source_is_one_more_source_at_its_time(store: Store) -> None:
    made(store, State.LIVE, replace(ROW, id=TWO, number=3))
    spoken(store, TWO)
    path = spoken(store, ONE)
    written = NOW.timestamp() + 91.0  # its second and last frame, one second behind the first
    os.utime(path, (written, written))
    for _ in range(2):
        claim_journals(store)
    first, second = TranscriptStore(store).record(A).sources
    assert (first.id, second.id, second.number, second.anchors) == (TWO, ONE, 4, ((0, 90 * 16_000),))
    assert path.is_file()


@pytest.mark.slow
def test_a_start_that_died_between_row_and_file_is_gone_on_with(store: Store) -> None:
    made(store, State.ENDED)
    spoken(store, ONE)
    RecoveryStore(store).adopt(Meeting(ONE, "Monday", State.OPEN, NOW), ROW, NOW).result()
    claim_journals(store)
    assert store.files.journal_path(ONE, ONE).is_file()
    assert len(store.meetings()[0]) == 2


def test_a_journal_that_was_stored_in_better_form_goes(store: Store) -> None:
    made(store, State.ENDED, replace(ROW, samples=32000))
    path = spoken(store)
    with FlacWriter(store.files.audio_path(A, ONE)):
        pass
    claim_journals(store)
    assert not path.exists()


@pytest.mark.parametrize(
    "row", [ROW, replace(ROW, samples=32000)], ids=["it was not heard to its end", "its sound is not there"]
)
def test_a_journal_that_was_not_stored_is_kept_aside_and_goes_with_its_meeting(store: Store, row: Source) -> None:
    made(store, State.ENDED, row)
    path = spoken(store)
    content = path.read_bytes()
    claim_journals(store)
    assert not path.exists()
    assert path.with_suffix(".aside").read_bytes() == content
    store.delete_meeting(A).result()
    assert not path.with_suffix(".aside").exists()


def test_a_journal_of_no_meeting_is_kept_and_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = spoken(store, meeting_id=B)
    claim_journals(store)
    assert path.is_file()
    assert "belongs to no meeting" in caplog.text


def test_a_journal_that_is_being_written_is_left_alone(store: Store) -> None:
    made(store)
    path = spoken(store)
    with Journal(path, AudioInfo()):
        claim_journals(store)
    assert store.meeting(A).state == State.OPEN


def test_what_is_no_journal_does_not_keep_others_from_being_claimed(store: Store) -> None:
    made(store)
    store.files.journal_path(A, "0" * 16).write_bytes(b"something else")
    spoken(store)
    claim_journals(store)
    assert store.meeting(A).state == State.LIVE


def test_a_journal_that_the_disk_refuses_to_remove_is_told_and_does_not_keep_others_from_being_claimed(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made(store)
    empty = store.files.journal_path(A, "0" * 16)
    Journal(empty, AudioInfo()).close()
    spoken(store)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        claim_journals(store)
    assert empty.name in caplog.text
    assert store.meeting(A).state == State.LIVE
