"""Which results of recognisers are shown: on noise and silence models invent text, which is worse than none.

Measures and the first three limits are those of Whisper (Radford et al., "Robust Speech Recognition via Large-Scale
Weak Supervision", 2022, section 4.5, and the defaults of its `transcribe`), where a result beyond them is decoded again
at a higher temperature. Here no temperature is tried, so that the same audio always gives the same words.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from pipelines.asr.recogniser import (
    RecognisedWord,
    Recogniser,
    RecognitionRequest,
    RecognitionResult,
    normalise_word,
)
from pipelines.types import SAMPLE_RATE

MAX_COMPRESSION_RATIO = 2.4
"""Text that shrinks further than this repeats itself (Whisper's `compression_ratio_threshold`)"""
MIN_AVG_LOGPROB = -1.0
"""Mean log probability below which a result is a guess (Whisper's `logprob_threshold`)"""
MAX_NO_SPEECH_PROB = 0.6
"""Probability of "no speech here" above which a guess is not shown (Whisper's `no_speech_threshold`)"""
MAX_WORDS_PER_SECOND = 9.0
"""Faster than people speak: of the utterances in three excerpts of AMI the fastest has 7.0, the median 3.3"""

LOOP_REPEATS = 4
"""Times that the same words follow each other before it is a loop"""
LOOP_MIN_WORDS = 8
"""Words that such a loop has at least: "no, no, no, no" is speech"""
LOOP_MAX_PHRASE = 12
"""Words of the longest phrase that is looked for"""
TAIL_REPEATS, TAIL_MIN_PHRASE = 3, 4
"""Times that a phrase of so many words or more stands at the end of growing text before only the first is shown

Nobody is kept from being read by that: what was said is told by the final text, where such a phrase stays.
"""


def recognise_plausibly(recogniser: Recogniser, requests: Sequence[RecognitionRequest]) -> list[RecognitionResult]:
    """A result for each request, in order; without words where it is not plausible, or there is no audio.

    The requests are all final or all partial, `info.max_batch` of them at most. Raises BlockError.
    """
    spoken = [request for request in requests if len(request.audio)]
    if len(spoken) > 1:
        found = iter(recogniser.recognise_batch(spoken))
    else:
        found = iter([recogniser.recognise(request) for request in spoken])
    results = []
    for request in requests:
        result = next(found) if len(request.audio) else RecognitionResult()
        plausible = is_plausible(result, len(request.audio))
        results.append(result if plausible else RecognitionResult(language=result.language))
    return results


def is_plausible(result: RecognitionResult, samples: int) -> bool:
    """Whether a result of that many samples may be shown."""
    return implausible_reason(result, samples) is None


def implausible_reason(result: RecognitionResult, samples: int) -> str | None:
    """Why a result of that many samples is not plausible: "loop", "repetition", "silence" or "haste"; None if it is."""
    if is_loop([word.text for word in result.words]):
        return "loop"
    if result.compression_ratio is not None and result.compression_ratio > MAX_COMPRESSION_RATIO:
        return "repetition"
    # As in Whisper, a guess counts as silence only where the model also thinks that nobody speaks: an unclear voice
    # has a low probability, too. A recogniser that does not say is judged by the guess alone.
    guessed = result.avg_logprob is not None and result.avg_logprob < MIN_AVG_LOGPROB
    if guessed and (result.no_speech_prob is None or result.no_speech_prob > MAX_NO_SPEECH_PROB):
        return "silence"
    # One second more, since a short utterance may hold the ends of words that began before it.
    if len(result.words) > MAX_WORDS_PER_SECOND * (samples / SAMPLE_RATE + 1):
        return "haste"
    return None


def compression_ratio(text: str) -> float:
    """How many times shorter the text becomes when compressed (zlib, as in Whisper); 0 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_loop(words: Sequence[str]) -> bool:
    """Whether the same phrase follows itself more often than anybody would say it, case and punctuation aside.

    Short loops escape the compression ratio, which needs some length to tell.
    """
    normalised = [normalise_word(word) for word in words]
    for length in range(1, min(LOOP_MAX_PHRASE, len(normalised) // LOOP_REPEATS) + 1):
        # a phrase of one word needs eight repeats, of two or more words four
        needed = max(LOOP_REPEATS, -(-LOOP_MIN_WORDS // length))
        same = 0
        for here in range(length, len(normalised)):
            same = same + 1 if normalised[here] == normalised[here - length] else 0
            if same >= length * (needed - 1):
                return True
    return False


def without_repeats(words: Sequence[RecognisedWord]) -> Sequence[RecognisedWord]:
    """The words of growing text, where a phrase is repeated at its end with this phrase once.

    A recogniser that is cut off in the middle of a sentence goes round in circles there now and then.
    """
    normalised = [normalise_word(word.text) for word in words]
    for length in range(TAIL_MIN_PHRASE, min(LOOP_MAX_PHRASE, len(words) // TAIL_REPEATS) + 1):
        same = 0
        while same < len(words) - length and normalised[-1 - same] == normalised[-1 - same - length]:
            same += 1
        if same >= length * (TAIL_REPEATS - 1):
            return words[: len(words) - same]
    return words
