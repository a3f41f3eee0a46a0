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
