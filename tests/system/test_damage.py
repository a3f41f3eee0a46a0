"""Damaged journals: what was stored beyond what can be heard again stays, and what is missing is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.harness.server import Server
from meeting.core.access import digest
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Meeting, Resume, Source, State
from meeting.sources.source_audio import DAMAGED_REASON
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.journal import Journal
from meeting.storage.files.journal_format import encode_header
from meeting.storage.recovery_store import RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, TurnsRevised, Word
from tests.fakes.containers import encoded
from tests.fakes.server_fakes import Serving, config, serving, tone, wait_ready

A, SOURCE, TOKEN = "a" * 16, "s" * 16, "t" * 32
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
SECONDS = 10
RECORD = 20 + 2 * SAMPLE_RATE
START = len(encode_header(AudioInfo()))
RESUME = {"source_id": SOURCE, "token": TOKEN}


def stored_line(number: int) -> Segment:
    span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
    return Segment(f"s{number}", 3, True, SOURCE, span, "spk7", (Word("stored", span, 0.5),))


def left_behind(folder: Path, flac: bool) -> Path:
    """A meeting of ten seconds, all stored, as a killed process leaves it; its journal."""
    with Store(folder) as store:
        store.create_meeting(Meeting(A, "Cut off", State.OPEN, NOW)).result()
        TranscriptStore(store).save_source(
            A, Source(SOURCE, "Ann", "room", "pcm_s16le", 16000, 1, None, 0, None)
        ).result()
        store.set_state(A, State.LIVE, started_at=NOW).result()
        RecoveryStore(store).save_resume(A, Resume(SOURCE, digest(TOKEN))).result()
        TranscriptStore(store).save_speakers(A, [Speaker("spk7", "Eve", 6)]).result()
        TranscriptStore(store).save_segments(A, [stored_line(number) for number in range(SECONDS)]).result()
        whole = Span(0, SECONDS * SAMPLE_RATE)
        TranscriptStore(store).save_turns(A, SOURCE, TurnsRevised(whole, (Turn(whole, "spk7"),))).result()
        path = store.files.journal_path(A, SOURCE)
        with Journal(path, AudioInfo()) as journal:
            for seq in range(SECONDS):
                journal.append(AudioFrame(seq, seq * 1_000_000, tone(1.0)))
        if flac:
            with FlacWriter(store.files.audio_path(A, SOURCE)) as writer:
                writer.write(np.frombuffer(tone(1.0) * SECONDS, "<i2").astype(np.float32) / 32768)
    return path


def zeroed(path: Path, first: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(START + first * RECORD)
        file.write(bytes(count * RECORD))


def flipped(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


DAMAGES: dict[str, tuple[Callable[[Path], None], range]] = {
    "nothing": (lambda path: None, range(0)),
    "cut between records": (lambda path: cut(path, START + 5 * RECORD), range(5, 10)),
    "cut within a record": (lambda path: cut(path, START + 5 * RECORD + 999), range(5, 10)),
    "cut to nothing": (lambda path: cut(path, 0), range(10)),
    "first record": (lambda path: zeroed(path, 0), range(1)),
    "a record in the middle": (lambda path: flipped(path, START + 4 * RECORD + 5000), range(4, 5)),
    "a length in the middle": (lambda path: flipped(path, START + 4 * RECORD + 1), range(4, 5)),
    "a number in the middle": (lambda path: flipped(path, START + 4 * RECORD + 4), range(4, 5)),
    "three records in the middle": (lambda path: zeroed(path, 4, 3), range(4, 7)),
    "last record": (lambda path: flipped(path, START + 9 * RECORD + 5000), range(9, 10)),
    "the head": (lambda path: flipped(path, 25), range(0)),
    "the name of the format": (lambda path: flipped(path, 3), range(0)),
}
"""What happened to the journal, and which seconds it cost"""


def record(served: Serving) -> dict[str, Any]:
    body: dict[str, Any] = served.http.get(f"/api/meetings/{A}/transcript").json()
    return body


def texts(body: dict[str, Any]) -> list[tuple[float, str]]:
    return sorted((segment["start"], segment["text"]) for segment in body["segments"])


@pytest.mark.slow
@pytest.mark.parametrize("flac", [True, False], ids=["sound kept", "no sound kept"])
@pytest.mark.parametrize("damage", list(DAMAGES))
def test_no_line_and_no_second_is_lost_that_was_stored(tmp_path: Path, damage: str, flac: bool) -> None:
    harm, lost = DAMAGES[damage]
    harm(left_behind(tmp_path, flac))
    with serving(config(tmp_path, resume_window=1.0)) as served:
        with served.connect(A) as viewer:
            viewer.until("ended")
        body = record(served)
    assert body["meeting"]["duration"] == SECONDS
    unheard = range(0) if flac else lost
    assert texts(body) == [(float(at), "stored" if at in unheard else "one") for at in range(SECONDS)]
    gaps = [(gap["start"], gap["end"], gap["reason"]) for gap in body.get("gaps", [])]
    assert gaps == ([(float(unheard.start), float(unheard.stop), DAMAGED_REASON)] if unheard else [])
    assert not any(segment.get("edited") for segment in body["segments"])
    with Store(tmp_path) as store:
        kept = TranscriptStore(store).record(A)
        audio, _ = soundfile.read(store.files.audio_path(A, SOURCE), dtype="int16")
        assert len(audio) == SECONDS * SAMPLE_RATE
        assert store.files.journal_path(A, SOURCE).with_suffix(".aside").exists() == bool(unheard)
    assert sum(len(turn.span) for turn in kept.turns) == SECONDS * SAMPLE_RATE
    for at in range(SECONDS):
        assert audio[at * SAMPLE_RATE : (at + 1) * SAMPLE_RATE].any() == (at not in unheard)
        (turn,) = [turn for turn in kept.turns if turn.span & Span(at * SAMPLE_RATE, (at + 1) * SAMPLE_RATE)][:1]
        assert turn.speaker == ("spk7" if at in unheard else "spk1")


@pytest.mark.slow
@pytest.mark.parametrize("flac", [True, False], ids=["sound kept", "no sound kept"])
@pytest.mark.parametrize("damage", ["cut between records", "three records in the middle", "last record"])
def test_who_comes_back_goes_on_behind_what_was_lost_whatever_dies_then(
    tmp_path: Path, damage: str, flac: bool
) -> None:
    harm, lost = DAMAGES[damage]
    harm(left_behind(tmp_path, flac))
    server = Server(tmp_path, "fake", {"MEETING_DATA_DIR": str(tmp_path)})
    server.start()
    try:
        server.ready()
        seq = speak(server, SECONDS)
        server.kill()
        server.start()
        server.ready()
        speak(server, seq, stop=True)
        body = server.get(f"/api/meetings/{A}/transcript")
    finally:
        server.stop()
    unheard = range(0) if flac else lost
    assert texts(body) == [(float(at), "stored" if at in unheard else "one") for at in range(SECONDS + 2)]
    assert [(gap["start"], gap["end"]) for gap in body.get("gaps", [])] == (
        [(float(unheard.start), float(unheard.stop))] if unheard else []
    )
    assert "Traceback" not in server.log


def speak(server: Server, seq: int, stop: bool = False) -> int:
    """Come back with the next second, whatever number the server knows; the number of the one after it."""
    from tests.fakes.server_fakes import Client
    from tests.patient_clients import connect

    with connect(f"ws://127.0.0.1:{server.port}/ws/meetings/{A}", compression=None) as socket:
        host = Client(socket)
        assert host.start(resume=RESUME)["next_seq"] <= seq
        socket.send(AudioFrame(seq, seq * 1_000_000, tone(1.0)).encode())
        assert host.until("ack", "error").get("seq") == seq
        if stop:
            host.send("stop")
            host.until("ended")
    return seq + 1


@pytest.mark.slow
@pytest.mark.parametrize("flac", [True, False], ids=["sound kept", "no sound kept"])
@pytest.mark.parametrize("encoding", ["wav", "flac", "webm_opus", "ogg_opus", "mp3"])
def test_a_damaged_container_never_costs_what_was_stored(tmp_path: Path, encoding: str, flac: bool) -> None:
    content = encoded(encoding, seconds=6.0)
    frames = [content[at : at + len(content) // 12 + 1] for at in range(0, len(content), len(content) // 12 + 1)]
    audio = AudioInfo(encoding)
    with Store(tmp_path) as store:
        for number in range(len(frames)):
            id_ = f"{number:016}"
            store.create_meeting(Meeting(id_, "Cut off", State.OPEN, NOW)).result()
            TranscriptStore(store).save_source(id_, Source(SOURCE, "Ann", "room", encoding, 16000, 1)).result()
            store.set_state(id_, State.LIVE, started_at=NOW).result()
            TranscriptStore(store).save_segments(id_, [stored_line(at) for at in range(6)]).result()
            with Journal(store.files.journal_path(id_, SOURCE), audio) as journal:
                for seq, payload in enumerate(frames):
                    journal.append(AudioFrame(seq, seq * 500_000, payload))
            if flac:
                with FlacWriter(store.files.audio_path(id_, SOURCE)) as writer:
                    writer.write(np.frombuffer(tone(1.0) * 6, "<i2").astype(np.float32) / 32768)
            start = len(encode_header(audio)) + sum(20 + len(payload) for payload in frames[:number])
            flipped(store.files.journal_path(id_, SOURCE), start + 20 + len(frames[number]) // 2)
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        for number in range(len(frames)):
            id_ = f"{number:016}"
            while (body := served.http.get(f"/api/meetings/{id_}/transcript").json())["meeting"]["state"] != "ended":
                threading.Event().wait(0.02)
            said = sum(segment["end"] - segment["start"] for segment in body["segments"])
            assert said > 5.4, (number, body)
            assert body["meeting"]["duration"] >= 5.9, number
            if not flac:
                assert DAMAGED_REASON in {gap["reason"] for gap in body["gaps"]}, number
