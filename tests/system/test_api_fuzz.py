"""The HTTP API against its own description: whatever fits the schema, nearly fits it, or is rubbish, is answered."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.fakes.access_fakes import TOKEN, Given, Locked

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text(max_size=300) | st.sampled_from(
    ["", "0", "null", "../../etc/passwd", "a" * 5000, "\ud83d", "%00", "' OR 1=1 --"]
)
HEADERS = st.dictionaries(
    st.sampled_from(["Range", "If-Range", "If-None-Match", "If-Modified-Since", "Accept", "Content-Type", "Cookie"]),
    st.sampled_from(
        [
            "bytes=0-",
            "bytes=-1",
            "bytes=9-1",
            "bytes=0-0,2-3",
            "bytes=a",
            "",
            "*",
            "text/plain",
            "Wed, 99 Foo",
            "x" * 2000,
        ]
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def meeting(server: Locked) -> Given:
    """A meeting that is there."""
    return server.held()


@pytest.fixture(scope="module")
def schema(server: Locked) -> dict[str, Any]:
    """The API's description of itself."""
    described: dict[str, Any] = server.call("GET", "/openapi.json", None).json()
    return described


def values(part: dict[str, Any], schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a part of the schema describes; any value where it says little."""
    if "$ref" in part:
        return values(schema["components"]["schemas"][part["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in part:
        return st.one_of([values(one, schema) for one in part["anyOf"]])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    match part.get("type"):
        case "string":
            return st.text(min_size=part.get("minLength", 0), max_size=part.get("maxLength", 60))
        case "integer":
            return st.integers(part.get("minimum"), part.get("maximum"))
        case "number":
            return st.floats(part.get("minimum"), part.get("maximum"), allow_nan=False)
        case "null":
            return st.none()
        case "object":
            return _objects(part, schema)
    return ANYTHING


def _objects(part: dict[str, Any], schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    known = {name: values(one, schema) for name, one in part.get("properties", {}).items()}
    required = {name: one for name, one in known.items() if name in part.get("required", [])}
    return st.fixed_dictionaries(required, optional={name: one for name, one in known.items() if name not in required})


def requests(schema: dict[str, Any], meeting: Given) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """Requests for every operation: method, path and options."""
    ids = {"meeting_id": st.sampled_from([meeting.id, "none"]) | TEXTS}
    ids |= dict.fromkeys(("link_id", "job_id", "change_id", "voice_id", "source_id"), TEXTS)
    ids |= {name: st.sampled_from([id_]) | TEXTS for name, id_ in {"speaker_id": "spk1", "segment_id": "s0"}.items()}
    found = []
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            query = {
                one["name"]: values(one["schema"], schema).map(str) | TEXTS
                for one in operation.get("parameters", [])
                if one["in"] == "query"
            }
            found.append(
                st.tuples(
                    st.just(method.upper()),
                    st.fixed_dictionaries({name: ids[name] for name in ids if f"{{{name}}}" in path}).map(
                        lambda given, path=path: path.format(
                            **{name: quote(id_, "", errors="replace") for name, id_ in given.items()}
                        )
                    ),
                    st.fixed_dictionaries(
                        {}, optional={"params": st.fixed_dictionaries({}, optional=query), "headers": HEADERS}
                    )
                    if body is None
                    else st.fixed_dictionaries({"content": _bodies(body, schema)}, optional={"headers": HEADERS}),
                )
            )
    return st.one_of(found)


def _bodies(body: dict[str, Any], schema: dict[str, Any]) -> st.SearchStrategy[bytes]:
    texts = (values(body, schema) | ANYTHING).map(lambda value: json.dumps(value).encode())
    return texts | st.binary(max_size=60) | st.sampled_from([b"", b"[" * 10_000, b'{"title": "\\ud800"}', b"\xff{}"])


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_breaks_the_server(
    server: Locked, meeting: Given, schema: dict[str, Any], caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    method, path, options = data.draw(requests(schema, meeting))
    if method == "DELETE" and path == f"/api/meetings/{meeting.id}":
        return
    token = data.draw(st.sampled_from([TOKEN, meeting.host, meeting.view, None]))
    headers = options.pop("headers", {})
    if "content" in options:
        headers = {"Content-Type": "application/json", **headers}
    answer = server.call(method, path, token, headers=headers, **{k: _safe(v) for k, v in options.items()})
    event(f"status {answer.status_code}")
    assert answer.status_code < 500 or path == "/readyz"
    if answer.status_code >= 400 and answer.headers.get("content-type") == "application/json":
        assert set(answer.json()["error"]) == {"code", "message"}
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
    assert server.call("GET", "/healthz", None).status_code == 200


def _safe(value: Any) -> Any:
    """Query values without half surrogates, which no client could send."""
    if isinstance(value, dict):
        return {name: str(one).encode("utf-8", "replace").decode() for name, one in value.items()}
    return value


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PURGE", "HEAD", "PUT"])
def test_odd_methods_are_refused(server: Locked, meeting: Given, method: str) -> None:
    for path in ("/", "/api/meetings", f"/api/meetings/{meeting.id}", "/healthz"):
        for token in (None, TOKEN):
            assert server.call(method, path, token).status_code < 500
