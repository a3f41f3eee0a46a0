"""The Node.js that the tests of the pages' pure modules share: nothing is left from one call to the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.children import children
from tests.fakes.web_fakes import WEB
from tests.web.conftest import OLDEST_NODE, node
from tests.web.node_process import NodeProcess, node_process

SPEAK = """async (language) => {
  const texts = await load('texts/texts.js')
  if (language) texts.speak({ language, locale: language })
  return texts.spoken()
}"""


@pytest.fixture(scope="module")
def program() -> str:
    found = node()
    if found is None:
        pytest.skip(f"no Node.js from {OLDEST_NODE} on")
    return found


@pytest.fixture(scope="module")
def shared(program: str) -> Iterator[NodeProcess]:
    with node_process(program, WEB) as running:
        yield running


def test_what_a_call_does_to_a_module_is_gone_at_the_next(shared: NodeProcess) -> None:
    assert [shared(SPEAK, "de"), shared(SPEAK)] == ["de", "en"]


def test_what_a_call_does_to_a_global_is_gone_at_the_next(shared: NodeProcess) -> None:
    assert shared("async () => { globalThis.left = 1; return globalThis.left }") == 1
    assert shared("async () => typeof globalThis.left") == "undefined"


def test_text_of_any_kind_comes_back_as_it_was_and_nothing_as_none(shared: NodeProcess) -> None:
    text = "Füße\n\r\u2028 😀"
    assert shared("async (text) => text", text) == text
    assert shared("async () => {}") is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("async () => { throw new Error('no such day') }", "no such day"),
        ("async () => { Promise.reject(new Error('left alone')); await 0; return 1 }", "left alone"),
        ("async () => { setTimeout(() => { throw new Error('afterwards') }, 10); return 1 }", "afterwards"),
        ("async () => { process.exit(3) }", "ended with 3"),
    ],
    ids=["thrown", "unhandled", "after its result", "exit"],
)
def test_what_goes_wrong_in_a_call_fails_it_and_not_the_next(shared: NodeProcess, source: str, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        shared(source)
    assert shared("async () => 2") == 2


def test_a_call_without_an_end_is_ended(program: str) -> None:
    failure = pytest.raises(AssertionError, match=r"not done after 0\.5 s")
    with node_process(program, WEB, patience=0.5) as impatient, failure:
        impatient("async () => { while (true); }")


def test_a_node_that_is_kept_for_all_tests_is_none_of_the_processes_that_a_test_may_leave(program: str) -> None:
    before = children()
    with node_process(program, WEB):
        assert children() == before
    assert children() == before
