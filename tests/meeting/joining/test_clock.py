"""Where sources stand in the meeting: found in spite of drift, jitter and stalls, and never told otherwise later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from meeting.joining.clock import (
    FURTHEST,
    LEAST_FRAMES,
    LISTEN_EACH,
    MOVED,
    Alignment,
    ArrivalClock,
    MeetingClock,
    Timeline,
)
from meeting.joining.levels import BANDS
from pipelines.types import LEVEL_FRAME, SAMPLE_RATE, LevelsHeard, samples

FRAME = samples(0.1)


@dataclass(frozen=True)
class Client:
    """Something that records and sends; times in seconds of a server's clock that began long before."""

    id: str
    begins: float = 1000.0
    ends: float = 1600.0
    drift: float = 0.0
    """Seconds that its clock gains in each second"""
    delay: float = 0.03
    jitter: float = 0.05
    stalls: tuple[tuple[float, float], ...] = ()
    """From when to when nothing gets through"""
    seed: int = field(default=0, compare=False)

    def sample(self, at: float) -> int:
        """What it records at a time."""
        return round((at - self.begins) * (1 + self.drift) * SAMPLE_RATE)

    def frames(self) -> Iterator[tuple[float, str, int]]:
        """When each frame arrives, and the samples until its end."""
        random, last = np.random.default_rng(self.seed), 0.0
        for end in range(FRAME, self.sample(self.ends) + 1, FRAME):
            sent = self.begins + end / SAMPLE_RATE / (1 + self.drift)
            arrives = sent + self.delay + float(random.exponential(self.jitter))
            for start, stop in self.stalls:
                if start <= arrives < stop:
                    arrives = stop + (arrives - start) / 50  # what was held comes fast
            last = max(last + 1e-6, arrives)
            yield last, self.id, end


def played(clock: MeetingClock, *clients: Client, known: Iterable[str] = ()) -> MeetingClock:
    """The clock after all that the clients send has arrived."""
    for client in clients:
        if client.id not in known:
            clock.add(client.id)
    for at, id_, end in merge(*(client.frames() for client in clients)):
        clock.observe(id_, end, at)
        clock.place(id_, max(0, end - samples(1)))
    return clock


def error(clock: MeetingClock, first: Client, other: Client, at: float) -> float:
    """By how many seconds the place of what another client records at a time is wrong."""
    return (clock.place(other.id, other.sample(at)) - first.sample(at)) / SAMPLE_RATE


def test_the_samples_of_the_first_source_are_the_meetings() -> None:
    first = Client("a", drift=100e-6, stalls=((1100, 1160),))
    clock = played(MeetingClock(), first, Client("b"))
    assert [clock.place("a", at) for at in (0, 1, 12345, 10**9)] == [0, 1, 12345, 10**9]
    assert clock.anchors("a") == ()


@pytest.mark.parametrize("drift", [0.0, 50e-6, -50e-6, 150e-6])
def test_a_source_that_drifts_stays_in_its_place(drift: float) -> None:
    first, other = Client("a", ends=2800), Client("b", begins=1012.3, ends=2800, drift=drift, seed=1)
    clock = played(MeetingClock(), first, other)
    assert [round(error(clock, first, other, at), 3) for at in range(1020, 2800, 20)] == pytest.approx(
        [0.0] * 89, abs=0.035
    )


def test_the_drift_of_the_first_source_is_that_of_the_meeting() -> None:
    first, other = Client("a", drift=80e-6, ends=2800), Client("b", begins=1005, ends=2800, drift=-50e-6, seed=1)
    clock = played(MeetingClock(), first, other)
    assert abs(error(clock, first, other, 2790)) < 0.035
    assert (2790 - 1000) * 130e-6 > 0.2, "without an estimate of both it would be wrong by this much"


@pytest.mark.parametrize("stalled", ["a", "b"])
def test_what_comes_late_after_a_stall_was_recorded_in_time(stalled: str) -> None:
    stalls = ((1200.0, 1260.0),)
    first = Client("a", stalls=stalls if stalled == "a" else ())
    other = Client("b", begins=1003, stalls=stalls if stalled == "b" else (), seed=1)
    clock = MeetingClock()
    clock.add("a")
    clock.add("b")
    worst = 0.0
    for at, id_, end in merge(first.frames(), other.frames()):
        clock.observe(id_, end, at)
        clock.place(id_, max(0, end - samples(1)))
        recorded = other.begins + end / SAMPLE_RATE
        if id_ == "b" and recorded > 1010:
            worst = max(worst, abs(error(clock, first, other, recorded)))
    assert worst < 0.035


def test_a_source_that_stood_still_is_later_from_then_on() -> None:
    clock = ArrivalClock()
    for second in range(200):
        clock.observe(second * SAMPLE_RATE, second + 5.0)
    for second in range(200, 310):
        clock.observe(second * SAMPLE_RATE, second + 35.0)
    assert clock.origin == pytest.approx(5.0, abs=0.05), "it may still be a connection that cannot keep up"
    for second in range(310, 330):
        clock.observe(second * SAMPLE_RATE, second + 35.0)
    assert clock.origin == pytest.approx(35.0, abs=0.05)


def test_a_connection_that_has_become_slower_is_no_clock_that_runs_slow() -> None:
    clock = ArrivalClock()
    for second in range(600):
        clock.observe(second * SAMPLE_RATE, second + (5.0 if second < 200 else 5.5))
    assert clock.origin == pytest.approx(5.0, abs=0.07)


def test_audio_that_was_held_back_before_the_start_is_not_late_for_long() -> None:
    first, other = Client("a"), Client("b", begins=1010, stalls=((1009, 1013),), seed=1)
    clock = played(MeetingClock(), first, other)
    assert abs(error(clock, first, other, 1018)) < 0.035


def test_what_was_placed_stays_in_its_place() -> None:
    first, other = Client("a", drift=-60e-6, delay=0.4), Client("b", begins=1002, drift=60e-6, seed=1, delay=0.01)
    clock, places = MeetingClock(), dict[int, int]()
    clock.add("a")
    clock.add("b")
    for at, id_, end in merge(first.frames(), other.frames()):
        clock.observe(id_, end, at)
        if id_ == "b" and end > samples(2):
            places |= {sample: clock.place("b", sample) for sample in (end - samples(2), end - samples(1))}
    assert len(clock.anchors("b")) > 4
    assert {sample: clock.place("b", sample) for sample in places} == places
    in_order = [places[sample] for sample in sorted(places)]
    assert all(one < other for one, other in pairwise(in_order))


@settings(max_examples=50, deadline=None)
@given(steers=st.lists(st.tuples(st.integers(1, 200_000), st.integers(-400_000, 400_000)), max_size=20))
def test_time_never_runs_backwards(steers: list[tuple[int, int]]) -> None:
    line, sample = Timeline(), 0
    for further, moved in steers:
        sample += further
        line.steer(sample, sample + moved)
        line.place(sample)
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(line.anchors))
    assert all(line.place(at) <= line.place(at + 100) for at in range(0, sample, 100))


def test_a_place_that_is_too_late_is_made_up_for_by_half_the_speed() -> None:
    line = Timeline()
    line.steer(1600, 1600)
    line.place(16_000)
    assert line.steer(17_600, 17_600 - 8_000)
    assert [line.place(at) for at in (16_000, 24_000, 32_000, 40_000)] == [16_000, 20_000, 24_000, 32_000]


def test_small_changes_are_anchored_now_and_then_only() -> None:
    first, other = Client("a", ends=4600), Client("b", ends=4600, drift=50e-6, seed=1)
    clock = played(MeetingClock(), first, other)
    assert 10 < len(clock.anchors("b")) < 150


def test_it_is_told_when_anchors_are_to_be_stored() -> None:
    clock = MeetingClock()
    clock.add("a")
    clock.add("b")
    assert not clock.observe("a", FRAME, 10.0)
    assert clock.observe("b", FRAME, 15.0)
    assert clock.anchors("b") == ((0, samples(5.0)),)
    assert not clock.observe("b", 2 * FRAME, 15.1)
    assert not clock.observe("a", 51 * FRAME, 15.0)
    assert clock.place("b", samples(1)) == samples(6)


def test_a_meeting_goes_on_when_its_first_source_has_ended() -> None:
    first, other = Client("a", ends=1100), Client("b", begins=1200, ends=1300, seed=1)
    third = Client("c", begins=1250, ends=1300, seed=2)
    clock = played(MeetingClock(), first, other, third)
    assert abs(error(clock, first, other, 1290)) < 0.035
    assert abs(error(clock, first, third, 1290)) < 0.035


def restarted(*sent: tuple[Client, float]) -> MeetingClock:
    """The clock of a process that was started at 1200 s; of each source audio was sent up to a time before."""
    earlier, clock = MeetingClock(), MeetingClock()
    for client, _ in sent:
        earlier.add(client.id)
    for at, id_, end in merge(*(client.frames() for client, _ in sent)):
        if at < 1200:
            earlier.observe(id_, end, at)
            earlier.place(id_, end)
    for client, until in sent:
        clock.add(client.id, earlier.anchors(client.id), client.sample(until))
    return clock


def later(client: Client, from_: float, by: float) -> Iterator[tuple[float, str, int]]:
    """What a client sends after the server was started anew, whose clock shows something else."""
    return ((at + by, id_, end) for at, id_, end in client.frames() if at > from_)


def test_sources_go_on_in_their_places_after_a_restart() -> None:
    first, other = Client("a", ends=1400), Client("b", begins=1010, ends=1400, drift=50e-6, seed=1)
    clock = restarted((first, 1200), (other, 1200))
    before = [clock.place("b", at) for at in range(0, other.sample(1200), 10_000)]
    for at, id_, end in merge(later(first, 1200, -900), later(other, 1200, -900)):
        clock.observe(id_, end, at)
    assert [clock.place("b", at) for at in range(0, other.sample(1200), 10_000)] == before
    assert abs(error(clock, first, other, 1390)) < 0.035


def test_after_a_restart_without_the_first_source_the_others_keep_their_places() -> None:
    first = Client("a", ends=1100)
    other, new = Client("b", begins=1010, ends=1400, seed=1), Client("c", begins=1250, ends=1400, seed=2)
    clock = restarted((first, 1100), (other, 1200))
    clock.add("c")
    for at, id_, end in merge(later(other, 1200, -900), later(new, 1200, -900)):
        clock.observe(id_, end, at)
    assert abs(error(clock, first, other, 1390)) < 0.05
    assert abs(error(clock, first, new, 1390)) < 0.05


def test_whoever_is_the_first_that_is_left_after_a_restart_stays_in_its_place_and_leads_the_others() -> None:
    clock = MeetingClock()
    clock.add("b", ((0, samples(50)),), samples(30))
    clock.add("c")
    assert not clock.observe("b", samples(30), 7.0)
    clock.observe("c", samples(1), 7.0)
    assert [clock.place("b", samples(at)) for at in (0, 30)] == [samples(50), samples(80)]
    assert clock.where("c", samples(1)) == samples(80)
    assert clock.anchors("b") == ((0, samples(50)),)


def test_a_source_that_begins_after_a_restart_where_nobody_else_goes_on_stands_behind_what_there_was() -> None:
    clock = MeetingClock()
    clock.add("a", (), samples(60))
    clock.add("b", ((0, samples(50)),), samples(30))
    clock.add("c")
    clock.observe("c", FRAME, 7.0)
    assert abs(clock.place("c", FRAME) - samples(80)) <= MOVED + FRAME


def listened(*clients: Client, until: float) -> tuple[MeetingClock, list[int]]:
    """A clock that is also told what all of them hear up to a time, the same; the places that were told of the last."""
    clock, places = MeetingClock(), list[int]()
    for client in clients:
        clock.add(client.id)
    fine = np.random.default_rng(5).normal(25, 12, (round((until - 1000) * 5), BANDS)).clip(0)
    power = np.repeat(10 ** (fine / 10), 20, axis=0)  # 0.01 s each
    by_id = {client.id: client for client in clients}
    for at, id_, end in merge(*(client.frames() for client in clients)):
        if at >= until:
            break
        first = round((by_id[id_].begins - 1000) * 100) + (end - FRAME) * 100 // SAMPLE_RATE
        mean = power[first : first + 10].mean(axis=0, keepdims=True)
        clock.levels_heard(id_, LevelsHeard(end - LEVEL_FRAME, (10 * np.log10(mean) - 70).astype(np.float32)))
        clock.observe(id_, end, at)
        if id_ == clients[-1].id:
            places.append(clock.place(id_, end))
    return clock, places


def test_a_longer_way_to_the_server_is_found_by_what_is_heard_and_what_was_placed_stays() -> None:
    first, other = Client("a", delay=0.03), Client("b", begins=1004.03, delay=0.25, seed=1)
    arrival = played(MeetingClock(), replace(first, ends=1060), replace(other, ends=1060))
    assert error(arrival, first, other, 1055) == pytest.approx(0.22, abs=0.04)
    clock, places = listened(first, other, until=1060)
    assert abs(error(clock, first, other, 1055)) < 0.04
    assert [clock.place("b", (at + 1) * FRAME) for at in range(len(places))] == places
    assert all(one <= other for one, other in pairwise(places))
    assert clock.anchors("a") == ()


def test_whoever_leads_is_not_moved() -> None:
    first, other = Client("a", delay=0.25), Client("b", delay=0.03, seed=1)
    clock, _ = listened(first, other, until=1060)
    assert clock.place("a", samples(50)) == samples(50)
    assert abs(error(clock, first, other, 1055)) < 0.04


# What is heard

FINE = 20
"""Parts of a frame in which somebody has one loudness"""


def speech(seconds: float, seed: int = 1) -> NDArray[np.float64]:
    """Powers of somebody who speaks with pauses, in parts of a frame."""
    random = np.random.default_rng(seed)
    syllables = random.normal(30, 10, (round(seconds * 5), BANDS))
    syllables[random.random(len(syllables)) < 0.3] = 0
    return np.asarray(10 ** (np.repeat(syllables, 2 * FINE, axis=0) / 10))


def hearing(power: NDArray[np.float64], late: float = 0.0, noise: int = 0) -> LevelsHeard:
    """What a microphone hears of it that began `late` seconds earlier, so that all is later in its own time."""
    shifted = np.concatenate([np.zeros((round(late / 0.1 * FINE), BANDS)), power])
    frames = shifted[: len(shifted) // FINE * FINE].reshape(-1, FINE, BANDS).mean(axis=1)
    return LevelsHeard(0, (10 * np.log10(frames + 1) - 70 + noise).astype(np.float32))


def corrected(mine: LevelsHeard, theirs: LevelsHeard, apart: float) -> float:
    """The correction in seconds of a source that arrives as if it were so many seconds later than another."""
    alignment = Alignment()
    alignment.levels_heard("a", theirs)
    alignment.levels_heard("b", mine)
    return alignment.correction("b", "a", samples(apart)) / samples(1)


@pytest.mark.parametrize("wrong", [0.0, 0.12, 0.23, -0.07, -0.18])
def test_two_that_hear_the_same_are_put_together_however_late_one_of_them_arrives(wrong: float) -> None:
    said = speech(20)
    found = corrected(hearing(said), hearing(said, late=1.33, noise=12), 1.33 + wrong)
    assert found == pytest.approx(-wrong, abs=0.02)


def test_a_source_that_began_first_may_be_the_one_that_is_corrected() -> None:
    said = speech(20)
    assert corrected(hearing(said, late=2.07), hearing(said), -2.07 + 0.15) == pytest.approx(-0.15, abs=0.02)


def test_what_was_heard_in_other_places_tells_nothing() -> None:
    assert corrected(hearing(speech(20)), hearing(speech(20, seed=2)), 0.2) == 0


def test_a_loudspeaker_in_the_hearing_of_one_of_two_tells_nothing() -> None:
    """What it plays is late; who is in the room as well is heard by the one only."""
    far, near = speech(40), speech(40, seed=2)
    assert corrected(hearing(far), hearing(0.1 * far + near, late=0.15), 0.0) == 0


def test_delays_that_no_network_has_are_none() -> None:
    said = speech(20)
    too_far = FURTHEST / samples(1) + 0.06
    assert corrected(hearing(said), hearing(said, late=1.0), 1.0 + too_far) == 0


def test_a_little_tells_nothing() -> None:
    said = speech(20)[: (LEAST_FRAMES - 1) * FINE]
    assert corrected(hearing(said), hearing(said, late=0.2), 0.0) == 0


def test_where_nothing_was_heard_nothing_is_known() -> None:
    assert Alignment().correction("b", "a", 0) == 0
    assert corrected(hearing(speech(20)), LevelsHeard(0, np.zeros((0, BANDS), np.float32)), 0.0) == 0


def test_it_is_found_anew_now_and_then_and_kept_where_hardly_anything_has_changed() -> None:
    said, alignment = speech(40), Alignment()
    whole, late = hearing(said).levels, hearing(said, late=0.2).levels
    count = LISTEN_EACH + LEAST_FRAMES * 2
    alignment.levels_heard("a", LevelsHeard(0, late))
    alignment.levels_heard("b", LevelsHeard(0, whole[:count]))
    found = alignment.correction("b", "a", 0)
    assert found == pytest.approx(samples(0.2), abs=MOVED)
    assert alignment.correction("b", "a", samples(0.1)) == found, "nothing new was heard"
    alignment.levels_heard("b", LevelsHeard(count * LEVEL_FRAME, whole[count : count + LISTEN_EACH]))
    assert alignment.correction("b", "a", MOVED // 2) == found
    alignment.levels_heard("b", LevelsHeard((count + LISTEN_EACH) * LEVEL_FRAME, whole[count + LISTEN_EACH :]))
    assert alignment.correction("b", "a", samples(0.1)) == pytest.approx(samples(0.1), abs=MOVED)


def test_what_was_known_of_another_pair_does_not_count() -> None:
    said, alignment = speech(20), Alignment()
    for id_, late in (("a", 0.2), ("b", 0.0)):
        alignment.levels_heard(id_, hearing(said, late))
    assert alignment.correction("b", "a", 0) > 0
    assert alignment.correction("b", "c", 0) == 0
