"""`python -m meeting notes` on a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting.config.settings import Config
from meeting.core.errors import Conflict
from meeting.core.records import NotesState, State
from meeting.notes.command import make_notes, where
from meeting.notes.endpoint import Endpoint
from meeting.notes.errors import NotesError
from meeting.storage.notes_store import NotesStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import SettingsError
from tests.fakes.stored import kept
from tests.meeting.cluster.test_commands import ON_POSTGRES, SERVER, at_a_server
from tests.meeting.notes.meetings import LONG
from tests.meeting.notes.model_server import ModelServer, Reply


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A long meeting that is over."""
    with Store(tmp_path) as opened:
        kept(opened)
        TranscriptStore(opened).save_segments("m1", LONG.segments).result()
        opened.set_state("m1", State.ENDED).result()
        yield opened


def test_notes_are_made_kept_and_printed_and_it_is_said_first_where_text_goes(store: Store, model: ModelServer) -> None:
    told: list[str] = []
    text = make_notes(store, Config(notes=model.settings(context=2048)), "last", told.append)
    assert told[0] == f"the transcript is sent to tiny at 127.0.0.1:{model.port}, this machine"
    assert told[1].startswith("part 1 of ")
    assert told[-1] == "putting the parts together"
    assert "## Summary\n\n- It was said: Point 0 of the agenda is settled and done. (00:00:00)" in text
    status = NotesStore(store).find("m1")
    assert status is not None
    assert status.state is NotesState.DONE


def test_what_fails_leaves_nothing_behind(store: Store, model: ModelServer) -> None:
    model.replies.append(Reply("", 500))
    with pytest.raises(NotesError):
        make_notes(store, Config(notes=model.settings()), "m1", lambda _: None)
    assert NotesStore(store).find("m1") is None


def test_it_is_refused_where_notes_are_off_or_the_meeting_goes_on(store: Store, model: ModelServer) -> None:
    with pytest.raises(SettingsError, match="no language model"):
        make_notes(store, Config(), "m1", lambda _: None)
    store.set_state("m1", State.LIVE).result()
    with pytest.raises(Conflict, match="once the meeting has ended"):
        make_notes(store, Config(notes=model.settings()), "m1", lambda _: None)
    assert model.asked == []


def test_notes_of_a_meeting_that_a_server_has_are_left_to_it_before_anything_is_sent(
    store: Store, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = at_a_server(monkeypatch, "m1")
    settings = Config(storage=ON_POSTGRES, notes=model.settings())
    with pytest.raises(Conflict, match=re.escape(f"the server {SERVER} has this meeting now")):
        make_notes(store, settings, "m1", lambda _: None)
    assert model.asked == []
    leases.retire("a")
    assert "Summary" in make_notes(store, settings, "m1", lambda _: None)
    assert leases.owners == {}


def test_a_machine_elsewhere_and_a_way_that_can_be_read_along_are_named() -> None:
    assert where(Endpoint("http://10.0.0.7/v1", "m")) == (
        "the transcript is sent to m at 10.0.0.7, another machine, without encryption"
    )
    assert where(Endpoint("https://a.example/v1", "m")) == "the transcript is sent to m at a.example, another machine"
