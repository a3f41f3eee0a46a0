"""The GE2E voice encoder of the embedded set, as a torch module; imported only when it is chosen."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.types import SAMPLE_RATE

WINDOW = SAMPLE_RATE * 25 // 1000
"""Samples of one spectrogram frame"""
HOP = SAMPLE_RATE * 10 // 1000
"""Samples between two frames"""
BANDS = 40
"""Mel bands of one frame"""
UNITS = 256
"""Size of an embedding and of each recurrent layer"""
PARTIAL = 160
"""Frames that the encoder was trained on (1.6 s)"""
PARTIAL_HOP = 80
"""Frames between two partial windows of a longer utterance"""
LEVEL = 10 ** (-30 / 20)
"""Root mean square to which quieter audio is raised: the spectrogram is linear, so loudness matters"""


class VoiceEncoder(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """Spectrograms of one voice to a vector of length one; voices are compared by the dot product."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(BANDS, UNITS, num_layers=3, batch_first=True)
        self.linear = torch.nn.Linear(UNITS, UNITS)
        self.register_buffer("filters", mel_filters(BANDS), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    @property
    def dimension(self) -> int:
        """Size of an embedding."""
        return UNITS

    def mel(self, waveform: Tensor) -> Tensor:
        """Power mel spectrogram of audio at 16 kHz: (..., samples) to (..., 1 + samples // 160, 40)."""
        flat = waveform.reshape(-1, waveform.shape[-1])
        spectrum = torch.stft(
            flat, WINDOW, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        mels = (spectrum.abs().square().transpose(1, 2)) @ self.filters
        return mels.reshape(*waveform.shape[:-1], *mels.shape[1:])

    def forward(self, mels: Tensor) -> Tensor:
        """Spectrograms (batch, frames, 40) of equal length to embeddings (batch, 256) of length one."""
        _, (hidden, _) = self.lstm(mels)
        return functional.normalize(functional.relu(self.linear(hidden[-1])), dim=-1)

    def embed(self, waveforms: Tensor) -> Tensor:
        """Audio (batch, samples) of one voice each to embeddings (batch, 256).

        Levels are evened first; more than 1.6 s is read in overlapping windows, whose embeddings are averaged.
        """
        mels = self.mel(level(waveforms))
        batch, frames, _ = mels.shape
        mels = functional.pad(mels, (0, 0, 0, max(0, PARTIAL - frames)))
        starts = partial_starts(frames)
        windows = torch.stack([mels[:, start : start + PARTIAL] for start in starts], dim=1)
        parts = self(windows.flatten(0, 1)).reshape(batch, len(starts), UNITS)
        return functional.normalize(parts.mean(dim=1), dim=-1)


def level(waveforms: Tensor) -> Tensor:
    """Raise quiet audio (..., samples) to the level that the encoder knows; silence and louder audio stay."""
    rms = waveforms.square().mean(dim=-1, keepdim=True).sqrt()
    gain = torch.where(rms > 0, LEVEL / rms.clamp(min=1e-8), torch.ones_like(rms))
    return waveforms * gain.clamp(min=1.0)


def partial_starts(frames: int) -> list[int]:
    """First frames of the windows that together cover `frames`; the last one ends with the audio."""
    last = max(0, frames - PARTIAL)
    return [*range(0, last, PARTIAL_HOP), last]


def mel_filters(bands: int) -> Tensor:
    """Triangular filters of equal area on Slaney's mel scale, 0 to 8 kHz: (201, bands)."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    top = _hz_to_mel(SAMPLE_RATE / 2)
    edges = torch.tensor([_mel_to_hz(top * i / (bands + 1)) for i in range(bands + 2)], dtype=torch.float64)
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (edges[2:] - edges[:-2])).float()


# Slaney's scale is linear up to 1 kHz (15 mel) and logarithmic above, 27 mel for each factor of 6.4.
_LINEAR = 200 / 3
_KNEE = 1000.0
_STEP = math.log(6.4) / 27


def _hz_to_mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _KNEE else _KNEE / _LINEAR + math.log(hertz / _KNEE) / _STEP


def _mel_to_hz(mel: float) -> float:
    knee = _KNEE / _LINEAR
    return mel * _LINEAR if mel < knee else _KNEE * math.exp((mel - knee) * _STEP)
