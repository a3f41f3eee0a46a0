"""How the API describes itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from meeting.core.errors import ErrorCode, error_body
from meeting.server.api.description import PROBLEMS, Problem, meetings_router, one_of


def test_an_error_as_it_is_sent_is_one_as_it_is_described() -> None:
    sent: Any = error_body(ErrorCode.OUTDATED, "look at it again")
    assert Problem.model_validate(sent).model_dump() == sent


def test_every_endpoint_tells_which_errors_there_are() -> None:
    app, router = FastAPI(), meetings_router()
    router.get("/x")(lambda: None)
    app.include_router(router)
    told = app.openapi()["paths"]["/api/meetings/x"]["get"]["responses"]
    assert {int(status) for status in told} == {200, *PROBLEMS}


def test_one_of_several_fields_is_required() -> None:
    assert one_of("name", "text") == {"anyOf": [{"required": ["name"]}, {"required": ["text"]}]}
