"""Two checkouts side by side: what is run in each, and what is said of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import command as compare
from benchmarks.compare.differences import Difference
from benchmarks.harness.process import environment
from tests.benchmarks.compare.test_differences import transcript

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


@pytest.mark.slow
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


@pytest.mark.slow
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
