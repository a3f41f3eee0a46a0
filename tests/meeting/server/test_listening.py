"""The listening socket, and the warning where others can read what passes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from meeting.config.settings import Server
from meeting.server.listening import listen, readable_by_others
from pipelines.errors import ServeError


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        (Server(), False),
        (Server(host="::1", token="t" * 16), False),
        (Server(host="0.0.0.0", token="t" * 16), True),
        (Server(host="0.0.0.0", insecure_no_auth=True), True),
        (Server(host="192.168.1.2", token="t" * 16, public_url="http://example.org"), True),
        (Server(host="0.0.0.0", token="t" * 16, tls_cert=Path("cert.pem")), False),
        (Server(host="10.0.0.2", token="t" * 16, public_url="https://example.org/meet/"), False),
    ],
)
def test_who_serves_others_without_https_is_told_what_that_means(settings: Server, warned: bool) -> None:
    text = readable_by_others(settings)
    assert (text is not None) == warned
    assert text is None or all(
        word in text for word in ("tokens", "microphone", "server.tls_cert", "server.public_url")
    )


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ServeError, match=r"port \d+: the port is in use; .*--port"):
            listen("127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_one_sentence(host: str) -> None:
    with pytest.raises(ServeError, match="no such address"):
        listen(host, 0)
