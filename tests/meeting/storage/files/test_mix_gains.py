"""How loud each source is in the mix: who speaks fully, whoever hears the same softly, everybody where nobody does."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from meeting.storage.files.mix_gains import FADE, FULL, HOLD, LEAD, LEAST_TAIL, REACH, SOFT, TAIL, MixGains
from pipelines.types import Span, samples

SECOND = samples(1.0)


def spoken(*seconds: tuple[float, float]) -> list[Span]:
    return [Span(samples(start), samples(end)) for start, end in seconds]


def at(gains: MixGains, seconds: float) -> list[int]:
    """The gain of each source at a time."""
    return gains.within(Span(samples(seconds), samples(seconds) + 1))[:, 0].tolist()


def test_whose_words_are_shown_is_heard_fully_and_the_others_softly() -> None:
    gains = MixGains([spoken((2, 4)), spoken((6, 8)), []])
    assert at(gains, 3) == [FULL, SOFT, SOFT]
    assert at(gains, 7) == [SOFT, FULL, SOFT]


def test_who_speak_at_once_are_both_heard_fully() -> None:
    gains = MixGains([spoken((2, 5)), spoken((4, 8)), []])
    assert at(gains, 4.5) == [FULL, FULL, SOFT]


def test_where_nobodys_words_are_shown_all_are_heard() -> None:
    gains = MixGains([spoken((2, 4)), spoken((8, 9))])
    assert at(gains, 0) == at(gains, 6) == at(gains, 20) == [FULL, FULL]
    assert at(MixGains([[], []]), 1) == [FULL, FULL]


def test_soft_is_fifteen_decibels_less() -> None:
    assert 20 * np.log10(SOFT / FULL) == pytest.approx(-15, abs=0.01)


def test_a_word_is_heard_from_a_little_before_it_to_a_little_behind_it() -> None:
    gains = MixGains([spoken((2, 4)), []])
    shown = gains.within(Span(0, 6 * SECOND))[1] < FULL
    first, last = np.flatnonzero(shown)[[0, -1]]
    assert abs(first - (samples(2) - LEAD)) <= FADE
    assert abs(last - (samples(4) + TAIL)) <= FADE


def test_in_a_short_pause_nothing_changes_and_behind_a_long_one_everybody_is_heard() -> None:
    short, long = HOLD / SECOND * 0.9, HOLD / SECOND * 1.1
    gains = MixGains([spoken((2, 4), (4 + short, 6)), []])
    assert all(at(gains, 4 + short * part)[1] == SOFT for part in (0.2, 0.4, 0.6, 0.8))
    gains = MixGains([spoken((2, 4), (4 + long, 6)), []])
    assert at(gains, 4 + long * 0.5) == [FULL, FULL]


def test_in_a_short_pause_before_another_speaks_who_spoke_last_stays() -> None:
    gains = MixGains([spoken((2, 4)), spoken((4.8, 6)), []])
    assert at(gains, 4.5) == [FULL, SOFT, SOFT]
    assert at(gains, 5.2) == [SOFT, FULL, SOFT]


def test_whoever_others_speak_over_is_soft_soon_after_the_last_word() -> None:
    gains = MixGains([spoken((2, 4), (4.9, 5)), spoken((3, 6))])
    assert at(gains, 4.45) == [SOFT, FULL]


def test_who_is_answered_at_once_is_soft_at_once() -> None:
    gains = MixGains([spoken((2, 4)), spoken((4, 6))])
    assert at(gains, 4 + (LEAST_TAIL + 2 * FADE) / SECOND) == [SOFT, FULL]


def test_it_fades_without_steps() -> None:
    gains = MixGains([spoken((2, 4)), spoken((4.2, 6))]).within(Span(0, 8 * SECOND))
    assert gains.shape == (2, 8 * SECOND)
    assert (gains.min(), gains.max()) == (SOFT, FULL)
    assert np.abs(np.diff(gains, axis=1)).max() <= -(-(FULL - SOFT) // (2 * FADE))


def test_a_part_is_what_it_is_in_the_whole_also_where_only_words_near_it_are_known() -> None:
    random = Random(2)
    starts = [[random.randrange(60 * SECOND) for _ in range(40)] for _ in range(3)]
    words = [[Span(at, at + random.randrange(20_000)) for at in mine] for mine in starts]
    whole = MixGains(words).within(Span(0, 60 * SECOND))
    for start in (random.randrange(58 * SECOND) for _ in range(20)):
        part = Span(start, start + random.randrange(1, 2 * SECOND))
        near = [
            [word for word in mine if word.end > part.start - REACH and word.start < part.end + REACH] for mine in words
        ]
        assert np.array_equal(MixGains(near).within(part), whole[:, part.start : part.end])
