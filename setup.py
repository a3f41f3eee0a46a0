"""What pyproject.toml cannot say: a wheel holds the files that a checkout has beside its packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGE_FILES = ("web", "migrations", "config.yaml")
"""What meeting/config/package_files.py looks for, and an example of the settings"""


class BuildWithPackageFiles(build_py):
    """Copies them into the package, unless it is installed as it lies there."""

    def run(self) -> None:
        """Build the packages, then add the files."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "meeting", "package_files")
        shutil.rmtree(target, ignore_errors=True)  # what an earlier build left
        for name in PACKAGE_FILES:
            if Path(name).is_dir():
                shutil.copytree(name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(name, target)


setup(cmdclass={"build_py": BuildWithPackageFiles})
