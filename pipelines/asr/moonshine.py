"""The embedded recogniser: Moonshine tiny (English), on graphs of our own around the weights of its files.

The model and its greedy decoding are described in Jeffries et al., "Moonshine: Speech Recognition for Live
Transcription and Voice Commands" (2024). Word times come from the decoder's cross-attention, as in the
Whisper word-timestamp method, but from the centre of mass of a few heads rather than by time warping:
against the word alignments of AMI their starts are within 0.1 s (`docs/accuracy.md`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.asr.hotwords import BOOST, HotwordSearch, HotwordTrie, Tokenizer
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
TRIAL_SECONDS, TRIAL_TOKENS = 4, 20
"""Length of the audio with which the real-time factor is measured, and the tokens that people say in that time"""
CONTEXT_FACTOR = 1.4
"""Seconds of audio that it gets per second of speech, since context is given again (measured on conversations)"""
MAX_TRIES = 64
"""Lists of hotwords whose tries are kept; each meeting has one"""
MIN_SAMPLES = samples(0.1)
"""The encoder's receptive field: shorter audio cannot be recognised"""


class _Token(NamedTuple):
    """One decoded token; plain values, so that a draft can be sent to another machine."""

    id: int
    logprob: float
    centre: int
    """Sample its attention is centred on"""


@dataclass(frozen=True, slots=True)
class _Step:
    """What the decoder gives for one or several tokens."""

    logits: NDArray[np.float32]
    """Of the token after each, shape (tokens, vocabulary)"""
    attention: NDArray[np.float32]
    """How much each heeds the audio, shape (tokens, frames)"""
    past: dict[str, Any]
    """What it remembers with them"""

    def last(self, chosen: int, length: int) -> _Token:
        """The token that was chosen behind the last one, in audio of that many samples."""
        logits, weights = self.logits[-1], self.attention[-1]
        # without what was raised for hotwords: the confidence is the model's own
        peak = float(logits.max())
        logprob = float(logits[chosen]) - peak - float(np.log(np.exp(logits - peak).sum()))
        centre = float((weights * np.arange(len(weights))).sum() / weights.sum())
        return _Token(chosen, logprob, int(centre * length / len(weights)))


class MoonshineRecogniser(Recogniser):
    """Moonshine on ONNX Runtime; one utterance at a time in each thread, on the CPU."""

    def __init__(self, folder: Path, threads: int = 1, boost: float = BOOST) -> None:
        """`folder` holds `encoder_model.ort`, `decoder_model_merged.ort` and `tokenizer.bin`.

        `boost` is added to the logits of tokens with which a hotword begins or goes on.
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
        self._tries: dict[tuple[str, ...], HotwordTrie] = {}
        self._tries_lock = threading.Lock()
        self._read = [output.name for output in self._encoder.get_outputs()]
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        self._nothing = {f"past.{part}": np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32) for part in CACHE}

    @property
    def info(self) -> RecogniserInfo:
        """It takes no prompt, but recognises the end of a sentence better when it hears the beginning."""
        return RecogniserInfo("moonshine-tiny-en", takes_context=True, concurrent=True, languages=("en",))

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Words of the audio; the model takes no prompt or language.

        A draft is checked in one pass over all its tokens, and decoding goes on where it first disagrees.
        Raises BlockError when the runtime fails.
        """
        audio, draft = request.audio, request.draft
        if len(audio) < MIN_SAMPLES:
            return RecognitionResult(language="en")
        try:
            before = tuple(_Token(*token) for token in draft) if isinstance(draft, tuple) else ()
            tokens = self._decode(raise_level(audio), before, request.hotwords)
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise BlockError("recogniser", (str(error).splitlines() or [type(error).__name__])[0]) from error
        words = fix_word_times(_start_at_onset(self._words(tokens, len(audio)), audio), len(audio))
        text = " ".join(word.text for word in words)
        logprob = float(np.mean([token.logprob for token in tokens])) if tokens else None
        ratio = compression_ratio(text) if text else None
        return RecognitionResult(words, "en", logprob, compression_ratio=ratio, draft=tuple(tokens))

    def measure_rtf(self) -> float:
        """Seconds of computing per second of speech, measured on noise with as many tokens as speech has."""
        noise = np.random.default_rng(0).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)

        def decode() -> None:
            heard, past = self._encode(noise), self._nothing
            for _ in range(TRIAL_TOKENS + 1):
                past = self._run_decoder([BOS], past, heard).past

        return best_of(decode, clock=time.thread_time) / TRIAL_SECONDS * CONTEXT_FACTOR

    def _encode(self, audio: Samples) -> dict[str, Any]:
        """What the decoder reads of the audio at each of its steps."""
        return dict(zip(self._read, self._encoder.run(self._read, {"audio": audio[None]}), strict=True))

    def _decode(self, audio: Samples, draft: tuple[_Token, ...] = (), hotwords: tuple[str, ...] = ()) -> list[_Token]:
        """Greedy decoding; the last token is the end mark unless the bound was reached."""
        heard = self._encode(audio)
        search = HotwordSearch(self._trie(hotwords), self._vocabulary, EOS, self._boost)
        tokens, past = [token for token in draft if token.id != EOS], self._nothing
        if tokens:
            step = self._run_decoder([BOS, *(token.id for token in tokens)], past, heard)
            agreed = search.agreement([token.id for token in tokens], step.logits)
            tokens, past = tokens[:agreed], _shorten(step.past, agreed)
        bound = int(len(audio) / SAMPLE_RATE * TOKENS_PER_SECOND) + 4
        while len(tokens) < bound:
            # also the last agreed one: in company a token's numbers are rounded more coarsely
            step = self._run_decoder([tokens[-1].id if tokens else BOS], past, heard)
            token, likeliest = search.choose(step.logits[-1]), int(step.logits[-1].argmax())
            tokens.append(step.last(token, len(audio)))
            past = step.past
            back = search.take(token, token != likeliest)
            if back is not None:
                del tokens[back:]
                past = _shorten(past, back)
            elif token == EOS:
                break
        return tokens

    def _trie(self, hotwords: tuple[str, ...]) -> HotwordTrie:
        """The trie of a list of terms: made once for each of the lists that were used last."""
        with self._tries_lock:
            trie = self._tries.pop(hotwords, None) or HotwordTrie(hotwords, self._tokenizer)
            self._tries[hotwords] = trie
            while len(self._tries) > MAX_TRIES:
                del self._tries[next(iter(self._tries))]
            return trie

    def _run_decoder(self, tokens: list[int], past: dict[str, Any], heard: dict[str, Any]) -> _Step:
        """One step behind what the decoder remembers, over one or several tokens."""
        count, before = len(tokens), past["past.0.key"].shape[2]
        inputs: dict[str, NDArray[Any]] = {
            "tokens": np.array([tokens], np.int64),
            "positions": np.arange(before, before + count, dtype=np.float32)[:, None],
            "mask": np.zeros((1, 1, count, before + count), np.float32),
        }
        if count > 1:  # no token heeds those behind it
            inputs["mask"] += np.triu(np.full((count, before + count), -np.inf, np.float32), before + 1)
        found = dict(zip(self._outputs, self._decoder.run(self._outputs, {**inputs, **past, **heard}), strict=True))
        return _Step(
            found["logits"][0],
            np.sum([found[f"attention.{layer}"][0, head] for layer, head in ALIGNMENT_HEADS], axis=0),
            {name: found[name.replace("past", "present")] for name in past},
        )

    def _words(self, tokens: list[_Token], length: int) -> list[RecognisedWord]:
        """The words that the tokens spell, with times from the start of audio of that many samples."""
        groups: list[list[_Token]] = []
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

    def _text(self, group: list[_Token]) -> str:
        raw = b"".join(self._vocabulary[token.id] for token in group)
        return raw.replace(SPACE, b" ").decode("utf-8", errors="ignore").strip()


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
