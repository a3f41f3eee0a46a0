"""Two checkouts side by side: what counts as equal, how a difference is told, and what is run in each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import command as compare
from benchmarks.compare.differences import Difference, file_difference, first_difference, neutral_json, neutral_text
from benchmarks.harness.process import environment

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = '''
"""Stands in for the program: what it says it heard of a recording is what the recording holds."""
import json, os, pathlib, random, sys
assert sys.argv[1] == "replay", sys.argv
named = dict(zip(sys.argv[3::2], sys.argv[4::2]))
assert set(named) == {"--speed", "--out", "--models", "--data-dir"} and named["--models"] == "embedded"
assert sys.path[0] in ("", os.getcwd()) and not pathlib.Path(named["--data-dir"]).exists()
assert not [name for name in os.environ if name.startswith("MEETING_") and name != "MEETING_MODELS_CACHE_DIR"]
recording = pathlib.Path(sys.argv[2])
if not (text := recording.read_text()):
    sys.exit("error: this is not audio")
body = json.loads((pathlib.Path(__file__).parent / "transcript.json").read_text())
body["meeting"]["id"] = f"{random.randrange(10**16):016d}"
body["segments"][1]["text"] = text
out = pathlib.Path(named["--out"])
out.mkdir(parents=True)
(out / f"{recording.stem}.json").write_text(json.dumps(body))
print(json.dumps({"seconds": 10.0, "rtf": float((pathlib.Path(__file__).parent / "rtf").read_text())}))
'''


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


def checkout(folder: Path, rtf: float = 0.1, **more: Any) -> Path:
    """A checkout whose program is the one above."""
    package = folder / "meeting"
    package.mkdir(parents=True)
    (folder / "pipelines").mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(PROGRAM)
    (package / "transcript.json").write_text(json.dumps(transcript(**more)))
    (package / "rtf").write_text(str(rtf))
    return folder


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


def test_checkouts_that_hear_the_same_are_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEETING_LIMITS_MEETINGS", "1")
    (tmp_path / "a.wav").write_text("hello")
    (tmp_path / "b.flac").write_text("world")
    (tmp_path / "b.rttm").write_text("no recording")
    before, after = checkout(tmp_path / "before"), checkout(tmp_path / "after", rtf=0.2)
    out = tmp_path / "out.json"
    asked = [str(before), str(after), str(tmp_path), str(tmp_path / "a.wav"), "--repeat", "2", "--json", str(out)]
    assert compare.main(asked) == 0
    said = capsys.readouterr().out
    assert "All files are equal." in said
    assert f"Before: {before} at commit unknown" in said
    known = json.loads(out.read_text())
    assert [line[:6] for line in known["rows"]] == [[name, 10, "yes", 0.1, 0.2, 2.0] for name in ("a", "b", "a")]
    assert all(cpu > 0 for line in known["rows"] for cpu in line[6:])
    assert "| **all** | 30 | 3/3 | 0.100 | 0.200 | 2.000 |" in said


def test_checkouts_that_hear_otherwise_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.wav").write_text("hello")
    before, after = checkout(tmp_path / "before"), checkout(tmp_path / "after", version=2)
    assert compare.main([str(before), str(after), str(tmp_path / "a.wav")]) == 1
    said = capsys.readouterr().out
    assert "| a | 10 | no |" in said
    assert "- a.json, version: 1 before, 2 after\n" in said


def test_a_checkout_that_does_not_always_hear_the_same_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    root = checkout(tmp_path / "checkout")
    program = root / "meeting" / "__main__.py"
    program.write_text(program.read_text().replace('"] = text', '"] = text + str(random.random())'))
    made = compare.heard(tmp_path / "a.wav", "embedded", 2, {"before": root, "after": root}, tmp_path / "scratch")
    assert len(made.differences) == 1
    found_in_itself = compare._told(Difference("a.json", "version", "1", "2"), "before", 2)
    assert found_in_itself.endswith("(the same checkout, its run 2: it does not always hear the same)")


def test_what_cannot_be_replayed_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.wav").touch()
    root = str(checkout(tmp_path / "checkout"))
    assert compare.main([root, root, str(tmp_path / "a.wav")]) == 2
    assert "returned non-zero exit status 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (["{root}", "{root}", "{root}/none.wav"], "none of these is a recording"),
        (["{root}", "{root}", "{root}/a.wav", "--repeat", "0"], "--repeat must be at least 1"),
        (["{root}", "{root}/meeting", "{root}/a.wav"], "is no checkout of this project"),
        (["{root}", "no-such-revision", "{root}/a.wav"], "is neither a folder nor a revision"),
    ],
)
def test_what_makes_no_sense_is_refused(
    asked: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout(tmp_path / "checkout")
    (root / "a.wav").write_text("hello")
    with pytest.raises(SystemExit) as ended:
        compare.main([one.format(root=root) for one in asked])
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_revision_is_checked_out_for_the_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = checkout(tmp_path / "repository")

    def git(*given: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", *who, *given], cwd=repository, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    monkeypatch.setattr(compare, "ROOT", repository)
    with compare.checkout("HEAD") as root:
        assert root != repository
        assert (root / "meeting" / "__main__.py").read_text() == PROGRAM
    assert not root.exists()
    assert len(git("worktree", "list").splitlines()) == 1


def test_programs_of_a_checkout_see_its_code_and_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEETING_PORT", "1")
    monkeypatch.setenv("MEETING_MODELS_CACHE_DIR", "kept")
    root = checkout(tmp_path / "checkout")
    asked = [sys.executable, "-c", "import meeting; print(meeting.__file__)"]
    done = subprocess.run(asked, cwd=tmp_path, env=environment(root), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == root / "meeting" / "__init__.py"
    assert "MEETING_PORT" not in environment(root)
    assert environment(root)["MEETING_MODELS_CACHE_DIR"] == "kept"


def test_both_starts_are_timed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = compare.starts("fake", 2, {"before": ROOT, "after": ROOT}, tmp_path)
    names = ["before, 1", "before, 2", "after, 1", "after, 2", "**before, median**", "**after, median**", "**ratio**"]
    assert [one["name"] for one in rows] == names
    assert rows[6]["readyz"] == pytest.approx(rows[3]["readyz"] / rows[1]["readyz"])
    assert "| **ratio** |" in capsys.readouterr().out


def test_each_checkout_runs_its_own_load(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    roots = {side: checkout(tmp_path / side) for side in compare.SIDES}
    for side, root in roots.items():
        (root / "benchmarks").mkdir()
        (root / "benchmarks" / "load.py").write_text(
            "import json, pathlib, sys\n"
            "assert sys.argv[1:8] == ['folder', '--meetings', '8', '--models', 'fake', '--no-compare', '--json']\n"
            f"pathlib.Path(sys.argv[8]).write_text(json.dumps({{'rows': [{{'meetings': 8, 'words': '{side}'}}]}}))\n"
        )
    rows = compare.loads("fake", 8, [Path("folder")], roots, tmp_path)
    assert {side: row["words"] for side, row in rows.items()} == {"before": "before", "after": "after"}
    assert "| before | 8 |" in capfd.readouterr().out
