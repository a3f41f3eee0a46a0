"""How each kind of embedding model is asked for the voices of a window; loads with the model only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.ge2e import HOP, LEVEL, PARTIAL, partial_starts
from pipelines.diarization.local_speakers import Embed
from pipelines.types import WINDOW, Samples

CUTS = 64
"""Cuts that the encoder gets at once at most on a GPU: each takes a megabyte"""

PIECES = len(partial_starts(1 + WINDOW // HOP))
"""Cuts of the encoder that the longest local voice is read in"""

EmbedSubsegments = Callable[[Any, Any], tuple[Any, Any, Any]]
"""`Embed` with what each embedding is the mean of, (batch, voices, pieces, dimension), and the middle frame of each
piece, (batch, voices, pieces), -1 where there is none"""


@dataclass(frozen=True)
class ModuleEmbedding:
    """A `VoiceEmbedding` that is made of a torch module and of how it is asked."""

    module: Any
    embed: Embed
    thresholds: Thresholds

    def __call__(self, audio: Any, alone: Any) -> Any:
        """As `VoiceEmbedding` says."""
        return self.embed(audio, alone)


def ge2e_embedder(encoder: Any) -> EmbedSubsegments:
    """GE2E reads spectrogram frames one after the other: the frames in which a voice is alone, joined.

    Joining skips what belongs to others; the encoder was trained on cuts of 1.6 s and averages over them.
    """
    device = encoder.linear.weight.device

    def embed(audio: Any, alone: Any) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int16]]:
        batch, frames, voices = alone.shape
        out = np.full((batch, voices, encoder.dimension), np.nan, np.float32)
        pieces = np.zeros((batch, voices, PIECES, encoder.dimension), np.float32)
        middles = np.full((batch, voices, PIECES), -1, np.int16)
        cuts: list[Any] = []
        owners: list[tuple[int, int]] = []
        with torch.inference_mode():
            for at in np.flatnonzero(alone.any(dim=1).any(dim=1).numpy()):
                # cut on the processor: on a GPU every small step would have to be waited for
                mels = encoder.mel(audio[at, 0].to(device)).cpu()
                power = _frame_power(audio[at, 0].numpy(), len(mels))
                place = np.minimum((np.arange(len(mels)) * frames) // len(mels), frames - 1)
                for voice in range(voices):
                    mask = alone[at, :, voice].numpy()[place]
                    if not mask.any():
                        continue
                    level = float(np.sqrt(power[mask].mean())) or 1.0
                    chosen = mels[torch.from_numpy(mask)] * max(1.0, LEVEL / level) ** 2
                    if len(chosen) < PARTIAL:
                        chosen = chosen.repeat(-(-PARTIAL // len(chosen)), 1)[:PARTIAL]
                    spoken = place[mask]
                    for number, start in enumerate(partial_starts(len(chosen))):
                        cuts.append(chosen[start : start + PARTIAL])
                        owners.append((at, voice))
                        middle = len(spoken) // 2 if len(spoken) < PARTIAL else start + PARTIAL // 2
                        middles[at, voice, number] = spoken[middle]
            parts = [encoder(torch.stack(group).to(device)).cpu() for group in _groups(cuts, owners, device.type)]
        if parts:
            vectors = torch.cat(parts).numpy()
            for owner in set(owners):
                parts_of = vectors[[other == owner for other in owners]]
                pieces[owner][: len(parts_of)] = parts_of
                mean = parts_of.mean(axis=0)
                out[owner] = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return out, pieces, middles

    return embed


def _groups(cuts: list[Any], owners: list[tuple[int, int]], device: str) -> list[list[Any]]:
    """The cuts that the encoder gets at once: it takes little longer for several than for one."""
    if device != "cpu":
        return [cuts[i : i + CUTS] for i in range(0, len(cuts), CUTS)]
    # a processor may round what it computes together alike: no window may depend on which others come with it
    windows = groupby(zip(cuts, owners, strict=True), key=lambda pair: pair[1][0])
    return [[cut for cut, _ in group] for _, group in windows]


def pyannote_embedder(model: Any) -> Embed:
    """pyannote embeddings (WeSpeaker, x-vectors) pool statistics over frames and take weights for them."""

    def embed(audio: Any, alone: Any) -> NDArray[np.float32]:
        batch, _, voices = alone.shape
        out: NDArray[np.float32] | None = None
        with torch.inference_mode():
            rows, columns = np.nonzero(alone.any(dim=1).numpy())
            if not len(rows):
                return np.full((batch, voices, 1), np.nan, np.float32)
            device = next(model.parameters()).device
            weights = alone.permute(0, 2, 1)[rows, columns].float()
            vectors = model(audio[rows].to(device), weights.to(device)).cpu().numpy()
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            out = np.full((batch, voices, vectors.shape[1]), np.nan, np.float32)
            out[rows, columns] = vectors
        return out

    return embed


def _frame_power(audio: Samples, frames: int) -> NDArray[np.float64]:
    """Mean square of the samples around each spectrogram frame, shape (frames,)."""
    hop = len(audio) // max(1, frames - 1)
    total = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    edges = np.clip((np.arange(frames + 1) * hop) - hop // 2, 0, len(audio))
    power: NDArray[np.float64] = (total[edges[1:]] - total[edges[:-1]]) / np.maximum(edges[1:] - edges[:-1], 1)
    return power
