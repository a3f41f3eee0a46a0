"""Servers for the tests of the HTTP API, with fake models: one for everybody, one that asks for tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.access_fakes import Locked, locked
from tests.fakes.server_fakes import Serving, config, serving


@pytest.fixture(scope="package")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A server that asks for tokens."""
    with locked(tmp_path_factory.mktemp("locked")) as running:
        yield running


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that asks for none."""
    with serving(config(tmp_path_factory.mktemp("data"))) as running:
        yield running
