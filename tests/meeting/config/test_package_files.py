"""Where the program's own files lie: beside the packages here, inside one in a wheel (tests/system/test_wheel.py)."""

from __future__ import annotations

from meeting.config.package_files import MIGRATIONS, WEB
from tests.conftest import ROOT


def test_a_checkout_has_them_beside_its_packages() -> None:
    assert (WEB, MIGRATIONS) == (ROOT / "web", ROOT / "migrations")
    assert (WEB / "index.html").is_file()
    assert (MIGRATIONS / "env.py").is_file()
