"""The page in a real browser behind a reverse proxy: below a path, on another port, under any name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus

from tests.fakes.proxy_fakes import Headers, Proxy, proxied
from tests.fakes.server_fakes import Serving, config, serving
from tests.patient_clients import connect

pytestmark = pytest.mark.browser


def with_port(headers: Headers, upstream: int) -> None:
    """nginx's `$http_host`, and Caddy: the name as the browser gave it."""


def without_port(headers: Headers, upstream: int) -> None:
    """nginx's `$host`: no port."""
    headers["host"] = headers["host"].partition(":")[0]


def as_upstream(headers: Headers, upstream: int) -> None:
    """What nginx passes on when it is told nothing: the name of the server that it asks."""
    headers["host"] = f"127.0.0.1:{upstream}"


def forwarded(headers: Headers, upstream: int) -> None:
    """The same, and what the browser asked for beside it."""
    headers["x-forwarded-host"] = headers["host"]
    as_upstream(headers, upstream)


@contextmanager
def behind(
    folder: Path, prefix: str, stripped: bool, change: Callable[[Headers, int], None], public: bool
) -> Iterator[tuple[Proxy, Serving]]:
    """A proxy that people reach, and a server that knows of it if `public`."""
    ports: list[int] = []

    def known(headers: Headers, upstream: int) -> None:
        change(headers, ports[0])

    # The settings name the proxy's port, and the proxy the server's: the proxy comes first.
    with proxied(0, prefix, stripped, known) as proxy:
        url = f"http://localhost:{proxy.port}{prefix}/" if public else None
        settings = config(folder)
        with serving(replace(settings, server=replace(settings.server, public_url=url))) as running:
            ports.append(running.port)
            proxy.upstream = running.port
            yield proxy, running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prefix", "stripped", "change", "public"),
    [
        ("", True, with_port, False),
        ("", True, forwarded, False),
        ("", True, without_port, True),
        ("/meet", True, with_port, False),
        ("/meet", True, with_port, True),
        ("/x/m", False, with_port, True),
        ("/meet", False, without_port, True),
        ("/meet", False, as_upstream, True),
    ],
)
def test_a_meeting_is_made_recorded_shared_and_read_along(
    tmp_path: Path,
    browser: Browser,
    prefix: str,
    stripped: bool,
    change: Callable[[Headers, int], None],
    public: bool,
) -> None:
    with behind(tmp_path, prefix, stripped, change, public) as (proxy, _):
        context = browser.new_context(permissions=["microphone", "clipboard-read", "clipboard-write"])
        problems: list[str] = []
        root = f"http://localhost:{proxy.port}{prefix}/"

        def opened(url: str) -> Page:
            page = context.new_page()
            page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 400 else None)
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.goto(url)
            return page

        host = opened(root)
        host.get_by_test_id("new-meeting").click()
        host.wait_for_url(re.compile(re.escape(root) + r"m/\w+$"))
        expect(host.locator("[data-segment]").first).to_be_visible(timeout=60_000)
        host.get_by_test_id("copy-link").click()
        expect(host.get_by_test_id("share-status")).to_contain_text("The link is copied")
        expect(host.get_by_test_id("qr-code").locator("svg")).to_be_visible()
        assert host.get_by_test_id("captions-link").evaluate("link => link.href") == f"{host.url}/captions"
        host.keyboard.press("Escape")
        shared = host.evaluate("navigator.clipboard.readText()")
        assert shared == host.url
        reader = opened(shared)
        expect(reader.locator("[data-segment]").first).to_contain_text("one")
        host.get_by_test_id("stop").click()
        expect(reader.get_by_test_id("end")).to_be_visible(timeout=60_000)
        host.get_by_test_id("home").click()
        expect(host.get_by_test_id("meeting-list").locator("li")).to_have_count(1)
        assert host.url == root
        reader.get_by_test_id("export").click()
        with reader.expect_download() as download:
            reader.get_by_test_id("export-txt").click()
        assert "one" in Path(download.value.path()).read_text()
        reader.get_by_test_id("home").click()
        expect(reader.get_by_test_id("meeting-list").locator("li")).to_have_count(1)
        assert reader.url == root
        reader.get_by_test_id("meeting-list").locator("a").click()
        expect(reader.get_by_test_id("end")).to_be_visible()
        reader.go_back()
        expect(reader.get_by_test_id("sample-meeting")).to_be_visible()
        docs = opened(f"{root}docs")
        described = docs.get_by_role("link").evaluate("link => link.href")
        assert described == f"{root}openapi.json"
        assert httpx.get(described).json()["servers"] == [{"url": "."}]
        context.close()
        assert problems == []
        assert {line.split()[1][: len(prefix) + 1] for line in proxy.asked} == {f"{prefix}/"}


@pytest.mark.slow
def test_the_sample_is_found_below_a_path(tmp_path: Path, browser: Browser) -> None:
    with behind(tmp_path, "/meet", True, with_port, True) as (proxy, _):
        page = browser.new_page()
        page.goto(f"http://localhost:{proxy.port}/meet/")
        page.get_by_test_id("sample-meeting").click()
        expect(page.locator("[data-segment]").first).to_be_visible(timeout=60_000)
        page.close()


def test_links_and_a_missing_slash_lead_below_the_path(tmp_path: Path) -> None:
    with behind(tmp_path, "/meet", False, with_port, True) as (proxy, _):
        root = f"http://localhost:{proxy.port}/meet"
        moved = httpx.get(root)
        assert (moved.status_code, moved.headers["location"]) == (308, "/meet/")
        made = httpx.post(f"{root}/api/meetings").json()
        assert made["links"]["view"] == f"/meet/m/{made['id']}"
        assert httpx.get(f"{root}/m/{made['id']}/").text.count('"./../../static/') == 4
        assert httpx.get(f"{root}/api/meetings/").status_code == 404
        missing = httpx.get(f"http://localhost:{proxy.port}/other")
        assert missing.text == "elsewhere"


def test_a_page_of_another_port_or_site_changes_nothing_behind_a_proxy_either(tmp_path: Path) -> None:
    with behind(tmp_path, "", True, without_port, True) as (proxy, _):
        url = f"http://localhost:{proxy.port}/api/meetings"
        assert httpx.post(url, headers={"Origin": f"http://localhost:{proxy.port}"}).status_code == 201
        for origin in ("http://localhost:1", f"https://localhost:{proxy.port}", "http://evil.example", "null"):
            refused = httpx.post(url, headers={"Origin": origin})
            assert refused.status_code == 403
            assert "server.public_url" in refused.json()["error"]["message"]
        with pytest.raises(InvalidStatus):
            connect(f"ws://localhost:{proxy.port}/ws/meetings/x", origin="http://localhost:1")  # type: ignore[arg-type]
