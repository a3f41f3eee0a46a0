"""What the settings say of models, as names of installed ones and which model each is to read; pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.errors import SettingsError
from pipelines.options import ENGINE, EngineOptions

SETTING = {"speech": "recognizer", "segmentation": "segmentation", "embedding": "embedding"}
"""What a model does, to the setting that names one"""
DEFAULT_MODELS = {"whispercpp": "base", "transformers": "openai/whisper-base"}
"""What the recognisers with weights of their own read where the settings name none"""


@dataclass(frozen=True, slots=True)
class NamedModel:
    """An installed model that a setting names."""

    kind: str
    """The name under which it is installed"""
    model: str | None
    """What stands behind its name and a colon"""

    @property
    def weights(self) -> str:
        """What a recogniser reads: what stands behind its name, else its default, else its name again."""
        return self.model or DEFAULT_MODELS.get(self.kind, self.kind)

    def __str__(self) -> str:
        return self.kind if self.model is None else f"{self.kind}:{self.model}"


def is_path(name: str) -> bool:
    """Whether a model's name in the settings means a place on this machine."""
    return (
        name.startswith(("/", "./", "../", "~", ".\\"))
        or Path(name).suffix in (".bin", ".onnx", ".ckpt", ".pt")
        or "\\" in name
        or ("/" in name and os.path.exists(name))
    )


def resolve_names(
    options: EngineOptions, offered: Mapping[str, tuple[str, ...]]
) -> tuple[EngineOptions, dict[str, NamedModel]]:
    """The installed models that are named, by role, and the options with the names and paths of weights alone.

    `offered` is the names that packages offer, by role. Raises SettingsError for a name that none offers.
    """
    named = {
        role: found
        for role, key in SETTING.items()
        if (found := _named(role, getattr(options, key), offered.get(role, ()))) is not None
    }
    speech, segmentation, embedding = (named.get(role) for role in SETTING)
    if speech is not None and speech.kind == "whisper" and speech.model:
        options = replace(options, whisper=speech.model)
    if segmentation is not None and segmentation.kind == "pyannote" and segmentation.model:
        options = replace(options, segmentation=segmentation.model)
        del named["segmentation"]
    if embedding is not None and embedding.kind == "pyannote":
        options = replace(options, embedding=embedding.model or ENGINE.embedding)
        del named["embedding"]
    return options, named


def _named(role: str, setting: str, offered: tuple[str, ...]) -> NamedModel | None:
    kind, _, model = setting.partition(":")
    if kind in offered:
        return NamedModel(kind, model or None)
    if setting == "auto" if role == "speech" else "/" in setting or is_path(setting):
        return None
    others = "auto" if role == "speech" else "a path, a model hub's name with a slash"
    raise SettingsError(
        f"models.{SETTING[role]} is {setting!r}, which is not installed: there are {', '.join(offered) or 'none'}, "
        f"with :MODEL behind it for a model of its own; else {others}"
    )
