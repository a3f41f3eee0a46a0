"""One Node.js that runs functions of ours, each in a thread and with modules of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.children import KEPT

PATIENCE = 120.0
"""Seconds that a function may take"""

IN_THREAD = """
const { parentPort, workerData } = require('node:worker_threads')
const [web, source, argument] = workerData
globalThis.load = (path) => import(web + path)
eval(source)(argument).then((result) => parentPort.postMessage(JSON.stringify(result ?? null)))
"""
"""What a thread does; it ends once nothing that the function began is left to do"""

IN_PROCESS = """
const { Worker } = require('node:worker_threads')
const [web, inThread, patience] = process.argv.slice(1)
const run = (asked) => new Promise((answer) => {
  const thread = new Worker(inThread, { eval: true, workerData: [web, ...asked] })
  let late = false
  let result = null
  const timer = setTimeout(() => { late = true; thread.terminate() }, Number(patience) * 1000)
  thread.on('message', (message) => { result = message })
  thread.on('error', (error) => answer({ error: String(error?.stack ?? error) }))
  thread.on('exit', (code) => {
    clearTimeout(timer)
    if (late) answer({ error: `not done after ${patience} s` })
    else answer(code === 0 && result !== null ? { result } : { error: `ended with ${code} and no result` })
  })
})
const answerAll = async () => {
  for await (const line of require('node:readline').createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\\n')
  }
}
answerAll()
"""
"""Answers each line with one"""


class NodeProcess:
    """Calls async functions that are given as source; in them `load(path)` imports a module of `web/`.

    What a function does to a module or a global is gone with it. A thread costs less than half of what a process would.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, source: str, argument: Any = None) -> Any:
        """The function's result as JSON gives it back; AssertionError with what it threw."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([source, argument]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "Node.js has ended; what it said is among the captured stderr"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return json.loads(answer["result"])


@contextmanager
def node_process(program: str, web: Path, patience: float = PATIENCE) -> Iterator[NodeProcess]:
    """The Node.js at the path `program`, for modules of the folder `web`."""
    command = [program, "-e", IN_PROCESS, f"{web.as_uri()}/", IN_THREAD, str(patience)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        KEPT.add(process.pid)
        try:
            yield NodeProcess(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
            KEPT.discard(process.pid)
