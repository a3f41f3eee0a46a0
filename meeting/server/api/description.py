"""How the API describes itself in /openapi.json: errors, files, and what bodies must hold."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from meeting.core.messages import JsonObject


class Reason(BaseModel):
    """Why something was refused."""

    code: str
    """For programs"""
    message: str
    """A sentence for people"""


class Problem(BaseModel):
    """The body of every answer that is an error."""

    error: Reason


REFUSALS = {
    400: "what was asked for makes no sense",
    401: "no token, or a wrong one",
    403: "the token does not allow this",
    404: "there is no such thing",
    409: "it cannot be done as things are now",
    422: "the request does not have the form that is described here",
    429: "too many wrong tokens",
    503: "not now: the disk, the database or the models",
}
PROBLEMS: dict[int | str, JsonObject] = {
    status: {"model": Problem, "description": text} for status, text in REFUSALS.items()
}
"""How the description of the API tells of errors"""

Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
VISIBLE = Field(json_schema_extra={"pattern": r"\S"})
"""For texts that may not be blank: spaces around them are taken away before they are measured"""


def one_of(*names: str) -> JsonObject:
    """For a body that must hold one of these at least."""
    return {"anyOf": [{"required": [name]} for name in names]}


def meetings_router() -> APIRouter:
    """A router for endpoints below the meetings."""
    return APIRouter(prefix="/api/meetings", tags=["meetings"], responses=PROBLEMS)
