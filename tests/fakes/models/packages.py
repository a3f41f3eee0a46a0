"""Packages that are installed for one test: a dist-info folder and modules on the path, no network and no pip."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

Offers = Mapping[str, Mapping[str, str]]
"""Group of entry points to name to "module:function" """


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, offers: Offers, version: str = "1.0", **modules: str
) -> None:
    """Install a package whose modules have the texts given, until the test is over."""
    site = folder / f"site-{name}"
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in each.items()) for group, each in offers.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text, encoding="utf-8")
        monkeypatch.setitem(sys.modules, module, None)  # so that it is forgotten again afterwards
        del sys.modules[module]
    monkeypatch.syspath_prepend(str(site))
