"""Where the files lie that belong to the program and are no modules."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "package_files"
"""Filled by setup.py; a checkout, also one that is installed with `pip install -e`, has them beside its packages"""

_FOLDER = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent

WEB = _FOLDER / "web"
"""The pages"""

MIGRATIONS = _FOLDER / "migrations"
"""Alembic's folder"""

CHECKOUT = None if _IN_WHEEL.is_dir() else _FOLDER
"""The repository, with its benchmarks; None where the program was installed from a wheel"""
