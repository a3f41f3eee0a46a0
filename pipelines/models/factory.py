"""Loads each of the selected models through the entry point that offers it, and looks that it is what it should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.asr.recogniser import Recogniser, RecogniserInfo
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.local_speakers import Segmentation, VoiceEmbedding
from pipelines.errors import ModelError
from pipelines.models.plugins import Plugin, find_plugin, import_plugin
from pipelines.models.selection import ModelRef


def load_recogniser(ref: ModelRef, threads: int = 1, token: str | None = None) -> Recogniser:
    """The recogniser of a reference, with so many CPU threads; its `info.name` says which was taken.

    `token` is for gated models of a hub. Raises ModelMissing, ModelCorrupt or ModelError.
    """
    plugin, loaded = _load(replace(ref, threads=threads, token=token))
    if isinstance(loaded, Recogniser) and isinstance(loaded.info, RecogniserInfo):
        return loaded
    raise _mismatch(plugin, loaded, "pipelines.asr.recogniser.Recogniser")


def load_segmentation(ref: ModelRef, token: str | None = None) -> Segmentation:
    """The segmentation of a reference, on its device. Raises ModelMissing, ModelCorrupt or ModelError."""
    plugin, loaded = _load(replace(ref, token=token))
    if isinstance(loaded, Segmentation):
        return loaded
    raise _mismatch(plugin, loaded, "pipelines.diarization.local_speakers.Segmentation")


def load_embedding(ref: ModelRef, token: str | None = None) -> VoiceEmbedding:
    """The voice embedding of a reference, on its device. Raises ModelMissing, ModelCorrupt or ModelError."""
    plugin, loaded = _load(replace(ref, token=token))
    if isinstance(loaded, VoiceEmbedding) and isinstance(loaded.thresholds, Thresholds):
        return loaded
    raise _mismatch(plugin, loaded, "pipelines.diarization.local_speakers.VoiceEmbedding")


def _load(ref: ModelRef) -> tuple[Plugin, Any]:
    plugin = find_plugin(ref.role, ref.kind)
    return plugin, import_plugin(plugin)(ref)


def _mismatch(plugin: Plugin, loaded: object, wanted: str) -> ModelError:
    return ModelError(
        f"the package {plugin.package} {plugin.version} loads {plugin.name} as a {type(loaded).__name__}, which is no "
        f"{wanted}: update {plugin.package}, or choose another model"
    )
