"""The recogniser's graphs: they give what the exported ones give, on the real weights and invented inputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.asr import moonshine_graph
from pipelines.asr.moonshine_graph import CACHE, HEAD_SIZE, HEADS, LAYERS, VOCABULARY, build
from pipelines.errors import ModelCorrupt
from pipelines.models.pinned_files import SPEECH, require
from pipelines.timing import multiplies_bytes
from pipelines.types import SAMPLE_RATE

Values = dict[str, NDArray[Any]]

PAST = 3
"""Tokens that the invented cache holds"""
TOKENS = [7, 300, 25, 9000]


def load(model: bytes | str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: Any, inputs: Values) -> Values:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.fixture(scope="module")
def folder() -> Path:
    return require(SPEECH[0]).parent


@pytest.fixture(scope="module")
def built(folder: Path) -> tuple[Any, Any]:
    encoder, decoder = build(folder, (0, 4))
    return load(encoder), load(decoder)


@pytest.fixture(scope="module")
def exported(folder: Path) -> tuple[Any, Any]:
    return load(str(folder / "encoder_model.ort")), load(str(folder / "decoder_model_merged.ort"))


@pytest.fixture(scope="module")
def audio() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, (1, 2 * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def heard(built: tuple[Any, Any], audio: NDArray[np.float32]) -> Values:
    """What the encoder gives."""
    return run(built[0], {"audio": audio})


@pytest.fixture(scope="module")
def past() -> Values:
    random = np.random.default_rng(1)
    return {f"past.{part}": random.normal(size=(1, HEADS, PAST, HEAD_SIZE)).astype(np.float32) for part in CACHE}


def step(decoder: Any, tokens: list[int], past: Values, heard: Values) -> Values:
    """Logits, attention and the cache after some more tokens."""
    before, count = past["past.0.key"].shape[2], len(tokens)
    mask = np.triu(np.full((1, 1, count, before + count), -1e9, np.float32), before + 1)
    positions = np.arange(before, before + count, dtype=np.float32)[:, None]
    return run(decoder, {"tokens": np.array([tokens]), "positions": positions, "mask": mask, **past, **heard})


def exported_inputs(audio: NDArray[np.float32], encoder: Any, past: Values, heard: Values) -> Values:
    """The same for the exported decoder."""
    mask = np.ones(audio.shape, np.int64)
    inputs = run(encoder, {"input_values": audio, "attention_mask": mask})
    values: Values = {
        "encoder_hidden_states": inputs["last_hidden_state"],
        "encoder_attention_mask": mask,
        "use_cache_branch": np.array([True]),
    }
    for part in CACHE:
        layer, kind = part.split(".")
        values[f"past_key_values.{layer}.decoder.{kind}"] = past[f"past.{part}"]
        cross = heard[f"cross.{part}"]
        values[f"past_key_values.{layer}.encoder.{kind}"] = cross.transpose(0, 1, 3, 2) if kind == "key" else cross
    return values


def test_a_step_gives_what_the_exported_decoder_gives(
    built: tuple[Any, Any], exported: tuple[Any, Any], audio: NDArray[np.float32], heard: Values, past: Values
) -> None:
    theirs = exported_inputs(audio, exported[0], past, heard)
    expected = run(exported[1], {**theirs, "input_ids": np.array([TOKENS[:1]])})
    found = step(built[1], TOKENS[:1], past, heard)
    assert found["logits"].shape == (1, 1, VOCABULARY)
    np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-3)
    for part in CACHE:
        layer, kind = part.split(".")
        np.testing.assert_allclose(found[f"present.{part}"], expected[f"present.{layer}.decoder.{kind}"], atol=1e-4)


def test_the_encoder_gives_what_the_exported_one_does_with_the_decoders_first_step(
    exported: tuple[Any, Any], audio: NDArray[np.float32], heard: Values
) -> None:
    nothing = {f"past.{part}": np.zeros((1, HEADS, 0, HEAD_SIZE), np.float32) for part in CACHE}
    unheard = {name: value[..., :0] if name.endswith("key") else value[:, :, :0] for name, value in heard.items()}
    first = exported_inputs(audio, exported[0], nothing, unheard)
    expected = run(exported[1], {**first, "input_ids": np.array([[1]]), "use_cache_branch": np.array([False])})
    for layer in range(LAYERS):
        keys = heard[f"cross.{layer}.key"].transpose(0, 1, 3, 2)
        np.testing.assert_allclose(keys, expected[f"present.{layer}.encoder.key"], atol=1e-4)
        np.testing.assert_allclose(heard[f"cross.{layer}.value"], expected[f"present.{layer}.encoder.value"], atol=1e-4)


def test_tokens_together_heed_what_tokens_one_by_one_heed(built: tuple[Any, Any], heard: Values, past: Values) -> None:
    together, one_by_one, cache = step(built[1], TOKENS, past, heard), [], past
    for token in TOKENS:
        found = step(built[1], [token], cache, heard)
        one_by_one.append(found)
        cache = {f"past.{part}": found[f"present.{part}"] for part in CACHE}
    for row, alone in enumerate(one_by_one):
        # numbers are rounded to bytes together, and so differently
        assert np.corrcoef(together["logits"][0, row], alone["logits"][0, 0])[0, 1] > 0.98
        assert (
            np.corrcoef(together["attention.4"][0, :, row].ravel(), alone["attention.4"][0, :, 0].ravel())[0, 1] > 0.98
        )


def test_texts_side_by_side_are_read_as_each_is_by_itself(
    built: tuple[Any, Any], audio: NDArray[np.float32], heard: Values, past: Values
) -> None:
    other = run(built[0], {"audio": audio[:, ::-1].copy()})
    both = {name: np.concatenate([heard[name], other[name]]) for name in heard}
    twice = {name: np.concatenate([value] * 2) for name, value in past.items()}
    inputs = {"tokens": np.array([TOKENS[:1], TOKENS[1:2]])}
    inputs |= {"positions": np.full((1, 1), PAST, np.float32), "mask": np.zeros((1, 1, 1, PAST + 1), np.float32)}
    together = run(built[1], {**inputs, **twice, **both})
    alone = [step(built[1], [token], past, cross) for token, cross in zip(TOKENS[:2], (heard, other), strict=True)]
    for row, one in enumerate(alone):
        # numbers are rounded to bytes together, and so differently
        assert np.corrcoef(together["logits"][row, 0], one["logits"][0, 0])[0, 1] > 0.98
    stacked = run(built[0], {"audio": np.concatenate([audio, audio[:, ::-1]])})
    for name, value in both.items():
        assert np.corrcoef(stacked[name].ravel(), value.ravel())[0, 1] > 0.98, name


def test_attention_is_given_of_the_layers_that_are_asked_for(
    built: tuple[Any, Any], heard: Values, past: Values
) -> None:
    found = step(built[1], TOKENS, past, heard)
    frames = heard["cross.0.value"].shape[2]
    assert {name for name in found if name.startswith("attention")} == {"attention.0", "attention.4"}
    for layer in (0, 4):
        assert found[f"attention.{layer}"].shape == (1, HEADS, len(TOKENS), frames)
        np.testing.assert_allclose(found[f"attention.{layer}"].sum(axis=-1), 1.0, atol=1e-4)


@pytest.mark.skipif(not multiplies_bytes(), reason="this processor does not multiply bytes itself")
def test_weights_with_a_sign_give_the_same_numbers(
    folder: Path,
    built: tuple[Any, Any],
    audio: NDArray[np.float32],
    heard: Values,
    past: Values,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(moonshine_graph, "multiplies_bytes", lambda: False)
    encoder, decoder = build(folder, (0, 4))
    unsigned = run(load(encoder), {"audio": audio})
    assert unsigned.keys() == heard.keys()
    assert all(np.array_equal(unsigned[name], heard[name]) for name in heard)
    found, expected = step(load(decoder), TOKENS, past, heard), step(built[1], TOKENS, past, heard)
    assert np.array_equal(found["logits"], expected["logits"])


def test_another_model_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("encoder_model.ort", "decoder_model_merged.ort"):
        shutil.copy(folder / "encoder_model.ort", tmp_path / name)
    with pytest.raises(ModelCorrupt, match="not laid out as Moonshine's are; reinstall moonshine-voice"):
        build(tmp_path, (3,))


def test_a_full_disk_is_named_as_what_it_may_be(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("onnx.load", lambda path: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(ModelCorrupt, match=r"has no room for a copy of it: reinstall moonshine-voice, or make room"):
        build(folder, (3,))
