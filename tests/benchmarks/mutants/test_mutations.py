"""The faults that are planted fit the program as it is."""

from __future__ import annotations

import pytest

from benchmarks.mutants.mutations import MUTANTS
from benchmarks.mutants.planting import Mutant, misfit


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fault_can_still_be_planted(mutant: Mutant) -> None:
    problem = misfit(mutant)
    assert problem is None, f"{problem}: fit its row in benchmarks/mutants/mutations.py to the program as it is now"


def test_each_fault_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
