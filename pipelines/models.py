"""Which weights, from where, verified, on which device."""

from __future__ import annotations

from pipelines.weights import (
    EMBEDDED,
    EMBEDDING,
    SEGMENTATION,
    SPEECH,
    FileStatus,
    PinnedFile,
    default_cache_dir,
    locate,
    pull,
    require,
    resolve_cache_dir,
    status,
    terminal_progress,
)

__all__ = [
    "EMBEDDED",
    "EMBEDDING",
    "SEGMENTATION",
    "SPEECH",
    "FileStatus",
    "PinnedFile",
    "default_cache_dir",
    "locate",
    "pull",
    "require",
    "resolve_cache_dir",
    "status",
    "terminal_progress",
]
