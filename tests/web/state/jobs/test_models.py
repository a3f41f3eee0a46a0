"""With which models the page of a meeting offers to have it transcribed again."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Run

LOADED = {"name": "embedded", "speech": "moonshine-tiny-en", "languages": ["en"], "running": True}
OWL = {"name": "owl", "speech": "Owl", "languages": ["de", "en"], "running": False}
FOX = {"name": "fox", "speech": "Fox", "languages": None, "running": False}
OFFER = """async ([known, name]) => {
  const { languagesOf, loadedModels, otherModels } = await load('state/jobs/models.js')
  const others = otherModels(known)
  return [others.map(({ name }) => name), loadedModels(known), languagesOf(others, name, ['en'])]
}"""


def offered(javascript: Run, known: list[dict[str, Any]], name: str = "") -> Any:
    """Names of the others, what the loaded ones are called, and the languages that can be said."""
    return javascript(OFFER, [known, name])


def test_only_models_that_would_have_to_be_loaded_are_a_choice(javascript: Run) -> None:
    assert offered(javascript, [])[:2] == [[], "Those that the server has loaded"]
    assert offered(javascript, [LOADED])[0] == []
    assert offered(javascript, [LOADED, OWL, FOX])[:2] == [
        ["owl", "fox"],
        "moonshine-tiny-en, which the server has loaded",
    ]
    assert offered(javascript, [OWL])[:2] == [["owl"], "Those that the server has loaded"]


def test_the_languages_are_those_of_the_models_that_are_chosen(javascript: Run) -> None:
    known = [LOADED, OWL, FOX]
    assert [offered(javascript, known, name)[2] for name in ("", "owl", "fox", "gone")] == [
        ["en"],
        ["de", "en"],
        [],
        [],
    ]
