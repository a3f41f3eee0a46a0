"""Many live meetings on one server: how late words and lines come, what is dropped, and what it costs.

    .venv/bin/python -m benchmarks.load FOLDER...                      # 1 to 16 meetings of two minutes each
    .venv/bin/python -m benchmarks.load FOLDER... --meetings 1 --minutes 60
    .venv/bin/python -m benchmarks.load FOLDER... --sources 1 4 8      # microphones of one meeting that hear the same

A server of its own is started for each row, on a free port and an empty data folder; this process plays recordings to
it at the pace of speech, each meeting another one or from another place. Each FOLDER holds recordings with references,
NAME.flac beside NAME.rttm and NAME.seglst.json (NAME.words.ctm, where there is one, tells when each word was spoken);
without one the sample meeting is played. docs/benchmarks.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.latency import Delays
from benchmarks.harness.listener import Listener, Told
from benchmarks.harness.process import Watch
from benchmarks.harness.recordings import Play, gather, named, plays
from benchmarks.harness.report import percentile
from benchmarks.harness.server import Server
from meeting.evaluation.scores import Latencies, latencies, require_extra
from pipelines.errors import MeetingError

EDGE = 300.0
"""Seconds at both ends of a long meeting that are compared"""
TIMES = {
    "meetings": "meetings",
    "refused": "refused",
    "word p50": "word_p50",
    "word p95": "word_p95",
    "final p50": "final_p50",
    "final p95": "final_p95",
    "own word p50": "own_word_p50",
    "own word p95": "own_word_p95",
    "own final p50": "own_final_p50",
    "own final p95": "own_final_p95",
    "partials/s": "partials_per_second",
    "dropped": "dropped_partials",
    "ASR lag": "asr_lag",
    "voices lag": "diarization_lag",
    "stored after": "stored_after",
    "lines": "lines",
    "words": "words",
    "equal": "equal",
}
COSTS = {
    "meetings": "meetings",
    "CPU/s": "cpu_per_second",
    "cores": "cores",
    "MB, ready": "memory_ready",
    "MB, peak": "memory_peak",
    "MB/meeting": "memory_per_meeting",
    "frames late p95": "sent_late_p95",
    "lost": "lost",
}
"""Columns of the two tables, and the figure in each"""


@dataclass(frozen=True, slots=True)
class Alone:
    """What a meeting comes to when it has the server to itself."""

    lines: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """What is measured."""

    models: str
    settings: dict[str, str]
    seconds: float

    @property
    def stagger(self) -> float:
        """Seconds over which the meetings of a row begin."""
        return min(5.0, self.seconds / 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and print the tables."""
    asked = _arguments(arguments)
    try:
        require_extra()
        recordings = gather(asked.folders)
    except MeetingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    seconds = asked.seconds if asked.minutes is None else asked.minutes * 60
    options = Options(asked.models, settings(asked.set, asked.limit), seconds)
    known = report.facts("load", arguments, models=asked.models, recordings=named(recordings))
    known["seconds of each meeting"] = f"{seconds:g}"
    print(report.head(known), flush=True)
    if asked.minutes is not None:
        edges = asyncio.run(endurance(options, plays(recordings, 1)[0]))
        rows = [[name, *values] for name, *values in edges]
        print(report.table(("", "first minutes", "last minutes"), rows))
        report.save(asked.json, known, endurance={name: values for name, *values in edges})
        return 0
    unit = "sources" if asked.sources else "meetings"
    chosen = plays(recordings, 1 if asked.sources else max(asked.meetings))
    alone = {} if asked.no_compare else asyncio.run(compared(options, chosen))
    rows = []
    for count in asked.sources or asked.meetings:
        rows.append(asyncio.run(row(options, [chosen[0]] * count if asked.sources else chosen[:count], alone, unit)))
        print(f"  {count} {unit}: {rows[-1]['live']} live", file=sys.stderr, flush=True)
    for columns in (TIMES, COSTS):
        names = [unit if name == "meetings" else name for name in columns]
        print(report.table(names, [[one[key] for key in columns.values()] for one in rows]))
    report.save(asked.json, known, rows=rows)
    if asked.plot is not None:
        from benchmarks.load.plot import draw

        draw(asked.plot, rows)
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = report.parser("load", __doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="recordings with their references")
    parser.add_argument(
        "--meetings",
        nargs="+",
        type=int,
        default=[1, 2, 4, 8, 12, 16],
        metavar="N",
        help="how many at once, by row",
    )
    parser.add_argument(
        "--sources",
        nargs="+",
        type=int,
        metavar="N",
        help="instead: one meeting with so many microphones that all hear the same, by row",
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each meeting (default 120)")
    parser.add_argument("--minutes", type=float, help="instead: one long meeting, its beginning beside its end")
    parser.add_argument("--models", default="embedded", help="set of models, or fake (default embedded)")
    parser.add_argument("--limit", type=int, help="let the server take so many meetings, whatever it would by itself")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting of the server"
    )
    parser.add_argument("--no-compare", action="store_true", help="do not hear each meeting alone first")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw latency and CPU against the number, as PNG")
    return parser.parse_args(arguments)


def settings(given: Sequence[str], limit: int | None) -> dict[str, str]:
    """The server's settings as environment variables."""
    made = {}
    for one in given:
        name, _, value = one.partition("=")
        made["MEETING_" + name.replace(".", "_").upper()] = value
    if limit is not None:
        made["MEETING_LIMITS_MEETINGS"] = str(limit)
    return made


def _server(options: Options, folder: str) -> Server:
    server = Server(Path(folder), options.models, options.settings)
    server.start()
    server.ready()
    return server


async def compared(options: Options, chosen: Sequence[Play]) -> dict[Play, Alone]:
    """Each meeting with the server to itself, as fast as the server hears: what is read does not depend on the pace."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        server = _server(options, folder)
        try:
            for number, play in enumerate(chosen, 1):
                print(f"  alone: {number} of {len(chosen)}", file=sys.stderr, flush=True)
                listener = Listener(server.port, server.new_meeting(play.name), play, options.seconds, speed=None)
                told = await listener.speak()
                found[play] = Alone(told.lines, tuple(told.words))
        finally:
            server.stop()
    return found


async def row(
    options: Options, chosen: Sequence[Play], alone: dict[Play, Alone], unit: str = "meetings"
) -> dict[str, Any]:
    """So many meetings at once, or sources of one, on a server of their own."""
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.to_thread(_server, options, folder)
        try:
            if unit == "sources":
                told, watch, ready = await in_one_meeting(server, options, chosen)
            else:
                told, watch, ready = await together(server, options, chosen)
        finally:
            await asyncio.to_thread(server.stop)
    if unit == "sources":
        return {"meetings": len(chosen), **shared_figures(told, watch, ready, alone)}
    return {"meetings": len(chosen), **figures(told, watch, ready, alone)}


async def together(server: Server, options: Options, chosen: Sequence[Play]) -> tuple[list[Told], Watch, float]:
    """Play all of them; what each was told, and what the server cost."""
    listeners = [
        Listener(server.port, await asyncio.to_thread(server.new_meeting, play.name), play, options.seconds)
        for play in chosen
    ]
    return await _spoken(server, options, listeners)


async def in_one_meeting(server: Server, options: Options, chosen: Sequence[Play]) -> tuple[list[Told], Watch, float]:
    """The same of sources of one meeting that hear the same, each beginning a little later than the one before."""
    meeting = await asyncio.to_thread(server.new_meeting, chosen[0].name)
    listeners: list[Listener] = []
    for number, play in enumerate(chosen):
        seconds = options.seconds - options.stagger * number / len(chosen)
        first = listeners[0] if listeners else None
        listeners.append(Listener(server.port, meeting, play, seconds, beside=first))
    return await _spoken(server, options, listeners)


async def _spoken(server: Server, options: Options, listeners: Sequence[Listener]) -> tuple[list[Told], Watch, float]:
    assert server.process is not None
    watch = Watch(server.process.pid)
    ready = watch.look().memory

    async def speak(number: int, listener: Listener) -> Told:
        await asyncio.sleep(options.stagger * number / len(listeners))
        return await listener.speak()

    async with watch.running():
        told = await asyncio.gather(*(speak(number, one) for number, one in enumerate(listeners)))
    return list(told), watch, ready


def figures(told: Sequence[Told], watch: Watch, ready: float, alone: dict[Play, Alone]) -> dict[str, Any]:
    """A row."""
    live = [one for one in told if one.live]
    stats = [one.events("stats") for one in live]
    last = [each[-1] for each in stats if each]
    heard = sum(one.seconds for one in live)
    first, final = watch.moments[0], watch.moments[-1]
    partials = [sum(not event["final"] for event in one.events("segment")) / one.seconds for one in live]
    return {
        "live": len(live),
        "refused": sum(one.refused is not None for one in told),
        "lost": sum(one.problem is not None for one in told),
        "refusals": sorted({one.refused for one in told if one.refused}),
        "problems": sorted({one.problem for one in told if one.problem}),
        **times(live),
        "partials_per_second": statistics.mean(partials) if partials else None,
        "dropped_partials": sum(one["dropped_partials"] for one in last),
        "asr_lag": max((one["asr_lag"] for each in stats for one in each), default=None),
        "diarization_lag": max((one["diarization_lag"] for each in stats for one in each), default=None),
        "stored_after": max((one.ended - one.sent for one in live if one.ended is not None), default=None),
        **arrived(live, alone),
        "cpu_per_second": (final.cpu - first.cpu) / heard if heard else None,
        "cores": (final.cpu - first.cpu) / (final.wall - first.wall),
        "memory_ready": ready,
        "memory_peak": watch.peak,
        "memory_per_meeting": (watch.peak - ready) / len(live) if live else None,
        "sent_late_p95": percentile([late for one in live for late in one.late], 95),
    }


def shared_figures(told: Sequence[Told], watch: Watch, ready: float, alone: dict[Play, Alone]) -> dict[str, Any]:
    """A row of sources of one meeting, of which the first is told all that the others are; CPU by its seconds."""
    found, each = figures(told[:1], watch, ready, alone), figures(told, watch, ready, {})
    kept = ("live", "refused", "lost", "refusals", "problems", "stored_after", "sent_late_p95", "memory_per_meeting")
    return {**found, **{name: each[name] for name in kept}}


def times(live: Sequence[Told]) -> dict[str, float | None]:
    """Latencies of several meetings together, against the reference and by our own times of words."""
    pooled, own = Delays(), Latencies()
    for one in live:
        pooled += one.delays()
        own += latencies(one.log)
    kinds = {"word": pooled.words, "final": pooled.finals, "own_word": own.first, "own_final": own.final}
    return {f"{kind}_p{at}": percentile(values, at) for kind, values in kinds.items() for at in (50, 95)}


def arrived(live: Sequence[Told], alone: dict[Play, Alone]) -> dict[str, Any]:
    """Final lines and words that came, of those that come when each meeting is alone."""
    lines, words = sum(one.lines for one in live), sum(len(one.words) for one in live)
    if not alone:
        return {"lines": lines, "words": words, "equal": None}
    expected = [alone[one.play] for one in live]
    equal = sum(tuple(one.words) == other.words for one, other in zip(live, expected, strict=True))
    return {
        "lines": f"{lines}/{sum(one.lines for one in expected)}",
        "words": f"{words}/{sum(len(one.words) for one in expected)}",
        "equal": f"{equal}/{len(live)}",
    }


async def endurance(options: Options, play: Play) -> list[tuple[str, Any, Any]]:
    """One long meeting; each figure for its first minutes and for its last."""
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.to_thread(_server, options, folder)
        try:
            (told,), watch, ready = await together(server, options, [play])
        finally:
            await asyncio.to_thread(server.stop)
    return edges(told, watch, ready)


def edges(told: Told, watch: Watch, ready: float) -> list[tuple[str, Any, Any]]:
    """The two ends of a meeting side by side."""
    length = min(EDGE, told.seconds / 2)
    spans = ((0.0, length), (told.seconds - length, told.seconds))
    delays = told.delays()
    made: list[tuple[str, Any, Any]] = [("seconds", *(f"{low:.0f}–{high:.0f}" for low, high in spans))]
    for name, key in (("word", "words"), ("final", "finals")):
        values = [getattr(delays.between(*span), key) for span in spans]
        made += [(f"{name} p{at}", *(percentile(one, at) for one in values)) for at in (50, 95)]
    looks = [watch.between(told.began + low, told.began + high) for low, high in spans]
    made.append(("CPU/s", *(_rate(one) for one in looks)))
    made.append(("MB, median", *(statistics.median(m.memory for m in one) if one else None for one in looks)))
    made.append(("MB, most", *(max((m.memory for m in one), default=None) for one in looks)))
    made.append(("MB, ready", ready, None))
    return made


def _rate(looks: Sequence[Any]) -> float | None:
    return (looks[-1].cpu - looks[0].cpu) / (looks[-1].wall - looks[0].wall) if len(looks) > 1 else None
