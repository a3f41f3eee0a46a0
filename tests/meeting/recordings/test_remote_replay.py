"""A recording played to a server that runs: the same summary, files and events as a replay on this machine."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from meeting.client import RequestRefused, ServerUnreachable, TokenRefused
from meeting.recordings.remote_replay import replay_to_server
from meeting.recordings.replay import ReplayOptions
from pipelines.errors import AudioError, SettingsError
from pipelines.types import SpeakerCount
from tests.fakes.access_fakes import TOKEN, locked
from tests.fakes.server_fakes import FakeBackend, Serving, config, serving
from tests.meeting.client.sockets import ending_early, scripted
from tests.meeting.recordings.test_replay import recording, run


def played(served: Serving, folder: Path, **options: Any) -> dict[str, Any]:
    asked = ReplayOptions(recording(folder), **options)
    return dict(replay_to_server(asked, f"http://127.0.0.1:{served.port}"))


def unlike(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without what differs from run to run."""
    assert summary["rtf"] > 0
    return {name: value for name, value in summary.items() if name not in ("rtf", "meeting")}


@pytest.mark.slow
def test_the_summary_is_that_of_a_replay_here(tmp_path: Path) -> None:
    with serving(config(tmp_path / "server")) as served:
        there = played(served, tmp_path)
        kept = served.http.get(f"/api/meetings/{there['meeting']}").json()
    assert unlike(there) == unlike(run(tmp_path))
    assert (kept["title"], kept["state"], kept["duration"]) == ("talk", "ended", 2.5)


@pytest.mark.slow
def test_the_files_are_those_of_a_replay_here(tmp_path: Path) -> None:
    with serving(config(tmp_path / "server")) as served:
        played(served, tmp_path, out=tmp_path / "there", title="My talk")
    run(tmp_path, out=tmp_path / "here", title="My talk")
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == names
    assert len(names) == 6
    for name in ("talk.srt", "talk.txt"):
        assert (tmp_path / "there" / name).read_text() == (tmp_path / "here" / name).read_text()


def test_events_are_written_with_their_times(tmp_path: Path) -> None:
    with serving(config(tmp_path / "server")) as served:
        played(served, tmp_path, events=tmp_path / "events.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {tuple(row) for row in rows} == {("wall", "audio", "event")}
    assert [row["event"]["type"] for row in rows][-1] == "ended"
    assert sum(row["event"]["type"] == "segment" for row in rows) == 6


@pytest.mark.slow
def test_the_pace_is_kept(tmp_path: Path) -> None:
    with serving(config(tmp_path / "server")) as served:
        began = time.monotonic()
        summary = played(served, tmp_path, speed=2.5)
    assert time.monotonic() - began > 0.95
    assert summary["rtf"] == 0.1  # what the pipeline tells


def test_how_many_people_speak_is_told(tmp_path: Path) -> None:
    backend = FakeBackend()
    with serving(config(tmp_path / "server"), backend) as served:
        played(served, tmp_path, speakers=SpeakerCount.parse("2-5"))
    assert [str(pipeline.speakers) for pipeline in backend.pipelines] == ["2-5"]


@pytest.mark.slow
def test_a_link_to_speak_is_a_server_with_a_meeting(tmp_path: Path) -> None:
    with locked(tmp_path / "server") as running:
        given, server = running.create(), f"http://127.0.0.1:{running.serving.port}"
        asked = ReplayOptions(recording(tmp_path))
        assert replay_to_server(asked, server + given.path("speak"))["meeting"] == given.id
        with pytest.raises(RequestRefused, match="is over"):
            replay_to_server(asked, server + given.path("speak"))
        with pytest.raises(TokenRefused):
            replay_to_server(asked, server)
        assert replay_to_server(asked, server, TOKEN)["segments"] == 3


def test_a_damaged_recording_and_an_absent_server_are_told(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        replay_to_server(ReplayOptions(tmp_path / "none.wav"), "127.0.0.1:1")
    with pytest.raises(ServerUnreachable):
        replay_to_server(ReplayOptions(recording(tmp_path)), "127.0.0.1:1")


def test_a_meeting_that_somebody_ends_before_all_has_arrived_is_an_error(tmp_path: Path) -> None:
    async def play() -> None:
        async with scripted(ending_early) as url:
            await asyncio.to_thread(replay_to_server, ReplayOptions(recording(tmp_path)), f"{url}/m/monday")

    with pytest.raises(RequestRefused, match="not all was sent"):
        asyncio.run(play())


@pytest.mark.parametrize("asked", [{"title": "My talk"}, {"speakers": SpeakerCount.parse("2-5")}])
def test_what_only_a_new_meeting_can_have_is_refused_with_a_link_into_one(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    (flag,) = asked
    with pytest.raises(SettingsError, match=f"--{flag} is for a new meeting"):
        replay_to_server(ReplayOptions(recording(tmp_path), **asked), "http://127.0.0.1:1/m/monday")
