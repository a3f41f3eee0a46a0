"""The objects of one journal that this server appends to."""

from __future__ import annotations

from pathlib import Path

import pytest

from meeting.storage.objects.chain import Generation, encode_head
from meeting.storage.objects.journal_objects import Counts, JournalObjects
from meeting.storage.objects.merging import Merger
from pipelines.errors import StoreError
from tests.meeting.storage.objects.fake_objects import FakeObjects, Inline

FOLDER = "journals/m/s"
OLD = Generation(7)


class Bench:
    """A journal that is appended to."""

    def __init__(self, folder: Path) -> None:
        self.objects, self.counts = FakeObjects(), Counts()
        self.merger = Merger(self.objects, FOLDER, folder / "a.journal", 0, lambda: True, Inline())
        self.journal = JournalObjects(self.objects, FOLDER, OLD, False, self.counts, self.merger)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_its_head_is_stored_first_and_then_each_piece_under_its_number(bench: Bench) -> None:
    bench.journal.append(b"one")
    bench.journal.append(b"two")
    assert bench.objects.puts == [f"{FOLDER}/{OLD.name}/{number:08d}" for number in range(3)]
    assert list(bench.objects.held.values()) == [encode_head(()), b"one", b"two"]


def test_what_the_store_refuses_is_counted_and_stored_the_next_time(bench: Bench) -> None:
    bench.objects.away = True
    with pytest.raises(StoreError):
        bench.journal.append(b"one")
    bench.objects.away = False
    bench.journal.append(b"one")
    assert bench.counts == Counts(stored=1, stored_bytes=3, refused=1)


def test_all_of_it_goes_at_its_end(bench: Bench) -> None:
    bench.journal.append(b"one")
    bench.objects.held["journals/m/other/x"] = b"stays"
    bench.journal.remove()
    assert list(bench.objects.held) == ["journals/m/other/x"]


def test_nothing_is_removed_while_something_is_being_put_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.journal.append(b"one")
    monkeypatch.setattr(bench.merger, "close", lambda: False)
    with pytest.raises(StoreError, match="being put together"):
        bench.journal.remove()
    assert len(bench.objects.held) == 2
