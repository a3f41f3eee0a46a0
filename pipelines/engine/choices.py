"""Which models this machine can load without asking a hub: a meeting may be heard with them in another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pipelines.errors import MeetingError
from pipelines.models.hub import is_cached, weights_source
from pipelines.models.naming import DEFAULT_MODELS, is_path
from pipelines.models.plugins import GROUPS, names_offered
from pipelines.models.probe import is_installed
from pipelines.models.selection import CACHED, WHISPERS, Availability, ModelRef, ModelSelection, select_models
from pipelines.options import LANGUAGES, MODEL_SETS, EngineOptions, ModelChoice

Options = TypeVar("Options", bound=EngineOptions)

EMBEDDED = "embedded"
WHISPER_KINDS = frozenset({"whisper", "whispercpp", "transformers"})
"""Recognisers that read weights of Whisper, and the languages that these do"""
KNOWN_KINDS = WHISPER_KINDS | {"moonshine", "pyannote", "ge2e"}
"""Models whose weights this program knows where to find; what others need, the packages that offer them know"""


def with_models(options: Options, name: str) -> Options:
    """The same options with other models: a set, or a recogniser; on the processor, as live meetings need the GPU.

    >>> with_models(EngineOptions(), "whisper:small").recognizer
    'whisper:small'
    >>> with_models(EngineOptions(recognizer="whisper"), "embedded").recognizer
    'auto'
    """
    if name in MODEL_SETS:
        return replace(options, set=name, recognizer="auto", device="cpu")
    return replace(options, recognizer=name, device="cpu")


def find_choices(options: EngineOptions) -> list[ModelChoice]:
    """Those of this machine; reads the caches of models, and asks nobody."""
    offered = {role: names_offered(role) for role in GROUPS}
    names = _names(options, offered["speech"])
    here = {
        name: CACHED
        for kind, name in [*_weights(names), ("", options.segmentation), ("", options.embedding)]
        if _is_here(kind, name)
    }
    return choices(options, Availability(0, here, offered), names)


def choices(options: EngineOptions, available: Availability, names: tuple[str, ...]) -> list[ModelChoice]:
    """Those of `names` whose models are all on this machine, each recogniser once. Pure, but for embedded files."""
    found: dict[str, ModelChoice] = {}
    for name in names:
        try:
            selection = select_models(with_models(options, name), available)
        except MeetingError:  # not there, or the settings are impossible with it
            continue
        if _can_be_loaded(selection, available):
            speech = selection.info["speech"]
            found.setdefault(speech, ModelChoice(name, speech, _languages(selection)))
    return list(found.values())


def _names(options: EngineOptions, offered: tuple[str, ...]) -> tuple[str, ...]:
    """What may be there, the set of the embedded models first."""
    others = [kind for kind in offered if kind not in KNOWN_KINDS]
    with_weights = [f"{kind}:{name}" for kind, name in DEFAULT_MODELS.items() if kind in offered]
    whispers = dict.fromkeys((*WHISPERS, *([] if options.whisper == "auto" else [options.whisper])))
    named = [] if options.recognizer == "auto" else [options.recognizer]
    return (EMBEDDED, *(f"whisper:{name}" for name in whispers), *named, *with_weights, *others)


def _weights(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Kind and weights of the recognisers that are named with theirs."""
    parts = (name.partition(":") for name in names)
    return [(kind, weights) for kind, _, weights in parts if weights]


def _is_here(kind: str, name: str) -> bool:
    if is_path(name):
        return Path(name).expanduser().exists()
    source = weights_source(kind, name) if kind else (name, ("pytorch_model.bin",))
    return source is not None and is_installed(kind) and is_cached(*source)


def _can_be_loaded(selection: ModelSelection, available: Availability) -> bool:
    return all(
        _is_there(ref, available.weights) for ref in (selection.speech, selection.segmentation, selection.embedding)
    )


def _is_there(ref: ModelRef, weights: Mapping[str, str]) -> bool:
    if ref.kind not in KNOWN_KINDS or weights.get(ref.name) == CACHED:
        return True
    return ref.path is not None and ref.path.exists()


def _languages(selection: ModelSelection) -> tuple[str, ...] | None:
    if selection.languages is None and selection.speech.kind in WHISPER_KINDS:
        return tuple(sorted(LANGUAGES))
    return selection.languages
