"""Runs the pages' pure modules: in Node.js where that is, else in the browser that they are written for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import without_browser
from tests.fakes.web_fakes import WEB, browser_running, running

Run = Callable[..., Any]
OLDEST_NODE = 18
IN_NODE = """
const [web, source, argument] = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
globalThis.load = (path) => import(web + path)
eval(source)(argument).then((result) => process.stdout.write(JSON.stringify(result ?? null)))
"""
IN_BROWSER = "() => { window.load = (path) => import(`/static/${path}`) }"


def node() -> str | None:
    """The path of a Node.js that is new enough for our modules."""
    program = shutil.which("node")
    if program is None:
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout
    found = re.match(r"v(\d+)\.", version)
    return program if found and int(found[1]) >= OLDEST_NODE else None


@pytest.fixture(scope="module")
def javascript() -> Iterator[Run]:
    """Calls an async function, given as source, with one argument; `load(path)` imports a module of `web/`."""
    program = node()
    if program is not None:
        yield lambda source, argument=None: _in_node(program, source, argument)
        return
    if missing := without_browser():
        pytest.skip(f"no Node.js from {OLDEST_NODE} on, and {missing}")
    with running() as server, browser_running() as browser:
        tab = browser.new_page()
        tab.goto(server.url)
        tab.evaluate(IN_BROWSER)
        yield tab.evaluate


def _in_node(program: str, source: str, argument: Any) -> Any:
    asked = json.dumps([f"{WEB.as_uri()}/", source, argument])
    done = subprocess.run([program, "-e", IN_NODE], input=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
