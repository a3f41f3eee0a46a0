"""The speakers of a meeting by number, and which of them each cluster is: ids that people have seen are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.diarization.clustering import assign
from pipelines.types import Speaker


class SpeakerRegistry:
    """Speakers counted from 1, in order of first appearance; one that was merged into another stays known."""

    def __init__(self) -> None:
        self._speakers: dict[int, Speaker] = {}

    def __len__(self) -> int:
        return len(self._speakers)

    def present(self) -> list[int]:
        """Numbers of the speakers that were not merged into others."""
        return [number for number, speaker in self._speakers.items() if speaker.merged_into is None]

    def match(
        self, shared: NDArray[np.float64], begins: NDArray[np.int64] | None = None
    ) -> tuple[dict[int, int], list[Speaker]]:
        """Number of each cluster, and the speakers that are new or were merged into others.

        `shared` is the seconds of each cluster that were given to each present speaker so far, shape (clusters,
        present); `begins` is where each is first heard, in samples, shape (clusters,): new ones are numbered in this
        order. A cluster is the speaker it shares most with, one to one (Hungarian method on the whole table), else a
        new one; a speaker that is left without a cluster is merged into the owner of the cluster that has most of it.
        """
        present = self.present()
        numbers = {row: present[column] for row, column in assign(-shared) if present and shared[row, column] > 0}
        out: list[Speaker] = []
        order = range(len(shared)) if begins is None else np.argsort(begins, kind="stable").tolist()
        for cluster in order:
            if cluster not in numbers:
                numbers[cluster] = len(self._speakers) + 1
                out.append(self._put(numbers[cluster], None))
        for column, number in enumerate(present):
            if number not in numbers.values() and shared[:, column].any():
                out.append(self._put(number, numbers[int(shared[:, column].argmax())]))
        return numbers, out

    def _put(self, number: int, into: int | None) -> Speaker:
        merged_into = None if into is None else f"spk{into}"
        self._speakers[number] = Speaker(f"spk{number}", color=number - 1, merged_into=merged_into)
        return self._speakers[number]


def number_of(speaker_id: str) -> int:
    """The number in a speaker's id."""
    return int(speaker_id.removeprefix("spk"))
