"""How long a page waits before it connects again, and to which server."""

from __future__ import annotations

from tests.web.conftest import Run


def test_waiting_before_a_new_connection_grows_is_spread_and_ends(javascript: Run) -> None:
    waits = javascript(
        """async () => {
          const { backoff } = await load('net/reconnection.js')
          return [backoff(1, 0), backoff(1, 1), backoff(2, 1), backoff(3, 1), backoff(20, 1), backoff(20, 0)]
        }"""
    )
    assert waits == [200, 400, 800, 1600, 10_000, 5_000]


def test_a_socket_goes_on_at_another_server_of_the_same_host_alone(javascript: Run) -> None:
    sockets = javascript(
        """async () => {
          const { socketAt } = await load('net/reconnection.js')
          const at = (address) => socketAt('wss://example.org/meet/ws/meetings/abc', address)
          return [at('https://example.org/servers/a/'), at('https://example.com'), at('http://example.org'), at(null)]
        }"""
    )
    assert sockets == ["wss://example.org/servers/a/ws/meetings/abc", None, None, None]


def test_a_client_is_sent_on_once_and_comes_back_to_the_address_of_its_page(javascript: Run) -> None:
    attempts = javascript(
        """async () => {
          const { Reconnection } = await load('net/reconnection.js')
          const reconnection = new Reconnection('wss://example.org/ws/meetings/abc')
          const then = () => [reconnection.next(1), reconnection.url]
          reconnection.move({ address: 'https://example.org/servers/a', wait: 0 })
          const sentOn = then()
          reconnection.move({ address: 'https://example.org/servers/b', wait: 0 })
          const sentOnAgain = then()
          reconnection.move({ address: null, wait: 60 })
          return { sentOn, sentOnAgain, later: then(), lost: then() }
        }"""
    )
    here = "wss://example.org/ws/meetings/abc"
    assert attempts["sentOn"] == [0, "wss://example.org/servers/a/ws/meetings/abc"]
    assert attempts["sentOnAgain"][1] == here
    assert 200 <= attempts["sentOnAgain"][0] <= 400
    assert attempts["later"] == [2000, here]
    assert attempts["lost"][1] == here
    assert 200 <= attempts["lost"][0] <= 400
