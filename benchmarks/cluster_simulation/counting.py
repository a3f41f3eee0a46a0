"""What one meeting makes of everything but computing: bytes, messages, writes, model calls, counted in a real run.

The recording is played once through the live path of this process at the pace of speech, with the database and files of
any replay. Nothing is timed, so that other work on the machine matters only where it makes partial results late.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import event

from meeting.core.messages import AudioFrame
from pipelines.errors import MeetingError

WAVE_RATE = 48_000
"""Samples per second that the page sends, of two bytes each"""
FRAMES = 10
"""Frames per second in which it does"""
HEADERS = 8 + 40
"""Bytes of a masked WebSocket frame's header, and of TCP and IPv4: what a network carries beside the frame itself"""
SAMPLE_BYTES = 2
"""Bytes of a sample on its way to models elsewhere"""
COLUMNS = ("what", "per second of a meeting", "count", "bytes each")


def count(recording: Path, models: str) -> dict[str, Any]:
    """Play a recording and count; raises MeetingError where it cannot be played."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, _counted(counts):
        events = Path(folder) / "events.jsonl"
        summary = _replay(recording, models, Path(folder), events)
        for line in events.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)["event"]
            if message["type"] == "ack":
                continue  # for the source alone
            counts["messages"] += 1
            counts["message bytes"] += len(json.dumps(message, ensure_ascii=False).encode())
            if message["type"] == "segment":
                counts["finals" if message["final"] else "partials"] += 1
        audio = (Path(folder) / "data").rglob("*.flac")
        counts["FLAC bytes"] = sum(path.stat().st_size for path in audio)
    return {"seconds": float(summary["seconds"]), **counts}


def _replay(recording: Path, models: str, folder: Path, events: Path) -> dict[str, Any]:
    """The summary of `meeting replay`, run in this process."""
    from meeting.cli import main

    asked = ["replay", str(recording), "--speed", "1", "--models", models, "--events", str(events)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main([*asked, "--data-dir", str(folder / "data")])
    if code != 0:
        raise MeetingError(f"{recording} could not be replayed")
    summary: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
    return summary


@contextlib.contextmanager
def _counted(counts: Counter[str]) -> Iterator[None]:
    """Count transactions that write, and what the models are asked, while this runs."""
    from pipelines.engine.contextual import ContextualRecogniser
    from pipelines.engine.engine import Engine

    make_request, find_speakers = ContextualRecogniser._request, Engine.find_speakers

    def counted_request(self: Any, job: Any) -> Any:
        request = make_request(self, job)
        counts["utterance calls"] += 1
        counts["utterance bytes"] += SAMPLE_BYTES * len(request.audio)
        return request

    def counted_find_speakers(self: Any, window: Any, *args: Any, **named: Any) -> Any:
        counts["window calls"] += 1
        counts["window bytes"] += SAMPLE_BYTES * len(window.audio)
        return find_speakers(self, window, *args, **named)

    def written(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            counts["statements"] += 1
            connection.info["wrote"] = True

    def committed(connection: Any) -> None:
        counts["transactions"] += bool(connection.info.pop("wrote", False))

    ContextualRecogniser._request = counted_request  # type: ignore[method-assign]
    Engine.find_speakers = counted_find_speakers  # type: ignore[method-assign]
    event.listen(DatabaseEngine, "after_cursor_execute", written)
    event.listen(DatabaseEngine, "commit", committed)
    try:
        yield
    finally:
        event.remove(DatabaseEngine, "after_cursor_execute", written)
        event.remove(DatabaseEngine, "commit", committed)
        ContextualRecogniser._request = make_request  # type: ignore[method-assign]
        Engine.find_speakers = find_speakers  # type: ignore[method-assign]


def audio_bytes() -> tuple[int, int]:
    """Bytes per second of a source that the page sends: in frames as they are kept, and as a network carries them."""
    frame = len(AudioFrame(0, 0, bytes(2 * WAVE_RATE // FRAMES)).encode())
    return FRAMES * frame, FRAMES * (frame + HEADERS)


def rows(found: dict[str, Any]) -> list[list[Any]]:
    """The table of what was counted."""
    seconds = found["seconds"]
    kept, sent = audio_bytes()

    def each(bytes_key: str, count_key: str) -> float | None:
        return found[bytes_key] / found[count_key] if found.get(bytes_key) else None

    made: list[list[Any]] = [
        ["frames of audio, kB", kept / 1000, None, kept / FRAMES],
        ["the same with WebSocket's, TCP's and IP's headers, kB", sent / 1000, None, sent / FRAMES],
    ]
    for what, count_key, bytes_key in (
        ("messages to a reader", "messages", "message bytes"),
        ("partial results", "partials", ""),
        ("final results", "finals", ""),
        ("transactions that write", "transactions", ""),
        ("statements that write", "statements", ""),
        ("utterances to the recogniser", "utterance calls", "utterance bytes"),
        ("windows to the models of voices", "window calls", "window bytes"),
    ):
        made.append([what, found.get(count_key, 0) / seconds, found.get(count_key, 0), each(bytes_key, count_key)])
    made.append(["FLAC, MB an hour", found["FLAC bytes"] / seconds * 3600 / 1e6, None, None])
    return made
