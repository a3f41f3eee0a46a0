"""How long a page waits before it connects again."""

from __future__ import annotations

from tests.web.conftest import Run


def test_waiting_before_a_new_connection_grows_is_spread_and_ends(javascript: Run) -> None:
    waits = javascript(
        """async () => {
          const { backoff } = await load('net/connection.js')
          return [backoff(1, 0), backoff(1, 1), backoff(2, 1), backoff(3, 1), backoff(20, 1), backoff(20, 0)]
        }"""
    )
    assert waits == [200, 400, 800, 1600, 10_000, 5_000]


def test_a_socket_goes_on_at_another_server_of_the_same_host_alone(javascript: Run) -> None:
    sockets = javascript(
        """async () => {
          const { socketAt } = await load('net/connection.js')
          const at = (address) => socketAt('wss://example.org/meet/ws/meetings/abc', address)
          return [at('https://example.org/servers/a/'), at('https://example.com'), at('http://example.org'), at(null)]
        }"""
    )
    assert sockets == ["wss://example.org/servers/a/ws/meetings/abc", None, None, None]
