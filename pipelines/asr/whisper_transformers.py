"""Whisper behind the recogniser seam, through the library transformers; imported only when it is chosen.

As insanely-fast-whisper does it: several utterances in one batch, numbers of 16 bits on a GPU, and PyTorch's own
attention or FlashAttention. Those give no attention weights, from which words have their times: once the text is there,
one further pass of the decoder over all of its tokens computes them, and the probability of each token.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.asr.attention_alignment import token_frames
from pipelines.asr.plausibility import compression_ratio
from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecogniserInfo,
    RecognitionRequest,
    RecognitionResult,
    fix_word_times,
)
from pipelines.asr.whisper_requests import (
    GPU_BATCH,
    NO_REPEAT_NGRAM,
    TRIAL_SECONDS,
    TRIAL_TOKENS,
    can_translate,
    choose_language,
    join_hotwords,
    possible_languages,
    read_in_batches,
    task_of,
    trial_noise,
    with_second_attempts,
)
from pipelines.errors import BlockError, ModelCorrupt, ModelError, ModelMissing
from pipelines.spacing import join_words
from pipelines.timing import best_of
from pipelines.types import SAMPLE_RATE

FRAME = SAMPLE_RATE // 50
"""Samples of one frame of the encoder (20 ms)"""
UNSPACED = frozenset(["zh", "ja", "th", "lo", "my", "yue"])
"""Languages whose words have no spaces between them: each character, or what a token writes, is a word"""
SPACE = "Ġ"
"""What the vocabulary writes for the space before a word"""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What was read of one utterance."""

    tokens: list[int]
    """Of its text"""
    language: str
    language_probability: float | None
    task: str
    """As in `task_of`"""


class TransformersRecogniser(Recogniser):
    """A loaded Whisper of the library transformers; shared by all meetings.

    Decoding is greedy, so that the same audio gives the same words. Hotwords are its prompt; the text before an
    utterance is not, for the library takes one prompt for a whole batch. A final result that is not plausible is made
    once more without phrases that come twice. Audio beyond 30 s is not read.
    """

    def __init__(
        self, model: Any, extractor: Any, tokenizer: Any, name: str, max_batch: int = 1, attention: str = "sdpa"
    ) -> None:
        """`model` is a `WhisperForConditionalGeneration` in evaluation mode, with what makes its input and its text.

        `attention` is the implementation that it was loaded with.
        """
        self._model, self._extractor, self._tokenizer = model, extractor, tokenizer
        self._name, self._max_batch, self._attention = name, max_batch, attention
        self._generation = model.generation_config
        known = self._generation.to_dict()
        self._multilingual = known.get("is_multilingual", True)
        self._no_speech = self._generation.no_timestamps_token_id - 1  # as the library finds it
        self._languages = {token[2:-2]: number for token, number in known.get("lang_to_id", {}).items()}
        layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
        later = [[layer, head] for layer in range(layers // 2, layers) for head in range(heads)]
        self._heads = known.get("alignment_heads") or later

    @property
    def info(self) -> RecogniserInfo:
        """It gains from batches on a GPU only."""
        on_gpu = self._model.device.type == "cuda"
        return RecogniserInfo(
            self._name,
            self._max_batch,
            on_gpu=on_gpu,
            languages=None if self._multilingual else ("en",),
            translates=can_translate(self._name, self._multilingual),
        )

    def measure_rtf(self) -> float:
        """Seconds of computing per second of speech, on noise with as many tokens as speech has, in full batches."""
        requests = [RecognitionRequest(trial_noise(), language="en")] * self._max_batch

        def read() -> None:
            self._recognise(requests, {"max_new_tokens": TRIAL_TOKENS, "min_new_tokens": TRIAL_TOKENS})

        read()  # the first run also prepares the device
        return best_of(read, 1) / TRIAL_SECONDS / self._max_batch

    def recognise(self, request: RecognitionRequest) -> RecognitionResult:
        """Recognise one utterance; no words where it is shorter than 0.1 s. Raises BlockError."""
        return self.recognise_batch([request])[0]

    def recognise_batch(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        """Recognise any number of utterances, `max_batch` at a time, those with the same hotwords and task together.

        Numbers of 16 bits round differently in other batches: words may differ where two are about as likely.
        Raises BlockError when any of them fails.
        """
        if self._multilingual:
            for request in requests:
                possible_languages(request, self._languages, self._name)
        return read_in_batches(
            requests, self._max_batch, lambda request: (request.hotwords, request.translate), self._read
        )

    def _read(self, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
        def again(rows: list[int]) -> list[RecognitionResult]:
            return self._recognise([requests[row] for row in rows], {"no_repeat_ngram_size": NO_REPEAT_NGRAM})

        return with_second_attempts(requests, self._recognise(requests, {}), again)

    def _recognise(self, requests: Sequence[RecognitionRequest], options: dict[str, Any]) -> list[RecognitionResult]:
        import torch

        try:
            with torch.inference_mode():
                audio = [request.audio for request in requests]
                features = self._extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
                encoded = self._model.get_encoder()(features.to(self._model.device, self._model.dtype))
                decoded = self._decode(requests, encoded, options)
                return self._results(requests, encoded, decoded)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise BlockError("speech", f"{self._name} could not read a slice: {str(error)[:200]}") from error

    def _decode(self, requests: Sequence[RecognitionRequest], encoded: Any, options: dict[str, Any]) -> list[_Decoded]:
        """The tokens of each text, and its language."""
        spoken, task = self._spoken_languages(requests, encoded), task_of(requests[0])
        asked: dict[str, Any] = {"max_new_tokens": self._model.config.max_target_positions // 2 - 8, **options}
        if self._multilingual:
            asked.update(language=[language for language, _ in spoken], task=task)
        hotwords = join_hotwords(requests[0].hotwords)
        if hotwords:
            asked["prompt_ids"] = self._prompt(hotwords).to(self._model.device)
        made = self._model.generate(
            encoder_outputs=encoded, return_timestamps=False, num_beams=1, do_sample=False, **asked
        )
        end = self._generation.eos_token_id
        texts = ([token for token in row if token < end] for row in made.tolist())  # what is special comes behind
        return [_Decoded(tokens, *found, task) for tokens, found in zip(texts, spoken, strict=True)]

    def _spoken_languages(self, requests: Sequence[RecognitionRequest], encoded: Any) -> list[tuple[str, float | None]]:
        """The language of each utterance, and its probability where it is detected."""
        if not self._multilingual:
            return [("en", None)] * len(requests)
        possible = [possible_languages(request, self._languages, self._name) for request in requests]
        if all(len(codes) == 1 for codes in possible):
            return [(code, None) for (code,) in possible]
        import torch

        start = torch.full((len(requests), 1), self._generation.decoder_start_token_id, device=self._model.device)
        logits = self._model(encoder_outputs=encoded, decoder_input_ids=start, use_cache=False).logits[:, -1].float()
        names = list(self._languages)
        chances = logits[:, list(self._languages.values())].softmax(dim=-1)
        return [
            (codes[0], None) if len(codes) == 1 else choose_language([*zip(names, row, strict=True)], codes)
            for codes, row in zip(possible, chances.tolist(), strict=True)
        ]

    def _prompt(self, text: str) -> Any:
        """The tokens of a prompt, behind the mark of one; its end if it is too long."""
        import torch

        tokens = self._tokenizer.get_prompt_ids(text, return_tensors="pt")
        most = self._model.config.max_target_positions // 2 - 1
        return torch.cat([tokens[:1], tokens[1:][-most:]])

    def _results(
        self, requests: Sequence[RecognitionRequest], encoded: Any, decoded: Sequence[_Decoded]
    ) -> list[RecognitionResult]:
        """Times and probabilities: one pass over all tokens of all texts."""
        import torch

        prefixes = [self._prefix(one) for one in decoded]
        skip, end = len(prefixes[0]), self._generation.eos_token_id
        longest = max(len(one.tokens) for one in decoded) + 1
        rows = [
            [*prefix, *one.tokens, *[end] * (longest - len(one.tokens))]
            for prefix, one in zip(prefixes, decoded, strict=True)
        ]
        tokens = torch.tensor(rows, device=self._model.device)
        with self._watched_attention() as watched:
            logits = self._model(encoder_outputs=encoded, decoder_input_ids=tokens, use_cache=False).logits.float()
        no_speech = logits[:, 0].softmax(dim=-1)[:, self._no_speech].tolist()
        # logits and attention at a position are of the token behind it
        chosen = tokens[:, skip:, None]
        logprobs = logits[:, skip - 1 : -1].log_softmax(dim=-1).gather(2, chosen)[..., 0].cpu().numpy()
        attention = torch.cat(watched, dim=1)[:, :, skip - 1 : -1].float().cpu().numpy()
        return [
            self._result(len(request.audio), one, logprobs[row], attention[row], no_speech[row])
            for row, (request, one) in enumerate(zip(requests, decoded, strict=True))
        ]

    def _prefix(self, decoded: _Decoded) -> list[int]:
        """The tokens before those of the text."""
        settings = self._generation
        said = [self._languages[decoded.language], settings.task_to_id[decoded.task]] if self._multilingual else []
        return [settings.decoder_start_token_id, *said, settings.no_timestamps_token_id]

    @contextmanager
    def _watched_attention(self) -> Iterator[list[Any]]:
        """What the heads that follow the audio attend to, as tensors (batch, heads, tokens, frames) in the list given.

        Attention that is computed with weights takes the place of the quicker one meanwhile.
        """
        seen: list[Any] = []
        layers = self._model.get_decoder().layers
        hooks = []
        for layer in sorted({layer for layer, _ in self._heads}):
            heads = [head for at, head in self._heads if at == layer]

            def keep(module: Any, inputs: Any, output: Any, heads: list[int] = heads) -> None:
                seen.append(output[1][:, heads])

            hooks.append(layers[layer].encoder_attn.register_forward_hook(keep))
        self._model.set_attn_implementation("eager")
        try:
            yield seen
        finally:
            self._model.set_attn_implementation(self._attention)
            for hook in hooks:
                hook.remove()

    def _result(
        self,
        length: int,
        decoded: _Decoded,
        logprobs: NDArray[np.float32],
        attention: NDArray[np.float32],
        no_speech: float,
    ) -> RecognitionResult:
        """Words from tokens; the end of the text is a token as well, where the last word ends."""
        count = len(decoded.tokens)
        frames = min(attention.shape[-1], -(-length // FRAME))
        starts = token_frames(attention[:, : count + 1, :frames]) * FRAME
        words = []
        for first, last in self._words(decoded):
            text = self._tokenizer.decode(decoded.tokens[first:last], skip_special_tokens=True)
            confidence = float(np.exp(logprobs[first:last].mean()))
            words.append(RecognisedWord(text, int(starts[first]), int(starts[last]), confidence))
        fixed = fix_word_times(words, length)
        if not fixed:
            return RecognitionResult(language=decoded.language, no_speech_prob=no_speech)
        return RecognitionResult(
            fixed,
            decoded.language,
            float(logprobs[: count + 1].mean()),
            no_speech,
            compression_ratio(join_words(word.text for word in fixed)),
            decoded.language_probability,
        )

    def _words(self, decoded: _Decoded) -> list[tuple[int, int]]:
        """The first token of each word, and the one behind its last."""
        pieces = self._tokenizer.convert_ids_to_tokens(decoded.tokens)
        unspaced = decoded.language in UNSPACED and decoded.task == "transcribe"
        if not pieces:
            return []
        begins = [0]
        for at in range(1, len(pieces)):
            # a character may be cut into several tokens, which alone write a mark for what cannot be read
            whole = unspaced and "\ufffd" not in self._tokenizer.decode(decoded.tokens[begins[-1] : at])
            if pieces[at].startswith(SPACE) or whole:
                begins.append(at)
        return list(zip(begins, [*begins[1:], len(pieces)], strict=True))


def load_folder(
    folder: Path, name: str, device: str = "cpu", compute_type: str = "float32", max_batch: int | None = None
) -> TransformersRecogniser:
    """Load a Whisper in the format of the library transformers: safetensors and JSON, of which nothing is executed.

    It recognises `max_batch` utterances together, by default as many as suit the device. Raises ModelMissing where the
    folder or the package transformers is not there, ModelCorrupt or ModelError where it cannot be loaded.
    """
    if not folder.is_dir():
        raise ModelMissing(f"there is no Whisper model at {folder}: config.json, model.safetensors, … are needed")
    try:
        import torch
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast
        from transformers.utils import logging
    except ImportError as error:
        raise ModelMissing(
            "the recogniser transformers needs that package: pip install 'meeting-transcriber[transformers]'"
        ) from error
    logging.set_verbosity_error()  # it warns of its own defaults at each call
    logging.disable_progress_bar()
    on_gpu = device.startswith("cuda")
    quick = "flash_attention_2" if on_gpu and importlib.util.find_spec("flash_attn") else "sdpa"
    try:
        model = WhisperForConditionalGeneration.from_pretrained(
            folder,
            dtype=getattr(torch, compute_type),
            attn_implementation=quick,
            local_files_only=True,
            use_safetensors=True,
        ).eval()
        extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
        tokenizer = WhisperTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # safetensors and tokenizers raise bare exceptions for damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelCorrupt(f"the Whisper model in {folder} cannot be loaded ({reason})") from error
    try:
        model = model.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error)[:200]
        raise ModelError(f"Whisper {name} cannot be put on {device} ({reason}); try models.device: cpu") from error
    max_batch = max_batch or (GPU_BATCH if on_gpu else 1)
    return TransformersRecogniser(model, extractor, tokenizer, name, max_batch, quick)
