"""A meeting of two microphones transcribed again by a real server with real models, which is killed in the middle."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.harness.server import Server
from meeting.core.records import Meeting, Source, State
from meeting.storage.files.flac import FlacWriter
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import Samples, samples, seconds
from tests.conftest import Sample
from tests.fakes.server_fakes import Serving
from tests.fakes.stored import NOON
from tests.fakes.web_fakes import eventually
from tests.meeting.jobs.test_jobs import until
from tests.meeting.jobs.test_retranscribing import again
from tests.system.test_end_to_end import said_until, words

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

LENGTH, LATE, DRIFT = 24.0, 4.0, 0.02
"""Seconds: of the meeting, after which the second microphone begins, and by which its clock is wrong at its end"""


def keep_meeting(store: Store, sample: Sample) -> Meeting:
    """Keep a meeting without a line, in which two microphones heard the sample, the second one less well."""
    meeting = Meeting("talk", "Talk", State.ENDED, NOON, NOON, NOON, samples(LENGTH))
    store.create_meeting(meeting).result()
    audio = sample.samples()[: meeting.samples]
    far = audio[samples(LATE) :]
    rate = len(far) / (len(far) - samples(DRIFT))
    slower = np.interp(np.arange(len(far) - samples(DRIFT)) * rate, np.arange(len(far)), far).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 0.002, len(slower)).astype(np.float32)
    anchors = ((0, samples(LATE)), (len(slower), meeting.samples))
    keep_source(store, Source("near", "Table", "room", "pcm_s16le", 48_000, 1, number=1), audio)
    keep_source(
        store, Source("far", "Door", "room", "webm_opus", 48_000, 1, number=2, anchors=anchors), 0.3 * slower + noise
    )
    return meeting


def keep_source(store: Store, source: Source, audio: Samples) -> None:
    with FlacWriter(store.files.audio_path("talk", source.id)) as writer:
        writer.write(audio.astype(np.float32))
    kept = replace(source, samples=writer.samples, audio=writer.path.name)
    TranscriptStore(store).save_source("talk", kept).result()


def shown(client: Serving) -> list[dict[str, Any]]:
    return list(client.http.get("/api/meetings/talk/transcript").json()["segments"])


@pytest.mark.slow
def test_two_microphones_are_heard_once_more_and_keep_names_and_an_edit_over_a_kill(
    tmp_path: Path, sample: Sample
) -> None:
    with Store(tmp_path / "data") as store:
        keep_meeting(store, sample)
    server = Server(tmp_path)
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as http:
            client = Serving(None, server.port, http, None)  # type: ignore[arg-type]
            server.ready()
            done = eventually_done(client, again(client, "talk").json())
            assert done["problem"] is None
            first = shown(client)
            said, heard = (
                Counter(words(said_until(sample, LENGTH))),
                Counter(words(" ".join(one["text"] for one in first))),
            )
            assert sum((heard & said).values()) > 0.5 * sum(said.values()), "most of it is understood"
            assert sum((heard - said).values()) < 0.5 * sum(said.values()), "and not what the other one hears, too"

            speaker = next(one["speaker"] for one in first if one["speaker"] is not None)
            line = next(one for one in first if one["speaker"] == speaker)
            assert http.patch(f"/api/meetings/talk/speakers/{speaker}", json={"name": "Ann"}).status_code == 200
            rev = http.get(f"/api/meetings/talk/segments/{line['id']}").json()["rev"]
            edit = {"rev": rev, "text": "Written by hand."}
            assert http.patch(f"/api/meetings/talk/segments/{line['id']}", json=edit).status_code == 200
            edited = shown(client)

            job = again(client, "talk").json()

            def half() -> bool:
                told = until(client, job, "running")
                return 0.1 * told["length"] < (told["heard"] or 0.0) < 0.9 * told["length"] if told["length"] else False

            eventually(half, seconds=240)
            server.kill()
            server.start()
            assert shown(client) == edited, "it is read as it was until all is heard"
            assert eventually_done(client, job)["problem"] is None
            second = shown(client)
            voices = {one["id"]: one["name"] for one in http.get("/api/meetings/talk").json()["speakers"]}
            assert "Traceback" not in server.log
    finally:
        server.stop()
    assert [(one["id"], one["text"], one["speaker"]) for one in second if one["id"] == line["id"]] == [
        (line["id"], "Written by hand.", speaker)
    ]
    assert voices[speaker] == "Ann"
    others = [(one["start"], one["text"], one["speaker"]) for one in edited if one["id"] != line["id"]]
    assert [(one["start"], one["text"], one["speaker"]) for one in second if one["id"] != line["id"]] == others
    assert not {one["id"] for one in second if one["id"] != line["id"]} & {one["id"] for one in first}
    with Store(tmp_path / "data") as store:
        record = TranscriptStore(store).record("talk")
        assert [(source.id, source.kind, source.number) for source in record.sources] == [
            ("near", "room", 1),
            ("far", "room", 2),
        ]
        assert seconds(record.sources[1].anchors[1][1]) == LENGTH
        assert store.unkept() == []


def eventually_done(client: Serving, job: dict[str, Any]) -> dict[str, Any]:
    """The job once it is over, on a machine with other work to do."""

    def told() -> dict[str, Any] | None:
        found = dict(client.http.get(f"/api/jobs/{job['id']}").json())
        return found if found["state"] in ("done", "failed") else None

    return dict(eventually(told, seconds=240))
