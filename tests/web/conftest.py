"""Runs the pages' pure modules: in Node.js where that is, else in the browser that they are written for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import without_browser
from tests.fakes.web_fakes import WEB, browser_running, running
from tests.web.node_process import NodeProcess, node_process

Run = Callable[..., Any]
OLDEST_NODE = 18
IN_BROWSER = "() => { window.load = (path) => import(`/static/${path}`) }"


def node() -> str | None:
    """The path of a Node.js that is new enough for our modules."""
    program = shutil.which("node")
    if program is None:
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout
    found = re.match(r"v(\d+)\.", version)
    return program if found and int(found[1]) >= OLDEST_NODE else None


@pytest.fixture(scope="session")
def in_node() -> Iterator[NodeProcess | None]:
    """Node.js, one for all tests of a process; None where it is missing or too old."""
    program = node()
    if program is None:
        yield None
        return
    with node_process(program, WEB) as running_node:
        yield running_node


@pytest.fixture(scope="module")
def javascript(in_node: NodeProcess | None) -> Iterator[Run]:
    """Calls an async function, given as source, with one argument; `load(path)` imports a module of `web/`."""
    if in_node is not None:
        yield in_node
        return
    if missing := without_browser():
        pytest.skip(f"no Node.js from {OLDEST_NODE} on, and {missing}")
    with running() as server, browser_running() as browser:
        tab = browser.new_page()
        tab.goto(server.url)
        tab.evaluate(IN_BROWSER)
        yield tab.evaluate
