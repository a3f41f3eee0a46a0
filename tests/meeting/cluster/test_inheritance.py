"""Files of a server that is gone, or only stopped."""

from __future__ import annotations

import os
from pathlib import Path

from meeting.cluster.inheritance import inherit, take_files
from meeting.cluster.ownership import Claim
from meeting.core.messages import AudioFrame, AudioInfo
from meeting.core.records import State
from meeting.storage.files import journal
from meeting.storage.files.journal import Journal
from meeting.storage.files.meeting_files import MeetingFiles
from meeting.storage.files.recovery_attempts import MAX_DEATHS, AttemptNote, RecoveryQueue, _read, _settle
from meeting.storage.objects.audio_objects import AudioObjects
from meeting.storage.store import Store
from tests.fakes.server_fakes import tone
from tests.meeting.live.test_rooms import CUT, SOURCE
from tests.meeting.storage.objects.fake_objects import FakeObjects


def frame(seq: int) -> AudioFrame:
    return AudioFrame(seq, seq * 1_000_000, tone())


def in_folder(folder: Path) -> tuple[MeetingFiles, Path]:
    files = MeetingFiles(folder)
    files.make_folder()
    return files, files.journal_path(CUT, SOURCE)


def test_what_a_server_that_was_only_stopped_still_writes_is_in_no_journal(tmp_path: Path) -> None:
    files, path = in_folder(tmp_path)
    with Journal(path, AudioInfo()) as stopped:
        stopped.append(frame(0))
        os.utime(path, ns=(5, 7_000_000_000))
        assert take_files(files, CUT) == [path]
        assert path.stat().st_mtime_ns == 7_000_000_000
        stopped.append(frame(1))
        assert not journal.in_use(path)
        with Journal(path, AudioInfo()) as taken:
            assert taken.next_seq == 1
            taken.append(frame(1))
            stopped.append(frame(2))
        assert [one.seq for one in journal.read(path)] == [0, 1]
    assert [one.name for one in files.all()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


def test_half_a_record_that_was_being_written_is_cut_off_in_the_copy(tmp_path: Path) -> None:
    files, path = in_folder(tmp_path)
    with Journal(path, AudioInfo()) as stopped:
        stopped.append(frame(0))
        with path.open("ab") as half:
            half.write(b"\x01\x02\x03")
        take_files(files, CUT)
    with Journal(path, AudioInfo()) as taken:
        assert (taken.next_seq, taken.unreadable) == (1, 0)


def test_a_flac_that_was_being_written_anew_goes_and_the_earlier_one_stays(tmp_path: Path) -> None:
    files, _ = in_folder(tmp_path)
    flac = files.audio_path(CUT, SOURCE)
    part, left = flac.with_name(flac.name + ".part"), files.journal_path(CUT, SOURCE).with_suffix(".journal.copy")
    for path in (flac, part, left):
        path.touch()
    assert take_files(files, CUT) == []
    assert files.all() == [flac]


def test_a_journal_whose_meeting_knew_nothing_of_it_yet_gets_its_place(tmp_path: Path) -> None:
    from datetime import datetime, timezone

    from meeting.core.records import Meeting

    with Store(tmp_path) as store:
        store.create_meeting(Meeting(CUT, "t", State.OPEN, datetime.now(timezone.utc))).result()
        with Journal(store.files.journal_path(CUT, SOURCE), AudioInfo()) as stopped:
            stopped.append(frame(0))
            inherit(store, RecoveryQueue(), Claim(CUT, store, former="gone"))
        assert store.meeting(CUT).state == State.LIVE


def test_a_journal_over_which_its_server_died_alone_has_one_more_death_and_is_a_suspect(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        path = store.files.journal_path(CUT, SOURCE)
        path.touch()
        _settle(path, AttemptNote(open=True, deaths=MAX_DEATHS - 1))
        queue = RecoveryQueue()
        assert not queue.given_up(path)
        inherit(store, queue, Claim(CUT, store, former="gone"))
        assert queue.given_up(path)
        assert queue.is_suspect(path)


def test_a_server_that_was_at_work_on_several_journals_counts_for_none_of_them(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        path, other = store.files.journal_path(CUT, SOURCE), store.files.journal_path("d" * 16, SOURCE)
        for one in (path, other):
            one.touch()
            _settle(one, AttemptNote(open=True, deaths=1))
        queue = RecoveryQueue()
        inherit(store, queue, Claim(CUT, store, former="gone", beside=("d" * 16,)))
        assert _read(path).deaths == 1
        assert queue.is_suspect(path)
        assert not queue.is_suspect(other)


def test_with_an_object_store_what_lies_here_is_left_but_for_what_is_noted_of_deaths(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.objects = AudioObjects(FakeObjects(), store.files, tmp_path / "sound", 1e9)
        path = store.files.journal_path(CUT, SOURCE)
        path.write_bytes(b"of an earlier process")
        _settle(path, AttemptNote(open=True))
        queue = RecoveryQueue()
        inherit(store, queue, Claim(CUT, store, former="b"))
        assert path.read_bytes() == b"of an earlier process"
        assert queue.is_suspect(path)
        assert _read(path).deaths == 1
