"""A meeting transcribed again with other models by a real server, its process and models that are real, too."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from benchmarks.harness.server import ROOT, Server
from meeting.storage.store import Store
from tests.conftest import Sample
from tests.fakes.models.packages import install
from tests.fakes.server_fakes import Serving
from tests.meeting.jobs.test_again_with_models import eventually_done, keep_meeting, shown
from tests.meeting.jobs.test_retranscribing import again
from tests.test_setup import tomllib

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


def documented(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recogniser of docs/extending.md, installed; where."""
    blocks = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8").split("```")
    project = tomllib.loads(next(one for one in blocks if one.startswith("toml\n"))[5:])["project"]
    module = next(one for one in blocks if one.startswith("python\n"))[7:]
    install(folder, monkeypatch, project["name"], project["entry-points"], "1.0", decibel_recogniser=module)
    return folder / f"site-{project['name']}"


@pytest.mark.slow
def test_a_recogniser_of_another_package_hears_a_meeting_beside_the_one_that_is_loaded(
    tmp_path: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = documented(tmp_path, monkeypatch)
    with Store(tmp_path / "data") as store:
        keep_meeting(store, sample)
    server = Server(tmp_path, settings={"PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])})
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as http:
            client = Serving(None, server.port, http, None)  # type: ignore[arg-type]
            server.ready()
            told = {one["name"]: one for one in http.get("/api/models").json()["models"]}
            assert (told["embedded"]["running"], told["decibel"]["running"]) == (True, False)
            done = eventually_done(client, again(client, "talk", models="decibel").json())
            assert (done["state"], done["problem"]) == ("done", None)
            lines = shown(client)
            assert lines
            assert all(word.endswith("dB") for line in lines for word in line["text"].split())
            assert http.get("/api/meetings/talk").json()["models"]["speech"].startswith("decibel")
            assert "dB" not in server.log, "what was said is in no log"
    finally:
        server.stop()
    with Store(tmp_path / "data") as store:
        assert store.unkept() == []
