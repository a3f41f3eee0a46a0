"""Running the server: what is checked first, and in which order things are opened and closed."""

from __future__ import annotations

import logging
import os
import webbrowser

from meeting.cluster.wiring import cluster_address
from meeting.config.settings import Config, Server
from meeting.server.app import create_app
from meeting.server.crash_record import crash_record
from meeting.server.listening import check_tls, listen, readable_by_others
from meeting.server.meeting_server import MeetingServer, server_config
from meeting.server.security.auth import server_token
from meeting.server.security.forwarding import Forwarding
from meeting.sources import memory
from meeting.storage.files.lock import only_server
from meeting.storage.store import Store
from meeting.transport import descriptors
from meeting.webhooks.wiring import check_webhooks
from pipelines.errors import MeetingError

log = logging.getLogger(__name__)


def serve(config: Config, open_page: bool = False) -> None:
    """Serve until a signal; raises MeetingError when that cannot be, or when the models cannot be loaded."""
    # Before anything is opened: without a token nobody may reach us.
    server_token(config.server)
    Forwarding(config.server.trusted_proxies, config.server.public_url, config.server.root_path)
    check_webhooks(config.webhooks)
    address = cluster_address(config)
    check_tls(config.server)
    warning = readable_by_others(config.server)
    if warning is not None:
        log.warning("%s", warning)
    memory.limit_arenas()
    files = descriptors.raise_limit()
    problem = descriptors.shortage(config.limits, files)
    if problem is not None:
        log.warning("%s: %s", problem, descriptors.ADVICE)
    os.umask(0o077)  # what is kept here is for this user's eyes
    failures: list[MeetingError] = []
    store = Store.configured(config.storage)
    listening = listen(config.server.host, config.server.port)
    try:
        # First of all: whoever comes second must not so much as migrate what the first one is using.
        with only_server(store.data_dir, address), crash_record(store.data_dir, address) as crashed:
            store.open()
            server: MeetingServer | None = None

            def failed(error: MeetingError) -> None:
                failures.append(error)
                if server is not None:
                    server.should_exit = True

            app = create_app(config, store=store, on_failure=failed, crashed=crashed)
            url = _page_url(config.server, listening.getsockname()[1])
            server = MeetingServer(
                server_config(app, config),
                app.state.rooms,
                lambda: _announce(url, open_page),
                config.limits,
                files,
                app.state.forwarding.is_trusted,
            )
            server.run([listening])
    finally:
        store.close()
        listening.close()
    if failures:
        raise failures[0]


def _page_url(server: Server, port: int) -> str:
    host, scheme = server.host, "http" if server.tls_cert is None else "https"
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{shown}:{port}/"


def _announce(url: str, open_page: bool) -> None:
    print(f"Meeting transcriber: open {url} (Ctrl+C stops)", flush=True)
    if open_page:
        webbrowser.open(url)
