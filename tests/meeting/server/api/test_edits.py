"""What people correct in meetings over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meeting.storage.edit_store import EditStore
from tests.fakes.server_fakes import Serving, tone


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
        voice = {"type": "speaker", "id": "spk1", "name": "Ann", "color": 0, "merged_into": None, "recognized": False}
        assert (status, body["speakers"]) == (200, [voice])
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
    meeting_id = served.held()
    assert patch(served, meeting_id, "speakers/spk1", name="Ann")[0] == 200
    assert patch(served, meeting_id, "segments/s0", rev=3, text="one and two")[1]["text"] == "one and two"
    for format_ in ("srt", "vtt", "txt", "md", "json"):
        assert "Ann" in exported(served, meeting_id, format_)
        assert "two" in exported(served, meeting_id, format_)
    assert patch(served, meeting_id, "speakers/spk1", name="")[0] == 200
    assert "Speaker 1: one and two" in exported(served, meeting_id, "srt")


def post(served: Serving, meeting_id: str, what: str, **body: object) -> tuple[int, dict[str, Any]]:
    """Ask for something to be done: the status and the answer."""
    answer = served.http.post(f"/api/meetings/{meeting_id}/{what}", json=body)
    return answer.status_code, answer.json()


def lines(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Ids and texts of the lines of an answer."""
    return [(line["id"], line["text"]) for line in body["segments"]]


def test_a_line_of_a_live_meeting_is_split_and_joined_and_that_taken_back_before_everybody(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host, served.connect(meeting_id) as viewer:
        host.start()
        host.frame(0, tone(1.0))
        viewer.until("speaker_revision")
        status, body = post(served, meeting_id, "segments/s0/split", rev=3, texts=["one", "two"])
        assert (status, lines(body)) == (200, [("s0", "one"), ("s0-2", "two")])
        assert [viewer.until("segment")["text"] for _ in range(2)] == ["one", "two"]
        revs = [line["rev"] for line in body["segments"]]
        again = {"rev": revs[0], "next": "s0-2", "next_rev": revs[1]}
        status, joined = post(served, meeting_id, "segments/s0/join", **again)
        assert (status, lines(joined)) == (200, [("s0", "one two"), ("s0-2", "")])
        assert [viewer.until("segment")["text"] for _ in range(2)] == ["one two", ""]
        assert post(served, meeting_id, f"changes/{body['change']}/undo")[0] == 409
        assert lines(post(served, meeting_id, f"changes/{joined['change']}/undo")[1]) == lines(body)
        status, whole = post(served, meeting_id, f"changes/{body['change']}/undo")
        assert (status, lines(whole)) == (200, [("s0", "one"), ("s0-2", "")])
        host.send("stop")
        viewer.until("ended")
        host.until("ended")
    assert "Speaker 1: one\n" in exported(served, meeting_id, "srt")
    assert EditStore(served.app.state.rooms.store).edits(meeting_id).lines == {}


def test_what_was_done_while_a_meeting_ran_is_taken_back_once_it_is_over_and_made_again(served: Serving) -> None:
    meeting_id = served.create()
    with served.connect(meeting_id) as host:
        host.start()
        host.frame(0, tone(1.0))
        host.until("speaker_revision")
        chosen = [{"id": "s0", "rev": 3}]
        status, given = patch(served, meeting_id, "segments", lines=chosen, new_speaker=" Dee ")
        assert status == 200
        assert [(one["id"], one["name"]) for one in given["speakers"]] == [("spk1", None), ("hand1", "Dee")]
        host.send("stop")
        host.until("ended")
    assert "Dee: one" in exported(served, meeting_id, "srt")
    status, back = post(served, meeting_id, f"changes/{given['change']}/undo")
    assert (status, [one["speaker"] for one in back["segments"]]) == (200, ["spk1"])
    assert "Speaker 1: one" in exported(served, meeting_id, "srt")
    voices = served.http.get(f"/api/meetings/{meeting_id}").json()["speakers"]
    assert [voice["label"] for voice in voices] == ["Speaker 1"]
    assert post(served, meeting_id, f"changes/{back['change']}/undo")[0] == 200
    assert "Dee: one" in exported(served, meeting_id, "srt")


def test_what_was_recognised_is_told_beside_what_a_person_wrote(served: Serving) -> None:
    meeting_id = served.held()
    path = f"/api/meetings/{meeting_id}/segments/s0"
    assert served.http.get(path).json()["recognised_text"] is None
    assert patch(served, meeting_id, "segments/s0", rev=3, text="won")[0] == 200
    line = served.http.get(path).json()
    assert (line["text"], line["recognised_text"], line["type"]) == ("won", "one", "segment")
    (told,) = json.loads(exported(served, meeting_id, "json"))["segments"]
    assert (told["text"], told["recognised_text"], told["edited"]) == ("won", "one", True)
    assert served.http.get(f"/api/meetings/{meeting_id}/segments/s9").status_code == 404


@pytest.mark.parametrize(
    ("what", "body", "status", "code"),
    [
        ("segments/s0/split", {"rev": 3, "texts": ["one"]}, 422, "invalid"),
        ("segments/s0/split", {"rev": 3, "texts": ["one", " "]}, 422, "invalid"),
        ("segments/s0/split", {"rev": 2, "texts": ["o", "ne"]}, 409, "outdated"),
        ("segments/s9/split", {"rev": 2, "texts": ["o", "ne"]}, 404, "not_found"),
        ("segments/s0/join", {"rev": 3, "next": "s0", "next_rev": 3}, 400, "bad_request"),
        ("segments/s0/join", {"rev": 3, "next": "s9", "next_rev": 3}, 404, "not_found"),
        ("changes/none/undo", {}, 404, "not_found"),
    ],
)
def test_what_cannot_be_split_joined_or_taken_back_is_refused_in_one_sentence(
    served: Serving, what: str, body: dict[str, object], status: int, code: str
) -> None:
    meeting_id = served.held()
    answered, answer = post(served, meeting_id, what, **body)
    assert (answered, answer["error"]["code"]) == (status, code)


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
        ("segments", {"lines": [{"id": "s0", "rev": 3}]}, 400, "bad_request"),
        ("segments", {"lines": [{"id": "s0", "rev": 3}], "speaker": "spk1", "new_speaker": "Al"}, 400, "bad_request"),
        ("segments", {"lines": [{"id": "s0", "rev": 3}], "new_speaker": " "}, 422, "invalid"),
        ("segments", {"lines": [], "speaker": None}, 422, "invalid"),
        ("segments", {"lines": [{"id": "s0", "rev": 2}], "speaker": None}, 409, "outdated"),
    ],
)
def test_a_change_that_cannot_be_is_refused_in_one_sentence(
    served: Serving, what: str, body: dict[str, object], status: int, code: str
) -> None:
    meeting_id = served.held()
    answered, answer = patch(served, meeting_id, what, **body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"code", "message"}


def test_a_change_in_a_meeting_that_is_not_there_or_not_begun_is_refused(served: Serving) -> None:
    assert patch(served, "none", "speakers/spk1", name="Ann")[0] == 404
    assert patch(served, served.create(), "speakers/spk1", name="Ann")[0] == 404
