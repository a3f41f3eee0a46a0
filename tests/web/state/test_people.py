"""How many people will speak, as somebody writes it."""

from __future__ import annotations

from tests.web.conftest import Run


def test_a_number_of_people_is_read_as_people_write_it(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { peopleGiven } = await load('state/people.js')
          const right = ['4', ' 4 ', '2-5', '5-2', '2 – 5', '2 to 5', '3-3', '1-100', '', '  ']
          const read = right.map(peopleGiven)
          return [read.map(({ speakers }) => speakers ?? null), read.map(({ problem }) => problem).join('')]
        }"""
    ) == [["4", "4", "2-5", "2-5", "2-5", "2-5", "3", "1-100", None, None], ""]


def test_what_is_no_number_of_people_is_told(javascript: Run) -> None:
    assert (
        javascript(
            """async () => {
          const { peopleGiven } = await load('state/people.js')
          const wrong = ['0', '101', '0-3', 'two', '2-', '2-3-4', '2.5', '-4']
          const refused = wrong.map(peopleGiven)
          return refused.map(({ speakers, problem }) => speakers === undefined && /number such as 4/.test(problem))
        }"""
        )
        == [True] * 8
    )
