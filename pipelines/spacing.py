"""Spaces between words, which some scripts do not write: Chinese, Japanese, Thai, Lao, Burmese.

Recognisers give such text in pieces of a character or a few, each with a time of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSPACED = (
    r"\u0e00-\u0eff"  # Thai, Lao
    r"\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    r"\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese, their marks
    r"\uff00-\uff9f"  # forms as wide as these, and narrow Japanese ones
)
_BETWEEN = re.compile(f"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])")
_BESIDE = re.compile(rf"(?<=[{_UNSPACED}])(?=\S)|(?<=[^\s])(?=[{_UNSPACED}])")


def join_words(words: Iterable[str]) -> str:
    """Words as they are written: with single spaces, but between two whose script has none."""
    return close_up(" ".join(words))


def close_up(text: str) -> str:
    """A text without the single spaces between characters of scripts that write none."""
    return _BETWEEN.sub("", text)


def set_apart(text: str) -> str:
    """A text with a space between any two characters of which one is of such a script, to be searched by character."""
    return _BESIDE.sub(" ", text)


def is_spaced(before: str, after: str) -> bool:
    """Whether the scripts of two texts write a space between words that meet there."""
    return not re.search(f"[{_UNSPACED}]$", before) and not re.match(f"[{_UNSPACED}]", after)
