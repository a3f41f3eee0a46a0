"""What each protocol has told, as rows for the scorer."""

from __future__ import annotations

from typing import Any

from benchmarks.doors import told
from benchmarks.doors.told import row


def segment(id_: str, text: str, speaker: str | None, final: bool = True) -> dict[str, Any]:
    words = [{"text": word} for word in text.split()]
    line = {"type": "segment", "id": id_, "final": final, "start": 0.0, "end": 1.0, "speaker": speaker}
    return {**line, "text": text, "words": words}


def word(text: str, start: float, speaker: int | None = None) -> dict[str, Any]:
    known = {} if speaker is None else {"speaker": speaker}
    return {"word": text.lower(), "punctuated_word": text, "start": start, "end": start + 0.5, **known}


def results(*words: dict[str, Any], final: bool = True, **more: Any) -> dict[str, Any]:
    return {"type": "Results", "is_final": final, "channel": {"alternatives": [{"words": list(words)}]}, **more}


def test_lines_of_the_page_keep_the_speaker_that_they_had_when_they_were_final() -> None:
    log = [
        (0.5, segment("s1", "Good mor", None, final=False)),
        (1.0, segment("s1", "Good morning.", None)),
        (1.5, segment("s1", "Good morning.", "spk1")),
        (2.0, segment("s2", "Hm.", "spk1")),
        (2.5, segment("s2", "", "spk1")),
        (3.0, {"type": "ended"}),
    ]
    exported = [row("Speaker 1", 0.0, 1.0, "Good morning.")]
    found = told.page(log, exported)
    assert found.live == [row(None, 0.0, 1.0, "Good morning.")]
    assert found.end == exported
    assert [(text.wall, text.final) for text in found.texts[:2]] == [(0.5, False), (1.0, True)]


def test_words_of_deepgrams_results_are_corrected_in_the_end() -> None:
    corrections = [{"start": 0.5, "end": 1.0, "speaker": 1, "words": [word("morning.", 0.5, 1)]}]
    found = told.deepgram(
        [
            (1.0, results(word("Good", 0.0), final=False)),
            (2.0, results(word("Good", 0.0, 0), word("morning.", 0.5))),
            (3.0, results(corrections=corrections)),
            (3.0, {"type": "Metadata"}),
        ]
    )
    assert found.live == [row(0, 0.0, 0.5, "Good"), row(None, 0.5, 1.0, "morning.")]
    assert found.end == [row(0, 0.0, 0.5, "Good"), row(1, 0.5, 1.0, "morning.")]
    assert [(text.wall, text.start, text.end, text.words) for text in found.texts] == [
        (2.0, 0.0, 1.0, ("Good", "morning."))
    ]


def test_segments_of_a_realtime_session_are_its_lines() -> None:
    line = {"type": told.SEGMENT, "start": 0.0, "end": 1.0, "text": "Good morning."}
    found = told.realtime(
        [(1.0, {"type": "session.created"}), (2.0, {**line, "speaker": "A"}), (3.0, {**line, "speaker": "?"})]
    )
    assert found.live == found.end == [row("A", 0.0, 1.0, "Good morning."), row(None, 0.0, 1.0, "Good morning.")]
    assert [text.wall for text in found.texts] == [2.0, 3.0]


def test_of_captions_the_last_text_counts() -> None:
    found = told.captions([(1.0, "Good"), (2.0, "Speaker 1: Good morning.\nHm.")])
    assert found.end == [row("Speaker 1", 0.0, 1.0, "Good morning."), row(None, 1.0, 2.0, "Hm.")]
    assert (found.texts, found.live) == ([], None)
    assert told.captions([]).end == []


def test_answers_for_files_are_lines_as_well() -> None:
    deepgram = {"results": {"channels": [{"alternatives": [{"words": [word("Good", 0.0, 1)]}]}]}}
    assert told.recording(deepgram) == [row(1, 0.0, 0.5, "Good")]
    openai = {"segments": [{"speaker": "A", "start": 0.0, "end": 1.0, "text": "Good morning."}]}
    assert told.recording(openai) == [row("A", 0.0, 1.0, "Good morning.")]
