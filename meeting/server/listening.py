"""The listening socket and its certificate, and a warning where others can read what passes."""

from __future__ import annotations

import errno
import socket
import ssl

from meeting.config.settings import Server
from meeting.transport.addresses import is_loopback
from pipelines.errors import ServeError


def check_tls(server: Server) -> None:
    """Raise ServeError in one sentence unless https can be served with the files that are set, if any."""
    if server.tls_cert is None:
        if server.tls_key is not None:
            raise ServeError("server.tls_key is set without server.tls_cert: name the certificate as well")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.tls_cert, server.tls_key, password="")
    except ssl.SSLError as error:
        raise ServeError(
            f"{server.tls_cert} and its key cannot be used: they must be PEM, belong together and have no password"
        ) from error
    except OSError as error:
        which = [str(path) for path in (server.tls_cert, server.tls_key) if path is not None]
        raise ServeError(f"{' or '.join(which)} cannot be read: {error.strerror}") from error


def readable_by_others(server: Server) -> str | None:
    """What to tell whoever starts a server whose tokens and speech others can read on the way; None where none can."""
    encrypted = server.tls_cert is not None or (server.public_url or "").lower().startswith("https:")
    if encrypted or is_loopback(server.host):
        return None
    return (
        f"{server.host} is served without https: tokens, speech and text can be read by anyone on the network between, "
        "and browsers will not give their microphone to the page. Set server.tls_cert and server.tls_key; or, behind a "
        "proxy that brings https, listen on 127.0.0.1 and set server.public_url to the address that people open"
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ServeError in one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ServeError(f"cannot listen on {host}: there is no such address on this machine") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ServeError(f"cannot listen on {host}, port {port}: {_listen_hint(error)}") from error
    return listening


def _listen_hint(error: OSError) -> str:
    hints = {
        errno.EADDRINUSE: "the port is in use; stop the other program or choose another with --port",
        errno.EACCES: "this user may not use that port; choose one above 1023 with --port",
        errno.EADDRNOTAVAIL: "there is no such address on this machine",
    }
    return hints.get(error.errno or 0, error.strerror or str(error))
