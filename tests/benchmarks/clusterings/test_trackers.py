"""Trackers with one part replaced do on plain recordings what the program does, and differ where they are meant to."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.clusterings.command import VARIANTS
from benchmarks.clusterings.trackers import Counting, Joined, Lines, Sticky, Tracker, but, pieces_of
from meeting.evaluation.window_results import TurnGrid
from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.types import SAMPLE_RATE, STEP, UNKNOWN, WINDOW, LocalSpeakers, Span, Turn, TurnsRevised

FRAMES, WIDTH = 250, 16
OPTIONS = SpeakerOptions(Thresholds(0.13, 0.15, 0.30, 0.15))
CELLS = 100


def window(index: int, script: list[tuple[int, float, float]], sound: dict[int, np.ndarray]) -> LocalSpeakers:
    """A window in which each voice of the script is a local speaker at its own place, with a piece each 0.8 s."""
    start = (index + 1) * STEP - WINDOW
    time = start / SAMPLE_RATE + (np.arange(FRAMES) + 0.5) * 5.0 / FRAMES
    on = np.zeros((FRAMES, 3), np.bool_)
    for voice, begin, end in script:
        on[:, voice] |= (time >= begin) & (time < end)
    clean = (on & (on.sum(axis=1, keepdims=True) == 1)).sum(axis=0) * 5.0 / FRAMES
    embeddings = np.full((3, WIDTH), np.nan, np.float32)
    pieces, middles = np.zeros((3, 6, WIDTH), np.float32), np.full((3, 6), -1, np.int16)
    random = np.random.default_rng(index)
    for voice in np.flatnonzero(clean >= 0.5).tolist():
        noisy = sound[voice] + random.normal(0, 0.02, WIDTH).astype(np.float32)
        embeddings[voice] = noisy / np.linalg.norm(noisy)
        spoken = np.flatnonzero(on[:, voice])[20::40][:6]
        pieces[voice, : len(spoken)], middles[voice, : len(spoken)] = embeddings[voice], spoken
    return LocalSpeakers(index, start, (on * 255).astype(np.uint8), embeddings, clean, pieces, middles)


SOUND = {at: np.eye(WIDTH, dtype=np.float32)[at] for at in range(3)}
DIALOGUE = [(0, 1.0, 7.0), (1, 7.5, 13.0), (0, 13.5, 19.0), (1, 19.5, 25.0), (0, 25.5, 31.0), (1, 31.5, 38.0)]


def heard(tracker: Tracker, script: list[tuple[int, float, float]], sound: dict[int, np.ndarray]) -> TurnGrid:
    """Who speaks when, in the end."""
    length = int(max(end for _, _, end in script)) + 2
    grid, made = TurnGrid((length + 10) * CELLS), tracker(OPTIONS)
    for index in range(2 * length + 9):
        grid.take(made(window(index, script, sound)))
    grid.take(made.flush())
    return grid


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VARIANTS if "NME" not in name])
def test_every_variant_tells_two_plain_voices_apart(name: str) -> None:
    assert len(heard(VARIANTS[name], DIALOGUE, SOUND).speakers) == 2


@pytest.mark.slow
def test_spectral_clustering_of_a_short_recording_finds_somebody() -> None:
    name = next(name for name in VARIANTS if "NME" in name)
    assert heard(VARIANTS[name], DIALOGUE, SOUND).speakers


@pytest.mark.slow
def test_without_the_rule_similar_voices_of_the_same_windows_are_one() -> None:
    similar = SOUND | {1: np.array([0.86, np.sqrt(1 - 0.86**2), *[0.0] * (WIDTH - 2)], np.float32)}
    assert len(heard(SpeakerTracker, DIALOGUE, similar).speakers) == 2
    assert len(heard(Joined, DIALOGUE, similar).speakers) == 1


def test_counting_lets_a_second_voice_speak_that_is_never_surer_than_the_first() -> None:
    both = [*DIALOGUE, (0, 38.5, 42.0), (1, 39.0, 41.5)]
    on = heard(Counting, both, SOUND).named
    assert on[:, int(40.0 * CELLS)].sum() == 2
    assert on[:, int(4.0 * CELLS)].sum() == 1


def test_turns_without_other_names_stay_who_they_are() -> None:
    lines = Lines(OPTIONS)
    turns = (Turn(Span(0, WINDOW), "spk1"), Turn(Span(WINDOW, 2 * WINDOW), UNKNOWN))
    assert lines._again(turns) == turns


def test_a_turn_goes_to_whom_its_pieces_are_nearest() -> None:
    lines = Lines(OPTIONS)
    for index in range(95):
        lines(window(index, DIALOGUE, SOUND))
    plain = next(output for output in lines.flush() if isinstance(output, TurnsRevised)).turns
    names = [turn.speaker for turn in plain if len(turn.span) > SAMPLE_RATE]
    assert names == ["spk1", "spk2"] * 3


def test_a_voice_is_followed_as_long_as_it_goes_on() -> None:
    sticky = Sticky(OPTIONS)
    for index in range(95):
        sticky(window(index, DIALOGUE, SOUND))
    longest = max(sticky._chains(0), key=len)
    assert len({voice for _, voice in longest}) == 1
    times, path = sticky._path(longest, np.stack([SOUND[0], SOUND[1]]))
    assert len(times) == len(path)
    assert len(set(path.tolist())) == 1


def test_pieces_lie_where_their_middle_frames_are() -> None:
    local = window(20, DIALOGUE, SOUND)
    voice = int(np.argmax(local.single_speaker_seconds))
    times = [time for time, _ in pieces_of(local, voice)]
    assert times == sorted(times)
    assert all(local.start <= time < local.start + WINDOW for time in times)


def test_options_are_changed_by_name_thresholds_too() -> None:
    tracker = but(SpeakerTracker, match_margin=0.5, min_speech=9.0)(OPTIONS)
    assert tracker._options.thresholds.match_margin == 0.5
    assert tracker._options.min_speech == 9.0
    assert tracker._options.thresholds.merge_threshold == 0.15
