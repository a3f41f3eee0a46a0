"""The HTTP API on a real server with fake models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meeting.core.records import Source
from meeting.server.api import MOST_LINKS
from meeting.storage.edit_store import EditStore
from meeting.storage.transcript_store import TranscriptStore
from tests.fakes.access_fakes import Locked, locked
from tests.fakes.server_fakes import FAKE_MODELS, Serving, config, serving, tone


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A server that asks for tokens."""
    with locked(tmp_path_factory.mktemp("locked")) as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running


def held(served: Serving, title: str = "Monday, 9:00", seconds: float = 1.0) -> str:
    """A meeting that has been held."""
    meeting_id = served.create(title)
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone(seconds))
        host.send("stop")
        host.close_code()
    return meeting_id


def test_a_new_meeting_has_an_id_and_links(served: Serving) -> None:
    answer = served.http.post("/api/meetings", json={"title": "  Monday "})
    body = answer.json()
    path = f"/m/{body['id']}"
    assert answer.status_code == 201
    assert body == {
        "id": body["id"],
        "title": "Monday",
        "state": "open",
        "links": {"host": path, "speak": path, "view": path},
    }


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": "  "}])
def test_a_meeting_without_a_title_gets_one(served: Serving, body: dict[str, object]) -> None:
    assert served.http.post("/api/meetings", json=body).json()["title"].startswith("Meeting, 20")


def test_a_meeting_needs_no_body(served: Serving) -> None:
    assert served.http.post("/api/meetings").status_code == 201


@pytest.mark.parametrize("body", [{"title": 5}, {"title": "x" * 201}, {"titel": "x"}, [1], "x"])
def test_a_wrong_body_is_refused_in_one_sentence(served: Serving, body: object) -> None:
    answer = served.http.post("/api/meetings", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


def test_a_body_that_is_no_json_is_refused(served: Serving) -> None:
    answer = served.http.post("/api/meetings", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.json()["error"]["code"] == "invalid"


def test_the_list_is_newest_first_and_paged(served: Serving) -> None:
    ids = [served.create(f"paged {i}") for i in range(3)]
    first = served.http.get("/api/meetings?limit=2").json()
    assert [meeting["id"] for meeting in first["meetings"]] == [ids[2], ids[1]]
    second = served.http.get("/api/meetings", params={"limit": 1, "before": first["next"]}).json()
    assert [meeting["id"] for meeting in second["meetings"]] == [ids[0]]


def test_a_meeting_in_the_list_says_what_it_was(served: Serving) -> None:
    meeting_id = held(served, "Told")
    (entry,) = [one for one in served.http.get("/api/meetings").json()["meetings"] if one["id"] == meeting_id]
    times = {key: entry.pop(key) for key in ("created_at", "started_at", "ended_at")}
    assert all(value.endswith("Z") for value in times.values())
    assert entry == {
        "id": meeting_id,
        "title": "Told",
        "state": "ended",
        "duration": 1.0,
        "segments": 1,
        "speakers": ["Speaker 1"],
        "models": FAKE_MODELS,
    }


def test_a_meeting_in_detail_names_its_sources_and_voices(served: Serving) -> None:
    body = served.http.get(f"/api/meetings/{held(served)}").json()
    (source,) = body["sources"]
    assert source["audio"] == {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1, "kept": True}
    assert (source["name"], source["duration"]) == ("Ann", 1.0)
    assert body["speakers"] == [{"id": "spk1", "name": None, "label": "Speaker 1", "color": 0, "merged_into": None}]


def test_who_knows_a_meeting_is_told_only_that_nothing_has_changed(served: Serving) -> None:
    path = f"/api/meetings/{held(served)}"
    first = served.http.get(path)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}'):
        again = served.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    line = served.http.get(f"{path}/transcript").json()["segments"][0]["id"]
    rev = 3  # provisional, final, given to a voice
    assert served.http.patch(f"{path}/segments/{line}", json={"rev": rev, "text": "won"}).is_success
    changed = served.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()) == (200, first.json())
    assert changed.headers["etag"] != first.headers["etag"]


def test_what_is_known_in_one_role_is_not_what_another_is_told(closed: Locked) -> None:
    meeting = closed.held()
    path = f"/api/meetings/{meeting.id}"
    tag = closed.call("GET", path, meeting.view).headers["etag"]
    assert closed.call("GET", path, meeting.view, headers={"If-None-Match": tag}).status_code == 304
    assert closed.call("GET", path, meeting.host, headers={"If-None-Match": tag}).json()["role"] == "host"
    assert closed.call("GET", path, None, headers={"If-None-Match": tag}).status_code == 401


def test_the_transcript_is_the_json_export(served: Serving) -> None:
    meeting_id = held(served)
    answer = served.http.get(f"/api/meetings/{meeting_id}/transcript")
    assert answer.headers["content-type"] == "application/json"
    exported = served.http.get(f"/api/meetings/{meeting_id}/export?format=json")
    assert answer.json() == exported.json()
    assert answer.json()["segments"][0]["words"][0]["text"] == "one"


@pytest.mark.parametrize("format_", ["srt", "vtt", "json", "txt", "md", "rttm", "seglst"])
def test_every_format_can_be_had_as_a_file(served: Serving, format_: str) -> None:
    answer = served.http.get(f"/api/meetings/{held(served)}/export?format={format_}")
    assert answer.status_code == 200
    assert 'filename="monday-9-00.' in answer.headers["content-disposition"]


def test_an_unknown_format_is_refused_naming_those_there_are(served: Serving) -> None:
    answer = served.http.get(f"/api/meetings/{served.create()}/export?format=doc")
    assert answer.status_code == 400
    assert "srt" in answer.json()["error"]["message"]


def test_a_title_of_another_alphabet_makes_a_safe_file_name(served: Serving) -> None:
    meeting_id = held(served, '会議 "\r\n')
    answer = served.http.get(f"/api/meetings/{meeting_id}/export?format=txt")
    assert f'filename="{meeting_id}.txt"' in answer.headers["content-disposition"]


def test_audio_can_be_had_whole_and_in_ranges(served: Serving) -> None:
    path = f"/api/meetings/{held(served)}/audio"
    whole = served.http.get(path)
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.content[:4] == b"fLaC"
    part = served.http.get(path, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"LaC")
    assert part.headers["content-range"] == f"bytes 1-3/{len(whole.content)}"


def test_audio_is_that_of_the_source_that_spoke_not_of_one_that_was_cut_off_before(served: Serving) -> None:
    meeting_id = held(served)
    silent = Source("0", "", "room", "pcm_s16le", 16000, 1, audio=f"{meeting_id}.0.flac")
    TranscriptStore(served.app.state.rooms.store).save_source(meeting_id, silent).result()
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"] == "0"
    assert served.http.get(f"/api/meetings/{meeting_id}/audio").content[:4] == b"fLaC"


def test_audio_of_one_source_can_be_asked_for(served: Serving) -> None:
    meeting_id = held(served)
    source = served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"]
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source={source}").status_code == 200
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source=other").status_code == 404
    assert served.http.get(f"/api/meetings/{served.create()}/audio").status_code == 404


def test_a_new_title_is_kept_and_told_to_those_who_read_along(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as viewer:
        viewer.receive()
        answer = served.http.patch(f"/api/meetings/{meeting_id}", json={"title": "Tuesday"})
        assert answer.json() == {"id": meeting_id, "title": "Tuesday"}
        assert viewer.receive() == {"type": "state", "state": "open", "title": "Tuesday"}
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["title"] == "Tuesday"


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": " "}])
def test_an_empty_title_is_refused(served: Serving, body: dict[str, str]) -> None:
    assert served.http.patch(f"/api/meetings/{served.create()}", json=body).status_code == 422


def test_a_deleted_meeting_is_gone_with_its_files(served: Serving) -> None:
    meeting_id = held(served)
    folder: Path = served.app.state.rooms.store.data_dir / "audio"
    assert list(folder.glob(f"{meeting_id}*"))
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
    assert not list(folder.glob(f"{meeting_id}*"))
    assert served.http.get(f"/api/meetings/{meeting_id}").status_code == 404
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 404


def test_an_open_meeting_can_be_deleted_under_its_readers(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as viewer:
        viewer.receive()
        assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204
        assert viewer.close_code() == 4404


def test_a_live_meeting_is_neither_deleted_nor_is_its_audio_given(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone())
        host.until("ack")
        answer = served.http.delete(f"/api/meetings/{meeting_id}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "live")
        assert served.http.get(f"/api/meetings/{meeting_id}/audio").status_code == 409
        body = served.http.get(f"/api/meetings/{meeting_id}").json()
        assert (body["state"], body["duration"]) == ("live", 1.0)
        host.send("stop")
        host.close_code()
    assert served.http.delete(f"/api/meetings/{meeting_id}").status_code == 204


def test_the_api_of_another_sites_page_is_closed(served: Serving) -> None:
    answer = served.http.post("/api/meetings", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_origin")


def test_links_of_a_server_that_asks_for_tokens_carry_them_in_their_fragments(closed: Locked) -> None:
    body = closed.call("POST", "/api/meetings", json={"title": "Monday"}).json()
    assert set(body["links"]) == {"host", "speak", "view"}
    tokens = {url.removeprefix(f"/m/{body['id']}#t=") for url in body["links"].values()}
    assert len(tokens) == 3
    assert all(len(token) == 32 for token in tokens)


def test_the_facts_tell_the_role_of_who_asks(closed: Locked, served: Serving) -> None:
    meeting = closed.create()
    asked = {name: getattr(meeting, name) for name in ("view", "speak", "host")}
    roles = {name: closed.call("GET", f"/api/meetings/{meeting.id}", token).json() for name, token in asked.items()}
    assert {name: (facts["role"], facts["tokens"]) for name, facts in roles.items()} == {
        name: (name, True) for name in asked
    }
    facts = served.http.get(f"/api/meetings/{served.create()}").json()
    assert (facts["role"], facts["tokens"]) == ("server", False)


def test_links_are_listed_without_their_tokens_and_one_knows_ones_own(closed: Locked) -> None:
    meeting = closed.create()
    closed.link(meeting, "view", expires_in=3600)
    answer = closed.call("GET", f"/api/meetings/{meeting.id}/links", meeting.host)
    links = answer.json()["links"]
    assert sorted(link["role"] for link in links) == ["host", "speak", "view", "view"]
    assert [link["role"] for link in links if link["mine"]] == ["host"]
    assert sum(link["expires_at"] is not None for link in links) == 1
    assert meeting.view not in answer.text


def test_a_host_can_make_and_revoke_links(closed: Locked) -> None:
    meeting = closed.create()
    path = f"/api/meetings/{meeting.id}/links"
    made = closed.call("POST", path, meeting.host, json={"role": "view"}).json()
    token = made["url"].removeprefix(f"/m/{meeting.id}#t=")
    assert closed.call("GET", f"/api/meetings/{meeting.id}", token).status_code == 200
    assert closed.call("DELETE", f"{path}/{made['id']}", meeting.host).status_code == 204
    assert closed.call("GET", f"/api/meetings/{meeting.id}", token).status_code == 401
    assert closed.call("DELETE", f"{path}/{made['id']}", meeting.host).status_code == 404


def test_a_link_of_another_meeting_cannot_be_revoked(closed: Locked) -> None:
    one, other = closed.create(), closed.create()
    link_id, token = closed.link(other, "view")
    assert closed.call("DELETE", f"/api/meetings/{one.id}/links/{link_id}", one.host).status_code == 404
    assert closed.call("GET", f"/api/meetings/{other.id}", token).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"role": "server"}, {"role": "VIEW"}, {"role": "view", "expires_in": 5}, {"role": "view", "expires_in": 1e99},
     {"role": "view", "expires_in": "NaN"}, {"role": "view", "x": 1}],
)  # fmt: skip
def test_a_wrong_link_is_refused(closed: Locked, body: dict[str, object]) -> None:
    assert closed.call("POST", f"/api/meetings/{closed.create().id}/links", json=body).status_code == 422


def test_a_meeting_has_only_so_many_links(closed: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meeting.server.api.MOST_LINKS", 4)
    assert MOST_LINKS > 4
    meeting = closed.create()
    closed.link(meeting, "view")
    answer = closed.call("POST", f"/api/meetings/{meeting.id}/links", json={"role": "view"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many")


def test_where_no_tokens_are_asked_for_a_meetings_address_is_its_link(served: Serving) -> None:
    path = f"/api/meetings/{served.create()}/links"
    answer = served.http.post(path, json={"role": "view"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_tokens")
    assert served.http.get(path).json() == {"links": []}
    assert served.http.get("/api/meetings/none/links").status_code == 404


# What people set by hand


def patch(served: Serving, meeting_id: str, what: str, **body: object) -> tuple[int, dict[str, Any]]:
    """Change a voice or a line: the status and the answer."""
    answer = served.http.patch(f"/api/meetings/{meeting_id}/{what}", json=body)
    return answer.status_code, answer.json()


def exported(served: Serving, meeting_id: str, format_: str) -> str:
    """An export as text."""
    return served.http.get(f"/api/meetings/{meeting_id}/export?format={format_}").text


def test_a_voice_of_a_live_meeting_is_named_for_everybody_and_stays_named(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
        host.start()
        host.frame(0, tone(1.0))
        viewer.until("speaker_revision")
        status, body = patch(served, meeting_id, "speakers/spk1", name=" Ann ")
        voice = {"type": "speaker", "id": "spk1", "name": "Ann", "color": 0, "merged_into": None}
        assert (status, body) == (200, {"speakers": [voice]})
        assert viewer.until("speaker") == voice
        host.frame(1, tone(1.0))  # the pipeline tells spk1 once more, without a name
        viewer.until("speaker_revision")
        host.send("stop")
        viewer.until("ended")
        assert [message for message in viewer.seen if message["type"] == "speaker"][-1] == voice
        host.until("ended")
    assert "Ann: one" in exported(served, meeting_id, "srt")
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["speakers"][0]["label"] == "Ann"


def test_a_line_of_a_live_meeting_is_labelled_and_written_for_everybody(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
        host.start()
        host.frame(0, tone(1.0))
        assert viewer.until("speaker_revision")["changes"][0]["rev"] == 3
        assert patch(served, meeting_id, "segments/s0", rev=2, speaker=None)[0] == 409
        status, line = patch(served, meeting_id, "segments/s0", rev=3, speaker=None)
        assert (status, line["type"], line["rev"], line["speaker"]) == (200, "segment", 4, None)
        told = viewer.until("speaker_revision")
        change = {"id": "s0", "rev": 4, "from": "spk1", "to": None}
        assert (told["changes"], told["reason"]) == ([change], "edit")
        assert patch(served, meeting_id, "segments/s0", rev=4, text="won")[0] == 200
        assert viewer.until("segment")["text"] == "won"
        host.send("stop")
        viewer.until("ended")
        host.until("ended")
    assert "Speaker ?: won" in exported(served, meeting_id, "srt")
    kept = EditStore(served.app.state.rooms.store).edits(meeting_id).lines["s0"]
    assert (kept.segment.text, kept.segment.rev, kept.labelled) == ("won", 5, True)
    assert [word.text for word in kept.recognised] == ["one"]


def test_a_meeting_that_is_over_is_changed_and_its_exports_with_it(served: Serving) -> None:
    meeting_id = held(served)
    assert patch(served, meeting_id, "speakers/spk1", name="Ann")[0] == 200
    assert patch(served, meeting_id, "segments/s0", rev=3, text="one and two")[1]["text"] == "one and two"
    for format_ in ("srt", "vtt", "txt", "md", "json"):
        assert "Ann" in exported(served, meeting_id, format_)
        assert "two" in exported(served, meeting_id, format_)
    assert patch(served, meeting_id, "speakers/spk1", name="")[0] == 200
    assert "Speaker 1: one and two" in exported(served, meeting_id, "srt")


@pytest.mark.parametrize(
    ("what", "body", "status", "code"),
    [
        ("speakers/spk1", {}, 400, "bad_request"),
        ("speakers/spk1", {"name": 5}, 422, "invalid"),
        ("speakers/spk1", {"name": "x" * 201}, 422, "invalid"),
        ("speakers/spk1", {"nam": "x"}, 422, "invalid"),
        ("speakers/spk1", {"merge_into": "spk1"}, 400, "bad_request"),
        ("speakers/spk1", {"merge_into": "spk9"}, 400, "bad_request"),
        ("speakers/spk9", {"name": "Ann"}, 404, "not_found"),
        ("segments/s0", {"rev": 3}, 400, "bad_request"),
        ("segments/s0", {"speaker": "spk1"}, 422, "invalid"),
        ("segments/s0", {"rev": 3, "text": " "}, 422, "invalid"),
        ("segments/s0", {"rev": 3, "text": "a " * 2001}, 400, "bad_request"),
        ("segments/s0", {"rev": 3, "speaker": "spk9"}, 400, "bad_request"),
        ("segments/s0", {"rev": 2, "speaker": None}, 409, "outdated"),
        ("segments/s9", {"rev": 3, "speaker": None}, 404, "not_found"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_one_sentence(
    served: Serving, what: str, body: dict[str, object], status: int, code: str
) -> None:
    meeting_id = held(served)
    answered, answer = patch(served, meeting_id, what, **body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"code", "message"}


def test_a_change_in_a_meeting_that_is_not_there_or_not_begun_is_refused(served: Serving) -> None:
    assert patch(served, "none", "speakers/spk1", name="Ann")[0] == 404
    assert patch(served, served.create(), "speakers/spk1", name="Ann")[0] == 404
