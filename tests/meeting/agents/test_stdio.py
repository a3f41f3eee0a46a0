"""The command `mcp` as a program that the official SDK's client starts."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from meeting.client.addresses import ServerAddress
from meeting.client.errors import ClientError, ServerUnreachable, TokenRefused
from meeting.core.records import State
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from tests.conftest import ROOT
from tests.fakes.access_fakes import TOKEN, Locked
from tests.fakes.stored import kept, line

INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    '"clientInfo":{"name":"t","version":"1"}}}\n'
)


def command(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "meeting", "mcp", *arguments]


def ask(arguments: list[str], *calls: tuple[str, dict[str, Any]], mode: str = "auto") -> list[Any]:
    """What a program with these arguments answers to calls, one after the other."""
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    program, *rest = command(*arguments)

    async def run() -> list[Any]:
        started = StdioServerParameters(command=program, args=rest, cwd=ROOT)
        async with Client(started, mode=mode) as client:
            told = [await client.call_tool(name, given) for name, given in calls]
        return [one.content[0].text if one.is_error else one.structured_content for one in told]  # type: ignore[union-attr]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a meeting."""
    folder = tmp_path_factory.mktemp("kept")
    with Store(folder) as store:
        kept(store, "m1", title="Monday")
        TranscriptStore(store).save_segments("m1", [line("s1", text="Grüße from the zebra.")]).result()
        store.set_state("m1", State.ENDED).result()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_meetings_of_this_machine_are_read(data: Path, mode: str) -> None:
    calls = (("search", {"query": "zebra"}), ("read_transcript", {"meeting": "last"}), ("speakers", {"meeting": "no"}))
    found, read, refused = ask(["--data-dir", str(data)], *calls, mode=mode)
    assert [hit["excerpt"] for hit in found["hits"]] == ["Grüße from the zebra."]
    assert [one["text"] for one in read["lines"]] == ["Grüße from the zebra."]
    assert refused == "there is no meeting 'no'"


@pytest.mark.slow
def test_a_running_server_is_asked_with_a_token_or_a_link(server: Locked, tmp_path: Path) -> None:
    meeting = server.held("Served", 2.0)
    base = f"http://127.0.0.1:{server.serving.port}"
    (tmp_path / "token").write_text(TOKEN)
    arguments = ["--server", base, "--server-token-file", str(tmp_path / "token")]
    read, wrong = ask(arguments, ("read_transcript", {"meeting": meeting.id}), ("search", {"query": "*"}))
    assert [one["text"] for one in read["lines"]] == ["one", "one"]
    assert "nothing to search for" in wrong
    (listed,) = ask(["--server", base + meeting.path("view")], ("list_meetings", {}))
    assert [one["title"] for one in listed["meetings"]] == ["Served"]


def test_what_the_page_tells_to_give_to_clients_is_understood() -> None:
    from meeting.cli import parser

    page = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
    blocks = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    servers = [block["mcpServers"]["meetings"] for block in blocks]
    started = [parser().parse_args(server["args"][2:]) for server in servers if "args" in server]
    assert [options.command for options in started] == ["mcp", "mcp"]
    assert [server["url"] for server in servers if "url" in server] == ["http://127.0.0.1:8765/mcp"]


def call(address: ServerAddress, name: str = "list_meetings", **arguments: Any) -> Any:
    """One call to a server."""
    from meeting.agents.stdio import ask_server

    return asyncio.run(ask_server(address, name, arguments))


@pytest.mark.slow
def test_a_token_that_opens_nothing_is_a_sentence(server: Locked) -> None:
    server.forget_guesses()
    base = f"127.0.0.1:{server.serving.port}"
    with pytest.raises(TokenRefused, match="opens nothing here"):
        call(ServerAddress.parse(base, "a-wrong-token-for-this"))
    with pytest.raises(TokenRefused, match="asks for a token"):
        call(ServerAddress.parse(base))
    with pytest.raises(ClientError, match="there is no tool of that name"):
        call(ServerAddress.parse(base, TOKEN), "nothing")


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(
        ServerUnreachable, match=r"http://127.0.0.1:9 cannot be reached: All connection attempts failed"
    ):
        call(ServerAddress.parse("127.0.0.1:9"))


@pytest.fixture(params=[b"hello", b"[]", b"{}", b'{"result": {}}', b'{"result": {"structuredContent": 5}}', b"\xff"])
def stranger(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that is another one."""
    body: bytes = request.param

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as other:
        thread = Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield other.server_port
        other.shutdown()
        thread.join()


def test_another_server_is_a_sentence(stranger: int) -> None:
    with pytest.raises(ServerUnreachable, match="no meeting server with /mcp"):
        call(ServerAddress.parse(f"127.0.0.1:{stranger}"))


@pytest.mark.slow
def test_a_client_that_goes_ends_the_program_also_while_it_waits(data: Path) -> None:
    kept_open = data.parent / "open"
    with Store(kept_open) as store:
        kept(store, "m1")
    running = subprocess.Popen(
        command("--data-dir", str(kept_open)), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(INITIALIZE)
    running.stdin.flush()
    assert '"serverInfo"' in running.stdout.readline()
    arguments = '{"meeting":"m1","after":"0","wait_seconds":25}'
    running.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    running.stdin.write(
        f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"follow_meeting","arguments":{arguments}}}}}\n'
    )
    running.stdin.flush()
    running.stdin.close()
    assert running.wait(15) == 0
    running.stdout.close()


@pytest.mark.slow
def test_messages_that_are_none_do_not_end_the_program_and_nothing_but_answers_is_written(data: Path) -> None:
    given = "garbage\n{}\n[1]\n" + INITIALIZE
    done = subprocess.run(
        command("--data-dir", str(data), "--log-level", "debug"),
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert all(one.startswith('{"jsonrpc"') for one in done.stdout.splitlines())
    assert '"serverInfo"' in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--token", "abc"], "a token is for a server"),
        (["--server", "ftp://x"], "a server's address looks like"),
        (["--server", "x", "--token", "a", "--server-token-file", "b"], "take one of them away"),
    ],
)
def test_arguments_that_make_no_sense_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from meeting.cli import main

    assert main(["mcp", *arguments]) == 2
    assert said in capsys.readouterr().err
