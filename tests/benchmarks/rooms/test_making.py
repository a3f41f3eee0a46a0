"""Sets: the same bytes from the same seed, halves that do not mix, references that can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.harness.recordings import read_ctm
from benchmarks.rooms.making import MANIFEST, SMALL, Wanted, described, make, plan, small
from benchmarks.rooms.voices import HALVES, half
from meeting.evaluation.evaluate import references
from pipelines.errors import MeetingError

CHEAP = ("headset", "uneven")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("set")
    make(Wanted(out, (voices,), seed=3, talks=2, seconds=8.0, conditions=CHEAP))
    return out


@pytest.mark.slow
def test_the_same_command_gives_the_same_bytes_on_any_number_of_processes(
    made: Path, voices: Path, tmp_path: Path
) -> None:
    wanted = Wanted(tmp_path, (voices,), seed=3, talks=2, seconds=8.0, conditions=CHEAP)
    make(wanted, processes=2)
    assert contents(tmp_path) == contents(made)
    make(replace(wanted, seed=4, talks=1))
    name = "choose/headset/headset_choose_0.flac"
    assert (tmp_path / name).read_bytes() != (made / name).read_bytes()


@pytest.mark.slow
def test_fewer_conditions_and_talks_change_nothing_in_the_others(made: Path, voices: Path, tmp_path: Path) -> None:
    make(Wanted(tmp_path, (voices,), seed=3, talks=1, seconds=8.0, conditions=CHEAP[1:]))
    name = "report/uneven/uneven_report_0.flac"
    assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


def test_halves_share_no_voice(made: Path) -> None:
    rows = [json.loads(line) for line in (made / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 8
    for row in rows:
        assert {half(seat["voice"]) for seat in row["seats"]} == {row["half"]}
        assert row["voices"] == len(row["seats"]) >= 2
        assert {"condition", "seconds", "room", "rt60_s", "snr_db", "codec", "level_db", "clipped"} <= set(row)


def test_conditions_of_one_group_have_the_same_conversations(made: Path) -> None:
    for name in HALVES:
        one, two = ((made / name / kind / f"{kind}_{name}_0.rttm").read_text(encoding="utf-8") for kind in CHEAP)
        assert one.replace("headset", "") == two.replace("uneven", "")


def test_references_can_be_read_and_say_that_words_are_spread(made: Path) -> None:
    found = references(made / "choose" / "headset")
    assert len(found) == 2
    for reference in found:
        ctm = reference.audio.with_suffix(".words.ctm")
        assert ctm.read_text(encoding="utf-8").startswith(";; times of words are spread")
        words = read_ctm(ctm)
        told = sorted(word for row in reference.said for word in str(row["words"]).split())
        assert sorted(word.text for word in words) == told
        voices = {turn.speaker for turn in reference.turns}
        assert voices == {row["speaker"] for row in reference.said}
        for row in reference.said:
            assert row["end_time"] > row["start_time"] >= 1.0


def test_voices_without_words_have_turns_only(voices: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    rows = [json.loads(line) for line in (voices / "voices.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        (plain / row["file"]).write_bytes((voices / row["file"]).read_bytes())
    lines = "".join(json.dumps({**row, "text": None}) + "\n" for row in rows)
    (plain / "voices.jsonl").write_text(lines, encoding="utf-8")
    found = make(Wanted(tmp_path / "set", (plain,), talks=1, seconds=5.0, conditions=CHEAP[:1]))
    assert [row["words"] for row in found] == [False, False]
    assert len(list((tmp_path / "set").rglob("*.rttm"))) == 2
    assert not list((tmp_path / "set").rglob("*.seglst.json"))


@pytest.mark.slow
def test_a_small_set_of_the_sample_has_rooms_and_lines(tmp_path: Path) -> None:
    pytest.importorskip("pyroomacoustics", reason="the extra rooms is not installed")
    found = make(small(Wanted(tmp_path)))
    assert [row["condition"] for row in found] == list(SMALL)
    assert {row["half"] for row in found} == {"report"}  # two of its three voices
    assert sum(row["seconds"] for row in found) < 120
    near = next(row for row in found if row["condition"] == "near")
    assert 0.05 < near["rt60_s"] < 0.5
    assert {row["codec"] is not None for row in found} == {True, False}


def test_what_cannot_be_made_is_said(tmp_path: Path, voices: Path) -> None:
    with pytest.raises(MeetingError, match="cellar"):
        plan(Wanted(tmp_path, (voices,), conditions=("cellar",)))
    (tmp_path / "voices.jsonl").write_text('{"file": "a.flac", "speaker": "a", "text": null}\n', encoding="utf-8")
    with pytest.raises(MeetingError, match="two voices"):
        plan(Wanted(tmp_path, (tmp_path,)))


def test_a_whole_set_has_every_condition_in_both_halves(voices: Path, tmp_path: Path) -> None:
    jobs = plan(Wanted(tmp_path, (voices,)))
    assert len(jobs) == 2 * 4 * len(described())
    assert len({job.name for job in jobs}) == len(jobs)
