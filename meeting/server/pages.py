"""The pages, and the description of the API as one of them."""

from __future__ import annotations

from html import escape

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from meeting.config.package_files import WEB
from meeting.core.messages import JsonObject


def page(root: str) -> str:
    """The one page of all; `root` leads from its address to the server's first one, whatever stands before that."""
    return (WEB / "index.html").read_text(encoding="utf-8").replace('="./', f'="./{root}')


def add_pages(app: FastAPI) -> None:
    """Serve the pages, their files, and the description of the API."""

    @app.get("/", include_in_schema=False)
    def home() -> HTMLResponse:
        return HTMLResponse(page(""))

    @app.get("/search", include_in_schema=False)
    def search_page() -> HTMLResponse:
        return HTMLResponse(page(""))

    @app.get("/voices", include_in_schema=False)
    def voices_page() -> HTMLResponse:
        return HTMLResponse(page(""))

    @app.get("/m/{meeting_id}", include_in_schema=False)
    def meeting_page() -> HTMLResponse:
        return HTMLResponse(page("../"))

    @app.get("/m/{meeting_id}/", include_in_schema=False)
    def meeting_page_with_a_slash() -> HTMLResponse:
        return HTMLResponse(page("../../"))

    @app.get("/m/{meeting_id}/captions", include_in_schema=False)
    def captions_page() -> HTMLResponse:
        return HTMLResponse(page("../../"))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_docs(app.openapi()))

    @app.get("/openapi.json", include_in_schema=False)
    def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    app.mount("/static", StaticFiles(directory=WEB, check_dir=False), name="static")


def _docs(schema: JsonObject) -> str:
    """The API on one page without scripts: the usual one would be loaded from another server."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            what = escape(operation.get("description") or operation.get("summary", ""))
            rows.append(f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{what}</dd>")
    title = escape(schema["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: API</title>'
        f'<link rel="icon" href="static/icon.svg"><h1>{title}: API</h1>'
        f'<p>Machine-readable: <a href="openapi.json">openapi.json</a></p><dl>{"".join(rows)}</dl></html>'
    )
