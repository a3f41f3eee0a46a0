"""What may be chosen of models and pipelines, with the defaults: plain values, no library behind them.

The blocks of a pipeline and the settings of `meeting` take their defaults from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.types import SpeakerCount

_WHISPER = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id "
    "is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si "
    "sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh"
)
LANGUAGES = frozenset(_WHISPER.split())
"""Codes of the languages that may be asked for: those of Whisper"""


def language_codes(language: str | None) -> tuple[str, ...]:
    """The languages that a text names, such as "en" or "en, de", each once; none for None."""
    return tuple(dict.fromkeys(code.strip() for code in language.split(","))) if language else ()


MODEL_SETS = ("auto", "whisper", "embedded")
DEVICES = ("auto", "cpu", "cuda", "cuda:N")
"""All GPUs are cuda, one of them is cuda:0, cuda:1 and so on"""
DEVICE = r"auto|cpu|cuda(:\d{1,2})?"
"""What any of them looks like"""
SECOND_PASSES = ("off", "labels", "full")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which models are loaded, from where and on what: the section `models` of the settings."""

    set: str = "auto"
    """One of `MODEL_SETS`"""
    cache_dir: str | Path | None = None
    """Folder for models; None for the user's cache folder"""
    device: str = "auto"
    """One of `DEVICES`"""
    recognizer: str = "auto"
    """Name of an installed recogniser, with `:MODEL` behind it where it has several; "auto" leaves it to the set"""
    whisper: str = "auto"
    """Name or path of a faster-whisper model"""
    segmentation: str = "pyannote/segmentation-3.0"
    """Name or path for the whisper set, or the name of an installed segmentation"""
    embedding: str = "pyannote/wespeaker-voxceleb-resnet34-LM"
    """Name or path for the whisper set, or the name of an installed embedding"""
    hub_token: str | None = field(default=None, repr=False)
    """Token for gated models"""
    hub_timeout: float = 3.0
    """Seconds to wait for a model hub"""
    gpu_memory: float | None = None
    """GB of each GPU's memory that all models together may take"""
    threads: int | None = None
    """CPU threads of each model; None for as many as are worth it"""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Models that this machine can load as it is, from which nothing has to be fetched."""

    name: str
    """As the command `retranscribe` takes them: "embedded", or a recogniser such as "whisper:small" """
    speech: str
    """Their recogniser, as people are told of it"""
    languages: tuple[str, ...] | None
    """Codes of the languages that it reads; None where that is known only once it is loaded"""


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How one source is heard: the sections `speech` and `speakers` of the settings; times in seconds.

    What each means is said where it is used: `EndpointerOptions`, `SpeakerOptions`, `Thresholds` and `ActivityOptions`.
    """

    language: str | None = None
    """One of `LANGUAGES`, or several with commas, of which one is spoken; None for any"""
    translate: bool = False
    """Whether what is said is written down in English, by a recogniser that can; this option, `pause`, `speakers` and
    `solo` are no settings"""
    hotwords: tuple[str, ...] = ()
    partial_interval: float = 0.5
    endpoint_silence: float = 0.4
    pause: float | None = None
    """Silence behind which a line says that nobody goes on speaking; None for `endpoint_silence`"""
    max_utterance: float = 15.0
    pre_roll: float = 0.3
    vad_threshold: float = 0.5
    dereverberation: bool = False
    """Whether the recogniser hears speech without late reverberation"""
    max_speakers: int = 20
    min_speech: float = 2.0
    window_threshold: float | None = None
    """None here and below for what belongs to the embedding model"""
    merge_threshold: float | None = None
    scatter: float | None = None
    match_threshold: float | None = None
    match_margin: float | None = None
    onset: float | None = None
    overlap_onset: float | None = None
    recluster_interval: float = 30.0
    second_pass: str = "labels"
    """One of `SECOND_PASSES`"""
    speakers: SpeakerCount | None = None
    """How many people speak in this meeting, where somebody has said so"""
    solo: bool = False
    """Whether one person speaks, so that nobody looks for speakers: no line has one"""


ENGINE = EngineOptions()
PIPELINE = PipelineOptions()
