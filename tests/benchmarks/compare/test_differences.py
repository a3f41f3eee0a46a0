"""What two runs wrote: what counts as equal, and how a difference is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare.differences import Difference, file_difference, first_difference, neutral_json, neutral_text


def transcript(**more: Any) -> dict[str, Any]:
    """A meeting as `replay` writes it."""
    words = [{"text": "well", "start": 2.0, "end": 2.5}, {"text": "so", "start": 2.5, "end": 3.0}]
    return {
        "version": 1,
        "meeting": {
            "id": "4qctlv5twxo7g0oh",
            "created_at": "2026-11-26T23:26:48.988Z",
            "started_at": "2026-11-26T23:26:49.104Z",
            "ended_at": None,
            "duration": 30.0,
            "sources": [{"id": "3fr305kgoy81esva", "name": "a"}],
        },
        "models": {"speech": "tiny", "why": "These serve because models.set is embedded."},
        "segments": [
            {"id": "s1", "start": 0.0, "end": 1.0, "speaker": "spk1", "text": "Yes.", "words": []},
            {"id": "s2", "start": 2.0, "end": 3.0, "speaker": "spk2", "text": "well so", "words": words},
        ],
        **more,
    }


def found(before: Any, after: Any) -> Difference | None:
    """The difference between two transcripts."""
    return file_difference("a.json", json.dumps(before), json.dumps(after))


def test_what_is_of_the_run_alone_is_no_difference() -> None:
    other = transcript()
    other["meeting"] |= {"id": "qm4f57m8g8z9flq1", "created_at": "2027-01-02T03:04:05.678Z"}
    other["meeting"]["sources"][0]["id"] = "5y9ayn1u2n3t0w1c"
    other["models"]["why"] = "These serve because models.choice is embedded."
    assert found(transcript(), other) is None


def test_the_form_of_what_is_left_out_counts() -> None:
    for change in ({"id": "short"}, {"created_at": "2027-01-02T03:04:05Z"}, {"ended_at": "2026-11-26T23:26:49.104Z"}):
        other = transcript()
        other["meeting"] |= change
        (name,) = change
        difference = found(transcript(), other)
        assert difference is not None
        assert difference.where == f"meeting, {name}"


def test_only_those_values_are_left_out() -> None:
    kept = transcript()
    neutral = json.loads(neutral_json(json.dumps(kept)))
    expected = transcript()
    expected["meeting"] |= {"id": "x" * 16, "created_at": "0000-00-00T00:00:00.000Z"}
    expected["meeting"]["started_at"] = expected["meeting"]["created_at"]
    expected["meeting"]["sources"][0]["id"] = "x" * 16
    expected["models"]["why"] = "These serve because a setting is embedded."
    assert neutral == expected


def test_a_difference_names_segment_word_and_field() -> None:
    other = transcript()
    other["segments"][1]["words"][1]["start"] = 2.6
    place = "segments, 2 (id 's2', start 2.0, text 'well so'), words, 2 (start 2.5, text 'so'), start"
    assert found(transcript(), other) == Difference("a.json", place, "2.5", "2.6")
    assert str(found(transcript(), other)) == f"a.json, {place}: 2.5 before, 2.6 after"


@pytest.mark.parametrize(
    ("change", "where", "before", "after"),
    [
        ({"segments": transcript()["segments"][:1]}, "segments, how many", "2", "1"),
        ({"version": 2}, "version", "1", "2"),
        ({"version": 1.0}, "version", "1", "1.0"),
        ({"models": {"speech": "base"}}, "models, keys", '["speech", "why"]', '["speech"]'),
        ({"segments": None}, "segments", "…", "null"),
    ],
)
def test_every_kind_of_difference_is_told(change: dict[str, Any], where: str, before: str, after: str) -> None:
    before = json.dumps(transcript()["segments"]) if before == "…" else before
    assert found(transcript(), transcript(**change)) == Difference("a.json", where, before, after)


def test_the_same_values_spelled_otherwise_are_a_difference() -> None:
    text = json.dumps(transcript())
    difference = file_difference("a.json", text, text.replace(": 2.5,", ": 2.50,"))
    assert difference is not None
    assert difference.where.startswith("line 1, character ")
    assert "2.50" in difference.after


def test_texts_are_compared_line_by_line_apart_from_the_date() -> None:
    text = "Title\nDate: 2026-11-26 23:26 UTC\nChosen: because models.set is x\n\n[00:00:01] Date: 1\n"
    assert (
        neutral_text(text)
        == "Title\nDate: 0000-00-00 00:00 UTC\nChosen: because a setting is x\n\n[00:00:01] Date: 1\n"
    )
    assert file_difference("a.txt", text, text.replace("23:26", "23:59")) is None
    assert file_difference("a.txt", text, text.replace("Date: 1", "Date: 2")) == Difference(
        "a.txt", "line 5, character 18", '"[00:00:01] Date: 1\\n"', '"[00:00:01] Date: 2\\n"'
    )
    assert file_difference("a.txt", text, text + "more\n") == Difference("a.txt", "how many lines", "5", "6")
    assert file_difference("a.rttm", "", "x\n") == Difference("a.rttm", "how many lines", "0", "1")


def test_every_file_counts_and_the_transcript_is_told_first(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "a.json").write_text(json.dumps(transcript()))
        (folder / "a.seglst.json").write_text("[]\n")
        (folder / "a.md").write_text("# a\n\n- Date: 2026-11-26 23:26 UTC\n")
    assert first_difference(one, other) is None
    (other / "a.seglst.json").write_text("[1]\n")
    assert getattr(first_difference(one, other), "file", "") == "a.seglst.json"
    (other / "a.md").unlink()
    (other / "a.seglst.json").write_text("[]\n")
    assert first_difference(one, other) == Difference("a.md", "the file", "written", "none")
    (other / "a.json").write_text(json.dumps(transcript(version=2)))
    assert getattr(first_difference(one, other), "file", "") == "a.json"
