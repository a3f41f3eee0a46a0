"""What hotwords are worth: which words are terms, what counts as an error, and the real recogniser on the sample."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import hotwords
from benchmarks.hotwords import Counts, Line, align, is_rare, measure, plain, terms_of
from pipelines.asr.decoding.hotwords import SPACE, Tokenizer
from tests.conftest import ROOT

SECOND = np.zeros(16_000, np.float32)
PIECES = [SPACE + "the", SPACE + "zoo", "th", "the", "zo", "zoo", *"thezookapignu", SPACE]
TOKENIZER = Tokenizer([*[b""] * 259, *(piece.encode() for piece in PIECES)])


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert plain("Don\u2019t — say “Zoo”, C-3!") == ("don't", "say", "zoo", "c", "3")
    assert plain("  ") == ()


def test_words_are_aligned_with_the_fewest_errors() -> None:
    assert align(["a", "b", "c"], ["a", "x", "c", "d"]) == [("a", "a"), ("b", "x"), ("c", "c"), (None, "d")]
    assert align(["a", "b"], ["b"]) == [("a", None), ("b", "b")]
    assert align([], []) == []


def test_errors_are_counted_apart_for_terms_and_others_and_inventions() -> None:
    counts = Counts()
    terms = frozenset({"okapi", "gnu"})
    counts.add(["the", "okapi", "is", "here"], ["the", "okapi", "was", "here", "gnu"], terms)
    counts.add(["the", "okapi", "sleeps"], ["the", "copy", "sleeps"], terms)
    counts.add(["here"], ["okapi"], terms)
    assert (counts.terms, counts.term_errors, counts.others, counts.other_errors, counts.invented) == (2, 1, 6, 3, 2)
    row = counts.row("given")
    assert (row["wrong_terms"], row["wrong_others"], row["cpu"]) == (0.5, 0.5, None)


def test_rare_is_a_word_that_has_no_token_of_its_own() -> None:
    assert [word for word in ("the", "zoo", "okapi", "gnu", "ok4pi") if is_rare(word, TOKENIZER)] == ["okapi"]


def test_terms_are_the_rare_words_of_a_recording_and_as_many_that_are_not_said_in_it() -> None:
    lines = {
        "one": [Line(SECOND, ("the", "okapi"))],
        "two": [Line(SECOND, ("kakapo", "pikoto")), Line(SECOND, ("the", "okapi"))],
        "three": [Line(SECOND, ("the", "zoo"))],
    }
    terms = terms_of(lines, TOKENIZER)
    assert len(terms["one"]) == 2
    assert "okapi" in terms["one"]
    assert terms["two"] == ("kakapo", "okapi", "pikoto")
    assert terms["three"] == ()
    assert terms_of(lines, TOKENIZER, unsaid=2)["one"] == ("kakapo", "okapi", "pikoto")
    assert terms_of(lines, TOKENIZER) == terms


def test_terms_are_counted_whether_or_not_they_are_given() -> None:
    lines, terms = {"one": [Line(SECOND, ("the", "okapi"))]}, {"one": ("okapi",)}
    asked: list[tuple[str, ...]] = []

    def read(audio: object, given: tuple[str, ...]) -> str:
        asked.append(given)
        return "The okapi." if given else "The copy."

    assert measure(lines, terms, read, given=False).term_errors == 1
    assert measure(lines, terms, read).term_errors == 0
    assert asked == [(), ("okapi",)]


@pytest.mark.slow
@pytest.mark.model
def test_the_sample_is_read_without_and_with_terms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    shutil.copy(ROOT / "web/sample/sample.flac", tmp_path / "set/sample.flac")
    rows = json.loads((ROOT / "web/sample/sample.seglst.json").read_text())[:4]
    rows[0]["words"] += " Wombats"
    (tmp_path / "set/sample.seglst.json").write_text(json.dumps(rows))
    (tmp_path / "set/nobody.seglst.json").write_text("[]")
    out = tmp_path / "hotwords.json"
    assert hotwords.main([str(tmp_path), "--boost", "2", "3", "--json", str(out)]) == 0
    without, two, three = json.loads(out.read_text())["rows"]
    assert (without["name"], two["name"], three["name"]) == ("not given", "given, boost 2", "given, boost 3")
    for row in (without, two, three):
        assert (row["terms"], row["wrong_terms"]) == (2, 0.5)
        assert 0 <= row["wrong_others"] < 0.4
        assert row["cpu"] > 0
    assert "| given, boost 2 | 2 | 0.500 |" in capsys.readouterr().out


def test_without_rare_words_there_is_nothing_to_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        hotwords.main([str(tmp_path)])
    assert "rare words" in capsys.readouterr().err
