"""Dialogs over a page, in a real browser: what they leave behind once they are closed."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

OPEN = """async () => {
  const { openModal } = await import('/static/view/dialogs/modal.js')
  const dialog = document.createElement('dialog')
  dialog.className = 'of-test'
  dialog.append(document.createElement('button'))
  window.answers = []
  openModal(dialog, (answer) => window.answers.push(answer))
  return dialog.matches(':modal')
}"""
# What is left before the browser draws its next frame.
CLOSE = """async () => {
  document.querySelector('.of-test').close('yes')
  await null
  return { left: document.querySelectorAll('.of-test').length, answers: window.answers }
}"""


def test_a_closed_dialog_is_gone_before_the_next_frame_and_answers_once(tab: Any) -> None:
    page = tab("/")
    assert page.evaluate(OPEN)
    assert page.evaluate(CLOSE) == {"left": 0, "answers": ["yes"]}
    assert page.evaluate("() => new Promise(requestAnimationFrame).then(() => window.answers)") == ["yes"]


def test_escape_closes_a_dialog_without_an_answer(tab: Any) -> None:
    page = tab("/")
    page.evaluate(OPEN)
    page.keyboard.press("Escape")
    page.wait_for_function("() => window.answers.length > 0")
    assert page.evaluate("() => [document.querySelectorAll('.of-test').length, window.answers]") == [0, [""]]
