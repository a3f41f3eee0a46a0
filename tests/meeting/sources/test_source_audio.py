"""What is made of frames: samples, silence, FLAC; decoders and files are real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import Gap
from meeting.sources.source_audio import SourceAudio
from meeting.storage.files.flac import FlacWriter
from pipelines.audio.decoding import PcmDecoder, open_decoder
from pipelines.errors import AudioError, StoreError
from pipelines.types import Samples, Span
from tests.fakes.server_fakes import NO_AUDIO, PickyDecoder, tone

MONO = AudioInfo()


def decoder() -> PcmDecoder:
    opened = open_decoder("pcm_s16le", 16000, 1)
    assert isinstance(opened, PcmDecoder)
    return opened


def picky() -> PickyDecoder:
    return PickyDecoder(np.dtype("<i2"), 16000, 1)


def sound(path: Path | None) -> SourceAudio:
    return SourceAudio("src", MONO, decoder(), path)


def frame(seq: int, payload: bytes, at: float = 0.0) -> AudioFrame:
    return AudioFrame(seq, round(at * 1e6), payload)


def take(made: SourceAudio, taken: AudioFrame) -> tuple[Gap | None, list[Samples]]:
    """All that a frame adds."""
    gaps, parts = made.decode(taken)
    return (gaps[-1] if gaps else None), list(parts)


def heard(path: Path) -> bytes:
    audio, rate = soundfile.read(path, dtype="int16")
    assert rate == 16000
    return bytes(audio.tobytes())


def test_frames_become_samples_and_a_flac(tmp_path: Path) -> None:
    made = sound(tmp_path / "a.flac")
    gap, parts = take(made, frame(0, tone(0.5)))
    assert (gap, [len(part) for part in parts], made.samples) == (None, [8000], 8000)
    assert sum(map(len, made.flush())) == 0
    made.finish()
    assert made.flac_complete
    assert (made.name, heard(tmp_path / "a.flac")) == ("a.flac", tone(0.5))


def test_no_file_where_none_is_wanted(tmp_path: Path) -> None:
    made = sound(None)
    take(made, frame(0, tone(0.5)))
    made.finish()
    assert (made.name, made.flac_complete, list(tmp_path.iterdir())) == (None, True, [])


def test_silence_stands_for_what_never_arrived(tmp_path: Path) -> None:
    made = sound(tmp_path / "a.flac")
    take(made, frame(0, tone(0.5), 10.0))
    gap, parts = take(made, frame(1, tone(0.5), 12.5))
    assert gap == Gap("src", Span(8000, 40000), "sound that never arrived")
    assert [len(part) for part in parts] == [32000, 8000]
    assert not np.any(parts[0])
    made.finish()
    assert heard(tmp_path / "a.flac") == tone(0.5) + bytes(64000) + tone(0.5)


def test_a_file_that_cannot_be_written_does_not_stop_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, frames = tmp_path / "a.flac", [frame(seq, tone(0.5)) for seq in range(3)]
    made = sound(path)
    take(made, frames[0])
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise StoreError("no room")

        patched.setattr(FlacWriter, "write", full)
        take(made, frames[1])
        assert not made.flac_complete
        take(made, frames[2])
        with pytest.raises(StoreError):
            made.rewrite_flac(frames, decoder)
    made.finish()
    assert made.samples == 24000
    made.rewrite_flac(frames, decoder)
    assert made.flac_complete
    assert heard(path) == tone(0.5) * 3


def test_rewriting_stops_where_the_sound_stopped(tmp_path: Path) -> None:
    made = SourceAudio("src", MONO, picky(), tmp_path / "a.flac")
    bad = [frame(0, tone(0.5)), frame(1, NO_AUDIO)]
    take(made, bad[0])
    with pytest.raises(AudioError):
        take(made, bad[1])
    made.rewrite_flac(bad, picky)
    assert heard(tmp_path / "a.flac") == tone(0.5)


def test_what_is_longer_than_it_may_be_is_cut_and_mended_to_the_same(tmp_path: Path) -> None:
    made = SourceAudio("src", MONO, decoder(), tmp_path / "a.flac", max_samples=12000)
    frames = [frame(seq, tone(0.5)) for seq in range(3)]
    assert [len(part) for part in take(made, frames[0])[1]] == [8000]
    assert not made.full
    assert [len(part) for part in take(made, frames[1])[1]] == [4000]
    assert made.full
    assert list(made.flush()) == []
    made.finish()
    assert made.samples == 12000
    assert heard(tmp_path / "a.flac") == tone(0.5) + tone(0.5)[:8000]
    (tmp_path / "a.flac").unlink()
    made.rewrite_flac(frames, decoder)
    assert heard(tmp_path / "a.flac") == tone(0.5) + tone(0.5)[:8000]


def test_the_silence_of_a_gap_goes_no_further_than_the_end(tmp_path: Path) -> None:
    made = SourceAudio("src", MONO, decoder(), tmp_path / "a.flac", max_samples=24000)
    take(made, frame(0, tone(0.5), 10.0))
    gap, parts = take(made, frame(1, tone(0.5), 13.5))
    assert gap is not None
    assert gap.span == Span(8000, 24000)
    assert [len(part) for part in parts] == [16000]
    assert made.full


@pytest.mark.parametrize("size", [97, 1001, 3199])
def test_frames_that_are_cut_within_a_sample_become_the_same_sound_with_the_same_gap(tmp_path: Path, size: int) -> None:
    before, after = tone(0.5), tone(1.0)[::-1]
    frames, at = [], 0
    for start, part in ((10.0, before), (14.0, after)):
        for cut in range(0, len(part), size):
            frames.append(frame(at, part[cut : cut + size], start + cut / 32000))
            at += 1
    made = sound(tmp_path / "a.flac")
    gaps = [gap for gap in (take(made, one)[0] for one in frames) if gap is not None]
    assert [gap.span for gap in gaps] == [Span(8000, 8000 + 3 * 16000 + 8000)]
    list(made.flush())
    made.finish()
    assert heard(tmp_path / "a.flac") == before + bytes(2 * len(gaps[0].span)) + after
    made.rewrite_flac(frames, decoder)
    assert heard(tmp_path / "a.flac") == before + bytes(2 * len(gaps[0].span)) + after


def test_a_gap_in_the_middle_of_a_sample_leaves_the_sample_whole(tmp_path: Path) -> None:
    sent = tone(1.0)
    made = sound(tmp_path / "a.flac")
    take(made, frame(0, sent[:16001], 10.0))
    gap, _ = take(made, frame(1, sent[16001:], 12.5))
    assert gap is not None
    made.finish()
    silence = bytes(2 * len(gap.span))
    assert heard(tmp_path / "a.flac") == sent[:16000] + silence + sent[16000:]


def test_the_flac_that_alone_has_what_is_lost_stays_until_the_new_one_is_finished(tmp_path: Path) -> None:
    path, all_of_it = tmp_path / "a.flac", tone(5.0)
    before = sound(path)
    take(before, frame(0, all_of_it))
    before.finish()
    again = SourceAudio("src", MONO, decoder(), path, processed=5 * 16000)
    take(again, frame(0, all_of_it[:64000]))
    list(again.fill_to())
    again.replace_earlier()
    assert heard(path) == all_of_it
    take(again, frame(1, tone(1.0)))
    again.finish()
    assert heard(path) == all_of_it + tone(1.0)
