"""A meeting that is transcribed again, with voices and lines written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from meeting.core.records import EditedLine, Edits, Meeting, Record, Source, State, speaker_name
from meeting.core.transcript import resolve
from meeting.jobs.again import Kept, match_voices, transcript_again
from pipelines.types import Segment, Span, Speaker, Turn, Word

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROOM = Source("a", "", "room", "pcm_f32le", 16_000, 1)


def turns(*told: tuple[str, int, int]) -> tuple[Turn, ...]:
    """Turns of voices, from and to."""
    return tuple(Turn(Span(start, end), speaker) for speaker, start, end in told)


def line(id_: str, text: str, start: int, speaker: str | None, source: str = "a") -> Segment:
    """A line of words of ten samples each."""
    spans = [Span(start + 10 * at, start + 10 * at + 10) for at in range(len(text.split()))]
    words = tuple(Word(word, span, 0.5) for word, span in zip(text.split(), spans, strict=True))
    return Segment(id_, 2, True, source, Span(start, spans[-1].end), speaker, words)


def kept(
    lines: list[Segment],
    voices: tuple[Speaker, ...],
    heard: tuple[Turn, ...] = (),
    sources: tuple[Source, ...] = (ROOM,),
    apart: Mapping[str, Sequence[Turn]] | None = None,
) -> Kept:
    """A meeting with these lines; `apart` are the turns by their source, where there are several."""
    record = Record(Meeting("m", "Talk", State.ENDED, NOW), sources, voices, tuple(lines), heard)
    return Kept(record, {"a": heard} if apart is None else apart)


def test_voices_are_the_same_where_they_are_heard_at_the_same_time() -> None:
    old = turns(("spk1", 0, 100), ("spk2", 100, 200), ("spk1", 200, 300), ("spk3", 300, 310))
    new = turns(("spk1", 98, 199), ("spk2", 0, 97), ("spk2", 203, 300), ("spk3", 400, 500))
    assert match_voices(old, new) == {"spk1": "spk2", "spk2": "spk1"}


def test_a_voice_that_is_hardly_heard_where_another_was_is_none_that_is_known() -> None:
    assert match_voices(turns(("spk1", 0, 100)), turns(("spk1", 60, 200))) == {}
    assert match_voices(turns(("spk1", 0, 100)), turns(("spk1", 50, 200))) == {"spk1": "spk1"}


def test_no_two_voices_are_the_same_known_one_unless_people_said_so() -> None:
    old, new = turns(("spk1", 0, 100)), turns(("spk1", 0, 40), ("spk2", 40, 100))
    assert match_voices(old, new) == {"spk2": "spk1"}
    assert match_voices(old, new, {"spk1"}) == {"spk1": "spk1", "spk2": "spk1"}


def test_names_and_edited_lines_stay_and_all_else_is_new() -> None:
    voices = (Speaker("spk1", "Ann", 0), Speaker("spk2", None, 1))
    old_lines = [line("s0", "good mourning all", 0, "spk1"), line("s1", "hello hello", 100, "spk2")]
    written = replace(old_lines[0], rev=3, words=line("s0", "good morning all", 0, "spk1").words)
    edits = Edits({"spk1": "Ann"}, {}, {"s0": EditedLine(written, old_lines[0].words, False)})
    old = kept([written, old_lines[1]], voices, turns(("spk1", 0, 50), ("spk2", 100, 130)))
    heard = turns(("spk1", 100, 130), ("spk2", 0, 50), ("spk3", 300, 330))
    new_lines = [
        line("s0", "hullo there", 100, "spk1"),
        line("s1", "god morning oll", 0, "spk2"),
        line("s2", "bye bye", 300, "spk3"),
        line("s3", "who", 400, None),
    ]
    new_voices = (Speaker("spk1", None, 0), Speaker("spk2", None, 1), Speaker("spk3", None, 2))
    made = transcript_again(old, edits, kept(new_lines, new_voices, heard), "x")
    assert [(one.id, one.text, one.speaker, one.source_id) for one in made.segments] == [
        ("s0", "good morning all", "spk1", "a"),
        ("x-s0", "hullo there", "spk2", "a"),
        ("x-s2", "bye bye", "spk3", "a"),
        ("x-s3", "who", None, "a"),
    ]
    assert min(one.rev for one in made.segments if one.id != "s0") > max(one.rev for one in old.record.segments)
    assert [(voice.id, voice.name, voice.color) for voice in made.speakers] == [
        ("spk1", "Ann", 0),
        ("spk2", None, 1),
        ("spk3", None, 2),
    ]
    assert made.turns == {"a": turns(("spk2", 100, 130), ("spk1", 0, 50), ("spk3", 300, 330))}


def test_a_voice_that_people_named_keeps_the_one_that_it_turned_out_to_be() -> None:
    voices = (Speaker("spk1", "Ann", 0), Speaker("spk2", None, 1, "spk1"), Speaker("spk3", "Ann", 2, "spk2"))
    mine = line("s0", "hello", 0, "spk3")
    edits = Edits({"spk3": "Ann"}, {}, {"s0": EditedLine(mine, mine.words, True)})
    new = kept([line("s0", "hi", 500, "spk1")], (Speaker("spk1"),), turns(("spk1", 500, 600)))
    made = transcript_again(kept([mine], voices, turns(("spk1", 0, 50))), edits, new, "x")
    assert [voice.id for voice in made.speakers] == ["spk1", "spk2", "spk3", "spk4"]
    assert speaker_name(resolve(made.speakers)["spk3"], made.speakers) == "Ann"


def test_a_voice_that_is_found_no_more_goes_unless_people_have_set_something_of_it() -> None:
    voices = (Speaker("spk1", None, 0), Speaker("spk2", "Ben", 1), Speaker("spk7", None, 2))
    old = kept([], voices, turns(("spk1", 0, 50)))
    new = kept([line("s0", "hi", 500, "spk1")], (Speaker("spk1"),), turns(("spk1", 500, 600)))
    made = transcript_again(old, Edits({"spk2": "Ben"}), new, "x")
    assert [voice.id for voice in made.speakers] == ["spk2", "spk8"]
    assert made.segments[0].speaker == "spk8"


HEADSET = Source("b", "Ben", "solo", "pcm_f32le", 16_000, 1, number=2, speakers={"spk1": "spk2"})


def test_what_another_microphone_hears_of_an_edited_line_is_not_shown_beside_it() -> None:
    recognised = line("s0", "good mourning all", 0, "spk1")
    written = replace(recognised, rev=3, words=line("s0", "good morning all", 0, "spk1").words)
    edits = Edits({}, {}, {"s0": EditedLine(written, recognised.words, False)})
    other = replace(ROOM, id="c", number=2)
    old = kept([written], (Speaker("spk1", "Ann", 0),), turns(("spk1", 0, 30)), (ROOM, other))
    new_lines = [line("m2s0", "god morning oll", 1, "spk1", "c"), line("m2s1", "bye", 100_000, "spk1", "c")]
    new = kept(new_lines, (Speaker("spk1"),), turns(("spk1", 0, 30), ("spk1", 100_000, 100_010)), (ROOM, other))
    made = transcript_again(old, edits, new, "x")
    assert [(one.id, one.text) for one in made.segments] == [("s0", "good morning all"), ("x-m2s1", "bye")]


def test_who_owns_a_source_is_who_it_was_whatever_is_heard_and_all_else_is_told_by_time() -> None:
    voices = (Speaker("spk1", "Ann", 0), Speaker("spk2", "Ben", 1))
    before = replace(HEADSET, speakers={"spk1": "spk2"})
    old = kept([], voices, turns(("spk1", 0, 100), ("spk2", 200, 300)), (ROOM, before))
    now = replace(HEADSET, speakers={"spk1": "spk1"})
    heard = {"a": turns(("spk2", 0, 100)), "b": turns(("spk1", 0, 90))}
    new_voices = (Speaker("spk1", "Ben", 0), Speaker("spk2", None, 1), Speaker("spk3", None, 2, "spk2"))
    room = replace(ROOM, speakers={"spk1": "spk2", "spk2": "spk3"})
    new = kept(
        [line("s0", "hi", 0, "spk2"), line("m2s0", "well", 50, "spk1", "b")],
        new_voices,
        turns(("spk2", 0, 100), ("spk1", 0, 90)),
        (room, now),
        heard,
    )
    made = transcript_again(old, Edits(), new, "x")
    assert [(one.id, one.speaker) for one in made.segments] == [("x-s0", "spk1"), ("x-m2s0", "spk2")]
    assert made.speakers == voices, "one that turned out to be another one is none of its own"
    assert made.turns == {"a": turns(("spk1", 0, 100)), "b": turns(("spk2", 0, 90))}
    assert made.who == {"a": {"spk1": "spk1", "spk2": "spk1"}, "b": {"spk1": "spk2"}}


def test_who_owns_a_source_and_is_not_known_has_its_name() -> None:
    now = replace(HEADSET, speakers={"spk1": "spk1"})
    new = kept([line("m2s0", "well", 50, "spk1", "b")], (Speaker("spk1", "Ben"),), (), (ROOM, now))
    old = kept([], (Speaker("spk4", None, 3),), (), (ROOM, replace(HEADSET, speakers={})))
    made = transcript_again(old, Edits(), new, "x")
    assert [(one.id, one.name, one.color) for one in made.speakers] == [("spk5", "Ben", 4)]


def test_all_of_a_source_that_is_not_heard_again_stays_with_who_speaks_in_it() -> None:
    voices = (Speaker("spk1", "Ann", 0), Speaker("spk2", None, 1), Speaker("spk3", None, 2))
    gone = line("s0", "only here", 0, "spk2")
    turned = {"a": turns(("spk2", 0, 20), ("spk3", 500, 520)), "b": turns(("spk1", 1000, 1100))}
    old = kept(
        [gone], voices, turns(("spk2", 0, 20), ("spk3", 500, 520), ("spk1", 1000, 1100)), (ROOM, HEADSET), turned
    )
    new_lines = [line("m2s0", "only hear", 0, "spk1", "b"), line("m2s1", "hm", 100_000, "spk1", "b")]
    new = kept(new_lines, (Speaker("spk1"),), turns(("spk1", 1000, 1100)), (replace(HEADSET, kind="room"),), {})
    made = transcript_again(old, Edits(), new, "x")
    assert [(one.id, one.text, one.speaker) for one in made.segments] == [
        ("s0", "only here", "spk2"),
        ("x-m2s1", "hm", "spk1"),
    ]
    assert [one.id for one in made.speakers] == ["spk1", "spk2", "spk3"]
    assert set(made.who) == {"b"}


spoken = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.integers(1, 4)), max_size=8)


@given(spoken, spoken, st.sets(st.integers(0, 7)), st.sets(st.sampled_from("ab")))
def test_edited_lines_stay_as_they_are_and_no_word_is_shown_twice(
    before: list[tuple[int, str, int]], now: list[tuple[int, str, int]], written: set[int], lost: set[str]
) -> None:
    def lines(told: list[tuple[int, str, int]], word: str) -> list[Segment]:
        spaced = [
            line(f"{word}{number}", " ".join([word] * count), 20_000 * start, "spk1", source)
            for number, (start, source, count) in enumerate(told)
        ]
        return [replace(one, rev=number + 1) for number, one in enumerate(spaced)]

    sources = tuple(replace(ROOM, id=id_, number=number) for number, id_ in enumerate("ab", 1))
    old_lines = lines(before, "old")
    edited = {
        one.id: EditedLine(replace(one, rev=9, words=line("", "by hand", one.span.start, None).words), one.words, False)
        for number, one in enumerate(old_lines)
        if number in written
    }
    shown = [edited[one.id].segment if one.id in edited else one for one in old_lines]
    old = kept(shown, (Speaker("spk1"),), turns(("spk1", 0, 900_000)), sources)
    new_lines = [one for one in lines(now, "new") if one.source_id not in lost]
    heard = tuple(source for source in sources if source.id not in lost)
    new = kept(new_lines, (Speaker("spk1"),), turns(("spk1", 0, 900_000)), heard, {})
    made = transcript_again(old, Edits(lines=edited), new, "x")
    by_id = {one.id: one for one in made.segments}
    assert len(by_id) == len(made.segments)
    for id_, edit in edited.items():
        assert (by_id[id_].text, by_id[id_].source_id) == (edit.segment.text, edit.segment.source_id)
    for one in shown:
        assert (one.id in by_id) == (one.id in edited or one.source_id in lost)
    said = [(word.span, one.source_id) for one in made.segments if one.id.startswith("x-") for word in one.words]
    whole = [(word.span, one.source_id) for one in new_lines for word in one.words]
    assert not Counter(said) - Counter(whole), "what is heard is shown once at most"
