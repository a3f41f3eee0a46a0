"""What the pages say: the same in every language, all of it in one place, with that language's plurals and numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from meeting.core.errors import ErrorCode
from tests.web.conftest import Run
from tests.web.test_architecture import WEB, code, modules

Table = dict[str, Any]

TOLD_BY_SERVER = {
    "bad_audio", "bad_message", "bad_request", "invalid", "language", "method_not_allowed", "models", "moved",
    "refused", "wrong_host", "wrong_origin",
}  # fmt: skip
"""Codes whose sentence says more than the code: it is shown as it comes"""
NAMES = {
    "Ann", "Authorization", "Bearer ${token}", "Ben", "Carl", "Content-Disposition", "Content-Range", "Content-Type",
    "Delete", "Enter", "Escape", "If-None-Match", "Space", "Speaker ${number}",
}  # fmt: skip
"""Names that look like texts"""
LITERAL = re.compile(r"'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
SENTENCE = re.compile(r"[A-Z][a-zé’]+(?:[ -][\w’“”,;:–—]+)*[ .…!?]*|.*[a-z] [a-z]+ [a-z]+.*[.…!?:]|.*[a-z][.…!?] .*")


@pytest.fixture(scope="module")
def tables(javascript: Run) -> dict[str, Table]:
    """Every language's texts by key."""
    found: dict[str, Table] = javascript(
        """async () => ({
          en: (await load('texts/english.js')).ENGLISH, de: (await load('texts/german.js')).GERMAN,
        })"""
    )
    return found


def forms(text: str | dict[str, str]) -> dict[str, str]:
    """A text by its plural form; one that has none counts as `other`."""
    return text if isinstance(text, dict) else {"other": text}


def sentences(source: str) -> list[str]:
    """Texts for people that stand in a source."""
    found = [match[1] or match[2] or "" for match in LITERAL.finditer(source)]
    return [
        text for text in found if SENTENCE.fullmatch(re.sub(r"\$\{[^}]*\}", "x", text).strip()) and text not in NAMES
    ]


def test_all_languages_have_the_same_keys_in_the_same_order(tables: dict[str, Table]) -> None:
    assert list(tables["en"]) == list(tables["de"])


def test_a_text_has_the_same_braces_and_plurals_in_all_languages(tables: dict[str, Table]) -> None:
    for key, english in tables["en"].items():
        german = tables["de"][key]
        assert set(forms(english)) == set(forms(german)), key  # both tell one from others
        for form, text in forms(english).items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", forms(german)[form])), key
            assert bool(text.strip()) == bool(forms(german)[form].strip()), key


def test_no_text_has_an_ellipsis_of_dots_or_straight_quotes(tables: dict[str, Table]) -> None:
    told = [text for table in tables.values() for entry in table.values() for text in forms(entry).values()]
    assert [text for text in told if re.search(r"\.\.\.|[\"']", text)] == []


def test_a_german_ellipsis_stands_apart_unless_a_word_is_cut_off(tables: dict[str, Table]) -> None:
    told = [text for entry in tables["de"].values() for text in forms(entry).values()]
    assert [text for text in told if re.search(r"[^ ]…(?!“)", text)] == []


@pytest.mark.parametrize("module", [name for name in modules() if not name.startswith("texts/")])
def test_no_text_stands_elsewhere(module: str) -> None:
    assert sentences(code(module)) == []


@pytest.mark.parametrize(
    "line", ["'Not saved. Try again'", "'Stop'", "`Text ${lag} s behind`", "` Ask ${who} again`", "'read it now.'"]
)
def test_a_text_that_stood_elsewhere_would_be_found(line: str) -> None:
    assert sentences(f"setText(node, {line})") == [line[1:-1]]


def test_what_stands_in_the_document_is_replaced_by_a_text(tables: dict[str, Table]) -> None:
    page = re.sub(r"<noscript>.*?</noscript>|<!.*?>", "", (WEB / "index.html").read_text(), flags=re.S)
    marked = re.findall(r'data-text="([^"]+)">([^<]+)<', page)
    assert marked
    assert [(key, text) for key, text in marked if tables["en"][key] != text] == []
    shown = re.findall(r">\s*([^<>\s][^<>]*?)\s*<", page)
    assert set(shown) == {text for _, text in marked}  # the title is one of them


def test_every_key_that_is_asked_for_is_there_and_every_text_is_asked_for(tables: dict[str, Table]) -> None:
    sources = "\n".join(code(name) for name in modules() if not name.startswith("texts/"))
    sources += (WEB / "index.html").read_text() + code("texts/texts.js")
    quoted = set(re.findall(r"['\"]((?:[a-z][\w-]*\.)+[\w.-]+)['\"]", sources))
    areas = {key.partition(".")[0] for key in tables["en"]}
    asked = {key for key in quoted if key.partition(".")[0] in areas and not key.endswith((".js", ".v1"))}
    made = [re.escape(key) for key in re.findall(r"`([\w.]*\$\{[^`]*)`", sources)]
    patterns = [re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"[\\w.-]+", key)) for key in made if "." in key]
    assert asked - set(tables["en"]) == set()
    unused = [key for key in tables["en"] if key not in asked and not any(p.fullmatch(key) for p in patterns)]
    assert unused == []


def test_every_code_of_an_error_has_a_text_or_is_told_by_the_server(tables: dict[str, Table]) -> None:
    known = {key.partition(".")[2] for key in tables["en"] if key.startswith("error.")}
    assert known & TOLD_BY_SERVER == set()
    assert known | TOLD_BY_SERVER == {code.value for code in ErrorCode}


def test_the_language_is_the_first_wanted_one_that_there_is_unless_one_was_chosen(javascript: Run) -> None:
    assert javascript(
        """async () => {
          const { choose } = await load('texts/texts.js')
          return [choose(['de-AT', 'en']), choose(['fr', 'DE']), choose(['fr']), choose([]), choose(['en-GB', 'de']),
            choose(['en-GB', 'de-CH'], 'de'), choose(['en-GB'], 'de'), choose(['de'], 'toString')]
            .map(({ language, locale }) => `${language} ${locale}`)
        }"""
    ) == ["de de-AT", "de DE", "en en", "en en", "en en-GB", "de de-CH", "de de", "de de"]


def test_numbers_dates_and_plurals_are_those_of_the_language(javascript: Run) -> None:
    english, german = javascript(
        """async () => {
          const { choose, languageNames, number, percent, speak, t } = await load('texts/texts.js')
          const { day, languages, length, listedName, speakerName } = await load('state/format.js')
          const { lagText } = await load('state/messages.js')
          const { termsCount } = await load('state/terms.js')
          const now = new Date(2026, 5, 3, 12)
          const told = (code) => {
            speak(choose([code]))
            return [number(1234.5, 1), percent(0.37), languageNames(['en', 'de', 'xx']), languages(['en']),
              day(new Date(2026, 5, 3, 9, 5).toISOString(), now), day(new Date(2024, 2, 4).toISOString(), now),
              termsCount(0), termsCount(1), termsCount(2), lagText(null, 1.26)[0], length(4380),
              speakerName('spk2', new Map()), listedName('Speaker 3'), listedName('Speaker Phone'),
              t('who.lines', { count: 1 }), t('who.lines', { count: 3 })]
          }
          return [told('en-GB'), told('de')]
        }"""
    )
    assert english == [
        "1,234.5", "37%", "English, German and xx", "English only", "Today, 9:05", "4 March 2024",
        "No terms", "1 term", "2 terms", "Text 1.3 s behind", "1 h 13 min",
        "Speaker 2", "Speaker 3", "Speaker Phone", "This line", "These lines",
    ]  # fmt: skip
    assert german == [
        "1.234,5", "37\xa0%", "Englisch, Deutsch und xx", "nur Englisch", "Heute, 9:05", "4. März 2024",
        "Keine Begriffe", "1 Begriff", "2 Begriffe", "Text 1,3 s zurück", "1 h 13 min",
        "Person 2", "Person 3", "Speaker Phone", "Diese Zeile", "Diese Zeilen",
    ]  # fmt: skip


def test_errors_of_the_server_are_told_by_their_code_and_else_marked_as_english(javascript: Run) -> None:
    english, german = javascript(
        """async () => {
          const { choose, errorText, ofServer, parts, speak } = await load('texts/texts.js')
          const { problemText, warningText } = await load('state/messages.js')
          const told = (code) => {
            speak(choose([code]))
            return [errorText('busy', 'this meeting is already being recorded'), errorText('busy', ''),
              parts(errorText('bad_request', 'title must be a text')), ofServer(''),
              warningText({ code: 'too_long', message: 'the meeting has 8 hours' })[1],
              problemText({ close: 1011, code: 1011, message: '' }).text,
              parts(problemText({ close: 4400, code: 'bad_audio', message: 'not a WAV.' }).text),
              problemText({ close: 4429, code: 'too_many', message: 'no room.' }).text]
          }
          return [told('en'), told('de')]
        }"""
    )
    assert english[:2] == ["this meeting is already being recorded", "This meeting is already being recorded."]
    assert english[2] == [{"text": "title must be a text", "lang": None}]
    assert english[4] == "The meeting has 8 hours."
    assert english[7] == "There is no room at the moment (no room). Wait a little, then try again."
    assert german[:2] == ["Diese Besprechung wird schon aufgenommen."] * 2
    assert german[2] == [{"text": "\u2068title must be a text\u2069", "lang": "en"}]
    assert german[3] == ""
    assert german[4] == "Die Besprechung hat ihre größte Länge erreicht und wird beendet."
    assert german[5].startswith("Der Server hat die Verbindung beendet. ")
    assert [part["lang"] for part in german[6]] == [None, "en", None]
    assert "im Moment nicht mehr an" in german[7]
