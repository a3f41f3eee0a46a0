"""Speakers as people have set them."""

from __future__ import annotations

import pytest

from meeting.core.editing.voices import as_heard, edited_speakers, made_by_hand, new_speaker
from meeting.core.records import EditedLine, Edits
from meeting.core.transcript import resolve
from pipelines.types import Speaker
from tests.fakes.shown import line, said


def test_a_hundred_speakers_merged_one_into_the_next_are_one_speaker() -> None:
    heard = [Speaker(f"spk{n}", color=n - 1, merged_into=f"spk{n + 1}" if n < 100 else None) for n in range(1, 101)]
    found = edited_speakers(heard, Edits({"spk50": "Ann"}))
    assert set(resolve(found).values()) == {"spk100"}
    assert {speaker.id: speaker.name for speaker in found}["spk100"] == "Ann"


def test_a_speaker_that_only_edits_know_of_is_there_with_its_name() -> None:
    mine = EditedLine(line("s1", 1, 0, 4, "spk7"), said()[:4], True)
    found = edited_speakers([], Edits({"spk4": "Dee", "odd": None}, {}, {"s1": mine}))
    assert [(speaker.id, speaker.name, speaker.color) for speaker in found] == [
        ("spk4", "Dee", 3), ("odd", None, 0), ("spk7", None, 6),
    ]  # fmt: skip


def test_what_people_set_is_taken_off_again_as_far_as_can_be_told() -> None:
    heard = [Speaker("spk1"), Speaker("spk2", color=1, merged_into="spk3"), Speaker("spk3", color=2)]
    edits = Edits({"spk1": "Ann", "hand1": "Dee"}, {"spk1": "spk3"})
    shown = edited_speakers(heard, edits)
    assert [(one.id, one.name, one.merged_into) for one in shown] == [
        ("spk1", "Ann", "spk3"), ("spk2", None, "spk3"), ("spk3", "Ann", None), ("hand1", "Dee", None),
    ]  # fmt: skip
    assert as_heard(shown, edits) == heard
    assert edited_speakers(as_heard(shown, edits), edits) == shown


def test_a_voice_that_people_make_has_an_id_and_a_color_that_no_other_has() -> None:
    assert new_speaker({"spk1", "hand1", "hand3"}) == "hand2"
    assert [id_ for id_ in ("hand1", "hand", "handy", "spk1") if made_by_hand(id_)] == ["hand1"]
    colors = [one.color for one in edited_speakers([Speaker("spk1")], Edits({"hand1": "Ann", "hand2": "Ben"}))]
    assert len({color % 10 for color in colors}) == 3
    assert colors[0] < min(colors[1:])


KEPT = Speaker("spk1", "Ann", recognized=True, profile="v1")
"""A speaker that was recognised as a voice that is kept"""


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({}, KEPT),
        ({"spk1": "ann"}, Speaker("spk1", "ann", profile="v1")),
        ({"spk1": "Ben"}, Speaker("spk1", "Ben")),
        ({"spk1": None}, Speaker("spk1")),
    ],
    ids=["in doubt", "confirmed", "somebody else", "taken away"],
)
def test_what_people_say_of_a_name_that_was_recognised_stays_with_every_later_change(
    names: dict[str, str | None], shown: Speaker
) -> None:
    edits = Edits(names=names)
    assert edited_speakers([KEPT], edits) == [shown]
    # A meeting that is over: what is shown is all that is known when it is edited again.
    assert edited_speakers(as_heard([shown], edits), edits) == [shown]


def test_a_name_that_is_no_longer_confirmed_is_in_doubt_again() -> None:
    confirmed = Edits(names={"spk1": "Ann"})
    (shown,) = edited_speakers([KEPT], confirmed)
    assert edited_speakers(as_heard([shown], confirmed), Edits()) == [KEPT]


def test_a_name_that_a_person_gave_goes_before_one_that_was_recognised() -> None:
    merged = Speaker("spk2", color=1, merged_into="spk1")
    found = edited_speakers([KEPT, merged], Edits(names={"spk2": "Ben"}))
    assert found[0] == Speaker("spk1", "Ben")
