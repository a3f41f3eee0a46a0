"""Make the sample meeting (`web/sample/`) from the script below with Debian's `flite` voices.

Run as `python benchmarks/make_sample.py [FOLDER]`; needs the `flite` command, which nothing else in the project does.
The same flite version gives the same files. The references are exact because the turns are placed here, not measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
LEVEL_DB = -29.0
"""RMS of every turn's voiced part, relative to full scale"""
NOISE_DB = -60.0
"""RMS of the room noise, relative to full scale: a quiet room, not digital silence"""
PAUSE = 0.3
"""Seconds of quiet inside a turn from which the RTTM says that nobody speaks"""
LEAD = 0.6
"""Seconds of room noise before the first and after the last word"""
NAME = "sample"
TITLE = "Sample meeting: planning the week"
VOICES = {"Ann": "slt", "Ben": "rms", "Carl": "awb"}
STRETCH = {"Ann": 1.0, "Ben": 0.95, "Carl": 1.0}
"""flite's duration stretch by speaker: above 1 is slower"""

SCRIPT = (
    (0.0, "Ann", "Good morning, everyone. Shall we start with the plan for this week?"),
    (0.6, "Ben", "Yes. The new page is ready, and we tested it on three different phones."),
    (0.5, "Ann", "That is great news. Did you find any problems?"),
    (0.7, "Ben", "Only one. The list was slow when we opened it for the first time."),
    (0.5, "Carl", "I can look at that today. I think the problem is in the search."),
    (0.4, "Ann", "Thank you. When will it be ready?"),
    (1.0, "Carl", "In about two days, if nothing else comes in."),
    (-0.5, "Ben", "And I can help you with the tests this afternoon."),
    (0.8, "Ann", "Very good. The meeting with our customer is on Thursday at ten."),
    (0.6, "Ben", "We should show them the new page, and ask what they think about the colors."),
    (0.3, "Carl", "Right."),
    (0.4, "Ben", "I will write a short list of questions before lunch tomorrow."),
    (0.7, "Carl", "Should we also talk about the price? I have the numbers from last month."),
    (0.9, "Ann", "Yes, but only at the end. First, let them try it for ten minutes."),
    (0.5, "Carl", "That is fine with me. I will bring a big screen and some coffee."),
    (1.2, "Ann", "Is there anything else that we need to talk about today?"),
    (0.6, "Ben", "No, that is all from my side."),
    (0.4, "Ann", "All right. We will meet again on Thursday."),
)
"""Turns as (seconds after the previous turn's last sound, speaker, words); a negative pause is an overlap"""

CREDITS = (
    "Spoken by the CMU Flite 2.2 voices slt, rms and awb (Carnegie Mellon University, built from the CMU ARCTIC "
    "recordings), as packaged by Debian. The voices are free software under a permissive licence that asks for this "
    "notice: Copyright (c) Language Technologies Institute, Carnegie Mellon University, all rights reserved; "
    "use and distribution are permitted without restriction. Words and mix: this project, MIT licence."
)

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """One turn in the recording: first sample, its audio, and the voiced stretches as (start, end) samples of it."""

    speaker: str
    words: str
    start: int
    audio: Audio
    voiced: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """First sample after the turn."""
        return self.start + len(self.audio)


def voiced(audio: Audio, pause: float = PAUSE) -> tuple[tuple[int, int], ...]:
    """Stretches of sound, 10 ms exact, with quiet shorter than `pause` seconds bridged."""
    hop = RATE // 100
    frames = audio[: len(audio) // hop * hop].reshape(-1, hop)
    rms = np.sqrt((frames**2).mean(axis=1))
    loud = np.flatnonzero(rms > 0.01 * np.abs(audio).max())
    if not len(loud):
        return ()
    breaks = np.flatnonzero(np.diff(loud) > pause * RATE / hop)
    starts = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [len(loud) - 1]))] + 1
    return tuple((int(s) * hop, int(e) * hop) for s, e in zip(starts, ends, strict=True))


def speak(voice: str, words: str, stretch: float, folder: Path) -> Audio:
    """One turn spoken by flite: trimmed to its sound and brought to `LEVEL_DB`."""
    path = folder / "turn.wav"
    options = ["--setf", f"duration_stretch={stretch}"]
    subprocess.run(["flite", "-voice", voice, *options, "-t", words, "-o", str(path)], check=True)
    audio, rate = soundfile.read(path, dtype="float64")
    if rate != RATE:
        raise SystemExit(f"flite's voice {voice} speaks at {rate} Hz, expected {RATE}")
    stretches = voiced(audio)
    audio = audio[stretches[0][0] : stretches[-1][1]]
    sound = np.concatenate([audio[s:e] for s, e in voiced(audio)])
    return np.asarray(audio * 10 ** (LEVEL_DB / 20) / np.sqrt((sound**2).mean()))


def place(folder: Path) -> list[Placed]:
    """All turns of the script, one after the other."""
    turns: list[Placed] = []
    at = round(LEAD * RATE)
    for pause, speaker, words in SCRIPT:
        audio = speak(VOICES[speaker], words, STRETCH[speaker], folder)
        turns.append(Placed(speaker, words, at + round(pause * RATE), audio, voiced(audio)))
        at = max(turn.end for turn in turns)
    return turns


def room(samples: int) -> Audio:
    """Room noise: low-frequency hum of a quiet office, the same at every run."""
    white = np.fft.rfft(np.random.default_rng(2).standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    noise = np.fft.irfft(white / np.maximum(hertz, 80.0), samples)
    return np.asarray(noise * 10 ** (NOISE_DB / 20) / np.sqrt((noise**2).mean()))


def mix(turns: list[Placed]) -> Audio:
    """The recording: turns over room noise, shape (samples,), values in [-1, 1]."""
    audio = room(turns[-1].end + round(LEAD * RATE))
    for turn in turns:
        audio[turn.start : turn.end] += turn.audio
    peak = np.abs(audio).max()
    if peak >= 1:
        raise SystemExit(f"the mix clips (peak {peak:.2f}); lower LEVEL_DB")
    return audio


def ms(samples: int) -> float:
    """Samples as seconds with three decimals."""
    return round(samples / RATE, 3)


def write(folder: Path, turns: list[Placed], audio: Audio) -> None:
    """The recording and its references, side by side."""
    soundfile.write(folder / f"{NAME}.flac", audio, RATE, subtype="PCM_16", compression_level=1.0)
    segments = [
        {"session_id": NAME, "speaker": t.speaker, "start_time": ms(t.start), "end_time": ms(t.end), "words": t.words}
        for t in turns
    ]
    lines = [
        f"SPEAKER {NAME} 1 {ms(t.start + s):.3f} {ms(e - s):.3f} <NA> <NA> {t.speaker} <NA> <NA>\n"
        for t in turns
        for s, e in t.voiced
    ]
    about = {
        "title": TITLE,
        "file": f"{NAME}.flac",
        "seconds": ms(len(audio)),
        "sample_rate": RATE,
        "language": "en",
        "speakers": [{"name": name, "voice": voice} for name, voice in VOICES.items()],
        "credits": CREDITS,
    }
    (folder / f"{NAME}.seglst.json").write_text(json.dumps(segments, indent=1) + "\n")
    (folder / f"{NAME}.rttm").write_text("".join(lines))
    (folder / f"{NAME}.json").write_text(json.dumps(about, indent=1) + "\n")


def main() -> None:
    """Make the sample in the folder named on the command line, else in `web/sample`."""
    default = Path(__file__).resolve().parents[1] / "web" / "sample"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        turns = place(Path(work))
    audio = mix(turns)
    write(folder, turns, audio)
    size = (folder / f"{NAME}.flac").stat().st_size
    print(f"{folder / NAME}.flac: {ms(len(audio))} s, {len(turns)} turns, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
