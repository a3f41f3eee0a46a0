"""Names and terms as people write them into a field."""

from __future__ import annotations

import pytest

from tests.web.conftest import Run


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" , ;\n\n", []),
        ("Nguyen, Kubernetes;Saint-Gobain\n New   York \n", ["Nguyen", "Kubernetes", "Saint-Gobain", "New York"]),
        ("Ann, Bo, Ann", ["Ann", "Bo"]),
        ("Straße\r\nÅngström", ["Straße", "Ångström"]),
    ],
)
def test_commas_semicolons_and_lines_part_terms(javascript: Run, text: str, terms: list[str]) -> None:
    source = "async (text) => (await load('state/terms.js')).termsOf(text)"
    assert javascript(source, text) == terms
    assert javascript(source, "\n".join(terms)) == terms


def test_what_the_server_would_refuse_is_told_before(javascript: Run) -> None:
    source = "async (terms) => (await load('state/terms.js')).termsProblem(terms)"
    assert javascript(source, ["x" * 100, "😀" * 100, *(str(number) for number in range(198))]) == ""
    assert javascript(source, [str(number) for number in range(201)]) == (
        "There may be at most 200 names and terms; these are 201."
    )
    assert javascript(source, ["Ann", "y" * 101]) == f"“{'y' * 20}…” is too long: a term has at most 100 characters."


def test_terms_are_counted_in_words(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { termsCount } = await load('state/terms.js')
          return [0, 1, 7].map(termsCount)
        }"""
    ) == [
        "No terms",
        "1 term",
        "7 terms",
    ]  # fmt: skip
