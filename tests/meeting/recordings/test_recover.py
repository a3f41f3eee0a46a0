"""What was set aside, heard when a person asks for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from meeting import cli
from meeting.config.settings import Storage
from meeting.core.continuity.ownership import Claimed
from meeting.core.errors import Conflict
from meeting.core.records import Gap, Meeting, State
from meeting.live.recovery import restore
from meeting.recordings.recover import recover_set_aside
from meeting.storage.files.recovery_attempts import MAX_SAME_PLACE, AttemptNote, _settle
from meeting.storage.orphans import GIVEN_UP, set_aside
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import MeetingError, ModelMissing, NotFound, StoreError
from pipelines.types import SAMPLE_RATE, Samples, Span
from tests.databases.postgres_server import PostgresServer
from tests.fakes.server_fakes import FakeBackend, FakePipeline, config, serving, tone, wait_ready
from tests.meeting.cluster.shared_servers import SERVER, leases_of, on_postgres, server_with, watched_by
from tests.meeting.storage.files.test_recovery_attempts import GOOD, NOW, SOURCE, left_behind

ROOT = Path(__file__).resolve().parents[3]


def given_up(folder: Path, storage: Storage | None = None) -> Path:
    """A meeting of three seconds whose journal was set aside; where that is."""
    with Store.configured(storage or Storage(data_dir=folder)) as store:
        left_behind(store, GOOD, *[tone(1.0)] * 3)
        path = store.files.journal_path(GOOD, SOURCE)
        _settle(path, AttemptNote(same=MAX_SAME_PLACE))
        assert restore(store, GOOD, 600.0, NOW, lambda path: True) is None
        assert store.meeting(GOOD).state == State.ENDED
        (gap,) = TranscriptStore(store).record(GOOD).gaps
        assert gap == Gap(SOURCE, Span(SAMPLE_RATE, 3 * SAMPLE_RATE), GIVEN_UP)
    return path.with_suffix(".aside")


def test_it_is_heard_to_its_end_and_the_meeting_is_whole(tmp_path: Path) -> None:
    aside = given_up(tmp_path)
    told = recover_set_aside(config(tmp_path), "last", FakeBackend())
    assert told == {"meeting": GOOD, "state": "ended", "seconds": 3.0, "segments": 3, "gaps": 0}
    assert not aside.exists()
    assert list((tmp_path / "audio").glob("*.hearing")) == []
    assert (tmp_path / "audio" / f"{GOOD}.{SOURCE}.flac").is_file()


@pytest.mark.slow
def test_a_process_that_dies_over_it_leaves_it_to_no_server(tmp_path: Path) -> None:
    aside = given_up(tmp_path)
    program = f"""if True:
        import os, sys
        from pathlib import Path
        from meeting.recordings.recover import recover_set_aside
        from tests.fakes.server_fakes import FakeBackend, FakePipeline, config
        class Deadly(FakePipeline):
            def feed(self, audio):
                os._exit(3)
        recover_set_aside(config(Path(sys.argv[1])), "{GOOD}", FakeBackend(pipeline=Deadly))
    """
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == 3
    assert not aside.exists()
    with serving(config(tmp_path)) as served:
        wait_ready(served)
        body = served.http.get(f"/api/meetings/{GOOD}/transcript").json()
        assert (body["meeting"]["state"], [s["text"] for s in body["segments"]]) == ("ended", ["stored"])
        assert [gap["reason"] for gap in body["gaps"]] == [GIVEN_UP]
    assert aside.is_file()


@pytest.mark.slow
def test_beside_several_servers_it_is_the_commands_meanwhile_and_one_that_a_server_has_is_left_to_it(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings, seen = on_postgres(tmp_path, postgres), list[object]()
    aside = given_up(tmp_path, settings.storage)
    with server_with(settings, GOOD), pytest.raises(Conflict, match=re.escape(f"the server {SERVER} has this meeting")):
        recover_set_aside(settings, GOOD, FakeBackend())
    assert aside.is_file()
    told = recover_set_aside(settings, GOOD, FakeBackend(pipeline=watched_by(settings, seen)))
    assert told == {"meeting": GOOD, "state": "ended", "seconds": 3.0, "segments": 3, "gaps": 0}
    assert set(seen) == {()}
    with leases_of(settings) as leases:
        assert leases.owner(GOOD) is None
        assert leases.left() == []


@pytest.mark.slow
def test_a_command_whose_meeting_a_server_took_over_writes_nothing_more(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings = on_postgres(tmp_path, postgres)
    given_up(tmp_path, settings.storage)

    class Robbed(FakePipeline):
        def feed(self, audio: Samples) -> None:
            with leases_of(settings) as leases:
                found = leases.owner(GOOD)
                if found is None or found.server_id != "a":
                    with leases._transaction() as connection:
                        connection.exec_driver_sql("DELETE FROM servers")
                    leases.register("a", SERVER, 600.0)
                    assert isinstance(leases.claim(GOOD, "a"), Claimed)
            super().feed(audio)

    with pytest.raises(StoreError, match="servers may have this meeting now"):
        recover_set_aside(settings, GOOD, FakeBackend(pipeline=Robbed))
    with Store.configured(settings.storage) as store:
        assert store.meeting(GOOD).state == State.LIVE  # until that server has heard it again
        assert [line.text for line in TranscriptStore(store).record(GOOD).segments] == ["stored"]


def test_models_that_cannot_be_loaded_change_nothing(tmp_path: Path) -> None:
    aside = given_up(tmp_path)
    with pytest.raises(ModelMissing):
        recover_set_aside(config(tmp_path), GOOD, FakeBackend(error=ModelMissing("run models pull")))
    assert aside.is_file()
    with Store(tmp_path) as store:
        assert store.meeting(GOOD).state == State.ENDED


def test_what_was_never_set_aside_is_a_sentence(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.create_meeting(Meeting(GOOD, "t", State.OPEN, NOW)).result()
    with pytest.raises(MeetingError, match="nothing of meeting"):
        recover_set_aside(config(tmp_path), GOOD, FakeBackend())
    with pytest.raises(NotFound):
        recover_set_aside(config(tmp_path), "zzz", FakeBackend())


def test_a_meeting_that_is_not_over_is_left_alone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        left_behind(store, GOOD, tone(1.0))
        set_aside(store.files.journal_path(GOOD, SOURCE))
    with pytest.raises(MeetingError, match="is live: try again"):
        recover_set_aside(config(tmp_path), GOOD, FakeBackend())


def test_the_command_prints_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("meeting.recordings.recover.LocalBackend", lambda config: FakeBackend())
    given_up(tmp_path)
    assert cli.main(["recover", GOOD, "--data-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["segments"] == 3
    assert cli.main(["recover", GOOD, "--data-dir", str(tmp_path)]) == cli.EXIT_ERROR
