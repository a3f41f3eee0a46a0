"""What the process does that hears a meeting with other models, here in this one; its server stands beside it."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

from meeting.config.settings import Models, Speech
from meeting.core.records import Job, JobState
from meeting.jobs.hearing_process import Order, carry_out, ordered, tell_fault
from meeting.jobs.retranscribing import new_attempt, sound_of
from meeting.recordings.replay import ReplayOptions, replay
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from tests.fakes.server_fakes import FakeBackend, config
from tests.meeting.recordings.test_replay import recording


def asked(folder: Path, language: str | None = None) -> Job:
    """A job for a meeting that is made for it."""
    meeting = replay(config(folder / "data"), ReplayOptions(recording(folder)), FakeBackend())["meeting"]
    with Store(folder / "data") as store:
        return new_attempt(sound_of(store, meeting), JobState.RUNNING, language, None, "owl")


def messages(order: Order, backend: FakeBackend) -> list[dict[str, Any]]:
    """What the process tells."""
    told = io.StringIO()
    carry_out(order, told, backend)
    return [json.loads(line) for line in told.getvalue().splitlines()]


def test_an_order_has_the_models_and_the_language_of_its_job_and_goes_through_a_pipe(tmp_path: Path) -> None:
    settings = replace(
        config(tmp_path / "data"), models=Models(recognizer="whisper", device="cuda"), speech=Speech(language="de")
    )
    order = ordered(settings, asked(tmp_path, "en"))
    assert (order.config.models.recognizer, order.config.models.device) == ("owl", "cpu")
    assert order.config.speech.language == "en"
    assert ordered(settings, replace(order.job, language=None)).config.speech.language == "de"
    assert pickle.loads(pickle.dumps(order)) == order


def test_a_meeting_is_heard_and_the_end_is_told_last(tmp_path: Path) -> None:
    job = asked(tmp_path)
    backend = FakeBackend()
    *progress, end = messages(Order(config(tmp_path / "data"), job), backend)
    assert end == {"remark": None}
    assert all(set(one) == {"heard", "total"} for one in progress)
    assert backend.pipelines, "it has been heard"
    with Store(tmp_path / "data") as store:
        assert job.again_of is not None
        record = TranscriptStore(store).record(job.again_of)
        assert all(line.id.startswith(job.meeting.id[:6]) for line in record.segments)
        assert store.unkept() == []


def test_what_was_not_foreseen_is_told_without_its_words(tmp_path: Path) -> None:
    told, order = io.StringIO(), Order(config(tmp_path / "data"), asked(tmp_path))
    tell_fault(order, told, ZeroDivisionError("secret words"))
    assert json.loads(told.getvalue()) == {
        "problem": "something unforeseen happened (ZeroDivisionError); the server's log says where"
    }


def test_a_meeting_that_is_gone_is_a_problem_in_words(tmp_path: Path) -> None:
    job = replace(asked(tmp_path), again_of="none")
    (end,) = messages(Order(config(tmp_path / "data"), job), FakeBackend())
    assert "none" in end["problem"]
