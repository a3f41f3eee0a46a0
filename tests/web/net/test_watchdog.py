"""A connection that is dead though nobody has closed it: when a page that hears nothing comes back, and when not."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Run

ALIVE = {"type": "alive", "every": 15}
STATS = {"type": "stats", "source_id": "src1"}
WATCHED = """async (heard) => {
  const { Watchdog } = await load('net/watchdog.js')
  let look = null
  globalThis.setInterval = (call, every) => {
    look = call
    return every
  }
  globalThis.clearInterval = () => { look = null }
  const looks = []
  for (const random of [0, 0.999]) {
    Math.random = () => random
    let dead = 0
    const watchdog = new Watchdog(() => { dead += 1 })
    for (const message of heard) {
      if (typeof message === 'number') for (let i = 0; i < message; i += 1) look?.()
      else watchdog.heard(message)
    }
    let quiet = 0
    while (look && quiet < 1000) {
      look()
      quiet += 1
    }
    looks.push(dead ? quiet : null)
  }
  return looks
}"""
"""For how many looks in a row nothing may come after what was heard, where chance wants it early, and where late"""

CONNECTED = """async (messages) => {
  const { Connection } = await load('net/connection.js')
  const sockets = []
  globalThis.addEventListener = globalThis.removeEventListener = () => {}
  globalThis.WebSocket = class {
    constructor() { sockets.push(this) }
    close() { this.closed = true }
  }
  let look = null
  globalThis.setInterval = (call) => (look = call)
  globalThis.clearInterval = (timer) => { if (timer === look) look = null }
  globalThis.setTimeout = (call) => { call() }
  const [states, told] = [[], []]
  const connection = new Connection({
    url: 'ws://localhost/ws/meetings/m1',
    onMessage: ({ type }) => told.push(type),
    onChange: ({ state }) => states.push(state),
  })
  connection.open()
  for (const message of messages) sockets[0].onmessage({ data: JSON.stringify(message) })
  for (let i = 0; i < 1000; i += 1) look?.()
  return { states, told, sockets: sockets.length, closed: sockets[0].closed ?? false }
}"""
"""What becomes of a reader's connection that has told these messages, and then nothing for an hour"""
SNAPSHOT: dict[str, Any] = {"type": "snapshot", "state": "live", "segments": [], "speakers": [], "sources": []}


def test_a_connection_counts_as_dead_after_three_to_four_intervals_without_a_message(javascript: Run) -> None:
    assert javascript(WATCHED, [ALIVE]) == [10, 13]


def test_every_message_tells_that_the_connection_lives(javascript: Run) -> None:
    assert javascript(WATCHED, [ALIVE, 8, STATS, 8, ALIVE, 8, STATS]) == [10, 13]


def test_a_server_that_has_not_said_that_it_speaks_at_intervals_may_be_silent(javascript: Run) -> None:
    assert javascript(WATCHED, [STATS]) == [None, None]


def test_a_reader_whose_connection_is_dead_comes_back_and_says_so_meanwhile(javascript: Run) -> None:
    seen = javascript(CONNECTED, [SNAPSHOT, ALIVE])
    assert seen == {
        "states": ["connecting", "live", "reconnecting", "reconnecting"],
        "told": ["snapshot"],
        "sockets": 2,
        "closed": True,
    }


def test_a_reader_whom_a_server_has_promised_nothing_stays(javascript: Run) -> None:
    seen = javascript(CONNECTED, [SNAPSHOT, STATS])
    assert (seen["states"], seen["sockets"]) == (["connecting", "live"], 1)
