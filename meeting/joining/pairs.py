"""How much two sources have heard the same of late: who is in one room stays there for a while."""

from __future__ import annotations

from collections.abc import Mapping

from meeting.joining.levels import LevelTrack, coherence, is_active

WINDOW_FRAMES = 30
"""Frames that are compared at once"""
HOP_FRAMES = 20
"""Frames from one comparison to the next"""
HISTORY_FRAMES = 600
"""Frames that count"""
MOST = 10
"""Comparisons that count at most, the last ones in which both heard somebody"""


class Pairs:
    """Coherences of all pairs of sources, each found once."""

    def __init__(self, tracks: Mapping[str, LevelTrack]) -> None:
        self._tracks = tracks
        self._known: dict[tuple[str, str], dict[int, float | None]] = {}

    def levels_changed(self, source_id: str, frame: int) -> None:
        """Levels of a source have come, from a frame on."""
        for pair, known in self._known.items():
            if source_id in pair:
                for at in [at for at in known if at > frame]:
                    del known[at]

    def typical(self, one: str, other: str, frame: int) -> float | None:
        """The mean of their coherence up to a frame; None where they did not hear anybody at the same time."""
        first = max(WINDOW_FRAMES, frame - HISTORY_FRAMES)
        found: list[float] = []
        for at in range(frame // HOP_FRAMES * HOP_FRAMES, first - 1, -HOP_FRAMES):
            value = self._coherence(one, other, at)
            if value is not None:
                found.append(value)
            if len(found) == MOST:
                break
        return sum(found) / len(found) if found else None

    def _coherence(self, one: str, other: str, end: int) -> float | None:
        known = self._known.setdefault((min(one, other), max(one, other)), {})
        if end in known:
            return known[end]
        first, second = self._tracks[one], self._tracks[other]
        if min(first.end, second.end) < end:
            return None
        mine, theirs = first.heard(end - WINDOW_FRAMES, end), second.heard(end - WINDOW_FRAMES, end)
        heard = mine is not None and theirs is not None and is_active(mine) and is_active(theirs)
        known[end] = coherence(mine, theirs) if heard and mine is not None and theirs is not None else None
        return known[end]
