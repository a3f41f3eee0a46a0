"""Several sources as one meeting: one line for what several heard, one speaker for one voice, whatever comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.joining.joiner import JOINED, Joiner
from pipelines.types import (
    UNKNOWN,
    BlockFailed,
    LabelChange,
    LevelsHeard,
    Output,
    PipelineStats,
    Segment,
    Span,
    Speaker,
    SpeakersRevised,
    Turn,
    TurnsRevised,
    Voice,
    VoicesHeard,
    Word,
    samples,
)
from tests.meeting.joining.scripted import Meeting, Mic, Said, events, length_of, played

ANN = [
    "good morning everybody let us begin now",
    "then we come to the second point today",
    "that is all from me thank you",
]
BEN = ["i have looked at the figures again", "they are better than in the last year", "so we should go on like this"]


def talk(first: float = 2.0, pause: float = 1.0) -> list[Said]:
    """Two people, one after the other."""
    said, at = list[Said](), first
    for ann, ben in zip(ANN, BEN, strict=True):
        for who, text in (("ann", ann), ("ben", ben)):
            said.append(Said(who, at, text))
            at = said[-1].end + pause
    return said


TALK = talk()
TEXTS = [said.text for said in TALK]
NEAR_ANN = Mic("a", {"ann": 40, "ben": 20})
NEAR_BEN = Mic("b", {"ann": 20, "ben": 40})


def word(text: str, start: float, end: float) -> Word:
    """A word by its seconds."""
    return Word(text, Span(samples(start), samples(end)))


# One source

OUTPUTS: list[Output] = [
    Speaker("spk1"),
    Segment("s1", 1, False, "a", Span(0, 9), "spk1", (Word("So", Span(0, 9)),), 2),
    Segment("s1", 2, True, "a", Span(0, 9), None, (Word("So.", Span(0, 9)),), 3, True),
    Segment("s2", 1, False, "a", Span(0, 9), None, ()),
    SpeakersRevised((LabelChange("s1", 3, None, "spk1"),), "live"),
    TurnsRevised(Span(0, 9), (Turn(Span(0, 5), "spk1"), Turn(Span(2, 9), UNKNOWN)), "recluster"),
    Speaker("spk2", color=1),
    Speaker("spk1", merged_into="spk2"),
    VoicesHeard((Voice("spk2", np.ones(2, np.float32), 3.0),), "ge2e"),
    LevelsHeard(0, np.zeros((5, 5), np.float32)),
    PipelineStats(0.1, 0.0, 0.0, 0),
    BlockFailed("speakers", "ValueError", Span(3, 9)),
]


@pytest.mark.parametrize("output", range(len(OUTPUTS)))
def test_of_one_source_everything_passes_at_once_and_unchanged(output: int) -> None:
    joiner = Joiner()
    assert joiner.add(Mic("a", {}).source()) == []
    told = [joiner.take("a", one) for one in OUTPUTS]
    assert told[output] == [OUTPUTS[output]]
    assert joiner.finish("a") == []
    assert joiner.speakers("a") == {"spk1": "spk1", "spk2": "spk2"}
    assert joiner.anchors("a") == ()


def test_one_source_of_one_person_has_that_person_as_its_speaker_whatever_its_pipeline_says() -> None:
    meeting = Meeting()
    meeting.add(Mic("a", {}, "solo", "Ann").source())
    told = [meeting.take("a", output) for output in OUTPUTS]
    assert told[1] == [Speaker("spk1", "Ann"), OUTPUTS[1]]
    assert told[2][0] == replace(OUTPUTS[2], speaker="spk1")  # type: ignore[type-var]
    assert told[6] == told[7] == []
    assert told[5] == [TurnsRevised(Span(0, 9), (Turn(Span(0, 5), "spk1"), Turn(Span(2, 9), "spk1")), "recluster")]
    assert meeting.joiner.speakers("a") == {"spk1": "spk1"}


def test_turns_of_one_person_are_made_of_its_final_words_where_its_pipeline_tells_none() -> None:
    joiner, words = Joiner(), (word("So", 1.0, 1.4), word("it", 1.8, 2.0), word("is.", 3.0, 3.5))
    joiner.add(Mic("a", {}, "solo", "Ann").source())
    line = Segment("s1", 1, False, "a", Span(samples(1), samples(3.5)), None, words)
    assert joiner.take("a", line) == [Speaker("spk1", "Ann"), replace(line, speaker="spk1")]
    _, turns = joiner.take("a", replace(line, rev=2, final=True))
    spans = Span(samples(1), samples(2)), Span(samples(3), samples(3.5))
    assert turns == TurnsRevised(line.span, tuple(Turn(span, "spk1") for span in spans), "live", "a")


# Words


def test_what_two_microphones_hear_is_shown_once_from_the_one_that_hears_it_best() -> None:
    meeting = played(TALK, NEAR_ANN, NEAR_BEN)
    assert [(source, text) for source, text, _ in meeting.lines()] == list(zip("ababab", TEXTS, strict=True))


@pytest.mark.slow
def test_three_phones_on_a_table_give_one_transcript() -> None:
    phones = [Mic(id_, {"ann": loud, "ben": 45 - loud}) for id_, loud in zip("abc", (15, 22, 30), strict=True)]
    assert played(TALK, *phones).texts() == TEXTS


def test_people_at_different_places_who_speak_at_once_are_all_shown() -> None:
    script = [Said("ann", 2.0 + 4.2 * at, text) for at, text in enumerate(ANN)]
    script += [Said("ben", 2.3 + 4.2 * at, text) for at, text in enumerate(BEN)]
    meeting = played(script, Mic("a", {"ann": 35}), Mic("b", {"ben": 35}))
    assert sorted(meeting.texts()) == sorted([*ANN, *BEN])
    assert len(meeting.people()) == 2


def test_the_sound_of_the_tab_in_the_microphone_is_no_second_speaker() -> None:
    laptop, tab = Mic("a", {"ann": 35, "ben": 18}), Mic("b", {"ben": 40})
    meeting = played(TALK, laptop, tab)
    assert [(source, text) for source, text, _ in meeting.lines()] == list(zip("ababab", TEXTS, strict=True))
    assert len(meeting.people()) == 2


def test_a_microphone_that_hears_better_but_understands_nothing_does_not_hide_the_others() -> None:
    deaf = Mic("b", {"ann": 45, "ben": 45}, loud=100)
    assert played(TALK, NEAR_ANN, deaf).texts() == TEXTS


def test_lines_wait_for_the_better_microphone_and_do_not_flip() -> None:
    meeting = played(talk(pause=2.5), replace(NEAR_ANN, lag=0.3), replace(NEAR_BEN, lag=1.8))
    assert meeting.texts() == TEXTS
    shown = {(one.source_id, one.text) for one in meeting.told if isinstance(one, Segment) and one.words}
    assert not [text for source, text in shown if source == "a" and text in BEN]
    assert not [one for one in meeting.told if isinstance(one, Segment) and not one.words]


def test_lines_do_not_wait_for_ever() -> None:
    slow = replace(NEAR_BEN, lag=6.0)
    meeting = played(TALK, NEAR_ANN, slow, until=TALK[1].end + 4.0)
    assert ("a", BEN[0]) in [line[:2] for line in meeting.lines()]
    meeting = played(TALK, NEAR_ANN, slow)
    assert [(source, text) for source, text, _ in meeting.lines()] == list(zip("ababab", TEXTS, strict=True))


def test_a_source_that_has_ended_is_not_waited_for() -> None:
    meeting = played(TALK, NEAR_ANN, replace(NEAR_BEN, ends=TALK[3].start))
    assert meeting.texts() == TEXTS
    assert [source for source, _, _ in meeting.lines()] == list("abaaaa")


def test_a_source_that_begins_later_takes_part_from_then_on() -> None:
    later = Mic("b", {"ann": 20, "ben": 40}, begins=11.0)
    meeting = played(TALK, NEAR_ANN, later)
    assert [(source, text) for source, text, _ in meeting.lines()] == list(zip("aaabab", TEXTS, strict=True))


def test_words_that_the_better_microphone_does_not_hear_stay() -> None:
    """Somebody far from it says a word while its own speaker makes a pause."""
    script = [Said("ann", 2.0, "one two three four"), Said("ben", 4.1, "yes"), Said("ann", 4.7, "five six seven eight")]
    meeting = played(script, Mic("a", {"ann": 40}), Mic("b", {"ann": 20, "ben": 30}))
    assert sorted(meeting.texts()) == sorted(["one two three four", "yes", "five six seven eight"])


def growing(difference: Sequence[float]) -> Meeting:
    """Two microphones hear a sentence of five words from the third second on, one louder by so much in each second."""
    meeting = Meeting()
    for number, mic in enumerate((NEAR_ANN, NEAR_BEN), 1):
        meeting.add(mic.source(number))
    speech = np.clip(np.random.default_rng(1).normal(20, 10, (80, 5)), 0, None) - 70
    speech[:30] = -70
    for at in range(8):
        for source in "ab":
            louder = difference[at] if source == "b" and at >= 3 else 0.0
            levels = (speech[at * 10 : at * 10 + 10] + louder).astype(np.float32)
            meeting.take(source, LevelsHeard(at * 16000, levels))
        for source in "ab" if at >= 3 else "":
            meeting.take(source, grown(source, at - 2, final=False))
    return meeting


def grown(source: str, count: int, final: bool) -> Segment:
    """What a microphone has made of that by then: a word in each second."""
    texts = ["everybody", "hears", "what", "somebody", "says"][:count]
    words = tuple(word(text, 3 + at, 3.95 + at) for at, text in enumerate(texts))
    return Segment(
        f"{source}1", count + final, final, source, Span(words[0].span.start, words[-1].span.end), None, words
    )


def sources(meeting: Meeting) -> list[str]:
    """Which sources were shown, one after the other."""
    shown = [told.source_id for told in meeting.told if isinstance(told, Segment) and told.words]
    return [source for source, _ in groupby(shown)]


ABOUT_AS_LOUD = [0, 0, 0, -1, 2, -3, 4, -1]


def test_text_does_not_change_its_source_while_it_grows_where_two_hear_it_about_as_well() -> None:
    assert sources(growing(ABOUT_AS_LOUD)) == ["a"]


def test_text_that_grows_is_shown_from_another_source_that_hears_it_clearly_better() -> None:
    assert sources(growing([0, 0, 0, -1, 8, 8, 8, 8])) == ["a", "b"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_text_that_is_final_is_of_the_source_that_hears_it_best_whatever_was_shown_before(order: str) -> None:
    meeting = growing(ABOUT_AS_LOUD)
    for source in order:
        meeting.take(source, grown(source, 5, final=True))
    for source in order:
        meeting.finish(source)
    assert {source for source, _, _ in meeting.lines()} == {"b"}


# Speakers


def test_one_voice_in_two_microphones_is_one_speaker() -> None:
    meeting = played(TALK, NEAR_ANN, NEAR_BEN)
    assert sorted(map(sorted, meeting.people().values())) == [sorted(ANN), sorted(BEN)]


def test_speakers_are_numbered_in_the_order_in_which_they_first_speak() -> None:
    meeting = played(TALK, NEAR_BEN, NEAR_ANN)
    assert [speaker for _, _, speaker in meeting.lines()][:2] == ["spk1", "spk2"]
    assert {speaker.id for speaker in meeting.transcript.speakers if speaker.merged_into is None} == {"spk1", "spk2"}


def test_a_headset_gives_its_owners_name_also_to_what_the_room_hears_of_it() -> None:
    room = Mic("a", {"ann": 25, "ben": 25}, begins=0)
    headset = Mic("b", {"ben": 45, "ann": 15}, "solo", "Ben", begins=10.0)
    meeting = played(TALK, room, headset)
    names = {speaker.id: speaker.name for speaker in meeting.transcript.speakers}
    said = {text: names.get(speaker or "") for _, text, speaker in meeting.lines()}
    assert said == {text: "Ben" if text in BEN else None for text in TEXTS}


def test_two_headsets_are_never_one_speaker() -> None:
    ann, ben = replace(NEAR_ANN, kind="solo", name="Ann"), replace(NEAR_BEN, kind="solo", name="Ben")
    meeting = played(TALK, ann, ben)
    assert [text for _, text, _ in meeting.lines()] == TEXTS
    names = {speaker.id: speaker.name for speaker in meeting.transcript.speakers}
    assert [names[speaker or ""] for _, _, speaker in meeting.lines()] == ["Ann", "Ben"] * 3


def test_a_voice_that_comes_back_on_another_source_is_the_same_speaker() -> None:
    meeting = Meeting()
    script = TALK[:4]
    first = Mic("a", {"ann": 40, "ben": 40}, ends=10.2)
    second = Mic("b", {"ann": 40, "ben": 40}, begins=10.5)
    angles = {"ann": 0.0, "ben": 1.5}
    meeting.add(first.source(1))
    for mic, number, order in ((first, 1, ("ann", "ben")), (second, 2, ("ann", "ben"))):
        if number == 2:
            meeting.add(mic.source(2))
        for _, id_, output in events(script, mic, number, length_of(script)):
            meeting.take(id_, output)
        voices = tuple(
            Voice(f"spk{at}", np.array([np.cos(angles[who]), np.sin(angles[who])], np.float32), 12.0)
            for at, who in enumerate(order, 1)
        )
        meeting.take(mic.id, VoicesHeard(voices, "ge2e"))
        meeting.finish(mic.id)
    assert [speaker for _, _, speaker in meeting.lines()] == ["spk1", "spk2", "spk1", "spk2"]
    changes = [one for one in meeting.told if isinstance(one, SpeakersRevised) and one.reason == JOINED]
    assert changes


def test_what_a_pipeline_merges_is_merged_for_all() -> None:
    meeting = played(TALK, NEAR_ANN, NEAR_BEN)
    told = meeting.take("b", Speaker("spk2", color=1, merged_into="spk1"))
    merged = {speaker.id: speaker.merged_into for speaker in told if isinstance(speaker, Speaker)}
    assert set(merged) <= {"spk1", "spk2"}
    assert all(line.speaker is not None for line in meeting.transcript.segments)


@pytest.mark.slow
def test_ids_are_the_same_after_a_restart_and_never_given_again() -> None:
    before = played(TALK, NEAR_ANN, NEAR_BEN)
    known = {mic.id: before.joiner.speakers(mic.id) for mic in (NEAR_ANN, NEAR_BEN)}
    after = Meeting()
    for number, mic in enumerate((NEAR_ANN, NEAR_BEN), 1):
        after.add(mic.source(number, speakers=known[mic.id]))
    for number, mic in ((2, NEAR_BEN), (1, NEAR_ANN)):
        for _, id_, output in events(TALK, mic, number, length_of(TALK)):
            after.take(id_, output)
    for id_ in "ab":
        after.finish(id_)
    assert after.lines() == before.lines()
    third = Mic("c", {"eve": 40})
    after.add(third.source(3))
    script = [Said("eve", 60.0, "who are you all then")]
    for _, id_, output in events(script, third, 3, length_of(script)):
        after.take(id_, output)
    taken = {id_ for ids in known.values() for id_ in ids.values()}
    assert after.lines()[-1][2] not in taken


def heard_by_both() -> Meeting:
    """Ann speaks from 2 to 5.5 seconds in the hearing of two microphones, and nothing has been made of it yet."""
    meeting = Meeting()
    for number, mic in enumerate((NEAR_ANN, NEAR_BEN), 1):
        meeting.add(mic.source(number))
        for _, id_, output in events(TALK[:1], mic, number, 12.0):
            if isinstance(output, LevelsHeard):
                meeting.take(id_, output)
    return meeting


def line(source: str, rev: int = 1, speaker: str | None = "spk1") -> Segment:
    """What a microphone makes of that."""
    words = tuple(word(text, 2 + at / 2, 2.45 + at / 2) for at, text in enumerate(ANN[0].split()))
    return Segment(f"{source}1", rev, True, source, Span(samples(2), samples(5.45)), speaker, words)


def test_whose_line_it_is_counts_also_where_the_words_stay_as_they_were() -> None:
    meeting = heard_by_both()
    for source in "ab":
        meeting.take(source, line(source, speaker=None))
    for source in "ab":
        meeting.take(source, line(source, rev=2))
    assert [sorted(group) for group in meeting.joiner._people.groups] == [[("a", "spk1"), ("b", "spk1")]]


def test_a_line_of_nobody_is_somebodys_as_soon_as_another_microphone_tells() -> None:
    meeting = heard_by_both()
    meeting.take("a", line("a", speaker=None))
    meeting.take("b", line("b"))
    turn = Turn(Span(samples(2), samples(5.5)), "spk1")
    told = meeting.take("b", TurnsRevised(turn.span, (turn,)))
    assert [one.changes[0].after for one in told if isinstance(one, SpeakersRevised)] == ["spk1"]
    assert meeting.lines() == [("a", ANN[0], "spk1")]


# Turns


def test_turns_are_told_once_it_is_known_whose_they_are() -> None:
    meeting, turn = heard_by_both(), Turn(Span(samples(2), samples(5.5)), "spk1")
    meeting.take("a", TurnsRevised(turn.span, (turn,)))
    assert meeting.turns["a"] == []
    meeting.take("a", line("a"))
    assert meeting.turns["a"] == [turn]


def test_turns_of_a_microphone_are_not_told_while_another_one_is_shown() -> None:
    meeting = played(TALK, NEAR_ANN, NEAR_BEN)
    heard = meeting.heard()
    speakers = {said.text: speaker for said, (_, _, speaker) in zip(TALK, meeting.lines(), strict=True)}
    assert [(start, end, who) for start, end, who in heard] == [
        (pytest.approx(said.start, abs=0.1), pytest.approx(said.end, abs=0.1), speakers[said.text]) for said in TALK
    ]
    told = {source: [turn.span for turn in turns] for source, turns in meeting.turns.items()}
    assert [len(told["a"]), len(told["b"])] == [3, 3]


def test_turns_of_headsets_are_those_of_their_lines_that_are_shown() -> None:
    ann, ben = replace(NEAR_ANN, kind="solo", name="Ann"), replace(NEAR_BEN, kind="solo", name="Ben")
    meeting = Meeting()
    told = [list(events(TALK, mic, n, length_of(TALK))) for n, mic in enumerate((ann, ben), 1)]
    for number, mic in enumerate((ann, ben), 1):
        meeting.add(mic.source(number))
    for _, id_, output in sorted((one for mine in told for one in mine), key=lambda one: one[0]):
        if not isinstance(output, TurnsRevised | Speaker):
            meeting.take(id_, output)
    for id_ in "ab":
        meeting.finish(id_)
    expected = [(said.start, pytest.approx(said.end, abs=0.1), said.who) for said in TALK]
    names = {one.id: str(one.name).lower() for one in meeting.transcript.speakers}
    assert [(start, end, names[who]) for start, end, who in meeting.heard()] == expected


# The order of arrival


def final(script: list[Said], mics: tuple[Mic, ...], order: list[int]) -> Meeting:
    """A meeting whose sources come in any order, each in its own."""
    meeting = Meeting()
    for number, mic in enumerate(mics, 1):
        meeting.add(mic.source(number))
    waiting = [list(events(script, mic, number, length_of(script))) for number, mic in enumerate(mics, 1)]
    at = 0
    while any(waiting):
        mine = waiting[order[at % len(order)] % len(mics)] or next(one for one in waiting if one)
        count = order[(at + 1) % len(order)] * 7 + 1
        for _, id_, output in mine[:count]:
            meeting.take(id_, output)
        del mine[:count]
        at += 1
    for mic in mics:
        meeting.finish(mic.id)
    return meeting


def shape(meeting: Meeting) -> object:
    """What is shown in the end, whatever numbers the speakers have."""
    numbers: dict[str | None, int] = {}
    lines = [(source, text, numbers.setdefault(who, len(numbers))) for source, text, who in meeting.lines()]
    return lines, sorted((start, end, numbers.get(who)) for start, end, who in meeting.heard())


OVERLAPPING = [
    *TALK,
    Said("eve", 3.1, "may i just say something here"),
    Said("eve", 12.4, "no"),
    Said("ben", 30.2, "well"),
]
ROOM = (NEAR_ANN, Mic("b", {"ann": 20, "ben": 40, "eve": 25}), Mic("c", {"eve": 40}, begins=2.0))


@settings(max_examples=8, deadline=None)
@given(order=st.lists(st.integers(0, 20), min_size=2, max_size=12))
def test_the_order_of_arrival_leaves_no_trace(order: list[int]) -> None:
    assert shape(final(OVERLAPPING, ROOM, order)) == shape(played(OVERLAPPING, *ROOM))


@pytest.mark.slow
def test_one_source_after_the_other_gives_what_came_live() -> None:
    assert shape(final(OVERLAPPING, ROOM, [0, 10**6, 1, 10**6, 2, 10**6])) == shape(played(OVERLAPPING, *ROOM))


@settings(max_examples=4, deadline=None)
@given(order=st.lists(st.integers(0, 20), min_size=2, max_size=12))
def test_the_order_in_which_headsets_come_leaves_no_trace_in_their_turns(order: list[int]) -> None:
    headsets = tuple(replace(mic, kind="solo", name=mic.id) for mic in (NEAR_ANN, NEAR_BEN))

    def heard(order: list[int]) -> list[tuple[float, float, str]]:
        meeting = Meeting()
        waiting = []
        for number, mic in enumerate(headsets, 1):
            meeting.add(mic.source(number))
            told = events(OVERLAPPING, mic, number, length_of(OVERLAPPING))
            waiting.append([one for one in told if not isinstance(one[2], TurnsRevised | Speaker)])
        at = 0
        while any(waiting):
            mine = waiting[order[at % len(order)] % 2] or next(one for one in waiting if one)
            count = order[(at + 1) % len(order)] * 7 + 1
            for _, id_, output in mine[:count]:
                meeting.take(id_, output)
            del mine[:count]
            at += 1
        for mic in headsets:
            meeting.finish(mic.id)
        names = {one.id: str(one.name) for one in meeting.transcript.speakers}
        return [(start, end, names[who]) for start, end, who in meeting.heard()]

    assert heard(order) == heard([0, 0, 1, 0])
