"""What the tests of the simulation start from."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.cluster_simulation.assumptions import Assumptions, load


@pytest.fixture(scope="session")
def assumed() -> Assumptions:
    """The committed figures."""
    return load()


@pytest.fixture
def random() -> np.random.Generator:
    """Chance that is the same in each run."""
    return np.random.default_rng(7)
