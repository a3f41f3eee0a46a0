"""What is not public of uvicorn and websockets is imported in one place."""

from __future__ import annotations

import re
from pathlib import Path

from meeting.transport import uvicorn_parts

ROOT = Path(__file__).resolve().parents[3]
PUBLIC = r"websockets\.(?:asyncio\.client|exceptions)\b"
"""What the client is made of"""
PRIVATE = re.compile(rf"^\s*(?:from|import) (?!{PUBLIC})(?:uvicorn\.|websockets|h11)", re.MULTILINE)


def test_what_is_not_public_is_imported_here_only() -> None:
    users = [path for path in (ROOT / "meeting").rglob("*.py") if PRIVATE.search(path.read_text(encoding="utf-8"))]
    assert users == [Path(uvicorn_parts.__file__)]


def test_all_that_is_imported_here_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "meeting" / "transport").glob("[!u]*.py"))
    assert [name for name in uvicorn_parts.__all__ if name not in text] == []
