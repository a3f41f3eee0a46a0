"""Voices that are kept, in a real database: unlike any other data nothing of them may be left behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meeting.core.errors import Conflict
from meeting.storage.profiles import voice_store
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.store import DATABASE, Store
from meeting.storage.transcript_store import TranscriptStore
from meeting.voices.matching import VoiceProfile
from pipelines.errors import MeetingError, NotFound
from pipelines.types import Speaker
from tests.fakes.stored import kept

pytestmark = pytest.mark.usefixtures("every_database")

EMBEDDING = np.random.default_rng(7).normal(size=256).astype(np.float32)
ANN = VoiceProfile("v1", "Ann Marie", "ge2e", EMBEDDING, 21.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two meetings, each with two speakers."""
    with Store(tmp_path) as opened:
        for id_ in ("m1", "m2"):
            kept(opened, id_)
            TranscriptStore(opened).save_speakers(id_, [Speaker("spk1"), Speaker("spk2", color=1)]).result()
        yield opened


def test_a_voice_comes_back_as_it_was(store: Store) -> None:
    voices = VoiceStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    (found,) = voices.profiles()
    assert found == ANN
    assert np.array_equal(found.embedding, EMBEDDING)
    assert voices.made_from("m1", "spk1") == ANN
    assert voices.made_from("m1", "spk2") is None
    assert voices.find("ann  marie") == voices.find("v1") == ANN


def test_meetings_in_which_it_was_heard_are_counted_once_each(store: Store) -> None:
    voices, transcripts = VoiceStore(store), TranscriptStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    assert voices.list()[0].meetings == 1
    heard = Speaker("spk1", "Ann Marie", recognized=True, profile="v1")
    transcripts.save_speakers("m2", [heard, replace(heard, id="spk2")]).result()
    assert voices.list()[0].meetings == 2
    transcripts.save_speakers("m2", [Speaker("spk1"), Speaker("spk2")]).result()
    assert voices.list()[0].meetings == 1


@pytest.mark.usefixtures("sqlite_file")
def test_a_voice_that_is_forgotten_leaves_nothing_in_the_files(store: Store, tmp_path: Path) -> None:
    voices, marks = VoiceStore(store), (EMBEDDING.tobytes(), EMBEDDING.tobytes()[400:500], b"Ann Marie")
    voices.keep(ANN, "m1", "spk1").result()
    in_files = [mark in read_files(tmp_path) for mark in marks]
    assert in_files == [True, True, True]
    voices.forget("v1").result()
    assert [mark in read_files(tmp_path) for mark in marks] == [False, False, False]
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        assert connection.execute("SELECT count(*) FROM voice_profiles").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM speakers WHERE profile IS NOT NULL").fetchone() == (0,)
    connection.close()
    with pytest.raises(NotFound):
        voices.forget("v1").result()


def read_files(folder: Path) -> bytes:
    """All that the database and its log hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{DATABASE}*")))


def test_a_voice_that_is_remembered_again_takes_the_place_of_the_one_before(store: Store) -> None:
    voices = VoiceStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    voices.keep(replace(ANN, id="v2", seconds=40.0), "m1", "spk1").result()
    assert [(one.id, one.seconds) for one in voices.profiles()] == [("v2", 40.0)]


def test_a_voice_is_found_replaced_and_forgotten_by_the_speaker_that_it_turned_out_to_be(store: Store) -> None:
    voices, transcripts = VoiceStore(store), TranscriptStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    transcripts.save_speakers("m1", [Speaker("spk1", merged_into="spk2"), Speaker("spk2", "Ann Marie")]).result()
    for speaker in ("spk1", "spk2"):
        assert voices.made_from("m1", speaker) == ANN
    assert voices.made_from("m2", "spk1") is None
    voices.keep(replace(ANN, id="v2"), "m1", "spk2").result()
    assert [one.id for one in voices.profiles()] == ["v2"]
    voices.forget_made_from("m1", "spk1").result()
    assert voices.profiles() == ()
    with pytest.raises(NotFound, match="nobody asked here"):
        voices.forget_made_from("m1", "spk2").result()


def test_voices_that_were_remembered_before_two_speakers_became_one_are_forgotten_together(store: Store) -> None:
    voices, transcripts = VoiceStore(store), TranscriptStore(store)
    ben = replace(ANN, id="v2", name="Ben")
    voices.keep(ANN, "m1", "spk1").result()
    voices.keep(ben, "m1", "spk2").result()
    voices.keep(replace(ANN, id="v3", name="Cem"), "m2", "spk2").result()
    transcripts.save_speakers("m1", [Speaker("spk1", merged_into="spk2"), Speaker("spk2", "Ben")]).result()
    assert voices.made_from("m1", "spk1") == voices.made_from("m1", "spk2") == ben
    voices.forget_made_from("m1", "spk2").result()
    assert [one.id for one in voices.profiles()] == ["v3"]


def test_no_two_voices_have_one_name(store: Store) -> None:
    voices = VoiceStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    with pytest.raises(Conflict, match="another voice is remembered under the name Ann Marie"):
        voices.keep(replace(ANN, id="v2", name="ann marie"), "m2", "spk1").result()
    voices.keep(replace(ANN, id="v3", name="Ben"), "m2", "spk2").result()
    with pytest.raises(Conflict, match="Ann Marie"):
        voices.rename("v3", " Ann  Marie ").result()
    voices.rename("v3", "Benjamin").result()
    voices.rename("v3", "benjamin").result()
    assert [one.profile.name for one in voices.list()] == ["Ann Marie", "benjamin"]
    with pytest.raises(MeetingError, match="needs a name"):
        voices.rename("v3", " ").result()


def test_there_is_an_end_to_how_many_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_store, "MOST_PROFILES", 1)
    voices = VoiceStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    with pytest.raises(Conflict, match="at most 1"):
        voices.keep(replace(ANN, id="v2", name="Ben"), "m2", "spk1").result()


def test_a_voice_outlives_the_meeting_it_was_heard_in(store: Store) -> None:
    voices = VoiceStore(store)
    voices.keep(ANN, "m1", "spk1").result()
    store.delete_meeting("m1").result()
    assert [(one.profile.id, one.meetings) for one in voices.list()] == [("v1", 0)]
    with pytest.raises(NotFound):
        voices.made_from("m1", "spk1")


def test_what_there_is_not_is_said(store: Store) -> None:
    voices = VoiceStore(store)
    for work in (voices.rename("v1", "Ann"), voices.forget("v1"), voices.keep(ANN, "nowhere", "spk1")):
        with pytest.raises(NotFound):
            work.result()
    with pytest.raises(NotFound, match="no voice is kept that is called 'Ann'"):
        voices.find("Ann")
