"""Importing the diarization libraries without what they only need for training, plots and other models.

pyannote.audio and diart are made for research: to import them plainly takes longer than to load the models. Some of
what they pull in is optional there and never used here. While they are imported, and only then, it is made to look
as if it were not installed; afterwards everything can be imported as usual.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.metadata import Distribution, DistributionFinder, PackageNotFoundError
from typing import Any

log = logging.getLogger(__name__)

UNNEEDED = (
    # its image and text metrics; a name that it adds to scipy.signal for a library that is not here
    ("torchmetrics", ("torchvision", "transformers", "scipy")),
    # compiling models for a GPU
    ("torch._dynamo", ("triton",)),
    # embeddings of SpeechBrain
    ("pyannote.audio.models.segmentation", ("speechbrain",)),
    # loading pyannote's pipelines and pretrained embeddings by name
    ("diart.blocks", ("pyannote.audio.pipelines",)),
)
"""Modules in the order in which they are imported, and what each is imported without"""


def import_diarization() -> None:
    """Import pyannote.audio's segmentation and diart's blocks, lean where that is possible.

    Where it is not, as with other releases of them, nothing is raised: whoever needs them imports them plainly.
    """
    for module, unneeded in UNNEEDED:
        try:
            with hide_packages(*unneeded):
                import_module(module)
        except (ImportError, AttributeError, NameError, TypeError) as error:
            log.info("%s is imported with all that it names: %s", module, type(error).__name__)


@contextmanager
def hide_packages(*packages: str) -> Iterator[None]:
    """In this thread packages that have not been imported yet look as if they were not installed."""
    finder = _HidingFinder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _HidingFinder(MetaPathFinder):
    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise for what is hidden; leave the rest to the other finders."""
        if self._hides(name):
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)

    def find_distributions(self, context: DistributionFinder.Context) -> Iterator[Distribution]:
        """As `find_spec`, for those who ask for the version that is installed."""
        if context.name is not None and self._hides(context.name):
            raise PackageNotFoundError(context.name)
        return iter(())

    def _hides(self, name: str) -> bool:
        mine = threading.get_ident() == self._thread
        return mine and any(name == package or name.startswith(f"{package}.") for package in self._packages)
