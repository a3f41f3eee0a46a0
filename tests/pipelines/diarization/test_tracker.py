"""Speakers as a meeting sees them: who is labelled when, what is corrected, and what stays unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.diarization.clustering import Thresholds
from pipelines.diarization.tracker import SpeakerOptions, SpeakerTracker
from pipelines.turns import replace_turns
from pipelines.types import (
    SAMPLE_RATE,
    STEP,
    UNKNOWN,
    WINDOW,
    LocalSpeakers,
    Span,
    Speaker,
    SpeakerCount,
    Turn,
    TurnsRevised,
    Voice,
    VoicesHeard,
    samples,
    seconds,
)

FRAMES, VOICES, WIDTH = 293, 3, 64
FRAME = 5.0 / FRAMES

Vector = NDArray[np.float32]
Said = tuple[str, float, float]
"""Who, from, to (seconds)"""

THRESHOLDS = Thresholds(window_threshold=0.15, merge_threshold=0.2, match_threshold=0.3)


def voice(number: int) -> Vector:
    """How a voice sounds: a direction of its own."""
    vector = np.zeros(WIDTH, np.float32)
    vector[number] = 1.0
    return vector


def between(one: Vector, other: Vector, share: float) -> Vector:
    """A voice that sounds like both."""
    mixed: Vector = one * (1 - share) + other * share
    mixed /= np.linalg.norm(mixed)
    return mixed


ANN, BEN, CARL = voice(0), voice(1), voice(2)
VOICE_OF = {"ann": ANN, "ben": BEN, "carl": CARL}


def windows(script: Sequence[Said], length: float, sound: dict[str, Vector] | None = None) -> list[LocalSpeakers]:
    """What the models would hear, in every window, those of the flush too: voices in no particular order.

    The scatter of a window's embedding is small and the same every time.
    """
    steps = -(-samples(length) // STEP)
    return [heard(script, index, sound or VOICE_OF) for index in range(steps + 9)]


def heard(script: Sequence[Said], index: int, sound: dict[str, Vector]) -> LocalSpeakers:
    """One window of the script."""
    random = np.random.default_rng(index)
    start = (index + 1) * STEP - WINDOW
    time = start / SAMPLE_RATE + (np.arange(FRAMES) + 0.5) * FRAME
    names = [
        name for name in sound if any(who == name and begin < time[-1] and end > time[0] for who, begin, end in script)
    ]
    places = random.permutation(VOICES)[: len(names)]
    on = np.zeros((FRAMES, VOICES), np.bool_)
    for name, place in zip(names, places, strict=True):
        for who, begin, end in script:
            on[:, place] |= (who == name) & (time >= begin) & (time < end)
    clean = (on & (on.sum(axis=1, keepdims=True) == 1)).sum(axis=0) * FRAME
    embeddings = np.full((VOICES, WIDTH), np.nan, np.float32)
    for name, place in zip(names, places, strict=True):
        if clean[place] >= 0.5:
            vector = sound[name] + random.normal(0, 0.01, WIDTH).astype(np.float32)
            embeddings[place] = vector / np.linalg.norm(vector)
    return LocalSpeakers(index, start, (on * 255).astype(np.uint8), embeddings, clean)


@dataclass
class Told:
    """What a meeting knows after listening to a tracker."""

    speakers: dict[str, Speaker] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    revisions: list[TurnsRevised] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Ids in the order in which they were announced"""
    voices: dict[str, Voice] = field(default_factory=dict)
    """How they sound"""

    def hear(self, outputs: Iterable[Speaker | TurnsRevised | VoicesHeard]) -> None:
        """Take in what a tracker says."""
        for output in outputs:
            if isinstance(output, Speaker):
                self.names += [output.id] if output.id not in self.speakers else []
                self.speakers[output.id] = output
            elif isinstance(output, VoicesHeard):
                self.voices = {voice.speaker: voice for voice in output.voices}
            else:
                self.revisions.append(output)
                self.turns = replace_turns(self.turns, output)

    def at(self, time: float) -> set[str]:
        """Who speaks at an instant."""
        return {turn.speaker for turn in self.turns if turn.span.start <= time * SAMPLE_RATE < turn.span.end}


def tracker(**options: object) -> SpeakerTracker:
    """A tracker that needs two seconds of a new voice."""
    settings: dict[str, object] = {"thresholds": THRESHOLDS, "min_speech": 2.0, **options}
    return SpeakerTracker(SpeakerOptions(**settings))  # type: ignore[arg-type]


def listen(heard: Iterable[LocalSpeakers], *, flush: bool = True, **options: object) -> Told:
    """Everything a tracker says about these windows."""
    told, follower = Told(), tracker(**options)
    for local in heard:
        told.hear(follower(local))
    if flush:
        told.hear(follower.flush())
    return told


MONOLOGUE: list[Said] = [("ann", 1.0, 14.0)]
DIALOGUE: list[Said] = [
    ("ann", 1.0, 7.0),
    ("ben", 7.6, 13.0),
    ("ann", 13.5, 18.0),
    ("ben", 18.4, 24.0),
    ("ann", 24.5, 29.0),
    ("ben", 30.0, 38.0),
]


def named(told: Told) -> set[str]:
    """Those whose turns there are in the end."""
    return {turn.speaker for turn in told.turns} - {UNKNOWN}


def test_no_more_speakers_are_told_apart_than_are_said_to_speak() -> None:
    assert named(listen(windows(DIALOGUE, 40))) == {"spk1", "spk2"}
    told = listen(windows(DIALOGUE, 40), expected=SpeakerCount(1, 1))
    assert len(named(told)) == 1
    assert UNKNOWN in told.at(10.0) | told.at(4.0)  # who is somebody else stays unknown


def test_who_has_not_spoken_yet_is_not_looked_for_in_one_voice() -> None:
    told = listen(windows(MONOLOGUE, 16), expected=SpeakerCount(4, 4))
    assert told.names == ["spk1"]
    assert {turn.speaker for turn in told.turns} == {"spk1"}


def test_a_number_does_not_lift_the_ceiling() -> None:
    told = listen(windows(DIALOGUE, 40), expected=SpeakerCount(2, 4), max_speakers=1)
    assert len(named(told)) == 1


def test_who_says_little_is_named_where_somebody_else_is_expected() -> None:
    script = [*MONOLOGUE, ("ben", 15.0, 16.4), ("ann", 17.0, 24.0)]
    assert listen(windows(script, 26)).names == ["spk1"]
    told = listen(windows(script, 26), expected=SpeakerCount(2, 2))
    assert told.names == ["spk1", "spk2"]
    assert told.at(15.7) == {"spk2"}


def assert_covers(turns: Iterable[Turn], script: Sequence[Said], ids: dict[str, str], slack: float = 0.3) -> None:
    """Every turn of the script is there and nothing else, to within `slack` seconds at each end."""
    found = [(turn.speaker, seconds(turn.span.start), seconds(turn.span.end)) for turn in turns]
    wanted = [(ids[who], start, end) for who, start, end in sorted(script, key=lambda said: said[1])]
    assert [who for who, *_ in found] == [who for who, *_ in wanted], found
    for (_, start, end), (_, begin, stop) in zip(found, wanted, strict=True):
        assert start == pytest.approx(begin, abs=slack)
        assert end == pytest.approx(stop, abs=slack)


def test_one_voice_is_one_speaker() -> None:
    told = listen(windows(MONOLOGUE, 15))
    assert told.names == ["spk1"]
    assert told.speakers["spk1"] == Speaker("spk1", color=0)
    assert_covers(told.turns, MONOLOGUE, {"ann": "spk1"})


def test_two_voices_in_turn_are_two_speakers() -> None:
    told = listen(windows(DIALOGUE, 40))
    assert told.names == ["spk1", "spk2"]
    assert [told.speakers[name].color for name in told.names] == [0, 1]
    assert_covers(told.turns, DIALOGUE, {"ann": "spk1", "ben": "spk2"})


def test_similar_voices_are_two_speakers_where_windows_hear_both_and_one_where_none_does() -> None:
    # 0.175 apart: more than one voice's windows, less than what else is joined
    similar = np.zeros(WIDTH, np.float32)
    similar[[0, 1]] = 0.825, np.sqrt(1 - 0.825**2)
    sound = {"ann": ANN, "ben": similar}
    assert named(listen(windows(DIALOGUE, 40, sound))) == {"spk1", "spk2"}
    apart: list[Said] = [("ann", 1.0, 14.0), ("ben", 20.0, 34.0)]
    assert len(named(listen(windows(apart, 36, sound)))) == 1


def test_ids_stay_with_their_voices_all_along() -> None:
    follower, told = tracker(), Told()
    for local in windows(DIALOGUE, 40):
        told.hear(follower(local))
        now = (local.start + WINDOW) / SAMPLE_RATE
        for who, start, end in DIALOGUE:
            for time in np.arange(start + 0.3, min(end - 0.3, now), 0.5):
                allowed = {UNKNOWN, "spk1" if who == "ann" else "spk2"}
                assert told.at(float(time)) <= allowed, (who, time, now)


def test_people_who_speak_at_once_are_both_heard() -> None:
    script: list[Said] = [("ann", 1.0, 10.0), ("ben", 8.5, 16.0)]
    told = listen(windows(script, 17))
    assert told.at(9.2) >= {"spk1", "spk2"}
    assert told.at(5.0) == {"spk1"}
    assert told.at(13.0) == {"spk2"}


def test_a_voice_that_is_new_is_unknown_until_enough_was_heard() -> None:
    follower, told = tracker(min_speech=2.0), Told()
    known_at = None
    for local in windows(MONOLOGUE, 15):
        told.hear(follower(local))
        heard_so_far = max(0.0, (local.start + WINDOW) / SAMPLE_RATE - 1.0)
        if heard_so_far <= 1.5:
            assert told.names == []
            assert {turn.speaker for turn in told.turns} <= {UNKNOWN}
        if known_at is None and told.names:
            known_at = heard_so_far
    assert known_at is not None
    assert known_at <= 4.0


def test_once_a_voice_is_known_its_past_is_filled_in() -> None:
    follower, told = tracker(), Told()
    for local in windows(MONOLOGUE, 15):
        before = told.turns
        told.hear(follower(local))
        if told.names:
            break
    assert {turn.speaker for turn in before} == {UNKNOWN}
    assert told.revisions[-1].reason == "recluster"
    assert told.revisions[-1].span.start <= samples(1.3)
    assert {turn.speaker for turn in told.turns} == {"spk1"}


def test_a_word_from_a_new_voice_is_nobodys() -> None:
    script: list[Said] = [("ann", 0.5, 9.0), ("ben", 9.3, 10.1), ("ann", 10.4, 20.0)]
    told = listen(windows(script, 21))
    assert told.names == ["spk1"]
    assert told.at(9.7) == {UNKNOWN}
    assert told.at(5.0) == told.at(15.0) == {"spk1"}


def test_short_words_of_one_voice_add_up() -> None:
    words: list[Said] = [("ben", float(at), at + 1.2) for at in range(10, 58, 6)]
    rests: list[Said] = [("ann", at + 1.5, at + 5.5) for at in range(10, 58, 6)]
    told = listen(windows([("ann", 0.5, 9.0), *words, *rests], 60))
    assert told.names == ["spk1", "spk2"]
    assert told.at(34.6) == {"spk2"}


def test_a_third_voice_may_come_late() -> None:
    late: list[Said] = [*DIALOGUE, ("carl", 60.0, 66.0), ("ann", 66.5, 70.0)]
    told = listen(windows(late, 72))
    assert told.names == ["spk1", "spk2", "spk3"]
    assert_covers(told.turns, late, {"ann": "spk1", "ben": "spk2", "carl": "spk3"})


def test_a_voice_that_comes_back_after_minutes_is_known() -> None:
    script: list[Said] = [("ann", 1.0, 8.0), ("ben", 9.0, 150.0), ("ann", 151.0, 153.0)]
    follower, told = tracker(), Told()
    for local in windows(script, 154):
        told.hear(follower(local))
        if local.start + WINDOW >= samples(153.0):
            break
    assert told.at(152.0) == {"spk1"}


def test_voices_beyond_the_most_stay_unknown() -> None:
    script: list[Said] = [("ann", 0.5, 9.0), ("ben", 9.5, 18.0), ("carl", 18.5, 23.0), ("ann", 23.5, 28.0)]
    told = listen(windows(script, 29), max_speakers=2)
    assert told.names == ["spk1", "spk2"]
    assert told.at(21.0) == {UNKNOWN}
    assert told.at(26.0) == {"spk1"}
    assert told.at(12.0) == {"spk2"}


def test_a_voice_between_two_is_not_guessed_while_live() -> None:
    sound = {**VOICE_OF, "twin": between(ANN, BEN, 0.5)}
    script: list[Said] = [("ann", 0.5, 9.0), ("ben", 9.5, 18.0), ("twin", 24.0, 25.5)]
    told = listen(windows(script, 25.5, sound)[: samples(25.5) // STEP], flush=False)
    assert told.at(24.7) == {UNKNOWN}


def test_two_speakers_that_turn_out_to_be_one_are_merged() -> None:
    # the voice drifts: its two ends are far apart, what is heard later lies between them;
    # pauses keep two of its moods from being two local voices of one window
    far = between(ANN, BEN, 0.5)
    sound = {f"ann{n}": between(ANN, far, n / 6) for n in range(7)}
    order = [0, 6, 3, 2, 4, 1, 5, 3, 2, 4, 1, 5, 3]
    script: list[Said] = [(f"ann{n}", at * 12 + 1.0, at * 12 + 6.5) for at, n in enumerate(order)]
    told = listen(windows(script, len(order) * 12 + 2, sound))
    assert told.names[:2] == ["spk1", "spk2"]
    gone = [speaker for speaker in told.speakers.values() if speaker.merged_into]
    left = [speaker for speaker in told.speakers.values() if not speaker.merged_into]
    assert len(left) == 1
    assert {speaker.merged_into for speaker in gone} == {left[0].id}
    assert {turn.speaker for turn in told.turns} == {left[0].id}


def test_speakers_are_merged_in_what_can_no_longer_be_labelled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.diarization.tracker.MAX_WINDOWS", 50)
    far = between(ANN, BEN, 0.5)
    sound = {f"ann{n}": between(ANN, far, n / 6) for n in range(7)}
    order = [0, 6, 3, 2, 4, 1, 5, 3, 2, 4, 1, 5, 3]
    script: list[Said] = [(f"ann{n}", at * 12 + 1.0, at * 12 + 6.5) for at, n in enumerate(order)]
    told = listen(windows(script, len(order) * 12 + 2, sound))
    assert len(told.names) > 1
    (left,) = (speaker for speaker in told.speakers.values() if not speaker.merged_into)
    for at in range(len(order)):
        assert told.at(at * 12 + 4.0) == {left.id}


def test_a_speaker_of_long_ago_keeps_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.diarization.tracker.MAX_WINDOWS", 50)
    script: list[Said] = [("ann", 1.0, 9.0), ("ben", 10.0, 80.0), ("carl", 81.0, 90.0), ("ann", 91.0, 99.0)]
    told = listen(windows(script, 100))
    assert told.at(4.0) == told.at(95.0) == {"spk1"}
    assert told.at(50.0) == {"spk2"}
    assert told.at(85.0) == {"spk3"}


def test_a_voice_made_of_two_speakers_who_were_heard_in_it_before_is_no_third_one() -> None:
    # windows in which one follows the other: the first few are too little for a voice, and are given to both
    sound = {**VOICE_OF, "early": between(ANN, BEN, 0.4), "late": between(ANN, BEN, 0.6)}
    script: list[Said] = [("ann", 1.0, 9.0), ("ben", 10.0, 18.0)]
    for round in range(6):
        at = 20.0 + 24.0 * round
        script += [("early", at, at + 1.2), ("ann", at + 3, at + 10), ("late", at + 13, at + 14.2)]
        script += [("ben", at + 16, at + 23)]
    told = listen(windows(script, 166, sound), min_speech=3.0)
    assert told.names == ["spk1", "spk2"]
    assert all(told.at(20.0 + 24.0 * round + 5) == {"spk1"} for round in range(6))
    assert all(told.at(20.0 + 24.0 * round + 20) == {"spk2"} for round in range(6))


def test_a_third_voice_that_sounds_like_two_others_is_told_apart_from_both() -> None:
    sound = {**VOICE_OF, "carl": between(between(ANN, BEN, 0.5), CARL, 0.5)}
    script: list[Said] = [("ann", 1.0, 9.0), ("ben", 10.0, 18.0), ("carl", 19.0, 27.0), ("ann", 28.0, 36.0)]
    told = listen(windows(script, 40, sound))
    assert told.names == ["spk1", "spk2", "spk3"]
    assert told.at(23.0) == {"spk3"}


def test_the_end_gives_the_last_word_on_everything() -> None:
    told = listen(windows(DIALOGUE, 40))
    last = told.revisions[-1]
    assert last.reason == "refine"
    assert last.span == Span(0, 80 * STEP + 9 * STEP)
    assert list(last.turns) == told.turns
    assert [revision.reason for revision in told.revisions].count("refine") == 1


def test_the_live_labels_need_no_end() -> None:
    live, refined = (listen(windows(DIALOGUE, 40), flush=flush) for flush in (False, True))
    times = np.arange(0.005, 40.0, 0.25).tolist()
    assert [live.at(time) for time in times] == [refined.at(time) for time in times]


def test_turns_lie_within_the_stretch_they_revise() -> None:
    for revised in listen(windows(DIALOGUE, 40)).revisions:
        assert revised.span
        assert all((turn.span & revised.span) == turn.span != Span(0, 0) for turn in revised.turns)
        assert list(revised.turns) == sorted(revised.turns)


def test_every_instant_is_told_as_soon_as_it_is_heard() -> None:
    follower = tracker()
    end = 0
    for local in windows(DIALOGUE, 40):
        revised = [output for output in follower(local) if isinstance(output, TurnsRevised)]
        assert revised
        assert all(item.span.start <= end for item in revised)
        end = max(item.span.end for item in revised)
        assert end == local.start + WINDOW


def test_a_voice_is_announced_before_its_turns() -> None:
    follower, announced = tracker(), {UNKNOWN}
    for local in windows(DIALOGUE, 40):
        for output in follower(local):
            if isinstance(output, Speaker):
                announced.add(output.id)
            elif isinstance(output, TurnsRevised):
                assert {turn.speaker for turn in output.turns} <= announced


def test_the_same_windows_give_the_same_answers() -> None:
    assert listen(windows(DIALOGUE, 40)) == listen(windows(DIALOGUE, 40))


def test_a_missing_window_is_bridged() -> None:
    told = listen(local for local in windows(DIALOGUE, 40) if local.index not in (4, 30, 31))
    assert_covers(told.turns, DIALOGUE, {"ann": "spk1", "ben": "spk2"}, slack=0.6)


def test_silence_has_no_speakers() -> None:
    told = listen(windows([], 12))
    assert told.names == []
    assert told.turns == []


def test_no_windows_have_no_last_word() -> None:
    assert tracker().flush() == []


def test_windows_in_which_nobody_is_ever_alone_end_well() -> None:
    told = listen(windows([("ann", 0.0, 12.0), ("ben", 0.0, 12.0)], 12))
    assert told.names == []
    assert {turn.speaker for turn in told.turns} == {UNKNOWN}


@pytest.mark.parametrize("first", [0, 1])
def test_with_every_second_window_left_out_the_same_voices_are_told_apart(first: int) -> None:
    told = listen(windows(DIALOGUE, 40)[first::2])
    assert len(told.names) == 2
    ids = {"ann": next(iter(told.at(3.0))), "ben": next(iter(told.at(10.0)))}
    assert_covers(told.turns, DIALOGUE, ids, slack=0.6)


def taken_for_one(script: Sequence[Said], length: float, *, pieces: bool) -> list[LocalSpeakers]:
    """What the models hear where the segmentation model takes everybody for one voice."""
    found = []
    for local in windows(script, length):
        time = local.start / SAMPLE_RATE + (np.arange(FRAMES) + 0.5) * FRAME
        who = [next((name for name, start, end in script if start <= at < end), None) for at in time]
        spoken = np.flatnonzero([name is not None for name in who])
        cuts = [cut for cut in np.array_split(spoken, max(1, round(len(spoken) * FRAME / 0.8))) if len(cut)]
        random = np.random.default_rng(local.index)
        sounds = np.zeros((VOICES, 8, WIDTH), np.float32)
        middles = np.full((VOICES, 8), -1, np.int16)
        for number, cut in enumerate(cuts):
            mean = np.mean([VOICE_OF[str(who[frame])] for frame in cut], axis=0) + random.normal(0, 0.02, WIDTH)
            sounds[0, number], middles[0, number] = mean / np.linalg.norm(mean), cut[len(cut) // 2]
        embeddings = np.full((VOICES, WIDTH), np.nan, np.float32)
        clean = np.zeros(VOICES)
        if cuts:
            mean = sounds[0, : len(cuts)].mean(axis=0)
            embeddings[0], clean[0] = mean / np.linalg.norm(mean), len(spoken) * FRAME
        activity = np.zeros((FRAMES, VOICES), np.uint8)
        activity[spoken, 0] = 255
        plain = LocalSpeakers(local.index, local.start, activity, embeddings, clean)
        found.append(replace(plain, subsegments=sounds, subsegment_middles=middles) if pieces else plain)
    return found


EXCHANGE: list[Said] = [(("ann", "ben")[at % 2], at * 4.0 + 1.0, at * 4.0 + 5.0) for at in range(14)]
"""Two people who never pause between turns"""


@pytest.mark.slow
def test_two_people_whom_the_segmentation_takes_for_one_are_told_apart_by_pieces() -> None:
    def wrong(told: Told) -> float:
        ids = {"ann": told.at(3.0), "ben": told.at(7.0)}
        times = np.arange(1.25, 57.0, 0.25)
        who = [next(name for name, start, end in EXCHANGE if start <= at < end) for at in times.tolist()]
        return float(np.mean([told.at(float(at)) != ids[name] for at, name in zip(times, who, strict=True)]))

    told = listen(taken_for_one(EXCHANGE, 58, pieces=True))
    assert told.at(3.0) != told.at(7.0)
    assert wrong(told) < 0.15
    assert wrong(told) < wrong(listen(taken_for_one(EXCHANGE, 58, pieces=False))) / 2


def test_how_each_speaker_sounds_is_told_with_the_seconds_that_it_spoke_alone() -> None:
    told = listen(windows([("ann", 0.0, 12.0), ("ben", 12.0, 20.0), ("ann", 18.0, 24.0)], 24.0))
    assert list(told.voices) == ["spk1", "spk2"]
    for id_, sound, alone in (("spk1", ANN, 16.0), ("spk2", BEN, 6.0)):
        voice = told.voices[id_]
        assert voice.embedding @ sound > 0.99
        assert np.linalg.norm(voice.embedding) == pytest.approx(1)
        assert voice.seconds == pytest.approx(alone, abs=1.5)


def test_it_is_told_while_the_meeting_goes_on() -> None:
    assert set(listen(windows(MONOLOGUE, 20.0), flush=False).voices) == {"spk1"}
