"""Names and terms that are likely to be said, for a recogniser whose text is decoded greedily, token by token.

The tokens of the terms are kept in a trie, and the logits of those that go on with a term are raised while the text is
decoded (contextual biasing by shallow fusion: Zhao et al., "Shallow-Fusion End-to-End Contextual Biasing", 2019). With
beams the boost of what turns out to be no term is given back. Greedy decoding has one hypothesis only: here it goes
back to where a boost first decided for that term, and takes what it would have taken without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SPACE = "\u2581"
"""What vocabularies write for the space before a word (U+2581, as SentencePiece does)"""
FIRST_BYTE, FIRST_PIECE = 3, 259
"""The first token that stands for a single byte, and the first one that was learnt; special ones come before"""
NO_PIECE = 1 << 62
"""Rank of a pair that is never merged"""
BOOST = 3.0
"""What is added to the logit of a token that begins a term, or goes on with it (chosen on rooms, `docs/accuracy.md`)"""
PLURAL = "s"
"""May follow a term that is complete"""


class Tokenizer:
    """Byte pair encoding as SentencePiece does it: of two pairs the one that was learnt first is merged first."""

    def __init__(self, vocabulary: Sequence[bytes]) -> None:
        """`vocabulary` holds the texts of the tokens by their ids, which tell the order in which they were learnt."""
        self._ids = {piece: id_ for id_, piece in enumerate(vocabulary) if id_ >= FIRST_PIECE}

    def encode(self, text: str) -> tuple[int, ...]:
        """The tokens of a text in which spaces are written as `SPACE`; what has none is spelt in bytes."""
        words = text.split(SPACE)  # no token goes on behind a space
        return tuple(
            token for at, word in enumerate(words) for token in self._encode_word(SPACE + word if at else word)
        )

    def _encode_word(self, text: str) -> list[int]:
        pieces = [char.encode(errors="replace") for char in text]
        ranks = [self._rank(one + other) for one, other in pairwise(pieces)]
        while ranks and (first := min(ranks)) != NO_PIECE:
            at = ranks.index(first)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
            around = pieces[max(0, at - 1) : at + 2]
            ranks[max(0, at - 1) : at + 2] = [self._rank(one + other) for one, other in pairwise(around)]
        tokens: list[int] = []
        for piece in pieces:
            tokens += [self._ids[piece]] if piece in self._ids else [FIRST_BYTE + byte for byte in piece]
        return tokens

    def _rank(self, piece: bytes) -> int:
        return self._ids.get(piece, NO_PIECE)


@dataclass(slots=True)
class Node:
    """A place in the trie."""

    following: dict[int, Node] = field(default_factory=dict)
    """By token"""
    ends: bool = False
    """Whether a term is complete here"""
    tokens: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Those of `following`"""


class HotwordTrie:
    """The tokens of the terms of one list; the same for every text that is decoded with it."""

    def __init__(self, terms: Iterable[str], tokenizer: Tokenizer) -> None:
        self.root = Node()
        for term in terms:
            for written in spellings(term):
                node = self.root
                for token in tokenizer.encode(written):
                    node = node.following.setdefault(token, Node())
                node.ends = True
        _number(self.root)


def _number(root: Node) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node.tokens = np.array(list(node.following), np.int64)
        waiting += node.following.values()


def spellings(term: str) -> list[str]:
    """How a term may be written within a text: as it was given, all small, or with a capital letter; none if blank."""
    text = SPACE.join(term.split())
    if not text:
        return []
    return [SPACE + one for one in dict.fromkeys((text, text.lower(), text[0].upper() + text[1:]))]


@dataclass(frozen=True, slots=True)
class _Match:
    """A term that may be under way."""

    start: int
    """Position of its first token"""
    node: Node


class HotwordSearch:
    """Chooses the tokens of one text in turn: the likeliest, with those of the terms raised.

    `choose` and `take` are called in turn. The result depends on the logits alone.
    """

    def __init__(self, trie: HotwordTrie, vocabulary: Sequence[bytes], end: int, boost: float = BOOST) -> None:
        """`end` is the token behind the last one of a text."""
        self._boost = boost
        self._trie = trie
        self._vocabulary = vocabulary
        self._end = end
        self._matches: list[tuple[_Match, ...]] = [()]
        """Before each position"""
        self._boosted: list[int] = []
        """Positions at which a boost has decided, for terms that are not complete yet"""
        self._plain: set[int] = set()
        """Positions at which no boost may decide: it led to no term"""

    @property
    def _position(self) -> int:
        return len(self._matches) - 1

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The token at the next position, from the logits there, shape (vocabulary,)."""
        likeliest = int(logits.argmax())
        if self._position in self._plain:
            return likeliest
        best, score = likeliest, float(logits[likeliest])
        if likeliest in self._trie.root.following or any(likeliest in m.node.following for m in self._matches[-1]):
            return likeliest
        for node in (self._trie.root, *(match.node for match in self._matches[-1])):
            if len(node.tokens):
                token = int(node.tokens[logits[node.tokens].argmax()])
                raised = float(logits[token]) + self._boost
                if raised > score:
                    best, score = token, raised
        return best

    def take(self, token: int, boosted: bool) -> int | None:
        """Go on behind a chosen token; the position to go back to where a boost has led to no term, else None.

        `boosted` says whether it is another one than the likeliest.
        """
        at, before = self._position, self._matches[-1]
        if boosted:
            self._boosted.append(at)
        if self._ends_word(token):
            complete = [match.start for match in before if match.node.ends]
            if complete:
                self._boosted = [one for one in self._boosted if one < min(complete) or one == at]
        alive = [_Match(match.start, match.node.following[token]) for match in before if token in match.node.following]
        if token in self._trie.root.following:
            alive.append(_Match(at, self._trie.root.following[token]))
        self._matches.append(tuple(alive))
        began = min((match.start for match in alive), default=at + 1)
        failed = next((one for one in self._boosted if one < began), None)
        if failed is not None:
            del self._matches[failed + 1 :]
            self._boosted = [one for one in self._boosted if one < failed]
            self._plain.add(failed)
        return failed

    def agreement(self, draft: Sequence[int], logits: NDArray[np.float32]) -> int:
        """Go on behind the first tokens of a draft that would be chosen; how many those are.

        `logits` are those at the place of each token of the draft, shape (tokens, vocabulary).
        """
        for at, token in enumerate(draft):
            if self.choose(logits[at]) != token:
                return at
            back = self.take(token, int(logits[at].argmax()) != token)
            if back is not None:
                return back
        return len(draft)

    def _ends_word(self, token: int) -> bool:
        """Whether a word before this token is complete."""
        piece = self._vocabulary[token].decode(errors="replace")
        return token == self._end or piece == PLURAL or not piece[:1].isalnum()
