"""What goes wrong between a server and the shared models."""

from __future__ import annotations

from pipelines.errors import ModelError


class WireError(ModelError):
    """A message cannot be read: it is damaged, or from another version of the program."""


class NoAnswer(ModelError):
    """No shared model has answered in time."""


class OtherModels(ModelError):
    """The shared models that answer are not those with which this server began."""


class Unanswered(ModelError):
    """One attempt failed, for a reason that another one may not meet."""


class Broken(Unanswered):
    """A replica failed over this in a way that nobody foresaw: it is at fault itself, or what it was sent."""
