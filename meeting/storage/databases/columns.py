"""Types of columns that mean the same in every database; migrations and tables use them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String, TypeDecorator
from sqlalchemy.types import TypeEngine

_ESCAPE = "\U0010ffff"
"""A character that no text has; doubled it stands for itself, before `_NUL` for the one that PostgreSQL refuses"""
_NUL = "\U0010fffe"


class Text(TypeDecorator[str]):
    """Text of any length, sorted by its code points; PostgreSQL keeps a NUL in it escaped, as it takes none."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As SQLite sorts it, whatever the order of the database is."""
        return dialect.type_descriptor(String(collation="C") if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database; of an enumeration the value."""
        if value is None or dialect.name != "postgresql":
            return value
        return escape_nul(str.__str__(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        if value is None or dialect.name != "postgresql" or _ESCAPE not in value:
            return value
        return _ESCAPE.join(part.replace(_ESCAPE + _NUL, "\0") for part in value.split(_ESCAPE + _ESCAPE))


def escape_nul(text: str) -> str:
    """A text without NUL that stands for one and no other."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE + _ESCAPE).replace("\0", _ESCAPE + _NUL)


WholeNumber = Integer().with_variant(BigInteger(), "postgresql")
"""Whole numbers of 64 bits, which an INTEGER of SQLite has and one of PostgreSQL has not"""
