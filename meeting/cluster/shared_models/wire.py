"""What goes between a server and the shared models, as bytes: a head in JSON and the arrays behind it.

Nothing that is read is ever run, as pickles would be. Audio goes as 16-bit numbers with an exponent for each piece:
what was recorded with 16 bits at 16 kHz arrives as it was, and what is quiet loses nothing either.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meeting.cluster.shared_models.errors import WireError
from pipelines.asr.recogniser import RecognisedWord, RecognitionRequest, RecognitionResult
from pipelines.types import LocalSpeakers, Samples, Window

MAGIC = b"MSM1"
"""What each message begins with; its number changes with what a message means"""
MAX_EXPONENT = 15
"""Audio that is quieter than 2**-MAX_EXPONENT is sent as if it were as loud as that"""
LARGEST = 2**15 - 1
"""The largest number that 16 bits hold"""
COMPRESSION = 1
"""Level of zlib with which answers are compressed: they are mostly zeros"""

Array = NDArray[Any]
Head = dict[str, Any]


def pack(head: Head, arrays: Sequence[Array] = (), compress: bool = False) -> bytes:
    """A message. Each array is told with type and shape; all of them are compressed together where that is asked."""
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    told = [[array.dtype.str, list(array.shape)] for array in arrays]
    if compress:
        body = zlib.compress(body, COMPRESSION)
    text = json.dumps({"head": head, "arrays": told, "zlib": compress}, separators=(",", ":"), default=_number).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + body


def unpack(message: bytes) -> tuple[Head, list[Array]]:
    """Head and arrays of a message; raises WireError for what is none, or of another version of this program."""
    try:
        if message[:4] != MAGIC:
            raise WireError("a message is of another kind or version: servers and models must be of the same version")
        (length,) = struct.unpack_from("<I", message, 4)
        told = json.loads(message[8 : 8 + length])
        body = memoryview(message)[8 + length :]
        if told["zlib"]:
            body = memoryview(zlib.decompress(body))
        arrays, at = [], 0
        for kind, shape in told["arrays"]:
            array = np.frombuffer(body, np.dtype(kind), int(np.prod(shape, dtype=np.int64)), at).reshape(shape)
            arrays.append(array)
            at += array.nbytes
        return told["head"], arrays
    except (ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        raise WireError("a message is damaged") from error


def pack_audio(audio: Samples) -> tuple[int, NDArray[np.int16]]:
    """Audio, shape (samples,), as an exponent and 16-bit numbers: a sample is the number times 2**(exponent - 15)."""
    peak = np.float32(0)
    if len(audio):
        # there is one number more below zero than above
        peak = max(audio.max(), -np.nextafter(audio.min(), np.float32(0), dtype=np.float32), peak)
    exponent = max(-MAX_EXPONENT, int(np.frexp(peak)[1]))
    scaled = np.rint(np.ldexp(audio.astype(np.float64), 15 - exponent))
    # a peak of exactly 2**exponent - half a step would be one too much
    return exponent, np.clip(scaled, -LARGEST - 1, LARGEST).astype(np.int16)


def unpack_audio(exponent: int, numbers: NDArray[np.int16]) -> Samples:
    """The audio that `pack_audio` was given, as near as 16 bits can tell it."""
    return np.ldexp(numbers.astype(np.float32), exponent - 15).astype(np.float32)


def pack_requests(requests: Sequence[RecognitionRequest]) -> bytes:
    """Utterances for a recogniser."""
    told, arrays = [], []
    for request in requests:
        exponent, numbers = pack_audio(request.audio)
        told.append(
            {
                "exponent": exponent,
                "prompt": request.prompt,
                "language": request.language,
                "hotwords": request.hotwords,
                "partial": request.partial,
                "draft": request.draft if _is_plain(request.draft) else None,
                "among": request.among,
                "translate": request.translate,
                "careful": request.careful,
            }
        )
        arrays.append(numbers)
    return pack({"requests": told}, arrays)


def unpack_requests(message: bytes) -> list[RecognitionRequest]:
    """The utterances of a message; raises WireError."""
    head, arrays = unpack(message)
    try:
        return [
            RecognitionRequest(
                unpack_audio(told["exponent"], numbers),
                told["prompt"],
                told["language"],
                tuple(told["hotwords"]),
                told["partial"],
                _tuples(told["draft"]),
                tuple(told["among"]),
                told["translate"],
                told["careful"],
            )
            for told, numbers in zip(head["requests"], arrays, strict=True)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("utterances cannot be read") from error


def results_head(results: Sequence[RecognitionResult]) -> list[Head]:
    """What a recogniser made of utterances, for the head of an answer."""
    return [
        {
            "words": [(word.text, word.start, word.end, word.confidence) for word in result.words],
            "language": result.language,
            "avg_logprob": result.avg_logprob,
            "no_speech_prob": result.no_speech_prob,
            "compression_ratio": result.compression_ratio,
            "language_probability": result.language_probability,
            "draft": result.draft if _is_plain(result.draft) else None,
            "unstable": result.unstable,
            "committed": result.committed,
        }
        for result in results
    ]


def results_of(told: Sequence[Head]) -> list[RecognitionResult]:
    """The results of an answer's head; raises WireError."""
    try:
        return [
            RecognitionResult(
                **{
                    **one,
                    "words": tuple(RecognisedWord(*word) for word in one["words"]),
                    "draft": _tuples(one["draft"]),
                }
            )
            for one in told
        ]
    except (KeyError, TypeError) as error:
        raise WireError("results cannot be read") from error


def pack_windows(windows: Sequence[Window]) -> bytes:
    """Windows for the finder of local speakers; which ones they are stays here."""
    exponents: list[int] = []
    arrays: list[Array] = []
    for window in windows:
        exponent, numbers = pack_audio(window.audio)
        exponents.append(exponent)
        arrays += [numbers, _mask(window.voiced), _mask(window.paused)]
    return pack({"exponents": exponents}, arrays)


def unpack_windows(message: bytes) -> list[Window]:
    """The windows of a message, numbered from 0; raises WireError."""
    head, arrays = unpack(message)
    try:
        return [
            Window(at, 0, unpack_audio(exponent, numbers), _bools(voiced), _bools(paused))
            for at, (exponent, numbers, voiced, paused) in enumerate(
                zip(head["exponents"], arrays[::3], arrays[1::3], arrays[2::3], strict=True)
            )
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("windows cannot be read") from error


def speakers_arrays(found: Sequence[LocalSpeakers]) -> list[Array]:
    """Local speakers of windows as arrays, five for each; one that is None is empty and flat."""
    arrays: list[Array] = []
    for one in found:
        arrays += [one.activity, one.embeddings, one.single_speaker_seconds]
        arrays += [np.empty(0) if part is None else part for part in (one.subsegments, one.subsegment_middles)]
    return arrays


def speakers_of(arrays: Sequence[Array], windows: Sequence[Window]) -> list[LocalSpeakers]:
    """The local speakers of these windows; raises WireError."""
    if len(arrays) != 5 * len(windows):
        raise WireError("there are not as many answers as windows")
    found = []
    for at, window in enumerate(windows):
        activity, embeddings, seconds, subsegments, middles = (array.copy() for array in arrays[5 * at : 5 * at + 5])
        there = subsegments.ndim > 1
        found.append(
            LocalSpeakers(
                window.index,
                window.start,
                activity,
                embeddings,
                seconds,
                subsegments if there else None,
                middles if there else None,
            )
        )
    return found


def _mask(mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    return np.empty((0, 0), np.uint8) if mask is None else mask.astype(np.uint8)


def _bools(array: Array) -> NDArray[np.bool_] | None:
    return None if array.ndim > 1 else array.astype(np.bool_)


def _number(value: Any) -> Any:
    """A number of numpy as one of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _is_plain(value: object) -> bool:
    """Whether a draft is made of nothing that JSON would lose, lists aside."""
    if isinstance(value, tuple):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, str | int | float | np.generic)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
