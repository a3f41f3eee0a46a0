"""Terms that are likely to be said: their tokens, and how they turn a decision while a text is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.asr.decoding.hotwords import (
    BOOST,
    FIRST_BYTE,
    FIRST_PIECE,
    SPACE,
    HotwordSearch,
    HotwordTrie,
    Tokenizer,
    spellings,
)
from pipelines.asr.moonshine import parse_vocabulary
from pipelines.models.pinned_files import SPEECH, require

END = 2
PIECES = [
    *(SPACE + "a", "nn", "b", "el", SPACE + "ann", SPACE + "and", SPACE + "b", "o", "s", ".", "a", "n", "e", "l", "d"),
    *(SPACE, SPACE + "o", SPACE + "A", SPACE + "B"),
]
VOCABULARY = [b"", b"", b"", *(bytes([byte]) for byte in range(256)), *(piece.encode() for piece in PIECES)]
TOKENIZER = Tokenizer(VOCABULARY)
LITTLE = BOOST - 0.1
"""What a boost makes up for"""
MUCH = BOOST + 0.1
"""What it does not"""

Model = Callable[[Sequence[int]], NDArray[np.float32]]
"""The logits after some tokens"""


def id_of(piece: str) -> int:
    return FIRST_PIECE + PIECES.index(piece)


def logits(*likely: tuple[str, float]) -> NDArray[np.float32]:
    """Those of some pieces; of all others very small."""
    values = np.full(len(VOCABULARY), -50, np.float32)
    for piece, value in likely:
        values[END if piece == "end" else id_of(piece)] = value
    return values


def decode(terms: Sequence[str], model: Model, draft: Sequence[int] = ()) -> tuple[str, int]:
    """The text that a search makes of a model, and in how many steps behind the draft."""
    search = HotwordSearch(HotwordTrie(terms, TOKENIZER), VOCABULARY, END)
    tokens: list[int] = []
    if draft:
        agreed = search.agreement(draft, np.stack([model(draft[:at]) for at in range(len(draft))]))
        tokens = list(draft[:agreed])
    steps = 0
    while END not in tokens:
        steps += 1
        assert steps < 100
        now = model(tokens)
        token = search.choose(now)
        tokens.append(token)
        back = search.take(token, int(now.argmax()) != token)
        if back is not None:
            del tokens[back:]
    return "".join(VOCABULARY[token].decode() for token in tokens if token != END), steps


def after(*steps: tuple[Sequence[str], NDArray[np.float32]]) -> Model:
    """A model that knows what follows some beginnings, and ends every other text."""
    known = {tuple(map(id_of, pieces)): values for pieces, values in steps}
    return lambda tokens: known.get(tuple(tokens), logits(("end", 0.0)))


def test_the_merge_that_was_learnt_first_goes_first() -> None:
    assert TOKENIZER.encode(f"{SPACE}annbo") == (id_of(SPACE + "ann"), id_of("b"), id_of("o"))
    assert TOKENIZER.encode(f"{SPACE}bel{SPACE}ann") == (id_of(SPACE + "b"), id_of("el"), id_of(SPACE + "ann"))


def test_what_has_no_token_is_spelt_in_bytes() -> None:
    assert TOKENIZER.encode("bé") == (id_of("b"), FIRST_BYTE + 0xC3, FIRST_BYTE + 0xA9)
    assert TOKENIZER.encode("") == ()
    assert TOKENIZER.encode("\ud800") == (FIRST_BYTE + ord("?"),)  # half of a character, which JSON can hold


@pytest.mark.model
def test_the_tokens_are_those_in_which_the_model_writes() -> None:
    vocabulary = parse_vocabulary(require(SPEECH[2]).read_bytes())
    tokenizer = Tokenizer(vocabulary)
    text = f"{SPACE}We{SPACE}didn't{SPACE}adjust{SPACE}the{SPACE}carnival{SPACE}Kubernetes."
    pieces = [vocabulary[token].decode() for token in tokenizer.encode(text)]
    assert pieces[:4] == [SPACE + "We", SPACE + "didn", "'", "t"]
    assert pieces[-6:] == [SPACE + "car", "n", "ival", SPACE + "K", "ubernetes", "."]
    assert "".join(pieces) == text


def test_a_term_is_written_as_given_all_small_and_with_a_capital_letter() -> None:
    assert spellings(" New  York ") == [f"{SPACE}New{SPACE}York", f"{SPACE}new{SPACE}york"]
    assert spellings("kNN") == [f"{SPACE}kNN", f"{SPACE}knn", f"{SPACE}KNN"]
    assert spellings("  ") == []


HEARD_AND = after(
    ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
    ((f"{SPACE}ann",), logits(("end", 0.0))),
    ((f"{SPACE}and",), logits(("end", 0.0))),
)


def test_a_term_that_is_nearly_as_likely_is_written() -> None:
    assert decode([], HEARD_AND) == (f"{SPACE}and", 2)
    assert decode(["ann"], HEARD_AND) == (f"{SPACE}ann", 2)
    assert decode(["bo"], HEARD_AND) == (f"{SPACE}and", 2)


def test_a_term_that_is_much_less_likely_is_not() -> None:
    unlikely = after(((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -MUCH))))
    assert decode(["ann"], unlikely) == (f"{SPACE}and", 2)


def test_where_no_boost_decides_nothing_is_decoded_twice() -> None:
    plain = after(((), logits((f"{SPACE}ann", 0.0))), ((f"{SPACE}ann",), logits(("end", 0.0), ("el", -1.0))))
    assert decode(["ann", "annel"], plain)[1] == 3  # the longer term was tried, and was not likely enough in the end
    assert decode(["ann"], plain) == (f"{SPACE}ann", 2)


def test_each_token_of_a_term_is_raised() -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits(("end", 0.0), ("b", -LITTLE))),
        ((f"{SPACE}ann", "b"), logits(("o", -1.0), ("el", -1.0 - LITTLE))),
    )
    assert decode(["annbel"], model)[0] == f"{SPACE}annbel"


def test_a_term_that_does_not_follow_leaves_no_trace() -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits(("end", 0.0), ("b", -MUCH))),
        ((f"{SPACE}and",), logits((f"{SPACE}o", 0.0))),
    )
    assert decode(["annbo"], model)[0] == f"{SPACE}and{SPACE}o" == decode([], model)[0]


def test_a_term_within_a_longer_word_leaves_no_trace() -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits(("el", 0.0))),
    )
    assert decode(["ann"], model)[0] == f"{SPACE}and"


def test_the_plural_of_a_term_is_taken_for_it() -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits(("s", 0.0))),
    )
    assert decode(["ann"], model)[0] == f"{SPACE}anns"


def test_a_complete_term_stays_when_a_longer_one_does_not_follow() -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits((".", 0.0), (f"{SPACE}b", -LITTLE))),
        ((f"{SPACE}ann", f"{SPACE}b"), logits(("end", 0.0), ("o", -MUCH))),
    )
    assert decode(["ann", "ann bo"], model)[0] == f"{SPACE}ann."


def test_a_term_of_several_words_goes_on_over_spaces() -> None:
    model = after(
        ((), logits((f"{SPACE}ann", 0.0))),
        ((f"{SPACE}ann",), logits(("end", 0.0), (f"{SPACE}b", -LITTLE))),
        ((f"{SPACE}ann", f"{SPACE}b"), logits(("end", 0.0), ("o", -LITTLE))),
    )
    assert decode(["Ann Bo", "ann bo"], model)[0] == f"{SPACE}ann{SPACE}bo"


@pytest.mark.parametrize(
    "draft", [[f"{SPACE}and"], [f"{SPACE}ann"], [f"{SPACE}and", f"{SPACE}o"], [f"{SPACE}ann", "el"], [f"{SPACE}o"]]
)
@pytest.mark.parametrize("terms", [[], ["ann"], ["annbo"], ["and o"]])
def test_a_draft_changes_nothing(draft: list[str], terms: list[str]) -> None:
    model = after(
        ((), logits((f"{SPACE}and", 0.0), (f"{SPACE}ann", -LITTLE))),
        ((f"{SPACE}ann",), logits(("el", 0.0), ("b", -LITTLE))),
        ((f"{SPACE}and",), logits(("end", 0.0), (f"{SPACE}o", -LITTLE))),
    )
    assert decode(terms, model, [id_of(piece) for piece in draft])[0] == decode(terms, model)[0]


def test_a_good_draft_spares_its_steps() -> None:
    assert decode(["ann"], HEARD_AND, [id_of(f"{SPACE}ann")])[1] == 1


def test_without_terms_the_likeliest_token_is_taken() -> None:
    random = np.random.default_rng(0)
    search = HotwordSearch(HotwordTrie((), TOKENIZER), VOCABULARY, END)
    for _ in range(20):
        now = random.normal(0, 1, len(VOCABULARY)).astype(np.float32)
        token = search.choose(now)
        assert token == now.argmax()
        assert search.take(token, False) is None
