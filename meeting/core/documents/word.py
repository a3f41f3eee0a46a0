"""A document as a Word file (Office Open XML)."""

from __future__ import annotations

import io
import re
from datetime import timezone
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from meeting.core.documents.content import Document, Passage
from meeting.core.documents.web_page import LIGHT

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

LONGEST_TITLE = 255
"""Characters that a Word file's properties take"""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def word_file(document: Document) -> bytes:
    """The file: title and facts, notes where there are any, then who said what when."""
    from docx import Document as new_file  # takes half a second

    file = new_file()
    title = _for_xml(document.title)
    about = file.core_properties
    about.title, about.author, about.comments = title[:LONGEST_TITLE], "", ""
    about.created = about.modified = document.began.astimezone(timezone.utc).replace(tzinfo=None)
    file.add_heading(title, 0)
    for fact in document.facts:
        file.add_paragraph(_for_xml(fact))
    for section in document.notes:
        file.add_heading(_for_xml(section.title), 1)
        for remark in section.remarks:
            file.add_paragraph(_for_xml(remark))
        for point in section.points:
            file.add_paragraph(_for_xml(point), style="List Bullet")
    file.add_heading("Transcript", 1)
    for passage in document.passages:
        _add(file, passage)
    written = io.BytesIO()
    file.save(written)
    return _undated(written)


def _undated(written: io.BytesIO) -> bytes:
    """The same file without the time at which it was made: one meeting always makes the same bytes."""
    undated = io.BytesIO()
    with ZipFile(written) as old, ZipFile(undated, "w") as new:
        for name in old.namelist():
            new.writestr(ZipInfo(name), old.read(name), ZIP_DEFLATED)
    return undated.getvalue()


def _add(file: WordDocument, passage: Passage) -> None:
    from docx.shared import RGBColor

    paragraph = file.add_paragraph()
    name = paragraph.add_run(_for_xml(passage.speaker))
    name.bold = True
    if passage.color is not None:
        name.font.color.rgb = RGBColor.from_string(LIGHT[passage.color % len(LIGHT)].removeprefix("#").upper())
    paragraph.add_run(f"  {passage.time}").add_break()
    paragraph.add_run(_for_xml(passage.text))


def _for_xml(text: str) -> str:
    """A text without what XML cannot hold, such as halves of characters."""
    return _NOT_XML.sub("\ufffd", text)
