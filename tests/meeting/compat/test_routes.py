"""Which addresses speak other services' protocols."""

from __future__ import annotations

from pathlib import Path

from meeting.server.app import create_app
from meeting.server.security.middleware import FOR_OTHER_SITES
from tests.fakes.server_fakes import config


def test_all_sockets_for_pages_of_other_sites_are_served(tmp_path: Path) -> None:
    paths = {getattr(route, "path", "") for route in create_app(config(tmp_path)).routes}
    assert paths >= FOR_OTHER_SITES
