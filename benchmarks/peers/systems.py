"""Systems that hear a recording at the pace of speech, each to be run in a process of its own: peers and ours.

Every function takes audio and gives what was shown when, the final lines and the turns. Loading is not measured.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.latency import Text, texts_of
from benchmarks.harness.recordings import FRAME, spread
from pipelines.types import SAMPLE_RATE

Audio = NDArray[np.float32]


@dataclass
class Result:
    """What a system made of a recording."""

    seconds: float = 0.0
    cpu: float = 0.0
    """CPU seconds from the first sample to the last output"""
    behind: float = 0.0
    """Seconds after the end of the audio at which all was said"""
    memory: float = 0.0
    """Most megabytes the process held"""
    texts: list[dict[str, Any]] = field(default_factory=list)
    """`latency.Text` as dicts; empty for a system without words"""
    rows: list[dict[str, Any]] | None = None
    """Final lines as SegLST; None for a system without words"""
    turns: list[tuple[float, float, str]] | None = None
    """Start, end and speaker; None for a system without speakers"""


class Clock:
    """Real time and CPU time from the first sample on."""

    def __init__(self) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()

    @property
    def wall(self) -> float:
        """Seconds since the first sample was spoken."""
        return time.monotonic() - self._began

    def frames(self, audio: Audio, size: int = FRAME) -> Iterator[Audio]:
        """The audio in frames, each once its last sample has been spoken; at once where that is past."""
        for at in range(0, len(audio), size):
            frame = audio[at : at + size]
            time.sleep(max(0.0, (at + len(frame)) / SAMPLE_RATE - self.wall))
            yield frame

    def finish(self, audio: Audio, **found: Any) -> Result:
        """All has been said: the figures."""
        seconds, memory = len(audio) / SAMPLE_RATE, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Result(seconds, time.process_time() - self._cpu, self.wall - seconds, memory, **found)


def moonshine(audio: Audio, speakers: bool = False) -> Result:
    """Moonshine Voice's streaming transcriber with the tiny English model in its package, defaults otherwise."""
    import moonshine_voice
    from moonshine_voice import ModelArch, Transcriber

    folder = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
    transcriber = Transcriber(folder, ModelArch.TINY, options={"identify_speakers": "true"} if speakers else None)
    texts: list[Text] = []
    lines: dict[int, Any] = {}
    failures: list[Any] = []
    stream = transcriber.create_stream()

    def note(event: Any) -> None:
        line = getattr(event, "line", None)
        if line is None:
            failures.append(event)
            return
        lines[line.line_id] = line
        end, words = line.start_time + line.duration, tuple(line.text.split())
        texts.append(Text(clock.wall, str(line.line_id), line.start_time, end, words, line.is_complete))

    stream.add_listener(note)
    stream.start()
    clock = Clock()
    for frame in clock.frames(audio):
        stream.add_audio(frame.tolist(), SAMPLE_RATE)
    stream.stop()
    if failures:
        raise RuntimeError(f"Moonshine Voice failed: {failures[0]}")
    rows, turns = spoken(lines.values())
    said = {"texts": [asdict(text) for text in texts], "rows": rows, "turns": turns if speakers else None}
    found = clock.finish(audio, **said)
    stream.close()
    transcriber.close()
    return found


def spoken(lines: Iterable[Any]) -> tuple[list[dict[str, Any]], list[tuple[float, float, str]]]:
    """Moonshine's lines as SegLST and turns: each word goes to the span in which its middle lies, or the nearest.

    Its embedded model times no words, so that a line's time is shared out among them by letters.
    """
    rows: list[dict[str, Any]] = []
    turns: list[tuple[float, float, str]] = []
    for line in lines:
        whole = (line.start_time, line.start_time + line.duration, "?")
        spans = [
            (span.start_time, span.start_time + span.duration, str(span.speaker_index))
            for span in line.speaker_spans or ()
        ] or [whole]
        turns += spans
        words: dict[tuple[float, float, str], list[str]] = {}
        for word in spread({"words": line.text, "start_time": whole[0], "end_time": whole[1]}):
            middle = (word.start + word.end) / 2
            nearest = min(spans, key=lambda span: max(span[0] - middle, middle - span[1], 0.0))
            words.setdefault(nearest, []).append(word.text)
        rows += [
            {"speaker": speaker, "start_time": start, "end_time": end, "words": " ".join(texts)}
            for (start, end, speaker), texts in words.items()
        ]
    return rows, turns


def diart(audio: Audio, models: str = "embedded") -> Result:
    """diart's own `StreamingInference` with its defaults, on the segmentation and embedding that ours uses.

    On one thread, as ours: with more the threads wait for each other in busy loops.
    """
    import torch

    from pipelines.models.checkpoints import warnings_ignored
    from pipelines.models.factory import load_embedding, load_segmentation
    from pipelines.models.probe import probe_and_select
    from pipelines.options import EngineOptions

    options = EngineOptions(set=models)
    torch.set_num_threads(1)
    choice = probe_and_select(options)
    segmentation, embedding = load_segmentation(choice.segmentation), load_embedding(choice.embedding).module
    _without_microphone()
    with warnings_ignored():
        from diart import SpeakerDiarization, SpeakerDiarizationConfig
        from diart.inference import StreamingInference
        from diart.models import EmbeddingModel, SegmentationModel
        from diart.sources import AudioSource

    class Paced(AudioSource):  # type: ignore[misc]
        """The recording in diart's steps, at the pace of speech."""

        def read(self) -> None:
            for frame in clock.frames(audio, SAMPLE_RATE // 2):
                self.stream.on_next(np.pad(frame, (0, SAMPLE_RATE // 2 - len(frame)))[None])
            self.stream.on_completed()

        def close(self) -> None:
            pass

    voice = weighted_ge2e(embedding) if choice.embedding.kind == "ge2e" else embedding
    config = SpeakerDiarizationConfig(SegmentationModel(lambda: segmentation), EmbeddingModel(lambda: voice))
    with warnings_ignored():
        listening = StreamingInference(
            SpeakerDiarization(config), Paced("recording", SAMPLE_RATE), do_profile=False, show_progress=False
        )
        clock = Clock()
        annotation = listening()
    tracks = annotation.itertracks(yield_label=True)
    return clock.finish(audio, turns=[(segment.start, segment.end, str(label)) for segment, _, label in tracks])


def weighted_ge2e(encoder: Any) -> Any:
    """The GE2E encoder as diart asks for it: audio and one row of weights for each voice to be embedded.

    GE2E takes no weights: it reads the frames that have some, as ours does; a voice without any gives NaN, which
    diart passes over.
    """
    import torch

    from pipelines.diarization.embedding import ge2e_embedder
    from pipelines.diarization.local_speakers import SINGLE_SPEAKER_WEIGHT

    embed: Callable[[Any, Any], Any] = ge2e_embedder(encoder)

    class Weighted(torch.nn.Module):  # type: ignore[misc]
        def forward(self, waveforms: Any, weights: Any) -> Any:
            return torch.from_numpy(embed(waveforms, (weights >= SINGLE_SPEAKER_WEIGHT)[:, :, None])[0][:, 0])

    return Weighted()


def _without_microphone() -> None:
    """diart imports a microphone library that fails where its system library is not installed; nothing here uses it."""
    try:
        import sounddevice  # noqa: F401
    except OSError:
        sys.modules["sounddevice"] = types.ModuleType("sounddevice")


def ours(audio: Audio, models: str = "embedded") -> Result:
    """This program's live path, storage included, as `replay --speed 1` runs it."""
    import soundfile

    from meeting.config.sources import load_config
    from meeting.core.export import export
    from meeting.evaluation.observed_run import ObservedBackend, run_recording
    from meeting.sources.backend import LocalBackend

    config = load_config(flags={("models", "set"): models})
    observed = ObservedBackend(LocalBackend(config))
    observed.load_engine(config.models, lambda message: None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.flac"
        soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
        clock = Clock()
        run = run_recording(config, path, 1.0, Path(folder), observed)
        texts = [asdict(text) for text in texts_of(run.events)]
        found = clock.finish(audio, texts=texts, rows=json.loads(export(run.refined, "seglst", "recording")))
    found.turns = [
        (turn.span.start / SAMPLE_RATE, turn.span.end / SAMPLE_RATE, turn.speaker) for turn in run.refined.turns
    ]
    observed.close()
    return found


SYSTEMS: dict[str, tuple[str, Callable[[Audio], Result]]] = {
    "moonshine": ("Moonshine Voice, no speakers", moonshine),
    "moonshine-speakers": ("Moonshine Voice, `identify_speakers`", lambda audio: moonshine(audio, speakers=True)),
    "diart": ("diart's StreamingInference, no words", diart),
    "ours": ("this program", ours),
}
"""Name -> what it is, and how it runs"""
