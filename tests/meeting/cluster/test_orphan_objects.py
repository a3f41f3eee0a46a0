"""Objects that no meeting needs any more: which they are, and that nothing goes of a meeting that a server has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from meeting.cluster.orphan_objects import orphan_objects, remove_orphan_objects, suspects
from meeting.cluster.ownership import Claim, SingleServer
from meeting.core.errors import Elsewhere, ObjectStoreError
from meeting.core.records import Meeting, Source, State
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.chain import Generation, Part
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import StoreError
from tests.meeting.storage.objects.fake_objects import FakeObjects

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
OVER, S = "m" * 16, "s" * 16
JOURNAL = [f"journals/{OVER}/{S}/{Part(Generation(7), number).name}" for number in range(3)]
SOUND = f"audio/{OVER}/{S}/{Generation(7).name}.flac"


class Bench:
    """A database and an object store."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.objects = store, FakeObjects()
        self.audio = AudioObjects(self.objects, store.files, folder / "sound", 1e6)
        store.objects = self.audio
        self.ago(days=30)

    def ago(self, days: float) -> None:
        """Let everything have been stored so long ago."""
        self.objects.now = lambda: NOW - timedelta(days=days)

    def meeting(self, id_: str, state: State = State.ENDED) -> None:
        self.store.create_meeting(Meeting(id_, id_, state, NOW)).result()

    def source(self, samples: int = 16000, audio: str | None = f"{OVER}.{S}.flac") -> None:
        """The source of the meeting that is over."""
        self.meeting(OVER)
        source = Source(S, "Ann", "room", "pcm16", 16000, 1, audio=audio, samples=samples)
        TranscriptStore(self.store).save_source(OVER, source).result()

    def put(self, *names: str) -> None:
        self.objects.held.update(dict.fromkeys(names, b"x"))

    def left(self, meeting_id: str = OVER, unknown_days: float = 7.0) -> list[str]:
        return orphan_objects(self.store, meeting_id, NOW, unknown_days)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store(tmp_path / "data") as opened:
        yield Bench(opened, tmp_path)


def test_a_journal_goes_whose_meeting_is_over_and_whose_sound_is_stored(bench: Bench) -> None:
    bench.source()
    bench.put(*JOURNAL, SOUND)
    assert suspects(bench.store) == [OVER]
    assert bench.left() == JOURNAL


def test_it_goes_as_well_where_no_sound_is_kept(bench: Bench) -> None:
    bench.source(audio=None)
    bench.put(*JOURNAL)
    assert bench.left() == JOURNAL


def test_it_stays_for_a_day_since_its_end_may_be_late(bench: Bench) -> None:
    bench.source()
    bench.put(*JOURNAL, SOUND)
    bench.ago(days=0.9)
    assert bench.left() == []


def test_a_journal_stays_whose_sound_is_not_stored(bench: Bench) -> None:
    bench.source()
    bench.put(*JOURNAL, SOUND.replace(S, "t" * 16))
    assert bench.left() == []


def test_a_journal_stays_that_was_given_up_or_set_aside_or_has_no_source(bench: Bench) -> None:
    bench.source(samples=0)
    bench.put(*JOURNAL, SOUND)
    assert bench.left() == []
    bench.objects.held.clear()
    other = [name.replace(S, "t" * 16) for name in JOURNAL]
    bench.put(*other, SOUND.replace(S, "t" * 16))
    assert bench.left() == []


def test_a_journal_of_which_something_was_not_heard_stays(bench: Bench) -> None:
    bench.source()
    bench.put(*JOURNAL, SOUND)
    bench.audio.set_aside(OVER, S)
    assert bench.left() == []


@pytest.mark.parametrize("state", [State.OPEN, State.LIVE, State.ENDING])
def test_nothing_goes_of_a_meeting_that_is_not_over(bench: Bench, state: State) -> None:
    bench.source()
    bench.store.set_state(OVER, state).result()
    bench.put(*JOURNAL, SOUND)
    assert suspects(bench.store) == []
    assert bench.left() == []


def test_all_goes_of_a_meeting_that_is_not_known_once_it_is_old(bench: Bench) -> None:
    bench.meeting("another")
    bench.put(*JOURNAL, SOUND)
    assert suspects(bench.store) == [OVER]
    assert set(bench.left()) == {*JOURNAL, SOUND}
    bench.ago(days=6.9)
    assert bench.left() == []
    assert len(bench.left(unknown_days=1)) == 4


def test_a_meeting_that_is_made_while_it_is_looked_for_is_known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.meeting("another")
    bench.put(*JOURNAL)
    folders = bench.objects.folders

    def make(folder: str) -> object:
        found = folders(folder)
        if folder == "audio":  # the last that is looked at
            bench.meeting(OVER, State.LIVE)
        return found

    monkeypatch.setattr(bench.objects, "folders", make)
    assert suspects(bench.store) == []


def test_a_database_that_knows_no_meeting_is_taken_for_a_wrong_one(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.put(*JOURNAL, SOUND)
    assert suspects(bench.store) == []
    assert "belong together" in caplog.text


class Others(SingleServer):
    """Other servers have some of the meetings, and may get one in the middle of it."""

    def __init__(self, store: Store, *theirs: str) -> None:
        super().__init__(store)
        self.theirs = theirs
        self.held = lambda: True  # type: ignore[method-assign]
        self.given_back: list[str] = []

    async def take(self, subject: str) -> Claim:
        if subject in self.theirs:
            raise Elsewhere("https://b")
        return Claim(subject, (await super().take(subject)).store, self.held)

    async def give_back(self, claim: Claim) -> None:
        self.given_back.append(claim.subject)


@pytest.fixture
def objects() -> FakeObjects:
    made = FakeObjects()
    made.now = lambda: NOW - timedelta(days=30)
    return made


@pytest.fixture
def three(tmp_path: Path, objects: FakeObjects) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        opened.objects = AudioObjects(objects, opened.files, tmp_path / "sound", 1e6)
        opened.create_meeting(Meeting("known", "", State.OPEN, NOW)).result()
        for name in ("one", "stuck", "two"):
            objects.held[f"audio/{name}/s/x.flac"] = b"x"
        yield opened


def remove(store: Store, others: Others, days: float | None = None) -> int:
    return asyncio.run(remove_orphan_objects(store, others, NOW, days))


def test_what_is_left_of_meetings_that_are_not_known_goes(three: Store, objects: FakeObjects) -> None:
    objects.held["audio/known/s/x.flac"] = b"x"
    others = Others(three)
    assert remove(three, others) == 3
    assert list(objects.held) == ["audio/known/s/x.flac"]
    assert others.given_back == ["one", "stuck", "two"]


def test_nothing_goes_of_a_meeting_that_another_server_has(three: Store, objects: FakeObjects) -> None:
    assert remove(three, Others(three, "two")) == 2
    assert list(objects.held) == ["audio/two/s/x.flac"]


def test_nor_where_it_may_have_been_lost_meanwhile(three: Store, objects: FakeObjects) -> None:
    others = Others(three)
    others.held = lambda: False  # type: ignore[method-assign]
    assert remove(three, others) == 0
    assert len(objects.held) == 3


def test_what_the_store_refuses_for_one_keeps_the_others_from_nothing_and_is_told(
    three: Store, objects: FakeObjects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = objects.remove

    def refuse(names: Sequence[str]) -> None:
        if "stuck" in names[0]:
            raise ObjectStoreError("the object store cannot be used (PermissionError)")
        gone(names)

    monkeypatch.setattr(objects, "remove", refuse)
    assert remove(three, Others(three)) == 2
    assert list(objects.held) == ["audio/stuck/s/x.flac"]
    assert "stuck (the object store cannot be used (PermissionError))" in caplog.text


def test_where_meetings_are_kept_for_less_than_a_week_what_is_left_goes_as_early(
    three: Store, objects: FakeObjects
) -> None:
    objects.now = lambda: NOW - timedelta(days=3)
    assert remove(three, Others(three)) == 0
    assert remove(three, Others(three), days=2) == 3


def test_a_store_that_lists_nothing_is_an_error(three: Store, objects: FakeObjects) -> None:
    objects.away = True
    with pytest.raises(StoreError):
        remove(three, Others(three))


def test_without_an_object_store_nothing_is_done(three: Store) -> None:
    three.objects = None
    assert remove(three, Others(three)) == 0
