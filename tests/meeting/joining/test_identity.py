"""Who is one person: those who speak at the same time in two microphones, or sound alike, and nobody in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from meeting.joining.blocks import Block, PlacedWord
from meeting.joining.identity import Evidence, Node, common, evidence_of, people, sound_alike
from meeting.joining.selection import Choice
from pipelines.types import Segment, Span, Voice, VoicesHeard, Word, samples

ANN, BEN, ANNE, BENN = ("a", "spk1"), ("a", "spk2"), ("b", "spk1"), ("b", "spk2")


def span(start: float, end: float) -> Span:
    """A span in seconds."""
    return Span(samples(start), samples(end))


def placed(source_id: str, speaker: str, span: Span) -> PlacedWord:
    """A word of somebody."""
    word = Word("so", span)
    return PlacedWord.of(word, Segment(f"{source_id} {speaker}", 1, True, source_id, span, speaker, (word,)))


def choice(better: Mapping[str, str], *coherent: str) -> Choice:
    """A block of ten seconds in which these sources hear the same, each group a text of letters."""
    word = Word("so", span(0, 10))
    block = Block((PlacedWord.of(word, Segment("s1", 1, True, "a", word.span, None, (word,))),), 0)
    return Choice(block, better=better, coherent=tuple(map(frozenset, coherent)))


def evidence(said: Mapping[Node, list[Span]], made: Choice, solo: str = "") -> Evidence:
    """What a block tells."""
    words = {node: [placed(*node, one) for one in spans] for node, spans in said.items()}
    return evidence_of(made, words, frozenset(solo))


def groups(found: Evidence, voices: Mapping[str, VoicesHeard] | None = None, **more: object) -> list[list[Node]]:
    """Those who are one."""
    known = more.get("known", [])
    assert isinstance(known, list)
    alike = sound_alike(voices or {})
    return [sorted(group) for group in people(found, alike, known, frozenset(str(more.get("solo", "")))).groups]


def test_what_both_cover_is_counted_once() -> None:
    assert common([span(0, 2), span(1, 3)], [span(2, 5)]) == samples(1)
    assert common([span(0, 2)], [span(2, 5)]) == 0


def test_who_speaks_at_the_same_time_in_two_microphones_that_hear_the_same_is_one() -> None:
    said = {ANN: [span(0, 4)], BEN: [span(5, 10)], ANNE: [span(0.2, 4.1)], BENN: [span(5, 9)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab"))) == [[ANN, ANNE], [BEN, BENN]]


def test_who_shares_little_stays_apart() -> None:
    assert groups(evidence({ANN: [span(0, 0.9)], ANNE: [span(0, 0.9)]}, choice({"b": "a"}, "ab"))) == []


def test_a_microphone_that_takes_two_people_for_one_does_not_make_them_one() -> None:
    said = {ANN: [span(0, 5)], BEN: [span(5, 10)], ANNE: [span(0, 10)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab"))) == []


def test_of_two_that_are_one_in_another_microphone_the_one_is_who_speaks_far_more() -> None:
    said = {ANN: [span(0, 8)], BEN: [span(8, 10)], ANNE: [span(0, 10)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab"))) == [[ANN, ANNE]]


def test_what_different_places_say_at_once_tells_them_apart() -> None:
    found = evidence({ANN: [span(0, 9)], ANNE: [span(0, 9)]}, choice({}))
    assert groups(found) == []
    assert groups(found, VOICES) == [[BEN, BENN]]
    assert groups(evidence({ANN: [span(0, 9)], ANNE: [span(9, 10)]}, choice({})), VOICES) == [[ANN, ANNE], [BEN, BENN]]


def test_who_says_the_same_at_the_same_time_is_one_whatever_the_levels_say() -> None:
    said = {ANN: [span(0, 4)], ANNE: [span(0, 4)], BENN: [span(0, 4)]}
    first, second = (placed(*node, span(0, 4)) for node in (ANN, ANNE))
    found = evidence(said, replace(choice({}), twice=(((first,), (second,)),)))
    assert groups(found) == [[ANN, ANNE]]
    assert +found.against == {(ANN, BENN): samples(4)}


def test_a_headset_counts_only_where_it_hears_best() -> None:
    said = {ANN: [span(0, 9)], ANNE: [span(0, 9)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab"), solo="b")) == []
    assert groups(evidence(said, choice({"a": "b"}, "ab"), solo="b")) == [[ANN, ANNE]]


def test_two_headsets_are_never_one() -> None:
    found = evidence({ANN: [span(0, 9)], ANNE: [span(0, 9)]}, choice({"a": "b"}, "ab"))
    assert groups(found) == [[ANN, ANNE]]
    assert groups(found, solo="ab") == []


def test_two_speakers_of_one_source_never_become_one_by_way_of_others() -> None:
    eve, other = ("c", "spk1"), ("c", "spk2")
    found = evidence({ANN: [span(0, 9)], ANNE: [span(0, 9)], eve: [span(0, 4)]}, choice({}, "ab"))
    found.add(evidence({ANN: [span(20, 28)], eve: [span(20, 28)]}, choice({}, "ac")))
    found.add(evidence({ANNE: [span(40, 47)], other: [span(40, 47)]}, choice({}, "bc")))
    assert groups(found) == [[ANN, ANNE, eve]]


def voices(*angles: float, seconds: float = 10.0, model: str = "ge2e") -> VoicesHeard:
    """Voices by the direction of their embeddings, in degrees."""
    radians = np.radians(angles)
    return VoicesHeard(
        tuple(
            Voice(f"spk{at}", np.array([np.cos(angle), np.sin(angle)], np.float32), seconds)
            for at, angle in enumerate(radians, 1)
        ),
        model,
    )


VOICES = {"a": voices(0, 90), "b": voices(5, 95)}


def test_voices_that_sound_alike_are_one_where_nothing_else_tells() -> None:
    assert groups(Evidence(), VOICES) == [[ANN, ANNE], [BEN, BENN]]


@pytest.mark.parametrize(
    "others",
    [voices(50), voices(5, seconds=3.0), voices(5, model="ge2e-other"), voices(5, 8)],
)
def test_voices_in_doubt_stay_apart(others: VoicesHeard) -> None:
    assert groups(Evidence(), {"a": voices(0), "b": others}) == []


def test_a_voice_that_two_of_another_source_sound_like_is_neither() -> None:
    assert groups(Evidence(), {"a": voices(0, 3), "b": voices(1)}) == []


def test_what_is_heard_at_once_tells_more_than_voices() -> None:
    said = {ANN: [span(0, 9)], BENN: [span(0, 9)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab")), VOICES) == [[ANN, BENN]]


def test_who_was_one_in_an_earlier_process_stays_so_until_there_is_evidence() -> None:
    assert groups(Evidence(), known=[(ANNE, ANN)]) == [[ANN, ANNE]]
    said = {ANN: [span(0, 9)], BENN: [span(0, 9)]}
    assert groups(evidence(said, choice({"b": "a"}, "ab")), known=[(ANN, ANNE)]) == [[ANN, BENN]]


def test_evidence_that_is_taken_back_leaves_no_trace() -> None:
    found = evidence({ANN: [span(0, 9)], ANNE: [span(0, 9)]}, choice({"b": "a"}, "ab"))
    more = evidence({ANN: [span(0, 9)], BENN: [span(0, 9)]}, choice({"b": "a"}, "ab"))
    before = groups(found)
    found.add(more)
    assert groups(found) == []
    found.take_back(more)
    assert groups(found) == before == [[ANN, ANNE]]


def test_evidence_of_those_that_a_pipeline_merged_is_that_of_one() -> None:
    said = {ANN: [span(0, 5)], BEN: [span(5, 10)], ANNE: [span(0, 10)]}
    found = evidence(said, choice({"b": "a"}, "ab"))
    assert groups(found.merged({BEN: ANN})) == [[ANN, ANNE]]
