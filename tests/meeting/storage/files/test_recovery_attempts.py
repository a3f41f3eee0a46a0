"""Journals over which processes die: found, set aside, told, heard again when asked; no kill costs a meeting."""

from __future__ import annotations

import random
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness import server as servers
from benchmarks.harness.server import Over, Server
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Meeting, Source, State
from meeting.recordings.recover import recover_set_aside
from meeting.storage.files.journal import Journal
from meeting.storage.files.recovery_attempts import (
    MAX_AT_ONCE,
    MAX_CRASHES,
    MAX_DEATHS,
    MAX_SAME_PLACE,
    AttemptNote,
    RecoveryAttempt,
    RecoveryQueue,
    _read,
)
from meeting.storage.orphans import GIVEN_UP
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Word
from tests.fakes.server_fakes import FakeBackend, config, serving, tone, wait_ready

GOOD, BAD, OTHER, SOURCE = "a" * 16, "b" * 16, "c" * 16, "s" * 16
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
POISON = np.full(SAMPLE_RATE, 16_384, "<i2").tobytes()
POISONED = """
import ctypes, os
from tests.fakes import server_fakes
class Poisoned(server_fakes.LeanPipeline):
    def feed(self, audio):
        if (audio == 0.5).all():
            DIE
        super().feed(audio)
    def finish(self):
        if HURT:
            DIE
        super().finish()
server_fakes.LeanPipeline = Poisoned
"""


# Notes and turns


def journals(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"m{number}.s.journal" for number in range(count)]
    for path in paths:
        path.write_bytes(b"")
    return paths


def started(recovery_queue: RecoveryQueue, *paths: Path) -> list[RecoveryAttempt]:
    """These journals are being heard."""
    asked = [recovery_queue.enqueue(path, lambda: None) for path in paths]
    for attempt in asked:
        assert attempt.granted
        attempt.begin()
    return asked


def after_death(folder: Path, crashed: bool = False) -> RecoveryQueue:
    """The turns of the next process."""
    recovery_queue = RecoveryQueue()
    recovery_queue.find_deaths(folder, crashed)
    return recovery_queue


def test_who_was_heard_to_the_end_or_left_in_order_leaves_no_note(tmp_path: Path) -> None:
    one, other = journals(tmp_path, 2)
    for attempt, whole in zip(started(RecoveryQueue(), one, other), (True, False), strict=True):
        attempt.working_on(1, 2)
        attempt.end(whole)
    assert list(tmp_path.glob("*.hearing")) == []
    assert not after_death(tmp_path).is_suspect(one)


def test_a_death_over_several_makes_suspects_only_and_one_over_one_alone_is_counted(tmp_path: Path) -> None:
    one, other = journals(tmp_path, 2)
    started(RecoveryQueue(), one, other)
    recovery_queue = after_death(tmp_path)
    assert (recovery_queue.is_suspect(one), recovery_queue.is_suspect(other)) == (True, True)
    assert (_read(one), _read(other)) == (AttemptNote(), AttemptNote())
    recovery_queue.release_suspects()
    (attempt,) = started(recovery_queue, one)
    attempt.working_on(3, 1600)
    recovery_queue = after_death(tmp_path)
    assert _read(one) == AttemptNote(died_at=(3, 1600), same=1, deaths=1)
    assert _read(other) == AttemptNote()


def test_the_same_place_again_and_again_gives_a_journal_up(tmp_path: Path) -> None:
    (path,) = journals(tmp_path, 1)
    for number in range(MAX_SAME_PLACE):
        recovery_queue = after_death(tmp_path)
        assert not recovery_queue.given_up(path), number
        recovery_queue.release_suspects()
        (attempt,) = started(recovery_queue, path)
        attempt.working_on(7, 160)
    assert after_death(tmp_path).given_up(path)
    assert not RecoveryQueue(asked=True).given_up(path)


def test_kills_at_many_places_and_between_them_give_up_nothing_for_long(tmp_path: Path) -> None:
    (path,) = journals(tmp_path, 1)
    for number in range(MAX_DEATHS):
        recovery_queue = after_death(tmp_path)
        assert not recovery_queue.given_up(path), number
        recovery_queue.release_suspects()
        (attempt,) = started(recovery_queue, path)
        attempt.working_on(number, 160)
        if number % 2:
            attempt.idle()
    assert after_death(tmp_path).given_up(path)


def test_crashes_that_were_no_kills_are_enough_wherever_they_were(tmp_path: Path) -> None:
    (path,) = journals(tmp_path, 1)
    for _ in range(MAX_CRASHES):
        recovery_queue = after_death(tmp_path, crashed=True)
        assert not recovery_queue.given_up(path)
        recovery_queue.release_suspects()
        started(recovery_queue, path)
    assert after_death(tmp_path, crashed=True).given_up(path)


def test_so_many_are_heard_at_once_and_the_others_when_one_is_done(tmp_path: Path) -> None:
    paths = journals(tmp_path, MAX_AT_ONCE + 2)
    recovery_queue, told = RecoveryQueue(), list[Path]()
    asked = [recovery_queue.enqueue(path, lambda path=path: told.append(path)) for path in paths]  # type: ignore[misc]
    assert told == paths[:MAX_AT_ONCE]
    asked[2].end(True)
    assert told == paths[: MAX_AT_ONCE + 1]
    asked[MAX_AT_ONCE + 1].end(False)  # it does not want its turn any more
    asked[0].end(True)
    assert told == paths[: MAX_AT_ONCE + 1]


def test_suspects_are_heard_one_at_a_time_after_all_others(tmp_path: Path) -> None:
    one, other, third = journals(tmp_path, 3)
    started(RecoveryQueue(), one, other)
    recovery_queue = after_death(tmp_path)
    first, second = recovery_queue.enqueue(one, lambda: None), recovery_queue.enqueue(other, lambda: None)
    healthy = recovery_queue.enqueue(third, lambda: None)
    assert [first.granted, second.granted, healthy.granted] == [False, False, True]
    healthy.end(True)
    assert not first.granted
    recovery_queue.release_suspects()
    late = recovery_queue.enqueue(third, lambda: None)
    assert [first.granted, second.granted, late.granted] == [True, False, False]
    first.end(True)
    assert [second.granted, late.granted] == [False, True]
    late.end(True)
    assert second.granted


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"place": 3}', bytes(200)])
def test_a_note_that_was_cut_off_counts_as_open(tmp_path: Path, content: bytes) -> None:
    (path,) = journals(tmp_path, 1)
    path.with_suffix(".hearing").write_bytes(content)
    assert after_death(tmp_path).is_suspect(path)
    assert _read(path).deaths == 1


def test_what_another_process_hears_now_is_no_death(tmp_path: Path) -> None:
    (path,) = journals(tmp_path, 1)
    with Journal(path, AudioInfo()):
        started(RecoveryQueue(), path)
        after_death(tmp_path)
        assert _read(path) == AttemptNote(open=True)


# Real processes


def left_behind(store: Store, meeting_id: str, *seconds: bytes) -> None:
    """A meeting as a killed process leaves it, of which the first second was stored."""
    store.create_meeting(Meeting(meeting_id, "Cut off", State.OPEN, NOW)).result()
    TranscriptStore(store).save_source(meeting_id, Source(SOURCE, "Ann", "room", "pcm_s16le", 16000, 1)).result()
    store.set_state(meeting_id, State.LIVE, started_at=NOW).result()
    span = Span(0, SAMPLE_RATE)
    TranscriptStore(store).save_segments(
        meeting_id, [Segment("s0", 1, True, SOURCE, span, None, (Word("stored", span),))]
    ).result()
    with Journal(store.files.journal_path(meeting_id, SOURCE), AudioInfo()) as journal:
        for seq, payload in enumerate(seconds):
            journal.append(AudioFrame(seq, seq * 1_000_000, payload))


def ended(server: Server, meeting_id: str) -> bool:
    """Whether a meeting is over; false where the server is."""
    return (server.get(f"/api/meetings/{meeting_id}") or {}).get("state") == "ended"


def transcript(server: Server, meeting_id: str) -> tuple[str, list[str], list[tuple[float, float, str]]]:
    body: dict[str, Any] = server.get(f"/api/meetings/{meeting_id}/transcript")
    gaps = [(gap["start"], gap["end"], gap["reason"]) for gap in body.get("gaps", [])]
    return body["meeting"]["state"], [segment["text"] for segment in body["segments"]], gaps


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("death", ["os._exit(-11)", "ctypes.string_at(0)"])
def test_a_journal_that_ends_every_start_is_set_aside_and_the_meetings_beside_it_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: str
) -> None:
    monkeypatch.setattr(servers, "FAKE", POISONED.replace("DIE", death).replace("HURT", "False") + servers.FAKE)
    server = Server(tmp_path, "fake")
    with Store(server.data) as store:
        left_behind(store, GOOD, tone(1.0), tone(1.0))
        left_behind(store, BAD, tone(1.0), tone(1.0), POISON, tone(1.0))
        left_behind(store, OTHER, tone(1.0), tone(1.0), tone(1.0))
    starts = 0
    while True:
        starts += 1
        assert starts <= 2 + MAX_SAME_PLACE
        try:
            server.start()
            server.ready()
            server.until(lambda: ended(server, GOOD) and ended(server, OTHER))
            break
        except Over:
            assert server.process is not None
            assert server.process.returncode not in (0, None)
    assert starts > 2
    assert transcript(server, GOOD) == ("ended", ["one"] * 2, [])
    assert transcript(server, OTHER) == ("ended", ["one"] * 3, [])
    assert transcript(server, BAD) == ("ended", ["stored"], [(1.0, 4.0, GIVEN_UP)])
    server.stop()
    audio = server.data / "audio"
    assert (audio / f"{BAD}.{SOURCE}.aside").is_file()
    assert list(audio.glob("*.journal")) == []
    assert "hears it in a process of its own" in server.log
    with serving(config(server.data)) as served:
        wait_ready(served)
        assert served.http.get(f"/api/meetings/{BAD}").json()["state"] == "ended"
    assert recover_set_aside(config(server.data), BAD[:3], FakeBackend())["segments"] == 4
    with Store(server.data) as store:
        record = TranscriptStore(store).record(BAD)
        assert [segment.text for segment in record.segments] == ["one"] * 4
        assert (record.meeting.state, record.gaps) == ("ended", ())
        store.delete_meeting(BAD).result()
    assert list(audio.glob(f"{BAD}.*")) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_meeting_whose_end_ends_every_start_is_ended_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt = "(self._audio == 0.5).any()"
    deadly = POISONED.replace("if (audio == 0.5).all():", "if False:").replace("DIE", "ctypes.string_at(0)")
    fake = deadly.replace("HURT", hurt) + servers.FAKE.replace("LeanPipeline", "FakePipeline")
    monkeypatch.setattr(servers, "FAKE", fake.replace("server_fakes.LeanPipeline", "server_fakes.FakePipeline"))
    server = Server(tmp_path, "fake")
    with Store(server.data) as store:
        left_behind(store, GOOD, tone(1.0), tone(1.0))
        left_behind(store, BAD, tone(1.0), POISON)
    starts = 0
    while True:
        starts += 1
        assert starts <= 2 + MAX_CRASHES
        try:
            server.start()
            server.ready()
            server.until(lambda: ended(server, GOOD) and ended(server, BAD))
            break
        except Over:
            continue
    assert starts > 2
    assert transcript(server, GOOD) == ("ended", ["one"] * 2, [])
    state, texts, gaps = transcript(server, BAD)
    assert (state, texts[:1]) == ("ended", ["one"])
    assert [reason for _, _, reason in gaps] == [GIVEN_UP]
    server.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_of_healthy_recoveries_cost_nothing_however_often(tmp_path: Path) -> None:
    server, chance = Server(tmp_path, "fake", {"FAKE_SLOW": "0.1"}), random.Random(5)
    with Store(server.data) as store:
        for meeting_id in (GOOD, OTHER):
            left_behind(store, meeting_id, *[tone(1.0)] * 10)
    for _ in range(6):
        server.start()
        time.sleep(chance.uniform(0, 2.5))
        server.kill()
    server.start()
    server.ready()
    server.until(lambda: ended(server, GOOD) and ended(server, OTHER))
    for meeting_id in (GOOD, OTHER):
        assert transcript(server, meeting_id) == ("ended", ["one"] * 10, [])
    server.stop()
    assert list((server.data / "audio").glob("*.hearing")) == []


@pytest.mark.slow
def test_a_stop_in_the_middle_of_a_recovery_counts_against_nobody(tmp_path: Path) -> None:
    server = Server(tmp_path, "fake", {"FAKE_SLOW": "0.5"})
    with Store(server.data) as store:
        left_behind(store, GOOD, *[tone(1.0)] * 20)
    server.start()
    server.until(lambda: list((server.data / "audio").glob("*.hearing")))
    assert server.stop() == 0
    assert list((server.data / "audio").glob("*.hearing")) == []
