"""Which speaker a cluster is: ids that people have seen are kept."""

from __future__ import annotations

import numpy as np

from pipelines.diarization.speaker_registry import SpeakerRegistry, number_of
from pipelines.types import Speaker


def test_clusters_of_a_meeting_without_speakers_are_new_ones() -> None:
    registry = SpeakerRegistry()
    numbers, told = registry.match(np.zeros((2, 1)))
    assert numbers == {0: 1, 1: 2}
    assert told == [Speaker("spk1", color=0), Speaker("spk2", color=1)]
    assert registry.present() == [1, 2]


def test_new_speakers_are_numbered_in_the_order_in_which_they_are_first_heard() -> None:
    registry = SpeakerRegistry()
    numbers, told = registry.match(np.zeros((3, 1)), np.array([30, 10, 20]))
    assert numbers == {1: 1, 2: 2, 0: 3}
    assert [speaker.id for speaker in told] == ["spk1", "spk2", "spk3"]
    later = np.array([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    assert registry.match(later, np.array([40, 5, 50]))[0] == {0: 1, 1: 4, 2: 2}  # numbers that were seen stay


def test_a_cluster_is_the_speaker_it_shares_most_with() -> None:
    registry = SpeakerRegistry()
    registry.match(np.zeros((2, 1)))
    assert registry.match(np.array([[1.0, 9.0], [8.0, 0.0]])) == ({0: 2, 1: 1}, [])


def test_a_speaker_without_a_cluster_is_merged_into_the_owner_of_its_speech() -> None:
    registry = SpeakerRegistry()
    registry.match(np.zeros((2, 1)))
    numbers, told = registry.match(np.array([[5.0, 9.0]]))
    assert numbers == {0: 2}
    assert told == [Speaker("spk1", color=0, merged_into="spk2")]
    assert registry.present() == [2]
    assert len(registry) == 2


def test_a_speaker_of_whom_nothing_is_left_stays_as_it_is() -> None:
    registry = SpeakerRegistry()
    registry.match(np.zeros((2, 1)))
    assert registry.match(np.array([[5.0, 0.0]])) == ({0: 1}, [])
    assert registry.present() == [1, 2]


def test_numbers_are_not_given_twice() -> None:
    registry = SpeakerRegistry()
    registry.match(np.zeros((2, 1)))
    registry.match(np.array([[5.0, 9.0]]))
    numbers, told = registry.match(np.array([[7.0], [0.0]]))
    assert numbers == {0: 2, 1: 3}
    assert [speaker.id for speaker in told] == ["spk3"]


def test_the_number_stands_in_the_id() -> None:
    assert number_of("spk12") == 12
