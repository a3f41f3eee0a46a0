"""What becomes of an error in an HTTP endpoint."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from meeting.core.error_text import client_message
from meeting.core.errors import Elsewhere, ErrorCode, Moving, answer_to
from meeting.live.rooms import Rooms
from meeting.server.error_shapes import error_shape
from meeting.server.security.middleware import add_security_headers
from meeting.server.security.routing import headers_of
from pipelines.errors import MeetingError

log = logging.getLogger(__name__)

HTTP_CODES = {400: ErrorCode.BAD_REQUEST, 404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
"""Code of what the framework refuses by itself, by status; `refused` where the status is not here"""


def error_response(request: Request, status: int, code: ErrorCode, message: str) -> JSONResponse:
    """An error as it is answered at a request's address."""
    return JSONResponse(error_shape(request.scope["path"], status, code, message), status)


def add_error_handlers(app: FastAPI, rooms: Rooms) -> None:
    """Answer errors as the API describes them: those of the tree, those of the framework, and unforeseen ones."""

    @app.exception_handler(MeetingError)
    async def explained(request: Request, error: MeetingError) -> JSONResponse:
        answer = answer_to(error)
        if answer.status == 503 and not isinstance(error, Moving):
            log.error("%s", error)
        told = error_response(request, answer.status, answer.code, client_message(error, rooms.store.data_dir))
        if isinstance(error, (Elsewhere, Moving)):
            told.headers.update(headers_of(error, request.scope["path"], request.url.query))
        return told

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        return error_response(request, 422, ErrorCode.INVALID, f"{where or 'the body'}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        code = HTTP_CODES.get(error.status_code, ErrorCode.REFUSED)
        answer = error_response(request, error.status_code, code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        answer = error_response(request, 500, ErrorCode.INTERNAL, "internal error")
        # What nobody foresaw is answered outside all middleware, which does this for all else.
        rooms.services.measurements.responses.add("500")
        add_security_headers(answer.headers, app.state.forwarding.original(request.scope, Headers(scope=request.scope)))
        return answer
