"""What a simulation takes for granted: named figures, each with where it comes from, and models with what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipelines.errors import SettingsError

COMMITTED = Path(__file__).with_name("assumptions.yaml")
"""The figures that are simulated with unless others are named"""
KINDS = ("measured", "program", "public", "assumed")
"""Printed by a command of this repository; a setting or constant of it; published by somebody else; a person's guess"""


@dataclass(frozen=True, slots=True)
class Assumption:
    """One figure."""

    name: str
    value: Any
    """A number, or a list of numbers"""
    unit: str
    kind: str
    """One of `KINDS`"""
    source: str
    """The command and the page, the publication, or why this was guessed"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a replica computes for a batch of calls."""

    batches: tuple[tuple[int, float], ...]
    """Calls together -> seconds of the whole batch, ascending; between two of them it is interpolated"""
    per_second: float = 0.0
    """Seconds more for each second of audio that is read; 0 where a model pads everything to one length"""

    @property
    def max_batch(self) -> int:
        """Calls that go together at most."""
        return self.batches[-1][0]

    def seconds(self, calls: int, audio: float) -> float:
        """For a batch of so many calls, with so many seconds of audio together."""
        sizes, times = zip(*self.batches, strict=True)
        return float(np.interp(calls, sizes, times)) + self.per_second * audio

    def each(self, audio: float) -> float:
        """For one call of so many seconds of audio, in batches as large as they may be."""
        size, seconds = self.batches[-1]
        return seconds / size + self.per_second * audio


@dataclass(frozen=True, slots=True)
class Models:
    """A recogniser and what tells voices apart, each served by replicas of one processor core or one card."""

    name: str
    speech: Cost
    speech_on: str
    """What a replica is: `core` or `card`"""
    speech_kind: str
    """As of an assumption"""
    windows: Cost
    windows_on: str
    windows_kind: str
    source: str


class Assumptions(Mapping[str, Any]):
    """All figures by name."""

    def __init__(self, figures: Sequence[Assumption], models: Sequence[Models], load: Mapping[str, Any]) -> None:
        self._figures = {one.name: one for one in figures}
        self.models = {one.name: one for one in models}
        self.load = load
        """What was measured of many meetings on one server, as in the file, and `models`: what its models cost then"""

    def __getitem__(self, name: str) -> Any:
        return self._figures[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)

    @property
    def figures(self) -> list[Assumption]:
        """In the order of the file."""
        return list(self._figures.values())

    def given(self, texts: Sequence[str]) -> Assumptions:
        """The same with other figures, each as NAME=VALUE; raises SettingsError where there is no such name."""
        figures = dict(self._figures)
        for text in texts:
            name, _, value = text.partition("=")
            if name not in figures:
                raise SettingsError(f"there is no assumption {name}; there are {', '.join(sorted(figures))}")
            parsed = yaml.safe_load(value)
            if not _is_like(parsed, figures[name].value):
                raise SettingsError(f"{name} is {figures[name].value!r} in the file; {value!r} is of another form")
            figures[name] = replace(figures[name], value=parsed, kind="assumed", source="given on the command line")
        return Assumptions(list(figures.values()), list(self.models.values()), self.load)


def load(path: Path = COMMITTED) -> Assumptions:
    """The figures of a file; raises SettingsError where one says no unit, kind or source."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        figures = [_figure(name, given) for name, given in found["figures"].items()]
        models = [_models(name, given) for name, given in found["models"].items()]
        measured = {**found["load"], "models": _models("measured", found["load"]["models"])}
        return Assumptions(figures, models, measured)
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as assumptions: {error}") from error


def _figure(name: str, given: Mapping[str, Any]) -> Assumption:
    if given["kind"] not in KINDS:
        raise ValueError(f"{name} is {given['kind']}, not one of {', '.join(KINDS)}")
    if not str(given["source"]).strip():
        raise ValueError(f"{name} does not say where it comes from")
    return Assumption(name, given["value"], str(given["unit"]), given["kind"], str(given["source"]))


def _models(name: str, given: Mapping[str, Any]) -> Models:
    made = {}
    for part in ("speech", "windows"):
        one = given[part]
        if one["kind"] not in KINDS or one["replica"] not in ("core", "card"):
            raise ValueError(f"models {name}: {part} is {one['kind']} on a {one['on']}")
        batches = tuple(sorted((int(size), float(ms) / 1000) for size, ms in one["batch_ms"].items()))
        made[part] = Cost(batches, float(one.get("ms_per_second", 0.0)) / 1000)
    return Models(
        name,
        made["speech"],
        given["speech"]["replica"],
        given["speech"]["kind"],
        made["windows"],
        given["windows"]["replica"],
        given["windows"]["kind"],
        str(given["source"]),
    )


def _is_like(value: Any, other: Any) -> bool:
    """Whether both are numbers, or lists of equally many numbers."""
    if isinstance(other, list):
        return isinstance(value, list) and len(value) == len(other) and all(map(_is_like, value, other))
    return isinstance(value, int | float) and not isinstance(value, bool)
