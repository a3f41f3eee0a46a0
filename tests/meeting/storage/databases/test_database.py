"""What every database has in common: sentences for what the system and Python throw."""

from __future__ import annotations

import pytest

from meeting.storage.databases.database import Database, explain_any
from pipelines.errors import NotFound, StoreError


@pytest.mark.parametrize(
    ("thrown", "said"),
    [
        (OSError(28, "No space left on device", "/data/x"), "/data/x cannot be used: No space left on device"),
        (OSError(28, "No space left on device"), "the place cannot be used: No space left on device"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "does not fit into the place"),
        (OverflowError("too large"), "does not fit into the place"),
    ],
)
def test_what_the_system_throws_becomes_a_sentence(thrown: Exception, said: str) -> None:
    assert said in str(explain_any("the place", thrown))


def test_errors_of_the_work_pass_through_and_others_become_sentences(database: Database) -> None:
    with pytest.raises(NotFound, match="mine"), database.errors():
        raise NotFound("mine")
    with pytest.raises(StoreError, match="does not fit"), database.errors():
        raise OverflowError("too large")
    with pytest.raises(KeyError), database.errors():
        raise KeyError("a mistake")
