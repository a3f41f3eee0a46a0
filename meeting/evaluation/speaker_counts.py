"""What it is worth to say how many people speak, and what it costs to be wrong about it: `tune --speakers`.

The models run once over each recording, as for `tune`; only the clustering is repeated, with the true number of the
references, with others, and with none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from meeting.config.settings import Config
from meeting.evaluation.evaluate import references
from meeting.evaluation.window_results import Diarized, WindowResults, compute_windows, diarize, open_engine
from pipelines.diarization.tracker import SpeakerOptions
from pipelines.types import MAX_SPEAKERS, SpeakerCount

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine

SAID = {"no number": None, "the right one": 0, "one too many": 1, "one too few": -1}
"""What is said of the number of people -> what it is off by; None for nothing"""


@dataclass(frozen=True, slots=True)
class CountRow:
    """Several recordings with one number said of each: means over them."""

    live: float
    """Diarization error rate just before the pass that ends a meeting"""
    refined: float
    confusion: float
    """Its part that is confusion"""
    named: float
    """The same rate with what stayed unknown taken for missed"""
    speakers: int
    """Voices that were told apart and named, in all"""
    right: int
    """Recordings with as many of them as people"""


@dataclass(frozen=True, slots=True)
class CountReport:
    """The recordings of one folder, or of all."""

    name: str
    recordings: int
    people: int
    """In all recordings"""
    rows: dict[str, CountRow]
    """By `SAID`"""


def said(people: int, off: int | None) -> SpeakerCount | None:
    """The number that is said of a recording with so many people: never less than one."""
    if off is None:
        return None
    count = min(max(1, people + off), MAX_SPEAKERS)
    return SpeakerCount(count, count)


def compare_counts(
    config: Config,
    folders: Sequence[Path],
    load: Callable[[Config], Engine] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> list[CountReport]:
    """A report for each folder, and one for all of them; raises MeetingError.

    `report` is told in a sentence what comes next.
    """
    from pipelines.stream.stream import speaker_options

    wanted = [(folder.name, reference) for folder in folders for reference in references(folder, need_words=False)]
    found: list[tuple[str, int, dict[str, Diarized]]] = []
    with closing((load or open_engine)(config)) as engine:
        options = speaker_options(config.pipeline, engine.thresholds)
        for number, (folder, reference) in enumerate(wanted, 1):
            report(f"{folder}/{reference.name}: {number} of {len(wanted)}")
            heard = compute_windows(reference, engine)
            found.append((folder, heard.people, diarized(heard, options)))
    parts = [
        _summary(name, [one for one in found if one[0] == name]) for name in dict.fromkeys(one[0] for one in found)
    ]
    return parts if len(parts) == 1 else [*parts, _summary("all", found)]


def diarized(heard: WindowResults, options: SpeakerOptions) -> dict[str, Diarized]:
    """What becomes of a recording, by what is said of the number of people in it."""
    return {what: diarize(heard, replace(options, expected=said(heard.people, off))) for what, off in SAID.items()}


def _summary(name: str, found: Sequence[tuple[str, int, dict[str, Diarized]]]) -> CountReport:
    rows = {what: _row([(people, results[what]) for _, people, results in found]) for what in SAID}
    return CountReport(name, len(found), sum(people for _, people, _ in found), rows)


def _row(found: Sequence[tuple[int, Diarized]]) -> CountRow:
    return CountRow(
        fmean(each.live.rate for _, each in found),
        fmean(each.refined.rate for _, each in found),
        fmean(each.refined.confusion / (each.refined.speech or 1.0) for _, each in found),
        fmean(each.named.rate for _, each in found),
        sum(each.speakers for _, each in found),
        sum(each.speakers == people for people, each in found),
    )


def describe_counts(reports: Iterable[CountReport]) -> str:
    """The reports as a table in Markdown."""
    head = "| recordings | said | DER live → refined | confusion | DER, unknown as missed | speakers / people | right |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for each in reports:
        for at, (what, row) in enumerate(each.rows.items()):
            name = f"{each.name} ({each.recordings})" if at == 0 else ""
            lines.append(
                f"| {name} | {what} | {row.live:.3f} → {row.refined:.3f} | {row.confusion:.3f} | {row.named:.3f} | "
                f"{row.speakers} / {each.people} | {row.right} of {each.recordings} |"
            )
    return "\n".join(lines)
