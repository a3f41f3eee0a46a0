"""Writes a structurally complete Whisper of the library transformers with random weights: it reads nonsense."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fakes.tiny_whisper import WORDS, byte_tokenizer, vocabulary

WIDTH, HEADS, LAYERS = 16, 2, 2


def write(folder: Path, seed: int = 0, multilingual: bool = True) -> Path:
    """Write the model with everything that loading it takes, and give its folder back."""
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    folder.mkdir(parents=True)
    words, marks, times = vocabulary()
    made = byte_tokenizer([*words], marks)
    made.add_special_tokens(times)
    end = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    WhisperTokenizerFast(tokenizer_object=made, **end).save_pretrained(folder)
    ids = {token: number for token, number in made.get_vocab().items() if number >= WORDS}
    torch.manual_seed(seed)
    special = {
        "decoder_start_token_id": ids["<|startoftranscript|>"],
        "eos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "bos_token_id": ids["<|endoftext|>"],
    }
    config = WhisperConfig(
        vocab_size=WORDS + 1608,
        d_model=WIDTH,
        encoder_layers=LAYERS,
        decoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * WIDTH,
        decoder_ffn_dim=4 * WIDTH,
        init_std=0.3,
        **special,
    )
    model = WhisperForConditionalGeneration(config)
    languages = {token: number for token, number in ids.items() if re.fullmatch(r"<[|][a-z]{2,3}[|]>", token)}
    tasks = {task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
    model.generation_config = GenerationConfig(
        **special,
        max_length=448,
        is_multilingual=multilingual,
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        alignment_heads=[[LAYERS - 1, head] for head in range(HEADS)],
        suppress_tokens=[],
        begin_suppress_tokens=[220, WORDS],
        **({"lang_to_id": languages, "task_to_id": tasks} if multilingual else {}),
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder
