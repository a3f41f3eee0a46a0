"""The whole program with its real models: a server of its own process, a real browser, real audio, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import urllib.request
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import ConnectionClosed

from meeting.config.settings import Config, Models
from meeting.config.sources import load_config
from meeting.recordings.replay import ReplayOptions, replay
from meeting.sources.backend import Engine, LocalBackend
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Samples
from tests.conftest import KEPT_VARIABLES, ROOT, Sample
from tests.fakes.web_fakes import browser_running, eventually
from tests.patient_clients import connect

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

PATIENCE = 240.0
"""Seconds after which something will not happen any more, on a machine with other work to do"""
FIRST_HALF = 30.0
"""Seconds of the sample that the browser's microphone hears"""
SHORT = 13.0
"""Seconds of the sample with two voices, for everything that is done several times"""


def words(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def errors(said: list[str], heard: list[str]) -> int:
    """Words inserted, deleted or replaced (edit distance)."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (wanted != got))
    return row[-1]


def error_rate(said: str, heard: str) -> float:
    """Word error rate of a text."""
    return errors(words(said), words(heard)) / len(words(said))


def said_until(sample: Sample, seconds: float) -> str:
    """What the sample's speakers have said by then."""
    return " ".join(str(turn["words"]) for turn in sample.turns if float(str(turn["end_time"])) <= seconds)


def excerpt(sample: Sample, folder: Path, seconds: float) -> Path:
    """The start of the sample as a WAV file."""
    return saved(sample.samples()[: round(seconds * SAMPLE_RATE)], folder / f"first{seconds:g}.wav")


def saved(audio: Samples, path: Path) -> Path:
    """Write audio as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm(audio))
    return path


def pcm(audio: Samples) -> bytes:
    """Audio as 16-bit little-endian integers."""
    return bytes((audio * 32767).astype("<i2").tobytes())


def environment() -> dict[str, str]:
    """The environment without the user's settings."""
    return {name: value for name, value in os.environ.items() if name[:8] != "MEETING_" or name in KEPT_VARIABLES}


def command(*arguments: str | Path) -> list[str]:
    """`python -m meeting ...`"""
    return [sys.executable, "-m", "meeting", *map(str, arguments)]


@dataclass
class RealServer:
    """`python -m meeting serve` with the embedded models, as a process that can be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)
    """Variables of its environment"""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start where it does not run; returns when it serves."""
        if self.process is not None and self.process.poll() is None:
            return
        arguments = command("serve", "--port", str(self.port), "--data-dir", self.data, "--models", "embedded")
        with (self.folder / "log").open("ab") as log:
            window = {"MEETING_LIMITS_RESUME_WINDOW": "2"}
            variables = environment() | window | self.settings
            self.process = subprocess.Popen(arguments, cwd=ROOT, env=variables, stdout=log, stderr=log)
        self.wait_for("/healthz")

    def wait_for(self, path: str) -> None:
        """Wait until a path answers with 200."""

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the server has ended:\n{self.log}"
            try:
                self.get(path)
            except OSError:
                return False
            return True

        eventually(answers, seconds=PATIENCE)

    def get(self, path: str) -> Any:
        """JSON from the API."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.loads(answer.read())

    def new_meeting(self, title: str) -> str:
        """Id of a new meeting."""
        asked = urllib.request.Request(
            self.url + "/api/meetings", json.dumps({"title": title}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return str(json.loads(answer.read())["id"])

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@dataclass
class Source:
    """A microphone without a browser: numbered frames over a plain socket, and all that the server answers."""

    socket: Any
    messages: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0
    code: int | None = None
    """Close code, once the connection is closed"""

    def begin(self) -> None:
        """Send `start` and read along from now on."""
        audio = {"encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE, "channels": 1}
        self.socket.send(json.dumps({"type": "start", "version": 1, "audio": audio, "source": {"name": "test"}}))
        threading.Thread(target=self._read, daemon=True).start()
        self.wait(lambda: self.of("session"))

    def _read(self) -> None:
        try:
            for text in self.socket:
                self.messages.append(json.loads(text))
            self.code = self.socket.protocol.close_code
        except ConnectionClosed as closed:
            self.code = closed.rcvd.code if closed.rcvd else 1006

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Messages of a type, so far."""
        return [message for message in list(self.messages) if message["type"] == kind]

    def finals(self) -> dict[str, str]:
        """Text of final segments by id; those without words are withdrawn: what they held stands in others."""
        shown = {message["id"]: message["text"] for message in self.of("segment") if message["final"]}
        return {id_: text for id_, text in shown.items() if text}

    def send(self, audio: Samples, length: int = SAMPLE_RATE // 10) -> None:
        """Send audio in frames of `length` samples, as fast as the server takes it."""
        for start in range(0, len(audio), length):
            head = struct.pack("<IQ", self.sent, start * 1_000_000 // SAMPLE_RATE)
            self.socket.send(head + pcm(audio[start : start + length]))
            self.sent += 1

    def stop(self) -> None:
        """Say that this was all, and wait until the server says that it is stored."""
        self.socket.send(json.dumps({"type": "stop"}))
        self.wait(lambda: self.of("ended"))

    def wait(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        eventually(holds, seconds=PATIENCE)


@contextmanager
def source(server: RealServer, meeting: str) -> Iterator[Source]:
    """A source of a meeting that has been started."""
    with connect(f"ws://127.0.0.1:{server.port}/ws/meetings/{meeting}", close_timeout=1) as connected:
        started = Source(connected)
        started.begin()
        yield started


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One server for all tests of this file; each starts it again if it has been killed."""
    started = RealServer(tmp_path_factory.mktemp("server"), free_port())
    try:
        started.start()
        yield started
    finally:
        if started.process is not None:
            started.process.kill()
            started.process.wait()


# ---- what people see


@dataclass(frozen=True)
class Turn:
    """One turn as the page shows it."""

    speaker: str
    """Speaker id; empty while unknown"""
    name: str
    text: str


TURNS = """() => [...document.querySelectorAll('article.turn')].map((turn) => {
    const of = (part) => turn.querySelector(part).textContent
    return [turn.dataset.speaker, of('.turn-name'), of('.turn-text')]
})"""


def turns(page: Page) -> list[Turn]:
    """The transcript that a page shows now."""
    return [Turn(*row) for row in page.evaluate(TURNS)]


def speakers(shown: list[Turn]) -> set[str]:
    """Ids of the speakers that are told apart."""
    return {turn.speaker for turn in shown} - {""}


def text(shown: list[Turn]) -> str:
    """What was said, without who."""
    return " ".join(turn.text for turn in shown)


@dataclass
class Visit:
    """What a morning in front of the page has shown: one meeting through the microphone, and the sample meeting."""

    meeting: str = ""
    title: str = ""
    live: list[Turn] = field(default_factory=list)
    """Speaker's tab while the microphone is open"""
    read_along: list[Turn] = field(default_factory=list)
    """Reader's tab at that time, once it shows the same words"""
    spoken: list[Turn] = field(default_factory=list)
    """Speaker's tab at the end"""
    read: list[Turn] = field(default_factory=list)
    srt: str = ""
    json: dict[str, Any] = field(default_factory=dict)
    sample: list[Turn] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What went wrong inside the pages"""


def tab_of(browser: Browser, visit: Visit) -> Page:
    """A tab in a browser profile of its own."""
    tab = browser.new_context(permissions=["microphone"]).new_page()
    tab.set_default_timeout(PATIENCE * 1000)
    tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
    return tab


def downloaded(page: Page, format: str) -> str:
    """What the export menu gives."""
    with page.expect_download() as download:
        page.get_by_test_id(f"export-{format}").click()
    return Path(download.value.path()).read_text()


def hold(browser: Browser, server: RealServer, said: str) -> Visit:
    """Speak, read along in a second tab, stop and download; meanwhile the sample meeting plays in a third."""
    visit = Visit()
    sample, speaker, reader = (tab_of(browser, visit) for _ in range(3))
    sample.goto(server.url)
    sample.get_by_test_id("sample-meeting").click()
    speaker.goto(server.url)
    speaker.get_by_test_id("new-meeting").click()
    speaker.wait_for_url("**/m/*")
    visit.meeting = speaker.url.rpartition("/")[2]
    reader.goto(speaker.url)

    def wait(holds: Callable[[], object]) -> None:
        eventually(holds, lambda seconds: speaker.wait_for_timeout(100), PATIENCE)

    wait(lambda: len(speakers(turns(speaker))) >= 2 and error_rate(said, text(turns(speaker))) < 0.35)
    visit.live = turns(speaker)
    wait(lambda: error_rate(text(turns(speaker)), text(turns(reader))) < 0.2)
    visit.read_along = turns(reader)
    speaker.get_by_test_id("stop").click()
    for page in (speaker, reader):
        expect(page.get_by_test_id("end")).to_be_visible(timeout=PATIENCE * 1000)
    visit.title = speaker.get_by_test_id("title").input_value()
    visit.spoken, visit.read = turns(speaker), turns(reader)
    for format in ("srt", "json"):
        speaker.get_by_test_id("export").click()
        content = downloaded(speaker, format)
        if format == "srt":
            visit.srt = content
        else:
            visit.json = json.loads(content)
    expect(sample.get_by_test_id("end")).to_be_visible(timeout=PATIENCE * 1000)
    visit.sample = turns(sample)
    return visit


@pytest.fixture(scope="module")
def visit(server: RealServer, sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    """The browser's visit to the server; about as long as the sample."""
    server.start()
    server.wait_for("/readyz")
    microphone = excerpt(sample, tmp_path_factory.mktemp("microphone"), FIRST_HALF)
    with browser_running(f"--use-file-for-fake-audio-capture={microphone}%noloop") as browser:
        return hold(browser, server, said_until(sample, FIRST_HALF))


@pytest.mark.slow
@pytest.mark.browser
def test_words_of_two_speakers_appear_while_people_speak(visit: Visit, sample: Sample) -> None:
    assert visit.complaints == []
    assert len(speakers(visit.live)) >= 2
    first, second = (turn for turn in visit.live[:2])
    assert first.speaker != second.speaker
    assert error_rate("Good morning, everyone. Shall we start with the plan for this week?", first.text) < 0.5
    assert error_rate("Yes. The new page is ready, and we tested it on three different phones.", second.text) < 0.5


@pytest.mark.slow
@pytest.mark.browser
def test_a_second_tab_reads_the_same(visit: Visit) -> None:
    assert len(speakers(visit.read_along)) >= 2
    assert visit.read == visit.spoken
    assert len(visit.read) >= 4


@pytest.mark.slow
@pytest.mark.browser
def test_the_downloaded_srt_has_speakers_words_and_rising_times(visit: Visit, sample: Sample) -> None:
    cues = re.findall(r"(\d\d):(\d\d):(\d\d),(\d\d\d) --> \S+\n(Speaker \S+): ", visit.srt)
    starts = [((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms) for h, m, s, ms, _ in cues]
    assert len(cues) == visit.srt.count(" --> ")
    assert starts == sorted(starts)
    assert {name for *_, name in cues} == {turn.name for turn in visit.spoken if turn.speaker} | {
        "Speaker ?" for turn in visit.spoken if not turn.speaker
    }
    spoken = re.sub(r"^(\d+|.* --> .*)$|^Speaker \S+: ", "", visit.srt, flags=re.MULTILINE)
    assert words(spoken) == words(text(visit.spoken))


@pytest.mark.slow
@pytest.mark.browser
def test_the_downloaded_json_has_every_word_with_its_time(visit: Visit, sample: Sample) -> None:
    segments = visit.json["segments"]
    assert words(" ".join(segment["text"] for segment in segments)) == words(text(visit.spoken))
    for segment in segments:
        assert " ".join(word["text"] for word in segment["words"]) == segment["text"]
        times = [time for word in segment["words"] for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert segment["start"] <= times[0] <= times[-1] <= segment["end"] <= visit.json["meeting"]["duration"]
    assert {segment["speaker"] for segment in segments} - {None} == speakers(visit.spoken)
    assert visit.json["models"]["languages"] == ["en"]


@pytest.mark.slow
@pytest.mark.browser
def test_the_sample_meeting_has_three_speakers_and_readable_text(visit: Visit, sample: Sample) -> None:
    assert len(speakers(visit.sample)) == 3
    assert error_rate(sample.words, text(visit.sample)) < 0.25


# ---- a source without a browser


@pytest.mark.slow
def test_a_plain_socket_gets_acks_segments_and_the_end(server: RealServer, sample: Sample) -> None:
    server.start()
    audio = sample.samples()[: round(SHORT * SAMPLE_RATE)]
    meeting = server.new_meeting("plain socket")
    with source(server, meeting) as client:
        client.send(audio)
        client.stop()
        client.wait(lambda: client.code is not None)
    assert client.code == 1000
    assert client.messages[0]["type"] == "snapshot"
    assert client.messages[-1]["type"] == "ended"
    acks = client.of("ack")
    assert [ack["seq"] for ack in acks] == sorted({ack["seq"] for ack in acks})
    assert acks[-1] == {"type": "ack", "seq": client.sent - 1, "audio": SHORT}
    assert error_rate(said_until(sample, SHORT), " ".join(client.finals().values())) < 0.35
    details = server.get(f"/api/meetings/{meeting}")
    assert (details["state"], details["duration"]) == ("ended", SHORT)


@pytest.mark.slow
def test_a_killed_server_leaves_every_final_segment(server: RealServer, sample: Sample) -> None:
    server.start()
    meeting = server.new_meeting("killed")
    with source(server, meeting) as client:
        client.send(sample.samples()[: 25 * SAMPLE_RATE])
        # What is heard again is the same audio however fast this machine is.
        client.wait(lambda: client.of("ack") and client.of("ack")[-1]["audio"] == 25.0)
        client.wait(lambda: len(client.finals()) >= 2)
        server.end(signal.SIGKILL)
        client.wait(lambda: client.code is not None)
    kept = client.finals()
    assert not client.of("ended")
    with closing(sqlite3.connect(server.data / "meetings.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    server.start()
    server.wait_for("/readyz")  # by then everything on disk has been heard again
    eventually(lambda: server.get(f"/api/meetings/{meeting}")["state"] == "ended", seconds=PATIENCE)
    segments = {row["id"]: row["text"] for row in server.get(f"/api/meetings/{meeting}/transcript")["segments"]}
    told, stored = words_by_utterance(kept), words_by_utterance(segments)
    # Of the newest one only its first sentences may have been final by then.
    newest, first_words = told.popitem()
    assert told.items() <= stored.items()
    assert Counter(first_words) <= Counter(stored[newest])


def words_by_utterance(lines: dict[str, str]) -> dict[str, list[str]]:
    """The words of each utterance, sorted: into how many lines labels cut it, what was heard after them decides.

    On a machine without time for partial results its sentences are one line, otherwise lines of their own, and whether
    a sentence ends or goes on is heard another way: capitals and marks do not count.

    Utterances come in the order in which they were first told of.
    """
    words: dict[str, list[str]] = {}
    for id_, said in lines.items():
        words.setdefault(re.split("[.-]", id_)[0], []).extend(re.findall(r"[\w']+", said.lower()))
    return {utterance: sorted(said) for utterance, said in words.items()}


@pytest.mark.slow
def test_audio_sent_while_the_models_load_is_heard_by_the_next_process(server: RealServer, sample: Sample) -> None:
    server.end(signal.SIGKILL)
    server.start()
    meeting = server.new_meeting("early")
    with source(server, meeting) as client:
        assert client.of("session")[0]["models"] == {}
        client.send(sample.samples()[: round(SHORT * SAMPLE_RATE)])
        client.wait(lambda: client.of("ack") and client.of("ack")[-1]["audio"] == SHORT)
        server.end(signal.SIGKILL)
        client.wait(lambda: client.code is not None)
    assert not client.of("segment")
    server.start()
    server.wait_for("/readyz")
    eventually(lambda: server.get(f"/api/meetings/{meeting}")["state"] == "ended", seconds=PATIENCE)
    segments = server.get(f"/api/meetings/{meeting}/transcript")["segments"]
    assert error_rate(said_until(sample, SHORT), " ".join(row["text"] for row in segments)) < 0.35


@pytest.mark.slow
def test_audio_sent_while_the_models_load_is_heard_once_they_are_there(server: RealServer, sample: Sample) -> None:
    server.end(signal.SIGKILL)
    server.start()
    meeting = server.new_meeting("early and patient")
    with source(server, meeting) as client:
        assert client.of("session")[0]["models"] == {}
        client.send(sample.samples()[: round(SHORT * SAMPLE_RATE)])
        client.stop()
    assert [bool(snapshot["models"]) for snapshot in client.of("snapshot")] == [False, True]
    assert error_rate(said_until(sample, SHORT), " ".join(client.finals().values())) < 0.35
    assert server.get(f"/api/meetings/{meeting}")["models"] == client.of("snapshot")[-1]["models"]


@pytest.mark.slow
@pytest.mark.browser
def test_a_meeting_is_found_again_after_the_server_was_killed(server: RealServer, visit: Visit) -> None:
    server.end(signal.SIGKILL)
    server.start()
    with browser_running() as browser:
        page = tab_of(browser, visit)
        page.goto(server.url)
        page.locator(f"[data-meeting='{visit.meeting}'] a").click()
        expect(page.get_by_test_id("title")).to_have_value(visit.title)
        expect(page.get_by_test_id("end")).to_be_visible()
        assert turns(page) == visit.spoken
    assert visit.complaints == []


@pytest.mark.slow
def test_sigterm_finishes_and_stores_the_meeting(server: RealServer, sample: Sample) -> None:
    server.start()
    server.wait_for("/readyz")
    meeting = server.new_meeting("stopped")
    with source(server, meeting) as client:
        client.send(sample.samples()[: round(SHORT * SAMPLE_RATE)])
        client.wait(lambda: client.of("ack") and client.of("ack")[-1]["audio"] == SHORT)
        # A server that is stopped has 8 s for what is not heard yet: on a full machine 13 s of sound take longer.
        client.wait(lambda: any(message["end"] >= SHORT - 3 for message in client.of("segment")))
        assert server.end(signal.SIGTERM) == 0
        client.wait(lambda: client.code is not None)
    assert client.of("ended")
    with Store(server.data) as store:
        record = TranscriptStore(store).record(meeting)
    assert record.meeting.state == "ended"
    assert {segment.id: segment.text for segment in record.segments} == client.finals()
    assert error_rate(said_until(sample, SHORT), " ".join(segment.text for segment in record.segments)) < 0.35
    assert "Traceback" not in server.log


# ---- recordings


def test_replay_of_the_sample_is_right_about_words_and_speakers(tmp_path: Path, sample: Sample) -> None:
    asked = command("replay", sample.audio, "--models", "embedded", "--out", tmp_path / "out", "--events")
    done = subprocess.run(
        [*asked, str(tmp_path / "events.jsonl"), "--data-dir", str(tmp_path / "data")],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary.keys() >= {"recording", "seconds", "segments", "speakers", "rtf", "models"}
    assert summary["seconds"] == pytest.approx(sample.about["seconds"], abs=0.01)
    assert summary["speakers"] == 3
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {f"sample.{end}" for end in ("json", "srt", "rttm", "seglst.json", "txt", "md")}
    rows = json.loads((tmp_path / "out" / "sample.seglst.json").read_text())
    assert error_rate(sample.words, " ".join(row["words"] for row in rows)) < 0.25
    assert mislabelled(sample, rows) < 0.2
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"]["type"] == "ended"
    assert all(event.keys() == {"wall", "audio", "event"} for event in events)


def mislabelled(sample: Sample, rows: list[dict[str, Any]]) -> float:
    """Part of the time of the rows in which their speaker, best matched, is not the one that speaks."""
    names = sorted({str(turn["speaker"]) for turn in sample.turns})
    shared: dict[str, dict[str, float]] = {}
    for row in rows:
        for turn in sample.turns:
            start, end = float(str(turn["start_time"])), float(str(turn["end_time"]))
            overlap = max(0.0, min(row["end_time"], end) - max(row["start_time"], start))
            heard = shared.setdefault(row["speaker"], dict.fromkeys(names, 0.0))
            heard[str(turn["speaker"])] += overlap
    total = sum(sum(heard.values()) for heard in shared.values())
    unknown = sum(shared.pop("?", {}).values())
    best = [max(heard, key=lambda name: heard[name]) for heard in shared.values()]
    assert len(set(best)) == len(best), "two speakers were found in one voice"
    right = sum(max(heard.values()) for heard in shared.values())
    return (total - unknown - right) / total


class SharedBackend(LocalBackend):
    """The real backend, with models that outlive a replay."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._engine: Engine | None = None
        self.free: Callable[[], None] = lambda: None

    def load_engine(self, models: Models, on_progress: Callable[[str], None]) -> Engine:
        """Load once."""
        if self._engine is None:
            self._engine = super().load_engine(models, on_progress)
            self.free, self._engine.close = self._engine.close, lambda: None  # type: ignore[method-assign]
        return self._engine


def settings(folder: Path) -> Config:
    """Default settings with the embedded models."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    flags = {("storage", "data_dir"): str(folder / "data"), ("models", "set"): "embedded"}
    return load_config(environment=kept, flags=flags)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedBackend]:
    """Real models for the replays in this process."""
    shared = SharedBackend(settings(tmp_path_factory.mktemp("unused")))
    yield shared
    shared.free()


@pytest.mark.slow
def test_neither_speed_nor_chunk_size_changes_what_is_heard(
    tmp_path: Path, sample: Sample, backend: SharedBackend
) -> None:
    recording = excerpt(sample, tmp_path, SHORT)
    ways: dict[str, dict[str, Any]] = {
        "max": {},
        "speed 4": {"speed": 4.0},
        "20 ms": {"chunk": 0.02},
        "3 s": {"chunk": 3.0},
        "speed 4, 20 ms": {"speed": 4.0, "chunk": 0.02},
    }
    heard = {}
    for way, options in ways.items():
        out = tmp_path / way
        replay(settings(tmp_path), ReplayOptions(recording, out=out, **options), backend)
        body = json.loads((out / f"{recording.stem}.json").read_text())
        heard[way] = (body["segments"], body["speakers"], (out / f"{recording.stem}.rttm").read_text())
    segments, voices, _ = heard["max"]
    assert len(voices) == 2
    assert error_rate(said_until(sample, SHORT), " ".join(segment["text"] for segment in segments)) < 0.35
    assert {way for way, result in heard.items() if result != heard["max"]} == set()


@pytest.mark.slow
def test_no_words_are_heard_in_faint_noise(tmp_path: Path, backend: SharedBackend) -> None:
    quiet = np.random.default_rng(0).normal(0, 0.0005, 5 * SAMPLE_RATE).astype(np.float32)
    summary = replay(settings(tmp_path), ReplayOptions(saved(quiet, tmp_path / "quiet.wav")), backend)
    assert (summary["segments"], summary["speakers"]) == (0, 0)
