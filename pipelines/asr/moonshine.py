"""The embedded recogniser: Moonshine tiny (English), read straight from its ONNX Runtime files.

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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.asr.hotwords import BOOST, HotwordSearch, HotwordTrie, Tokenizer
from pipelines.asr.ort_attention import with_cross_attention
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

HEADS, HEAD_SIZE = 8, 36
"""Attention heads of each of the decoder's layers, and their width"""
ALIGNMENT_HEADS = ((3, 0), (4, 3), (3, 5), (3, 6))
"""(layer, head) pairs whose attention follows the audio most closely"""

ATTENTION = "/model/decoder/layers.{layer}/encoder_attn/Softmax_output_0"
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


@dataclass(frozen=True, slots=True)
class _Token:
    """One decoded token."""

    id: int
    logprob: float
    centre: int
    """Sample its attention is centred on"""


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

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        decoder = with_cross_attention(files[1].read_bytes(), ATTENTION)
        try:
            load = onnxruntime.InferenceSession
            self._encoder: Any = load(str(files[0]), options, providers=["CPUExecutionProvider"])
            self._decoder: Any = load(decoder, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ModelCorrupt(f"the files in {folder} are not a Moonshine model; reinstall moonshine-voice") from error
        self._vocabulary = parse_vocabulary(files[2].read_bytes())
        self._tokenizer = Tokenizer(self._vocabulary)
        self._boost = boost
        self._tries: dict[tuple[str, ...], HotwordTrie] = {}
        self._tries_lock = threading.Lock()
        self._outputs = [output.name for output in self._decoder.get_outputs()]
        self._pasts = [name.replace("present", "past_key_values") for name in self._outputs[1:]]

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
            tokens = self._decode(raise_level(audio), draft if isinstance(draft, tuple) else (), request.hotwords)
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
            fixed, past = self._encode(noise)
            _, past = self._run_decoder([BOS], past, fixed, cached=False)
            for _ in range(TRIAL_TOKENS):
                _, filled = self._run_decoder([BOS], past, fixed, cached=True)
                past.update({name: value for name, value in filled.items() if ".decoder." in name})

        return best_of(decode, clock=time.thread_time) / TRIAL_SECONDS * CONTEXT_FACTOR

    def _encode(self, audio: Samples) -> tuple[dict[str, Any], dict[str, Any]]:
        """The decoder's inputs that stay the same for all steps, and the empty cache."""
        batch = audio[None].astype(np.float32)
        mask = np.ones(batch.shape, np.int64)
        hidden = self._encoder.run(None, {"input_values": batch, "attention_mask": mask})[0]
        fixed = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        return fixed, dict.fromkeys(self._pasts, np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32))

    def _decode(self, audio: Samples, draft: tuple[_Token, ...] = (), hotwords: tuple[str, ...] = ()) -> list[_Token]:
        """Greedy decoding; the last token is the end mark unless the bound was reached."""
        fixed, past = self._encode(audio)
        search = HotwordSearch(self._trie(hotwords), self._vocabulary, EOS, self._boost)
        # the first pass fills the encoder's part of the cache; its branch gives no attention, so that the token
        # after the last agreed one is decoded again in the other branch
        drafted = [token for token in draft if token.id != EOS]
        logits, filled = self._run_decoder([BOS, *(token.id for token in drafted)], past, fixed, cached=False)
        agreed = search.agreement([token.id for token in drafted], logits)
        past = _shorten(filled, agreed)
        tokens = drafted[:agreed]
        bound = int(len(audio) / SAMPLE_RATE * TOKENS_PER_SECOND) + 4
        while len(tokens) < bound:
            logits, filled = self._run_decoder([tokens[-1].id if tokens else BOS], past, fixed, cached=True)
            token, likeliest = search.choose(logits[-1]), int(logits[-1].argmax())
            # without what was raised: the confidence is the model's own
            peak = float(logits[-1, likeliest])
            logprob = float(logits[-1, token]) - peak - float(np.log(np.exp(logits[-1] - peak).sum()))
            tokens.append(_Token(token, logprob, self._attention_centre(filled, len(audio))))
            past.update({name: value for name, value in filled.items() if ".decoder." in name})
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

    def _run_decoder(
        self, tokens: list[int], past: dict[str, Any], fixed: dict[str, Any], cached: bool
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Logits of the token after each of `tokens`, shape (tokens, vocabulary), and the grown cache."""
        inputs = {"input_ids": np.array([tokens], np.int64), "use_cache_branch": np.array([cached]), **past, **fixed}
        logits, *filled = self._decoder.run(self._outputs, inputs)
        return logits[0], dict(zip(self._pasts, filled, strict=True))

    def _attention_centre(self, filled: dict[str, Any], length: int) -> int:
        """The sample that the last token's attention is centred on, in audio of that many samples."""
        heads = [filled[f"past_key_values.{layer}.encoder.key"][0, head, -1] for layer, head in ALIGNMENT_HEADS]
        weights = np.sum(heads, axis=0)
        frames = len(weights)
        centre = float((weights * np.arange(frames)).sum() / weights.sum())
        return int(centre * length / frames)

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
    """The cache as it was after that many tokens; the encoder's part stays."""
    return {name: value if ".encoder." in name else value[:, :, :length] for name, value in past.items()}


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
