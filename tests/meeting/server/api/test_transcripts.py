"""Transcripts over HTTP, in every format."""

from __future__ import annotations

import pytest

from meeting.core.export import FORMATS
from tests.fakes.server_fakes import Serving


def test_the_transcript_is_the_json_export(served: Serving) -> None:
    meeting_id = served.held()
    answer = served.http.get(f"/api/meetings/{meeting_id}/transcript")
    assert answer.headers["content-type"] == "application/json"
    exported = served.http.get(f"/api/meetings/{meeting_id}/export?format=json")
    assert answer.json() == exported.json()
    assert answer.json()["segments"][0]["words"][0]["text"] == "one"


@pytest.mark.parametrize("format_", list(FORMATS))
def test_every_format_can_be_had_as_a_file(served: Serving, format_: str) -> None:
    answer = served.http.get(f"/api/meetings/{served.held()}/export?format={format_}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FORMATS[format_].content_type
    assert answer.headers["content-disposition"] == f'attachment; filename="monday-9-00{FORMATS[format_].suffix}"'


def test_an_unknown_format_is_refused_naming_those_there_are(served: Serving) -> None:
    answer = served.http.get(f"/api/meetings/{served.create()}/export?format=doc")
    assert answer.status_code == 400
    assert "srt" in answer.json()["error"]["message"]


def test_a_title_of_another_alphabet_makes_a_safe_file_name(served: Serving) -> None:
    meeting_id = served.held('会議 "\r\n')
    answer = served.http.get(f"/api/meetings/{meeting_id}/export?format=txt")
    assert f'filename="{meeting_id}.txt"' in answer.headers["content-disposition"]
