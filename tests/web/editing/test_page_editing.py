"""What a host changes on a meeting's page, against answers that the test decides."""

from __future__ import annotations

from typing import Any

import pytest

from meeting.core.editing.edits import MAX_LINES
from tests.web.conftest import Run

GIVE = """async ({ count, most, refused }) => {
  globalThis.sessionStorage ??= { getItem: () => null }
  const asked = []
  let made = 0
  globalThis.fetch = async (path, { body }) => {
    const change = `c${++made}`
    const undone = /changes\\/(\\w+)\\/undo$/.exec(path)?.[1]
    if (undone) {
      asked.push(`undo ${undone}`)
      return new Response(JSON.stringify({ segments: [], speakers: [], change }))
    }
    const { lines, ...voice } = JSON.parse(body)
    asked.push([lines.length, voice])
    const error = { code: 'outdated', message: 'this line has changed meanwhile: look at it again' }
    if (lines.length > most) return new Response(JSON.stringify({ error }), { status: 422 })
    if (asked.length === refused) return new Response(JSON.stringify({ error }), { status: 409 })
    const segments = lines.map((line) => ({ ...line, speaker: 'spk9' }))
    return new Response(JSON.stringify({ segments, speakers: [], change }))
  }
  const { PageEditing } = await load('pages/meeting/page-editing.js')
  const { NO_HISTORY } = await load('state/editing/edit-history.js')
  const store = { state: { edits: NO_HISTORY }, closed: false, update(change) { this.state = change(this.state) } }
  const editing = new PageEditing('m1', store, () => {})
  const lines = Array.from({ length: count }, (_, i) => ({ id: `s${i}`, rev: 1 }))
  let problem = ''
  await editing.give(lines, { new_speaker: 'Ann' }).catch(({ message }) => (problem = message))
  const { done, said } = store.state.edits
  const given = asked.splice(0)
  await editing.undo()
  return { given, done, said, problem, undone: asked }
}"""


REFUSED = """async ([language, status, error]) => {
  globalThis.sessionStorage ??= { getItem: () => null }
  globalThis.fetch = async () => new Response(JSON.stringify({ error }), { status })
  const { choose, speak } = await load('texts/texts.js')
  speak(choose([language]))
  const { PageEditing } = await load('pages/meeting/page-editing.js')
  const edits = { done: [{ changes: ['c1'], text: '' }], undone: [], said: '' }
  const store = { state: { edits }, closed: false, update(change) { this.state = change(this.state) } }
  await new PageEditing('m1', store, () => {}).undo()
  return [store.state.edits.said, store.state.edits.done.length]
}"""


def given(javascript: Run, count: int, refused: int | None = None) -> Any:
    """Give so many lines to a new voice; the server refuses the request of that number."""
    return javascript(GIVE, {"count": count, "most": MAX_LINES, "refused": refused})


def test_more_lines_than_the_server_takes_at_once_go_to_one_voice_and_are_taken_back_as_one(javascript: Run) -> None:
    seen = given(javascript, 2 * MAX_LINES + 1)
    voices = [{"new_speaker": "Ann"}, {"speaker": "spk9"}, {"speaker": "spk9"}]
    assert seen["given"] == [[MAX_LINES, voices[0]], [MAX_LINES, voices[1]], [1, voices[2]]]
    assert [made["changes"] for made in seen["done"]] == [["c1", "c2", "c3"]]
    assert seen["said"] == "1,001 lines given to another voice."
    assert seen["problem"] == ""
    assert seen["undone"] == ["undo c3", "undo c2", "undo c1"]


def test_where_the_server_refuses_some_of_many_lines_none_are_given(javascript: Run) -> None:
    seen = given(javascript, 2 * MAX_LINES + 1, refused=3)
    assert seen["given"][3:] == ["undo c2", "undo c1"]
    assert (seen["done"], seen["said"], seen["undone"]) == ([], "", [])
    assert "changed meanwhile" in seen["problem"]


def test_where_the_server_refuses_the_first_lines_nothing_is_taken_back(javascript: Run) -> None:
    seen = given(javascript, 2, refused=1)
    assert seen["given"] == [[2, {"new_speaker": "Ann"}]]
    assert (seen["done"], seen["said"]) == ([], "")


@pytest.mark.parametrize(
    ("language", "code", "status", "said", "left"),
    [
        ("en", "outdated", 409, "That cannot be taken back any more: something has been changed since.", 0),
        ("en", "not_found", 404, "That cannot be taken back any more: something has been changed since.", 0),
        ("de", "outdated", 409, "Das lässt sich nicht mehr zurücknehmen: Seither wurde etwas geändert.", 0),
        ("de", "live", 409, "Nicht zurückgenommen. Die Besprechung läuft noch.", 1),
    ],
)
def test_a_change_that_others_have_gone_beyond_is_forgotten_and_another_refusal_may_pass(
    javascript: Run, language: str, code: str, status: int, said: str, left: int
) -> None:
    error = {"code": code, "message": "this line has changed meanwhile: look at it again"}
    assert javascript(REFUSED, [language, status, error]) == [said, left]
