"""How one person sounds who speaks alone in a stretch of audio, as the models of a running engine hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.types import WINDOW, Samples, Voice, Window

if TYPE_CHECKING:
    from pipelines.engine.engine import Engine

HOP = WINDOW // 4
"""Samples between two windows: more of them cost more and change little"""


def find_voice(engine: Engine, speaker: str, audio: Samples) -> Voice | None:
    """The voice that is heard most in each window of `audio`, shape (samples,); None where nobody is heard long enough.

    Takes about a fiftieth of the audio's length and goes behind what is live. Raises BlockError where too much waits.
    """
    # silence before and after, so that each instant is in as many windows
    padded = np.pad(audio, WINDOW - HOP).astype(np.float32)
    padded = np.pad(padded, (0, -len(padded) % HOP))
    starts = range(0, len(padded) - WINDOW + 1, HOP)
    waiting = [engine.find_speakers(Window(i, at, padded[at : at + WINDOW])) for i, at in enumerate(starts)]
    total, alone, longest = None, 0.0, 0.0
    for result in waiting:
        local = result.result()
        if local is None:
            continue
        spoken = np.where(np.isnan(local.embeddings[:, 0]), 0.0, local.single_speaker_seconds)
        most = int(spoken.argmax())
        if spoken[most] > 0:
            weighted = local.embeddings[most].astype(np.float64) * spoken[most]
            total = weighted if total is None else total + weighted
            alone += float(spoken[most])
            longest = max(longest, float(spoken[most]))
    if total is None:
        return None
    # windows overlap, so that each instant is counted in several of them
    distinct = max(longest, alone * HOP / WINDOW)
    return Voice(speaker, (total / np.linalg.norm(total)).astype(np.float32), distinct)
