"""What speakers are called in the meeting: in order, never twice, and under the name of whose headset it is."""

from __future__ import annotations

from meeting.core.records import Source
from meeting.joining.identity import Node, People
from meeting.joining.numbering import Numbering
from pipelines.types import Speaker

ANN, BEN, ANNE, BENN = ("a", "spk1"), ("a", "spk2"), ("b", "spk1"), ("b", "spk2")


def source(id_: str, kind: str = "room", name: str = "", **speakers: str) -> Source:
    """A source of the meeting."""
    return Source(id_, name, kind, "pcm_s16le", 16000, 1, speakers=speakers)


def numbering(*sources: Source) -> Numbering:
    """Of these sources."""
    made = Numbering()
    for one in sources:
        made.add(one)
    return made


def one(*groups: list[Node]) -> People:
    """Which speakers are one person."""
    return People(tuple(map(frozenset, groups)))


def test_speakers_of_one_source_are_called_as_its_pipeline_does() -> None:
    made = numbering(source("a"))
    assert [made.id_of(("a", id_)) for id_ in ("spk2", "spk1", "spk7")] == ["spk2", "spk1", "spk7"]
    assert made.speakers()["spk7"] == Speaker("spk7", color=6)


def test_those_of_another_source_get_the_next_numbers_when_they_are_shown() -> None:
    made = numbering(source("a"), source("b"))
    assert made.known(BENN) is None
    assert [made.id_of(node) for node in (ANN, BENN, BEN, ANNE)] == ["spk1", "spk2", "spk3", "spk4"]
    assert made.known(BENN) == "spk2"


def test_who_is_one_person_has_one_number_from_the_start() -> None:
    made = numbering(source("a"), source("b"))
    made.id_of(ANN)
    made.set_people(one([ANN, ANNE]))
    assert made.id_of(ANNE) == "spk1"
    assert list(made.speakers()) == ["spk1"]
    assert made.stored("b") == {"spk1": "spk1"}


def test_the_later_number_is_merged_into_the_earlier_one_and_taken_back() -> None:
    made = numbering(source("a"), source("b"))
    assert [made.id_of(node) for node in (BENN, BEN)] == ["spk1", "spk2"]
    made.set_people(one([BEN, BENN]))
    assert made.known(BEN) == made.known(BENN) == "spk1"
    assert made.speakers() == {"spk1": Speaker("spk1"), "spk2": Speaker("spk2", color=1, merged_into="spk1")}
    made.set_people(one())
    assert made.speakers()["spk2"] == Speaker("spk2", color=1)


def test_whoever_owns_a_headset_keeps_its_name_and_number() -> None:
    made = numbering(source("a"), source("b", "solo", "Ben"))
    assert made.node("b", "spk7") == made.node("b", None) == ANNE
    assert [made.id_of(node) for node in (BEN, ANNE)] == ["spk1", "spk2"]
    made.set_people(one([BEN, ANNE]))
    assert made.known(BEN) == "spk2"
    assert made.speakers() == {
        "spk1": Speaker("spk1", "Ben", merged_into="spk2"),
        "spk2": Speaker("spk2", "Ben", 1),
    }


def test_a_headset_without_a_name_gives_none() -> None:
    made = numbering(source("a", "solo"))
    made.id_of(ANN)
    assert made.speakers() == {"spk1": Speaker("spk1")}


def test_what_pipelines_merge_goes_with_what_is_merged_here() -> None:
    made = numbering(source("a"), source("b"))
    for node in (ANN, BEN, ANNE):
        made.id_of(node)
    made.merge(BEN, ANN)
    made.set_people(one([ANN, ANNE]))
    assert {id_: speaker.merged_into for id_, speaker in made.speakers().items()} == {
        "spk1": None,
        "spk2": "spk1",
        "spk3": "spk1",
    }
    assert made.merged == {BEN: ANN}
    made.merge(BEN, None)
    assert made.known(BEN) == "spk2"


def test_who_is_merged_into_somebody_whom_nobody_has_been_shown_keeps_the_number() -> None:
    made = numbering(source("a"), source("b"))
    made.id_of(ANN), made.id_of(BENN)
    made.merge(BENN, ANNE)
    assert made.id_of(ANNE) == "spk2"


def test_numbers_of_an_earlier_process_come_back_and_are_never_given_again() -> None:
    made = numbering(source("a", spk1="spk1"), source("b", spk1="spk1", spk2="spk5"), source("c"))
    assert list(made.remembered()) == [(ANN, ANNE)]
    assert made.known(BENN) == "spk5"
    assert made.id_of(("c", "spk1")) == "spk6"
    assert made.id_of(("c", "spk5")) == "spk7"
    assert made.id_of(ANNE) == "spk8", "it is told apart from the one that it shared a number with"


def test_a_headset_of_an_earlier_process_is_known_by_its_owner() -> None:
    made = numbering(source("a", "solo", "Ann", spk1="spk4"))
    assert made.id_of(made.node("a", "spk3")) == "spk4"
    assert made.solo == {"a"}
