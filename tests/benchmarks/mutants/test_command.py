"""The command: which faults it plants, and what its exit code says."""

from __future__ import annotations

import pytest

from benchmarks.mutants import command as mutants
from benchmarks.mutants.mutations import MUTANTS


def test_faults_are_named_and_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert mutants.main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [mutant.name for mutant in MUTANTS]
    with pytest.raises(SystemExit):
        mutants.main(["no-such-fault"])
    assert "there is no fault no-such-fault" in capsys.readouterr().err


@pytest.mark.parametrize("missed", [False, True])
def test_a_fault_that_no_test_sees_is_told_by_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missed: bool
) -> None:
    verdict = mutants.Verdict("x", "survived" if missed else "tests/a.py::test_b", not missed, 1.0)
    monkeypatch.setattr(mutants, "tried", lambda mutant, root: verdict)
    assert mutants.main([MUTANTS[0].name, "--unchecked"]) == int(missed)
    assert f"{int(not missed)} of 1 faults caught" in capsys.readouterr().out
