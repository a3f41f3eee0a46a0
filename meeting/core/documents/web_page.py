"""A document as one web page that needs nothing else: no script, no other file, nothing from a network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from meeting.core.documents.content import Document, Passage, Section

LIGHT = ["#0a6b5d", "#a8421b", "#3a53c2", "#8a2f78", "#775800", "#1b6a98", "#ad2848", "#4c6714", "#6947b8", "#665849"]
"""Colours of speakers on white"""
DARK = ["#6fd3bf", "#f2a37f", "#a5b6ff", "#e6a2db", "#e2c067", "#86c9f2", "#ff9fb2", "#b5d378", "#c8b2ff", "#d1c2b0"]
"""The same on black"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for it: nothing"""

_STYLE = """
:root { color-scheme: light dark; --soft: #5b625d }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif;
  overflow-wrap: anywhere; color: #1c201e; background: #fff }
h1, h2 { line-height: 1.2 }
ul.facts { padding: 0; list-style: none; color: var(--soft) }
h3 { margin: 1.2rem 0 0; font-size: 1rem }
h3 time { margin-left: .4em; color: var(--soft); font-weight: 400; font-size: .85rem }
p { margin: .1rem 0 0 }
@media (prefers-color-scheme: dark) { :root { --soft: #9ea69f } body { color: #e9ece7; background: #131614 } }
"""


def web_page(document: Document) -> str:
    """The page, in which nothing that was said can become markup."""
    title = escape(document.title)
    head = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{_STYLE}{_colors()}</style>\n</head>\n<body>\n<main>",
        f"<h1><bdi>{title}</bdi></h1>",
        _list(document.facts, "facts"),
    ]
    notes = [line for section in document.notes for line in _section(section)]
    said = [line for passage in document.passages for line in _passage(passage)]
    return "\n".join([*head, *notes, "<h2>Transcript</h2>", *said, "</main>\n</body>\n</html>"]) + "\n"


def _colors() -> str:
    light, dark = (
        "\n".join(f".c{number} {{ color: {color} }}" for number, color in enumerate(colors)) for colors in (LIGHT, DARK)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    yield from (f"<p>{escape(remark)}</p>" for remark in section.remarks)
    yield _list(section.points)


def _list(texts: tuple[str, ...], kind: str = "points") -> str:
    return f'<ul class="{kind}">' + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _passage(passage: Passage) -> Iterator[str]:
    color = "" if passage.color is None else f' class="c{passage.color % len(LIGHT)}"'
    time = f'<time datetime="PT{passage.start}S">{passage.time}</time>'
    yield f"<h3><bdi{color}>{escape(passage.speaker)}</bdi> {time}</h3>"
    yield f'<p dir="auto">{escape(passage.text)}</p>'
