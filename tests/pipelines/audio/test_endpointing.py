"""Cutting at silences, and over-long speech between words: to the sample with a fake voice, on speech with the real."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.endpointing import Endpointer, EndpointerOptions
from pipelines.audio.vad import VadModel
from pipelines.types import SAMPLE_RATE, VAD_FRAME, Pause, Samples, Span, Utterance, samples
from tests.conftest import Sample

PRE_ROLL = samples(EndpointerOptions().pre_roll)
TAIL = samples(EndpointerOptions().post_roll)
MS = SAMPLE_RATE // 1000


class FakeVad:
    """Hears a voice in every frame that is loud enough; half a voice in one that is half as loud."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, frame: Samples) -> float:
        assert frame.shape == (VAD_FRAME,)
        self.frames += 1
        return float(min(1.0, np.sqrt(np.mean(frame**2)) / 0.2))


def tone(length: int, loudness: float = 0.5) -> Samples:
    """A burst of sound, shape (length,)."""
    sound: Samples = (loudness * np.sin(np.arange(length) * 2 * np.pi * 220 / SAMPLE_RATE)).astype(np.float32)
    return sound


def speech(*lengths: int) -> Samples:
    """Silence, tone, silence, tone, … of so many milliseconds."""
    parts = [tone(ms * MS) if i % 2 else np.zeros(ms * MS, np.float32) for i, ms in enumerate(lengths)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def cut(audio: Samples, sizes: list[int] | None = None, options: EndpointerOptions | None = None) -> list[Utterance]:
    """All utterances of a recording that comes in chunks of such sizes."""
    return [piece for piece in heard(audio, sizes, options) if isinstance(piece, Utterance)]


def heard(
    audio: Samples, sizes: list[int] | None = None, options: EndpointerOptions | None = None
) -> list[Utterance | Pause]:
    """All utterances and pauses of a recording that comes in chunks of such sizes."""
    endpointer, at, out = Endpointer(FakeVad(), options), 0, []
    for size in cycle(sizes or [max(1, len(audio))]):
        if at >= len(audio):
            return [*out, *endpointer.flush()]
        out += endpointer(audio[at : at + size])
        at += size
    raise AssertionError


def finals(found: Sequence[Utterance | Pause]) -> list[Utterance]:
    """The utterances that are cut."""
    return [piece for piece in found if isinstance(piece, Utterance) and piece.final]


def pauses(audio: Samples, options: EndpointerOptions | None = None) -> list[bool | tuple[float, float]]:
    """Of each utterance whether it says that a pause follows, and of each pause where it is, in tenths of a second."""
    found = [piece for piece in heard(audio, options=options) if isinstance(piece, Pause) or piece.final]

    def tenths(at: int) -> float:
        return round(at / SAMPLE_RATE, 1)

    return [
        piece.pause if isinstance(piece, Utterance) else (tenths(piece.span.start), tenths(piece.span.end))
        for piece in found
    ]


def voiced(audio: Samples) -> list[Span]:
    """The frames with a voice, clipped to the audio."""
    padded = np.pad(audio, (0, -len(audio) % VAD_FRAME))
    fake = FakeVad()
    starts = range(0, len(padded), VAD_FRAME)
    return [Span(at, min(at + VAD_FRAME, len(audio))) for at in starts if fake(padded[at : at + VAD_FRAME]) >= 0.5]


talks = st.lists(st.integers(0, 2500), max_size=9)
"""Milliseconds of silence and tone in turn"""


def test_one_burst_is_one_utterance_with_some_silence_around_it() -> None:
    (piece,) = finals(cut(speech(1000, 1000, 1000)))
    onset, end = 1000 * MS, 2000 * MS
    assert onset - PRE_ROLL - VAD_FRAME <= piece.span.start <= onset - PRE_ROLL + VAD_FRAME
    assert end + TAIL - VAD_FRAME <= piece.span.end <= end + TAIL + VAD_FRAME
    assert (piece.index, piece.end_reason) == (0, "silence")


def test_an_utterance_is_cut_as_soon_as_the_silence_has_lasted() -> None:
    endpointer = Endpointer(FakeVad())
    assert not finals(endpointer(speech(0, 640, 380)))
    assert finals(endpointer(speech(100)))


def test_speech_from_the_first_sample_has_no_pre_roll() -> None:
    (piece,) = finals(cut(speech(0, 640, 1000)))
    assert piece.span.start == 0


def test_a_short_pause_does_not_cut() -> None:
    assert len(finals(cut(speech(500, 500, 350, 500, 1000)))) == 1
    assert len(finals(cut(speech(500, 500, 500, 500, 1000)))) == 2


@pytest.mark.parametrize(("voice", "pause", "pieces"), [(1500, 350, 1), (3000, 350, 2), (3000, 160, 1), (5000, 160, 2)])
def test_the_longer_somebody_speaks_the_shorter_the_pause_that_cuts(voice: int, pause: int, pieces: int) -> None:
    options = EndpointerOptions(min_silence_from=4.0)
    assert len(finals(cut(speech(500, voice, pause, 1000, 1000), options=options))) == pieces


@pytest.mark.parametrize(("voice", "pause", "pieces"), [(1500, 350, 1), (2000, 160, 1), (2500, 350, 2), (3000, 160, 2)])
def test_from_three_seconds_on_any_pause_between_words_cuts(voice: int, pause: int, pieces: int) -> None:
    assert len(finals(cut(speech(500, voice, pause, 1000, 1000)))) == pieces


def test_a_long_utterance_is_cut_at_once_and_the_pause_told_when_it_is_one() -> None:
    assert pauses(speech(500, 4000, 1000)) == [False, (4.5, 4.9)]
    assert pauses(speech(500, 1000, 1000)) == [True]


def test_no_pause_is_told_where_somebody_goes_on_behind_the_cut() -> None:
    assert pauses(speech(500, 4000, 250, 1000, 1000)) == [False, True]
    assert pauses(speech(500, 4000, 250, 4000, 1000)) == [False, False, (8.8, 9.2)]


def test_the_end_of_the_audio_is_a_pause_too() -> None:
    assert pauses(speech(500, 4000)) == [True]
    assert pauses(speech(500, 4000, 250)) == [False, (4.5, 4.8)]
    assert pauses(speech(500, 4000, 1000)[: 4890 * MS]) == [False, (4.5, 4.9)]  # within a frame


def test_a_click_in_the_silence_has_it_waited_for_anew() -> None:
    assert pauses(speech(500, 4000, 250, 40, 1000)) == [False, True]


@pytest.mark.parametrize(
    ("pause", "told"),
    [(0.01, [True, True]), (0.3, [False, (4.5, 4.8), True]), (1.0, [False, False, (6.3, 7.3)])],
)
def test_a_pause_is_as_long_as_is_asked_for(pause: float, told: list[bool | tuple[float, float]]) -> None:
    assert pauses(speech(500, 4000, 800, 1000, 1500), EndpointerOptions(pause=pause)) == told


@given(talks, st.lists(st.integers(1, 9000), min_size=1, max_size=4), st.sampled_from([None, 0.2, 1.0]))
@settings(deadline=None, max_examples=60)
def test_a_pause_is_told_wherever_one_is_whatever_the_chunks(
    lengths: list[int], sizes: list[int], pause: float | None
) -> None:
    audio, options = speech(*lengths), EndpointerOptions(pause=pause)
    found = [piece for piece in heard(audio, sizes, options) if isinstance(piece, Pause) or piece.final]
    assert found == [piece for piece in heard(audio, None, options) if isinstance(piece, Pause) or piece.final]
    assert all(
        isinstance(before, Utterance) and not before.pause for before, one in pairwise(found) if isinstance(one, Pause)
    )
    assert not found or isinstance(found[-1], Pause) or found[-1].pause


def contexts(pieces: list[Utterance]) -> list[int]:
    """How many of the utterances right before it each cut one comes with; insists that it is their audio."""
    done = finals(pieces)
    found = []
    for at, piece in enumerate(done):
        start = piece.span.start - len(piece.context)
        (first,) = [number for number in range(at + 1) if done[number].span.start == start]
        between = [np.zeros(0, np.float32), *(one.audio for one in done[first:at])]
        assert np.array_equal(piece.context, np.concatenate(between))
        found.append(at - first)
    return found


def test_an_utterance_comes_with_what_was_said_right_before_it() -> None:
    assert contexts(cut(speech(500, 2500, 350, 1000, 1000))) == [0, 1]
    assert contexts(cut(speech(500, 2500, 1500, 1000, 1000))) == [0, 0]  # a gap between them


def test_an_utterance_has_the_same_context_while_it_grows() -> None:
    pieces = cut(speech(500, 2500, 350, 1000, 1000))
    assert [piece.final for piece in pieces if piece.index == 1] == [False, False, True]
    assert len({piece.context.tobytes() for piece in pieces if piece.index == 1}) == 1


@pytest.mark.parametrize(
    ("limits", "counts"),
    [
        ({}, [0, 1, 1, 1]),  # two of them are longer than 5 s
        ({"max_context": 2.0}, [0, 0, 0, 0]),
        ({"max_context": 6.0}, [0, 1, 2, 2]),
    ],
)
def test_context_is_bounded_and_made_of_whole_utterances(limits: dict[str, float], counts: list[int]) -> None:
    talk = speech(500, 2500, 350, 2500, 350, 2500, 350, 2500, 1000)
    assert contexts(cut(talk, options=EndpointerOptions(**limits))) == counts


def test_a_click_is_no_context() -> None:
    (_, click, after) = finals(cut(speech(500, 2500, 400, 64, 460, 1000, 1000)))
    assert len(click.audio) == 0
    assert after.span.start == click.span.end
    assert len(after.context) == 0


def test_context_is_the_same_for_chunks_of_any_size() -> None:
    talk = speech(500, 2500, 350, 2500, 350, 2500, 350, 2500, 1000)
    for sizes in ([100], [511, 513], [16000]):
        assert [piece.context.tolist() for piece in finals(cut(talk, sizes))] == [
            piece.context.tolist() for piece in finals(cut(talk))
        ]


def test_a_voice_that_drops_a_little_goes_on() -> None:
    quieter = tone(1000 * MS, 0.12)  # probability 0.42: too little to begin, enough to go on
    assert len(finals(cut(np.concatenate([speech(500, 500), quieter, speech(0, 500, 1000)])))) == 1
    assert finals(cut(quieter)) == []


@pytest.mark.parametrize("length", [0, 1, 511, 512, 8000, 30 * SAMPLE_RATE])
def test_silence_gives_nothing(length: int) -> None:
    assert cut(np.zeros(length, np.float32)) == []


@given(talks)
@settings(deadline=None, max_examples=60)
def test_utterances_hold_all_voices_and_begin_shortly_before_them(lengths: list[int]) -> None:
    audio = speech(*lengths)
    pieces = finals(cut(audio))
    frames = voiced(audio)
    for frame in frames:
        assert sum(len(frame & piece.span) for piece in pieces) == len(frame)
    free = 0  # where the utterance before ended
    for piece in pieces:
        onset = next(frame.start for frame in frames if frame.end > piece.span.start)
        assert min(PRE_ROLL, onset - free) <= onset - piece.span.start < PRE_ROLL + VAD_FRAME
        free = piece.span.end


@given(talks)
@settings(deadline=None, max_examples=60)
def test_every_sample_is_in_one_utterance_at_most_and_utterances_are_what_was_heard(lengths: list[int]) -> None:
    audio = speech(*lengths)
    pieces = finals(cut(audio))
    assert [piece.index for piece in pieces] == list(range(len(pieces)))
    assert all(one.span.end <= other.span.start for one, other in pairwise(pieces))
    for piece in pieces:
        assert 0 <= piece.span.start < piece.span.end <= len(audio)
        if len(piece.audio):
            np.testing.assert_array_equal(piece.audio, audio[piece.span.start : piece.span.end])


@given(talks, st.lists(st.integers(1, 5000), min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_the_chunk_size_changes_nothing(lengths: list[int], sizes: list[int]) -> None:
    audio = speech(*lengths)
    whole, chunked = cut(audio), cut(audio, sizes)
    assert chunked == whole
    for one, other in zip(whole, chunked, strict=True):
        np.testing.assert_array_equal(one.audio, other.audio)


@pytest.mark.parametrize("size", [1, 320, 512, 513, 8000, 48000])
def test_usual_chunk_sizes_change_nothing_in_over_long_speech(size: int) -> None:
    audio = speech(200, 16500, 700, 90, 600, 300)
    assert cut(audio, [size]) == cut(audio)


def test_the_buffer_of_a_chunk_may_be_used_again() -> None:
    audio = speech(256, 768, 1024)
    endpointer, out, buffer = Endpointer(FakeVad()), [], np.zeros(1024, np.float32)
    for at in range(0, len(audio), 1024):
        buffer[:] = audio[at : at + 1024]
        out += endpointer(buffer)
    (piece,) = finals(out)
    np.testing.assert_array_equal(piece.audio, audio[piece.span.start : piece.span.end])


def test_partial_results_come_at_the_interval_and_are_beginnings_of_the_cut_one() -> None:
    audio = speech(1000, 3000, 1000)
    *partial, last = cut(audio)
    assert last.final
    assert [piece.final for piece in partial] == [False] * len(partial)
    assert {piece.index for piece in partial} == {last.index}
    assert {piece.span.start for piece in partial} == {last.span.start}
    ends = [piece.span.end for piece in partial]
    assert len(ends) >= 5
    assert all(8000 <= other - one < 8000 + VAD_FRAME for one, other in pairwise(ends))
    assert ends[0] - 16000 <= 8000 + 2 * VAD_FRAME
    for piece in partial:
        np.testing.assert_array_equal(piece.audio, audio[piece.span.start : piece.span.end])


COMMITTING = EndpointerOptions(commit_from=3.0, commit_interval=1.0)


def test_sentences_are_looked_for_every_second_once_an_utterance_is_long() -> None:
    out = cut(speech(1000, 6500, 1000), options=COMMITTING)
    lengths = [round(len(piece.audio) / SAMPLE_RATE, 1) for piece in out if piece.commits]
    assert lengths == [3.0, 4.0, 5.1, 6.1]  # by whole frames of voice activity
    assert not any(piece.final for piece in out if piece.commits)
    plain = cut(speech(1000, 6500, 1000))
    assert finals(out) == finals(plain)
    assert [piece.span for piece in out] == sorted({piece.span for piece in out}, key=lambda span: span.end)
    assert not any(piece.commits for piece in plain)


def test_what_may_be_final_already_is_not_cut_off_again() -> None:
    audio = tone(30 * SAMPLE_RATE)
    audio[11 * SAMPLE_RATE : 11 * SAMPLE_RATE + 8000] *= 0.5  # the quietest place of the last six seconds
    seen = 0
    for piece in cut(audio, options=COMMITTING):
        if piece.final:
            assert piece.span.end >= seen
        elif piece.commits:
            seen = piece.span.end
            assert len(piece.audio) < samples(COMMITTING.max_utterance - COMMITTING.commit_interval) + VAD_FRAME
    plain = finals(cut(audio))[0].span.end
    assert 11 * SAMPLE_RATE < plain < 12 * SAMPLE_RATE < finals(cut(audio, options=COMMITTING))[0].span.end


def test_a_longer_interval_gives_fewer_partial_results() -> None:
    audio = speech(1000, 6000, 1000)
    assert len(cut(audio, options=EndpointerOptions(partial_interval=2.0))) == 1 + 3


@pytest.mark.parametrize("click", [20, 40, 60])
def test_a_click_gives_an_empty_final_slice(click: int) -> None:
    (piece,) = finals(cut(speech(1000, click, 1000)))
    assert len(piece.audio) == 0
    assert len(piece.span) > 0


def test_a_click_does_not_take_the_number_of_the_next_slice() -> None:
    click, word = finals(cut(speech(1000, 50, 1000, 500, 1000)))
    assert (click.index, word.index) == (0, 1)
    assert len(click.audio) == 0
    assert len(word.audio) > 500 * MS


def test_the_shortest_voice_that_counts_is_kept() -> None:
    (piece,) = finals(cut(speech(1024, 128, 1000)))
    assert len(piece.audio)


@pytest.mark.parametrize("missing", [0, 1, 255, 511])
def test_flush_gives_what_is_still_open_and_no_sample_that_was_not_heard(missing: int) -> None:
    audio = speech(1000, 1000)[: 64000 - missing]
    piece = cut(audio)[-1]
    assert (piece.final, piece.end_reason, piece.span.end) == (True, "end", len(audio))


@given(st.integers(700, 1200), st.integers(0, 700), st.sampled_from([0.1, 0.15, 0.3]))
@settings(deadline=None, max_examples=60)
def test_no_utterance_reaches_beyond_the_end_whenever_that_is(voice: int, silence: int, endpoint: float) -> None:
    audio = speech(300, voice, silence)[: len(speech(300, voice, silence)) - voice % 16]
    for piece in cut(audio, options=EndpointerOptions(endpoint_silence=endpoint)):
        assert piece.span.end <= len(audio)
        assert len(piece.audio) in (0, len(piece.span))


def test_flush_after_silence_gives_nothing_more() -> None:
    endpointer = Endpointer(FakeVad())
    assert finals(endpointer(speech(500, 500, 1000)))
    assert endpointer.flush() == []


def test_each_frame_is_judged_once() -> None:
    vad = FakeVad()
    endpointer = Endpointer(vad)
    endpointer(speech(0, 20_000, 1000))
    assert vad.frames == 21_000 * MS // VAD_FRAME


def test_over_long_speech_loses_no_sample() -> None:
    audio = speech(500, 50_000, 1000)
    pieces = finals(cut(audio))
    assert [piece.end_reason for piece in pieces] == ["length"] * (len(pieces) - 1) + ["silence"]
    assert len(pieces) >= 4
    assert all(one.span.end == other.span.start for one, other in pairwise(pieces))
    assert all(len(piece.audio) == len(piece.span) <= 15 * SAMPLE_RATE for piece in pieces)
    np.testing.assert_array_equal(
        np.concatenate([piece.audio for piece in pieces]), audio[pieces[0].span.start : pieces[-1].span.end]
    )


def test_over_long_speech_is_cut_at_its_quietest_place() -> None:
    audio = speech(0, 20_000, 1000)
    quiet = slice(11_000 * MS, 11_250 * MS)
    audio[quiet] *= 0.3
    first = finals(cut(audio))[0]
    assert quiet.start <= first.span.end < quiet.stop


def test_a_long_pause_is_preferred_to_a_short_one() -> None:
    audio = speech(0, 10_000, 100, 1500, 250, 1500, 100, 4000)
    first = finals(cut(audio))[0]
    assert 11_600 * MS <= first.span.end < 11_850 * MS


HISS = np.random.default_rng(8).normal(0, 0.002, 20 * SAMPLE_RATE).astype(np.float32)


def sentence(shift: int, closure: int = 0) -> tuple[Samples, list[Span]]:
    """Sixteen seconds of words of 300 to 600 ms, 150 ms apart and all shifted by so many ms; and where they are."""
    rng = np.random.default_rng(7)
    parts, words, at = [], [], 0
    while at < 16 * SAMPLE_RATE:
        length = (600 + shift if not words else int(rng.integers(300, 601))) * MS
        word = tone(length, float(rng.uniform(0.35, 0.6)))
        if closure and words:
            middle = length // 2
            word[middle : middle + closure * MS] = 0
        words.append(Span(at, at + length))
        parts += [word, np.zeros(150 * MS, np.float32)]
        at += length + 150 * MS
    audio = np.concatenate(parts)
    return audio + HISS[: len(audio)], words


@pytest.mark.slow
@pytest.mark.parametrize("closure", [0, 60])
def test_over_long_speech_is_never_cut_inside_a_word_wherever_the_bound_falls(closure: int) -> None:
    for shift in range(0, 760, 10):
        audio, words = sentence(shift, closure)
        first = finals(cut(audio, options=EndpointerOptions(partial_interval=60, min_silence=0.4)))[0]
        assert first.end_reason == "length"
        assert 9 * SAMPLE_RATE - VAD_FRAME <= first.span.end <= 15 * SAMPLE_RATE
        inside = [word for word in words if word.start < first.span.end < word.end]
        assert not inside, f"shifted by {shift} ms: cut at {first.span.end} within {inside}"


@pytest.fixture(scope="module")
def model() -> VadModel:
    """The real voice activity model."""
    return VadModel()


def test_the_speech_of_the_sample_is_inside_utterances(model: VadModel, sample: Sample) -> None:
    endpointer = Endpointer(model.stream())
    audio = sample.samples()
    pieces = finals([*endpointer(audio), *endpointer.flush()])
    inside, spoken = np.zeros(len(audio), bool), np.zeros(len(audio), bool)
    for piece in pieces:
        if len(piece.audio):
            inside[piece.span.start : piece.span.end] = True
    for turn in sample.turns:
        spoken[samples(float(str(turn["start_time"]))) : samples(float(str(turn["end_time"])))] = True
    assert np.mean(~inside[spoken]) < 0.05
    assert all(len(piece.span) <= 15 * SAMPLE_RATE for piece in pieces)
    assert len(pieces) >= 5


@pytest.mark.parametrize("loudness", [0.0, 0.003, 0.05, 0.3])
def test_silence_and_noise_give_no_utterance_with_the_real_voice(model: VadModel, loudness: float) -> None:
    noise = np.random.default_rng(5).normal(0, 1, 8 * SAMPLE_RATE).astype(np.float32)
    endpointer = Endpointer(model.stream())
    pieces = [*endpointer(np.clip(noise * loudness, -1, 1)), *endpointer.flush()]
    assert not [piece for piece in pieces if len(piece.audio)]


def test_the_real_voice_gives_the_same_utterances_in_any_chunks(model: VadModel, sample: Sample) -> None:
    audio = sample.samples()[: 12 * SAMPLE_RATE]
    results = []
    for size in (320, 8000, 48000):
        endpointer, out = Endpointer(model.stream()), []
        for at in range(0, len(audio), size):
            out += endpointer(audio[at : at + size])
        results.append([*out, *endpointer.flush()])
    assert results[0] == results[1] == results[2]
