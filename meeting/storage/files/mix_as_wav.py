"""All sources of a meeting as one WAV file, in which every second of the meeting has its place, also while it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from meeting.core.placing import Anchor, in_meeting
from meeting.storage.files.flac_as_wav import HEADER_BYTES, SAMPLE_BYTES, FlacSound, wav_pieces, wav_size
from meeting.storage.files.mix_gains import REACH, MixGains
from meeting.storage.files.mixing import mix
from pipelines.types import Span

Spoken: TypeAlias = Callable[[Span], Sequence[Sequence[Span]]]
"""For each source the words of it that are shown in a part of the meeting, and perhaps others"""


class MixAsWav:
    """16 kHz, mono, 16 bits; made as it is read. It is as long now as the source that has come farthest."""

    def __init__(self, sources: Sequence[tuple[Path, Sequence[Anchor]]], spoken: Spoken | None = None) -> None:
        """Of FLACs and where their samples stand; raises StoreError. Without `spoken` all are always as loud."""
        self._spoken = spoken
        self._sources = [(FlacSound(path), anchors) for path, anchors in sources]
        ends = (in_meeting(anchors, flac.samples) for flac, anchors in self._sources if flac.samples)
        self._samples = max(ends, default=0)
        self.size = wav_size(self._samples)
        """Bytes of the WAV file"""

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, in pieces, mixed as they are taken; raises StoreError at once."""
        pieces = self._pieces(start, end)
        return chain([next(pieces)], pieces)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        with ExitStack() as opened:
            sources = [(anchors, opened.enter_context(flac.open()).read) for flac, anchors in self._sources]
            gains = self._gains(start, end)
            yield from wav_pieces(self._samples, start, end, lambda span: mix(sources, span, gains))

    def _gains(self, start: int, end: int) -> MixGains | None:
        if self._spoken is None or len(self._sources) < 2:
            return None
        first, last = ((at - HEADER_BYTES) // SAMPLE_BYTES for at in (start, end))
        return MixGains(self._spoken(Span(first - REACH, last + REACH + 1)))
