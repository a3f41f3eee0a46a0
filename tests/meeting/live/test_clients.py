"""Who is in a meeting, and who is told what."""

from __future__ import annotations

from dataclasses import replace

from meeting.core.errors import CloseCode
from meeting.core.messages import SnapshotMessage, StateMessage
from meeting.core.transcript import Transcript
from meeting.live.clients import Clients
from pipelines.types import Segment, Span, Word
from tests.fakes.clients import FakeClient

HEAD = SnapshotMessage((), (), "live", "Monday", 0.0, {})


def line(number: int) -> Segment:
    span = Span(number * 16000, (number + 1) * 16000)
    return Segment(f"s{number}", 1, True, "a", span, None, (Word("one", span),))


def present(clients: Clients) -> tuple[int, FakeClient]:
    """One more client that is told all."""
    number, client = clients.number(), FakeClient()
    clients.add(number, client)
    clients.admit(number)
    return number, client


def test_numbers_are_never_given_twice() -> None:
    clients = Clients(Transcript())
    first, _ = present(clients)
    clients.remove(first)
    assert len({first, *(clients.number() for _ in range(3))}) == 4


def test_who_arrives_is_told_nothing_before_it_is_admitted() -> None:
    clients, late = Clients(Transcript()), FakeClient()
    number = clients.number()
    clients.add(number, late)
    clients.broadcast(StateMessage("live", "Monday"), None)
    clients.send(number, StateMessage("live", "Monday"))
    clients.send_snapshot(None, HEAD, Transcript())
    assert late.told == []
    clients.admit(number)
    clients.send(number, StateMessage("live", "Monday"))
    assert late.kinds == ["state"]


def test_who_has_gone_is_not_admitted_and_told_nothing() -> None:
    clients, gone = Clients(Transcript()), FakeClient()
    number = clients.number()
    clients.add(number, gone)
    clients.remove(number)
    clients.admit(number)
    clients.send(number, StateMessage("live", "Monday"))
    clients.disconnect(number, CloseCode.NORMAL, "ended")
    assert (gone.told, gone.closed) == ([], None)


def test_a_message_is_encoded_once_for_all_and_sent_to_one_only_where_it_is_for_one() -> None:
    clients = Clients(Transcript())
    (first, ann), (_, ben) = present(clients), present(clients)
    clients.broadcast(StateMessage("live", "Monday"), None)
    clients.send(first, StateMessage("ending", "Monday"))
    assert (len(ann.told), len(ben.told)) == (2, 1)
    assert ann.texts[0] is ben.texts[0]


def test_a_snapshot_for_one_has_the_lines_that_all_were_told_and_one_for_all_those_of_now() -> None:
    told, now = Transcript(), Transcript()
    clients = Clients(told)
    first, ann = present(clients)
    clients.send_snapshot(first, HEAD, now)
    assert '"s0"' not in ann.texts[0]
    now.apply(line(0))
    clients.send_snapshot(first, replace(HEAD, title="Tuesday"), now)
    assert '"s0"' not in ann.texts[1]
    clients.send_snapshot(None, HEAD, now)
    assert '"s0"' in ann.texts[2]


def test_all_are_sent_away_also_who_has_just_come() -> None:
    clients, late = Clients(Transcript()), FakeClient()
    first, ann = present(clients)
    clients.add(clients.number(), late)
    _, ben = present(clients)
    clients.disconnect(first, CloseCode.NORMAL, "ended")
    clients.disconnect_all(CloseCode.GOING_AWAY, "closed")
    assert [one.closed for one in (ann, ben, late)] == [(1000, "ended"), (1001, "closed"), (1001, "closed")]
    clients.broadcast(StateMessage("live", "Monday"), None)
    assert ann.told == ben.told == late.told == []
