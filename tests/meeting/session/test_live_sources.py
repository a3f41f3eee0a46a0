"""The sources of one meeting: their order, who comes through which client, which may still be heard."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.records import Source
from meeting.session.live_sources import LiveSources
from meeting.session.source import LiveSource, new_source
from tests.meeting.session.sessions import started


def live(source_id: str, client: int) -> LiveSource:
    return new_source(replace(started(client), source_id=source_id), 60.0, True)


def test_sources_are_numbered_in_the_order_in_which_they_begin() -> None:
    sources, first, second = LiveSources(), live("b", 1), live("a", 2)
    sources.add(first)
    sources.add(second)
    assert [(one.source.id, one.source.number) for one in sources] == [("b", 1), ("a", 2)]
    sources.remove(first)
    sources.add(third := live("c", 3))
    assert third.source.number == 3


def test_those_of_an_earlier_process_keep_their_numbers_and_later_ones_come_behind() -> None:
    sources = LiveSources()
    sources.past = (Source("old", "Old", "room", "wav", 0, 0, number=4),)
    back = live("back", 1)
    back.restored, back.opened, back.source = True, True, replace(back.source, number=2)
    sources.add(back)
    sources.add(later := live("later", 2))
    assert later.source.number == 5
    assert [(one.id, one.number, one.state) for one in sources.messages()] == [("back", 2, "live"), ("old", 4, "ended")]


def test_a_source_is_found_by_its_client_while_that_is_there() -> None:
    sources, one = LiveSources(), live("a", 7)
    sources.add(one)
    assert (sources.of_client(7), sources.of_client(8), sources.clients) == (one, None, {7})
    one.detach(1.0)
    assert (sources.of_client(7), sources.clients, sources.get("a")) == (None, frozenset(), one)


def test_one_that_takes_no_audio_still_takes_up_the_machine_until_its_last_output_has_come() -> None:
    sources, one = LiveSources(), live("a", 7)
    sources.add(one)
    one.mark_finishing()
    assert (sources.received, sources.current) == ([], [one])
    one.mark_ended(9)
    assert (sources.current, sources.get("a")) == ([], one)
