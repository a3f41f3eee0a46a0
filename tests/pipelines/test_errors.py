"""The error tree: one root, sentences for people, data for programs."""

from __future__ import annotations

import inspect
import pickle

import pytest

from pipelines import errors
from pipelines.errors import BlockError, MeetingError, ModelMissing

KINDS = [getattr(errors, name) for name in errors.__all__]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_every_error_descends_from_the_root_and_is_in_the_printed_tree(kind: type) -> None:
    assert issubclass(kind, MeetingError)
    assert kind.__name__ in (errors.__doc__ or "")


def test_every_error_of_the_file_is_exported() -> None:
    own = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert own == set(errors.__all__)


@every_kind
def test_an_error_reads_as_the_sentence_it_was_given(kind: type) -> None:
    if kind is not BlockError:
        assert str(kind("what was wrong")) == "what was wrong"


def test_a_block_error_names_the_block() -> None:
    error = BlockError("recogniser", "out of memory")
    assert (error.block, error.reason) == ("recogniser", "out of memory")
    assert str(error) == "recogniser failed: out of memory"


def test_kinds_can_be_told_apart_by_their_branch() -> None:
    with pytest.raises(errors.ModelError):
        raise ModelMissing("run `make setup`")
    assert not issubclass(errors.AudioError, errors.ModelError)


@every_kind
def test_errors_survive_the_way_between_processes(kind: type) -> None:
    if kind is not BlockError:
        assert str(pickle.loads(pickle.dumps(kind("a sentence")))) == "a sentence"
