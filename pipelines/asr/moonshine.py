"""The embedded recogniser: Moonshine tiny (English), on graphs of our own around the weights of its files.

The model is described in Jeffries et al., "Moonshine: Speech Recognition for Live
Transcription and Voice Commands" (2024). Word times come from the decoder's cross-attention, as in the
Whisper word-timestamp method, but from the centre of mass of a few heads rather than by time warping:
against the word alignments of AMI their starts are within 0.1 s (`docs/accuracy.md`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.asr.decoding.beam_search import BEAM, Beam, BeamSearch, ScoredToken, log_total
from pipelines.asr.decoding.hotwords import BOOST, HotwordSearch, HotwordTrie, Tokenizer
from pipelines.asr.plausibility import compression_ratio
from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecogniserInfo,
    RecognitionRequest,
    RecognitionResult,
    fix_word_times,
)
from pipelines.errors import BlockError, ModelCorrupt, ModelMissing
from pipelines.timing import best_of
from pipelines.types import SAMPLE_RATE, Samples, samples

BOS, EOS = 1, 2
SPACE = "\u2581".encode()
"""What the vocabulary writes for the space before a word (U+2581, as SentencePiece does)"""

ALIGNMENT_HEADS = ((3, 0), (4, 3), (3, 5), (3, 6))
"""(layer, head) pairs whose attention follows the audio most closely"""
ALIGNMENT_LAYERS = tuple(sorted({layer for layer, _ in ALIGNMENT_HEADS}))

TOKENS_PER_SECOND = 6.5
"""More tokens than anyone speaks: the model's authors' bound against endless repetition"""

ATTENTION_LAG = samples(0.06)
"""The attention's centre lies this far behind a word's first sample (median on AMI)"""
LAST_TOKEN_PER_LETTER, LAST_TOKEN_BASE, LAST_TOKEN_MAX = 0.04, 0.08, 0.45
"""Seconds that the last token of a word lasts: BASE and for each letter PER_LETTER, at most MAX"""
MIN_PAUSE = samples(0.35)
"""Words nearer to each other than this touch: the first ends where the second starts"""
TARGET_RMS, MAX_GAIN = 0.1, 20.0
"""Root mean square that quieter audio is raised to, and how far at most"""
HOP = samples(0.01)
"""Samples over which loudness is taken to find where the first word begins"""
ONSET_SHARE, MAX_ONSET_LEAD = 0.15, samples(1.0)
"""Share of the first word's greatest loudness at which it begins, and how far before its attention at most"""
NOISE_HOPS, NOISE_FACTOR = 10, 3.0
"""Hops at the start of an utterance, before anybody speaks, and how many times as loud a word is"""
TRIAL_SECONDS, TRIAL_TOKENS, TRIAL_HYPOTHESES = 4, 20, 3
"""Length of the audio with which the real-time factor is measured, the tokens that people say in that time, and how
many hypotheses are read side by side in the mean"""
CONTEXT_FACTOR = 1.4
"""Seconds of audio that it gets per second of speech, since context is given again (measured on conversations)"""
MAX_TRIES = 64
"""Lists of hotwords whose tries are kept; each meeting has one"""
PLAIN_VIEW = ((0, 0),)
"""Samples of silence before and behind the audio, as it is"""
CAREFUL_VIEWS = ((0, samples(0.5)), (samples(0.5), 0))
"""The same for a careful reading, which hears it twice: so small a model makes other mistakes each time (measured)"""
MIN_SAMPLES = samples(0.1)
"""The encoder's receptive field: shorter audio cannot be recognised"""


@dataclass(frozen=True, slots=True)
class _EncodedAudio:
    """Audio as the decoder reads it, in one or several views."""

    cross: dict[str, NDArray[np.float32]]
    """What its layers read at each step, the views one after the other"""
    before: NDArray[np.int64]
    """Samples of silence before the audio in each view, shape (views,)"""
    length: int
    """Samples of each view, silence included"""
    most_tokens: int
    """Bound of what is said in it"""

    def for_hypotheses(self, count: int) -> _EncodedAudio:
        """The same for so many hypotheses at most, which all read it."""
        return replace(self, cross={name: np.concatenate([value] * count) for name, value in self.cross.items()})


@dataclass(frozen=True, slots=True)
class _Step:
    """What the decoder gives for one or several tokens."""

    logits: NDArray[np.float32]
    """Of the token after each, the mean of all views, shape (hypotheses, tokens, vocabulary)"""
    attention: NDArray[np.float32]
    """How much each heeds the audio, shape (hypotheses, views, tokens, frames)"""
    past: dict[str, Any]
    """What it remembers with them"""

    def centre(self, hypothesis: int, heard: _EncodedAudio) -> int:
        """Sample of the audio on which the attention for the token behind the last one is centred."""
        weights = self.attention[hypothesis, :, -1]
        centres = (weights * np.arange(weights.shape[1])).sum(axis=1) / weights.sum(axis=1)
        return max(0, int(np.mean(centres * heard.length / weights.shape[1] - heard.before)))

    def last(self, chosen: int, heard: _EncodedAudio) -> ScoredToken:
        """The token that was chosen behind the last one, with one hypothesis."""
        logits = self.logits[0, -1]
        # without what was raised for hotwords: the confidence is the model's own
        return ScoredToken(chosen, float(logits[chosen]) - log_total(logits), self.centre(0, heard))


class MoonshineRecogniser(Recogniser):
    """Moonshine on ONNX Runtime; one utterance at a time in each thread, on the CPU."""

    def __init__(self, folder: Path, threads: int = 1, boost: float = BOOST, beam: Beam = BEAM) -> None:
        """`folder` holds `encoder_model.ort`, `decoder_model_merged.ort` and `tokenizer.bin`.

        `boost` is added to the logits of tokens with which a hotword begins or goes on; `beam` is that of careful
        readings.
        Raises ModelMissing or ModelCorrupt.
        """
        files = [folder / name for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")]
        for file in files:
            if not file.exists():
                raise ModelMissing(f"{file.name} is missing in {folder}; run `make setup` to reinstall moonshine-voice")
        import onnxruntime

        from pipelines.asr.moonshine_graph import CACHE, HEAD_SIZE, HEADS, build

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            for model in build(folder, ALIGNMENT_LAYERS)
        )
        self._vocabulary = parse_vocabulary(files[2].read_bytes())
        self._tokenizer = Tokenizer(self._vocabulary)
        self._boost = boost
        self._beam = beam
        self._tries: dict[tuple[str, ...], HotwordTrie] = {}
        self._tries_lock = threading.Lock()
        self._read = [output.name for output in self._encoder.get_outputs()]
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        self._nothing = {f"past.{part}": np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32) for part in CACHE}

    @property
    def info(self) -> RecogniserInfo:
        """It takes no prompt, but recognises the end of a sentence better when it hears the beginning."""
        return RecogniserInfo(
            "moonshine-tiny-en", takes_context=True, concurrent=True, languages=("en",), reads_carefully=True
        )

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Words of the audio; the model takes no prompt or language.

        A draft is checked in one pass over all its tokens, and decoding goes on where it first disagrees. A careful
        reading hears the audio in two views, and searches among several hypotheses where no terms are expected: what
        `HotwordSearch` gives back when a term does not follow it knows for one text only.
        Raises BlockError when the runtime fails.
        """
        audio, draft = request.audio, request.draft
        if len(audio) < MIN_SAMPLES:
            return RecognitionResult(language="en")
        try:
            before = tuple(ScoredToken(*token) for token in draft) if isinstance(draft, tuple) else ()
            heard = self._encode(raise_level(audio), CAREFUL_VIEWS if request.careful else PLAIN_VIEW)
            if request.careful and not request.hotwords:
                tokens = self._search(heard)
            else:
                tokens = self._decode(heard, before, request.hotwords)
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise BlockError("recogniser", (str(error).splitlines() or [type(error).__name__])[0]) from error
        words = fix_word_times(_start_at_onset(self._words(tokens, len(audio)), audio), len(audio))
        text = " ".join(word.text for word in words)
        logprob = float(np.mean([token.logprob for token in tokens])) if tokens else None
        ratio = compression_ratio(text) if text else None
        return RecognitionResult(words, "en", logprob, compression_ratio=ratio, draft=tuple(tokens))

    def measure_rtf(self) -> float:
        """Seconds of computing per second of final speech, measured on noise with as many tokens as speech has."""
        noise = np.random.default_rng(0).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)

        def decode() -> None:
            heard = self._encode(noise, CAREFUL_VIEWS).for_hypotheses(TRIAL_HYPOTHESES)
            past = self._empty(TRIAL_HYPOTHESES * len(CAREFUL_VIEWS))
            for _ in range(TRIAL_TOKENS + 1):
                past = self._run_decoder([[BOS]] * TRIAL_HYPOTHESES, past, heard).past

        return best_of(decode, clock=time.thread_time) / TRIAL_SECONDS * CONTEXT_FACTOR

    def _encode(self, audio: Samples, views: Sequence[tuple[int, int]]) -> _EncodedAudio:
        """What the decoder reads of the audio at each of its steps; all views have the same length."""
        padded = np.stack([np.pad(audio, view) for view in views])
        cross = dict(zip(self._read, self._encoder.run(self._read, {"audio": padded}), strict=True))
        most = int(len(audio) / SAMPLE_RATE * TOKENS_PER_SECOND) + 4
        return _EncodedAudio(cross, np.array([before for before, _ in views]), padded.shape[1], most)

    def _empty(self, views: int) -> dict[str, Any]:
        """What the decoder remembers before the first token."""
        return {name: np.repeat(value, views, axis=0) for name, value in self._nothing.items()}

    def _decode(
        self, heard: _EncodedAudio, draft: tuple[ScoredToken, ...], hotwords: tuple[str, ...]
    ) -> list[ScoredToken]:
        """Greedy decoding; the last token is the end mark unless the bound was reached."""
        search = HotwordSearch(self._trie(hotwords), self._vocabulary, EOS, self._boost)
        tokens, past = [token for token in draft if token.id != EOS], self._empty(len(heard.before))
        if tokens:
            step = self._run_decoder([[BOS, *(token.id for token in tokens)]], past, heard)
            agreed = search.agreement([token.id for token in tokens], step.logits[0])
            tokens, past = tokens[:agreed], _shorten(step.past, agreed)
        while len(tokens) < heard.most_tokens:
            # also the last agreed one: in company a token's numbers are rounded more coarsely
            step = self._run_decoder([[tokens[-1].id if tokens else BOS]], past, heard)
            token, likeliest = search.choose(step.logits[0, -1]), int(step.logits[0, -1].argmax())
            tokens.append(step.last(token, heard))
            past = step.past
            back = search.take(token, token != likeliest)
            if back is not None:
                del tokens[back:]
                past = _shorten(past, back)
            elif token == EOS:
                break
        return tokens

    def _search(self, heard: _EncodedAudio) -> list[ScoredToken]:
        """Beam search; the last token is the end mark unless the bound was reached."""
        heard, views = heard.for_hypotheses(self._beam.width), len(heard.before)
        search, past = BeamSearch(self._beam, EOS), self._empty(views)
        for _ in range(heard.most_tokens):
            last = [[one.tokens[-1].id if one.tokens else BOS] for one in search.open]
            step = self._run_decoder(last, past, heard)
            rows = search.extend(step.logits[:, -1], [step.centre(row, heard) for row in range(len(last))])
            if search.over:
                break
            past = _of_hypotheses(step.past, rows, views)
        return list(search.best.tokens)

    def _trie(self, hotwords: tuple[str, ...]) -> HotwordTrie:
        """The trie of a list of terms: made once for each of the lists that were used last."""
        with self._tries_lock:
            trie = self._tries.pop(hotwords, None) or HotwordTrie(hotwords, self._tokenizer)
            self._tries[hotwords] = trie
            while len(self._tries) > MAX_TRIES:
                del self._tries[next(iter(self._tries))]
            return trie

    def _run_decoder(self, tokens: list[list[int]], past: dict[str, Any], heard: _EncodedAudio) -> _Step:
        """One step behind what the decoder remembers, over one or several tokens of each hypothesis."""
        count, before, views = len(tokens[0]), past["past.0.key"].shape[2], len(heard.before)
        inputs: dict[str, NDArray[Any]] = {
            "tokens": np.repeat(np.array(tokens, np.int64), views, axis=0),
            "positions": np.arange(before, before + count, dtype=np.float32)[:, None],
            "mask": np.zeros((1, 1, count, before + count), np.float32),
        }
        if count > 1:  # no token heeds those behind it
            inputs["mask"] += np.triu(np.full((count, before + count), -np.inf, np.float32), before + 1)
        cross = {name: value[: len(tokens) * views] for name, value in heard.cross.items()}
        found = dict(zip(self._outputs, self._decoder.run(self._outputs, {**inputs, **past, **cross}), strict=True))
        shape = len(tokens), views, count
        attention = np.sum([found[f"attention.{layer}"][:, head] for layer, head in ALIGNMENT_HEADS], axis=0)
        return _Step(
            found["logits"].reshape(*shape, -1).mean(axis=1),
            attention.reshape(*shape, -1),
            {name: found[name.replace("past", "present")] for name in past},
        )

    def _words(self, tokens: list[ScoredToken], length: int) -> list[RecognisedWord]:
        """The words that the tokens spell, with times from the start of audio of that many samples."""
        groups: list[list[ScoredToken]] = []
        for token in tokens:
            if token.id == EOS:
                break
            if not groups or self._vocabulary[token.id].startswith(SPACE):
                groups.append([])
            groups[-1].append(token)
        words: list[RecognisedWord] = []
        for at, group in enumerate(groups):
            text = self._text(group)
            if not text:
                continue
            start = min(max(group[0].centre - ATTENTION_LAG, 0), length - 1)
            last = len(self._text(group[-1:]))
            lasting = samples(min(LAST_TOKEN_MAX, LAST_TOKEN_BASE + LAST_TOKEN_PER_LETTER * last))
            end = max(group[-1].centre + lasting, start + 1)
            if at + 1 < len(groups):
                follows = max(groups[at + 1][0].centre - ATTENTION_LAG, start + 1)
                end = follows if follows - end < MIN_PAUSE else end
            confidence = float(np.exp(np.mean([token.logprob for token in group])))
            words.append(RecognisedWord(text, start, end, confidence))
        return words

    def _text(self, group: list[ScoredToken]) -> str:
        raw = b"".join(self._vocabulary[token.id] for token in group)
        return raw.replace(SPACE, b" ").decode("utf-8", errors="ignore").strip()


def _of_hypotheses(past: dict[str, Any], hypotheses: Sequence[int], views: int) -> dict[str, Any]:
    """What the decoder remembered of some hypotheses, in that order."""
    rows = [one * views + view for one in hypotheses for view in range(views)]
    return {name: value[rows] for name, value in past.items()}


def _shorten(past: dict[str, Any], length: int) -> dict[str, Any]:
    """What the decoder remembered after that many tokens."""
    return {name: value[:, :, :length] for name, value in past.items()}


def _start_at_onset(words: list[RecognisedWord], audio: Samples) -> list[RecognisedWord]:
    """The first word begins where the audio becomes loud: attention tells words apart, but not from silence before."""
    if not words:
        return words
    beginning = audio[: max(words[0].end, HOP)]
    loudness = np.sqrt(np.mean(beginning[: len(beginning) // HOP * HOP].reshape(-1, HOP) ** 2, axis=1))
    loud = loudness > max(ONSET_SHARE * float(loudness.max()), NOISE_FACTOR * float(loudness[:NOISE_HOPS].mean()))
    if not loud.any():
        return words
    onset = max(int(np.argmax(loud)) * HOP, words[0].start - MAX_ONSET_LEAD)
    return [replace(words[0], start=min(words[0].start, onset)), *words[1:]]


def raise_level(audio: Samples) -> Samples:
    """Quiet audio raised to the level the model knows best, so that a distant microphone does as well as a near one."""
    level = float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
    gain = min(MAX_GAIN, TARGET_RMS / level) if level > 0 else 1.0
    raised: Samples = np.clip(audio * np.float32(gain), -1.0, 1.0)
    return raised if gain > 1.0 else audio


def parse_vocabulary(data: bytes) -> list[bytes]:
    """Token texts of a Moonshine `tokenizer.bin`: each a length (one byte, or two from 128) and its bytes.

    Raises ModelCorrupt when the lengths do not add up.
    """
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= 128:
            if at >= len(data):
                raise ModelCorrupt("tokenizer.bin ends in the middle of a token; reinstall moonshine-voice")
            length, at = data[at] * 128 + length - 128, at + 1
        pieces.append(data[at : at + length])
        at += length
    if at != len(data) or not pieces:
        raise ModelCorrupt("tokenizer.bin ends in the middle of a token; reinstall moonshine-voice")
    return pieces
