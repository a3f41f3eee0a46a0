"""Which lines a sentence of the notes rests on, and whether it looks as if it did; pure.

The check is a rough one. A sentence is doubtful where it names no line that there is, or where the lines that it names
share no content word with it. One that is not doubtful may still be wrong, and one that only uses other words than the
speakers, or another language, is doubted without need. Two words are the same where they begin alike, so that
"release" is found in "released"; names of speakers do not count, since they stand before every line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from meeting.core.records import NotedLine, Statement
from meeting.notes.drafts import Sentence
from pipelines.types import Segment

STEM = 5
"""Characters from the start of a word by which words are compared"""
SHORTEST = 4
"""Characters that a word needs to count; one with a digit in it always does"""
_COMMON = """
about after again also been before being both could does doing done down each even every from have having here into just
like made make many more most much must need only other over said same says should some such than that their them then
there these they thing think this those through very want were what when where which while will with would your
"""
COMMON = frozenset(_COMMON.split())
"""Words that are in any English text"""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff]")
"""Letters of scripts that part no words, or in which words are short: two of them count as a word"""


def check_sentences(sentences: Iterable[Sentence], lines: Sequence[Segment]) -> tuple[Statement, ...]:
    """Sentences with the lines that they rest on; `lines` are those of the meeting, whose numbers begin at 1."""
    by_number = dict(enumerate(lines, 1))
    return tuple(_checked(sentence, by_number) for sentence in sentences)


def _checked(sentence: Sentence, by_number: Mapping[int, Segment]) -> Statement:
    named = [by_number[number] for number in sentence.numbers if number in by_number]
    said = {word for line in named for word in content_words(line.text)}
    lines = tuple(NotedLine(line.id, line.span.start) for line in named)
    doubtful = said.isdisjoint(content_words(sentence.text))
    return Statement(sentence.text, lines, doubtful, sentence.who, sentence.when)


def content_words(text: str) -> set[str]:
    """The words of a text that say what it is about, as they are compared."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    return set(_compared(re.findall(r"\w+", unicodedata.normalize("NFC", plain))))


def _compared(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if _UNSPACED.search(word):
            yield from (word[at : at + 2] for at in range(len(word) - 1))
        elif any(letter.isdigit() for letter in word):
            yield word
        elif len(word) >= SHORTEST and word not in COMMON:
            yield word[:STEM]
