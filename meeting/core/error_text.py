"""What of an error's sentence a client may read: all but where on this machine things are. The log has the whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

# Not within an address such as https://host/path, nor in "and/or".
_PATH = re.compile(r"(?<![\w.:/~-])/(?:[^\s/'\",;:()]+/)*([^\s/'\",;:()]+)/?")


def client_message(error: object, data_dir: Path) -> str:
    """An error, or its sentence, with the names of files in the place of their paths; `data_dir` may hold spaces."""
    text = str(error)
    for folder in (data_dir / "audio", data_dir):
        text = text.replace(f"{folder}/", "")
    text = text.replace(str(data_dir), "the data folder")
    return _PATH.sub(r"\1", text)


NAMED = 5
"""Of many things that cannot be done, those that are named in the log"""


def first_of(problems: Sequence[str]) -> str:
    """The first of many problems, for the log.

    >>> first_of(["one", "two"]), first_of(list("abcdefg"))
    ('one, two', 'a, b, c, d, e …')
    """
    return ", ".join(problems[:NAMED]) + (" …" if len(problems) > NAMED else "")


def fault_message(error: BaseException) -> str:
    """What is said of a fault of this program that ended what somebody waits for; nothing of its own sentence."""
    return f"something unforeseen happened ({type(error).__name__}); the server's log says where"
