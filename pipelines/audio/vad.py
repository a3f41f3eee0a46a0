"""Streaming voice activity: the probability of speech in each 32 ms frame (silero-vad on ONNX Runtime)."""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import ModelCorrupt, ModelMissing
from pipelines.types import SAMPLE_RATE, VAD_FRAME, Samples

_CONTEXT = 64
"""Samples of the frame before that the model also wants to see: silero-vad's own number for 16 kHz"""
_FILE = "data/silero_vad_16k_op15.onnx"


def model_path() -> Path:
    """Where the installed `silero_vad` package keeps its weights; raises ModelMissing."""
    spec = importlib.util.find_spec("silero_vad")
    path = Path(spec.origin).parent / _FILE if spec and spec.origin else None
    if path is None or not path.exists():
        raise ModelMissing("the voice activity model is missing; run `make setup` to reinstall silero-vad")
    return path


class VadModel:
    """The weights, loaded once and shared; each source has a `stream()` of its own."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is that of an ONNX file, by default `model_path()`. Raises ModelMissing or ModelCorrupt."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = path or model_path()
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ModelCorrupt(f"{path} is not a voice activity model; run `make setup` to reinstall it") from error

    def stream(self) -> VadStream:
        """Voice activity of one more source."""
        return VadStream(self._session)


class VadStream:
    """One source's voice activity: frames in order in, probabilities out."""

    def __init__(self, session: Any) -> None:
        """`session` is an ONNX Runtime session of the model; it holds no state and may be shared."""
        self._session = session
        self._rate = np.array(SAMPLE_RATE, np.int64)
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, _CONTEXT + VAD_FRAME), np.float32)

    def __call__(self, frame: Samples) -> float:
        """Probability in [0, 1] that a frame, shape (VAD_FRAME,), holds speech."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = frame
        output, self._state = self._session.run(None, {"input": self._input, "state": self._state, "sr": self._rate})
        return float(output[0, 0])


class SharedVad:
    """One source's voice activity for several readers of the same audio; the model sees each frame once.

    Each reader asks for the same frames in the same order, some of them earlier than others.
    """

    MAX_LAG = 4096
    """Frames that a reader may be behind (131 s); one that stops asking costs no more memory than these"""

    def __init__(self, vad: Callable[[Samples], float]) -> None:
        """`vad` gives the probability of speech of each frame, such as a `VadStream`."""
        self._vad = vad
        self._probabilities: deque[float] = deque(maxlen=self.MAX_LAG)
        self._count = 0

    def reader(self) -> Callable[[Samples], float]:
        """One more reader, from the first frame on. Its calls raise IndexError when it is too far behind."""
        at = 0

        def probability(frame: Samples) -> float:
            nonlocal at
            if at == self._count:
                self._probabilities.append(self._vad(frame))
                self._count += 1
            at += 1
            return self._probabilities[at - 1 - self._count]

        return probability
