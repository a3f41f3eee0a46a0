"""Small objects that are put together: nothing is missing, and nothing there twice, whatever dies in between."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.objects import merging
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.objects.chain import Generation, parse_part
from meeting.storage.objects.fsspec_store import FsspecStore
from meeting.storage.objects.journal_objects import JournalObjects
from meeting.storage.objects.merging import Merger
from meeting.storage.objects.object_store import StoredObject
from pipelines.errors import StoreError
from tests.meeting.storage.objects.fake_objects import BUCKET, FakeObjects, Inline, s3_server

M, S = "m" * 16, "s" * 16
FOLDER = "journals/m/s"
OLD = Generation(7)


class Bench:
    """A journal whose pieces are stored and put together."""

    def __init__(self, folder: Path, executor: Executor | None = None, earlier: bytes = b"") -> None:
        self.objects = FakeObjects()
        self.path = folder / "a.journal"
        self.path.write_bytes(earlier)
        self.held = True
        self.merged = 0
        self.number = 0
        self.merger = Merger(
            self.objects, FOLDER, self.path, len(earlier), lambda: self.held, executor or Inline(), self._count
        )

    def _count(self) -> None:
        self.merged += 1

    def append(self, data: bytes) -> None:
        """A piece is on the disk and in the store, and is acknowledged."""
        self.number += 1
        with self.path.open("ab") as file:
            file.write(data)
        self.objects.held[f"{FOLDER}/{OLD.name}/{self.number:08d}"] = data
        self.merger.stored(OLD, self.number, data)
        self.merger.acknowledged()

    @property
    def names(self) -> list[str]:
        """What there is, without its folder."""
        return [name.rpartition("/")[2] for name in sorted(self.objects.held)]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MERGE_OBJECTS", 4)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, earlier=b"of earlier generations")


def test_so_many_small_objects_become_one_with_the_same_bytes(bench: Bench) -> None:
    for number in range(10):
        bench.append(b"%d" % number * (number + 1))
    assert bench.names == ["00000001-00000004", "00000005-00000008", "00000009", "00000010"]
    held = bench.objects.held[f"{FOLDER}/{OLD.name}/00000005-00000008"]
    assert held.partition(b"\n")[2] == b"4" * 5 + b"5" * 6 + b"6" * 7 + b"7" * 8
    assert bench.merged == 2


def test_no_object_is_larger_than_may_be_in_memory_and_a_large_one_stays_as_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MERGE_BYTES", 25)
    for size in (10, 10, 10, 30, 5, 5, 5, 5):
        bench.append(b"x" * size)
    assert bench.names == ["00000001-00000002", "00000003", "00000004", "00000005-00000008"]


def test_while_the_larger_one_is_not_stored_the_small_ones_stay(bench: Bench) -> None:
    for _ in range(3):
        bench.append(b"a")
    bench.objects.away = True
    bench.append(b"a")
    assert bench.names == [f"{number:08d}" for number in (1, 2, 3, 4)]
    bench.objects.away = False
    for _ in range(3):
        bench.append(b"a")
    assert bench.merged == 0  # it is not tried again with each piece
    for _ in range(3):
        bench.append(b"a")
    assert bench.names == ["00000001-00000004", "00000005-00000008", "00000009", "00000010"]


def test_small_ones_that_could_not_be_removed_go_before_more_is_put_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(names: Sequence[str]) -> None:
        raise StoreError("not now")

    with monkeypatch.context() as patched:
        patched.setattr(bench.objects, "remove", refuse)
        for _ in range(12):
            bench.append(b"a")
        assert bench.merged == 1
    for _ in range(8):
        bench.append(b"a")
    assert bench.names[:3] == ["00000001-00000004", "00000005-00000008", "00000009-00000012"]


def test_a_server_that_has_lost_the_meeting_stores_nothing_and_removes_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.append(b"a")
    bench.held = False
    bench.append(b"a")
    assert bench.names == [f"{number:08d}" for number in (1, 2, 3, 4)]


def test_nor_does_it_remove_anything_where_it_loses_it_in_between(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = bench.objects.put

    def lose(name: str, data: bytes) -> None:
        put(name, data)
        bench.held = False

    monkeypatch.setattr(bench.objects, "put", lose)
    for _ in range(4):
        bench.append(b"a")
    assert bench.names == ["00000001", "00000001-00000004", "00000002", "00000003", "00000004"]


def test_what_the_disk_holds_otherwise_takes_the_place_of_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        bench.append(b"abc")
    bench.path.write_bytes(bench.path.read_bytes()[:-1] + b"X")
    bench.append(b"abc")
    for _ in range(4):
        bench.append(b"abc")
    assert bench.names == ["00000001", "00000002", "00000003", "00000004", "00000005-00000008"]
    assert "stay as they are" in caplog.text


def test_a_journal_that_is_gone_is_told_and_nothing_is_lost(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        bench.append(b"a")
    bench.path.unlink()
    bench.merger.stored(OLD, 4, b"a")
    bench.merger.acknowledged()
    assert bench.names == ["00000001", "00000002", "00000003"]
    assert "put together later" in caplog.text


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_whoever_acknowledges_waits_for_nothing_and_one_is_made_at_a_time(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    bench = Bench(tmp_path, threads)
    bench.objects.gate.clear()  # what is put together hangs
    for _ in range(12):
        bench.append(b"a")
    bench.objects.gate.set()
    assert bench.merger.close()
    # The end comes before the small ones of the one that was under way are removed.
    assert [name for name in bench.names if "-" in name] in ([], ["00000001-00000004"])


def test_nothing_begins_after_the_end(bench: Bench) -> None:
    for _ in range(3):
        bench.append(b"a")
    assert bench.merger.close()
    bench.append(b"a")
    assert bench.names == [f"{number:08d}" for number in (1, 2, 3, 4)]


def test_the_end_does_not_wait_for_ever(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "CLOSE_SECONDS", 0.01)
    bench = Bench(tmp_path, threads)
    began = threading.Event()

    def hang(name: str, data: bytes) -> None:
        began.set()
        bench.objects.gate.wait(20)

    monkeypatch.setattr(bench.objects, "put", hang)
    bench.objects.gate.clear()
    for _ in range(4):
        bench.append(b"a")
    assert began.wait(20)
    assert not bench.merger.close()
    bench.objects.gate.set()


def test_where_this_process_ends_nothing_is_put_together(tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    bench = Bench(tmp_path, executor)
    for _ in range(4):
        bench.append(b"a")
    assert len(bench.names) == 4


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


@pytest.mark.slow
def test_in_a_store_that_speaks_s3_few_objects_are_left_and_another_server_has_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: dict[str, str]
) -> None:
    monkeypatch.setattr(merging, "MERGE_OBJECTS", 16)
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    servers = []
    for name in ("a", "b"):
        files = MeetingFiles(tmp_path / name)
        files.folder.mkdir(parents=True)
        servers.append(AudioObjects(FsspecStore(f"s3://{BUCKET}/{tmp_path.name}"), files, files.folder, 1e6))
    opened = Opened(servers[0], fence=1)
    for number in range(100):
        opened.append(b"%d," % number * 50)
    deadline = time.monotonic() + 60
    while len(found := servers[0].objects.list("journals")) > 1 + 6 + 4:  # the head, those put together, and the rest
        assert time.monotonic() < deadline, [one.name for one in found]
        opened.objects.acknowledged()
        time.sleep(0.01)
    assert servers[0].counts.merged == 6
    servers[1].take_over(M, fence=2)
    assert servers[1].files.journal_path(M, S).read_bytes() == b"".join(opened.pieces)
    opened.file.close()
    opened.objects.remove()
    assert servers[0].objects.list("journals") == []


# Any order of writes, deaths and takeovers

Step = Callable[[], object]


class World(FakeObjects):
    """A store that shows its lists page by page, while requests of servers that were given up still come in."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.late: list[list[Step]] = []
        """Requests that are on their way, those of one server in order"""
        self.backwards = rng.random() < 0.3
        """Whether lists have another order than that of the names"""

    def between(self) -> None:
        """Something comes in, or does not."""
        while self.rng.random() < 0.6 and (left := [steps for steps in self.late if steps]):
            self.rng.choice(left).pop(0)()

    def list(self, folder: str) -> list[StoredObject]:
        found: list[StoredObject] = []
        after = ""
        while True:
            ordered = sorted((n for n in self.held if n.startswith(folder + "/")), reverse=self.backwards)
            page = [n for n in ordered if not after or (n < after if self.backwards else n > after)][:3]
            if not page:
                return sorted(found, key=lambda one: one.name)
            now = datetime.now(timezone.utc)
            found += [StoredObject(name, len(self.held[name]), now) for name in page]
            after = page[-1]
            self.between()

    def get(self, names: Sequence[str]) -> list[bytes]:
        got = []
        for name in names:
            if name not in self.held:
                raise StoreError("it is not there")
            got.append(self.held[name])
            self.between()
        return got


class Seen(FakeObjects):
    """The same as one server sees it: what puts together comes in later, or never, and may seem to have failed."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.late: list[Step] = []
        world.late.append(self.late)

    def put(self, name: str, data: bytes) -> None:
        part = parse_part("/".join(name.split("/")[-2:]))
        if part is None or part.count == 1:
            self.world.held[name] = data
            return
        self.late.append(lambda: self.world.held.update({name: data}))
        if self.world.rng.random() < 0.1:
            raise StoreError("no answer came")

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self.late.append(lambda name=name: self.world.held.pop(name, None))  # type: ignore[misc]

    def list(self, folder: str) -> list[StoredObject]:
        return self.world.list(folder)

    def get(self, names: Sequence[str]) -> list[bytes]:
        return self.world.get(names)


class Opened:
    """A journal as one server goes on with it."""

    def __init__(self, audio: AudioObjects, fence: int) -> None:
        self.path = audio.files.journal_path(M, S)
        self.file: BinaryIO = self.path.open("ab", buffering=0)
        self.base = self.path.read_bytes()
        self.pieces: list[bytes] = []
        self.objects: JournalObjects = audio.journal(M, S, fence, lambda: True, len(self.base))

    def append(self, data: bytes) -> None:
        self.file.write(data)
        self.objects.append(data)
        self.pieces.append(data)
        self.objects.acknowledged()


def play(rng: random.Random, steps: Sequence[str], folder: Path) -> None:
    """Do this to a journal, and look at it whenever a server takes it over."""
    world, count = World(rng), 0
    servers: list[tuple[Seen, AudioObjects]] = []

    def server() -> tuple[Seen, AudioObjects]:
        files = MeetingFiles(folder / str(len(servers)))
        files.folder.mkdir(parents=True)
        seen = Seen(world)
        servers.append((seen, AudioObjects(seen, files, files.folder, 1e6, _merges=Inline())))  # type: ignore[arg-type]
        return servers[-1]

    def piece() -> bytes:
        nonlocal count
        count += 1
        return b"%d," % count * rng.randint(1, 4)

    opened = [Opened(server()[1], fence=1)]
    opened[0].append(piece())  # there is a journal
    for fence, step in enumerate([*steps, "move"], 2):
        owner = opened[-1]
        if step == "append":
            owner.append(piece())
        elif step == "late":  # a server that stood still appends to what it had
            rng.choice(opened).append(piece())
        elif step == "arrive":
            world.between()
        elif step == "die":  # what it had asked for comes in no more
            rng.choice(servers)[0].late.clear()
        else:
            acknowledged = owner.base + b"".join(owner.pieces)
            # While another takes it over, the one before it is not gone yet.
            servers[-1][0].late.extend([lambda owner=owner: owner.append(piece())] * rng.randint(0, 3))  # type: ignore[misc]
            _, audio = rng.choice(servers) if step == "back" else server()
            audio.take_over(M, fence)
            found = audio.files.journal_path(M, S).read_bytes()
            assert found.startswith(acknowledged)
            possible = [owner.base + b"".join(owner.pieces[:n]) for n in range(len(owner.pieces) + 1)]
            assert found in possible
            opened.append(Opened(audio, fence))
    for one in opened:
        one.file.close()


STEPS = st.lists(
    st.sampled_from(["append", "append", "append", "append", "late", "arrive", "die", "move", "back"]), max_size=50
)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), STEPS)
def test_whoever_takes_over_reads_each_piece_once_and_in_order(seed: int, steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(merging, "MERGE_OBJECTS", 3)
        patched.setattr(merging, "MERGE_BYTES", 30)
        play(random.Random(seed), steps, Path(folder))
