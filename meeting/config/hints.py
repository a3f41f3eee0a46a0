"""What somebody may have meant who wrote a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def hint(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is not known: the known one that is nearest, or else all of them."""
    words = list(known)
    close = difflib.get_close_matches(word, words, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(words)}"
