"""A meeting's page as one value, for the tests of what changes it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Run

STEPS = """async ([opened, steps, shown, start]) => {
  const page = await load('state/page-state.js')
  const select = await load('state/selectors.js')
  const freeze = (value) => {
    if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(freeze)
    return value
  }
  const first = { ...page.openedPage(opened), ...start }
  const state = steps.reduce((state, [step, ...given]) => freeze(page[step](state, ...given)), first)
  const told = { ...state, notices: Object.fromEntries(state.notices) }
  const selected = Object.fromEntries(Object.entries(select).map(([name, of]) => [name, of(state)]))
  const all = { ...told, ...selected }
  return shown.length ? Object.fromEntries(shown.map((name) => [name, all[name]])) : all
}"""
"""Applies functions of page-state.js to a state that may not be changed; gives the state and what follows from it"""


@pytest.fixture
def page(javascript: Run) -> Run:
    """The state after steps, each a function of page-state.js with its arguments."""

    def run(
        *steps: tuple[Any, ...],
        opened: dict[str, Any] | None = None,
        shown: tuple[str, ...] = (),
        start: dict[str, Any] | None = None,
    ) -> Any:
        return javascript(STEPS, [opened or {}, steps, shown, start or {}])

    return run
