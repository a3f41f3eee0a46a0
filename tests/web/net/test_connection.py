"""The page's socket, against a fake server that drops it: every frame arrives once, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page

from tests.fakes.web_fakes import FakeServer, eventually, running

pytestmark = pytest.mark.browser

BYTES_OF_A_FRAME = 2 * 1600
"""0.1 s of the sample at 16 kHz"""

OPEN_CONNECTION = """async () => {
  const { Connection } = await import('/static/net/connection.js')
  window.heard = []
  window.changes = []
  const audio = { encoding: 'pcm_s16le', sample_rate: 16000, channels: 1 }
  window.connection = new Connection({
    url: location.origin.replace('http', 'ws') + '/ws/meetings/m1',
    source: { start: { source: { name: 'test', kind: 'room' }, audio }, resume: null },
    onMessage: (message) => heard.push(message.type),
    onChange: ({ state }) => changes.push(state),
  })
  connection.open()
  window.speak = (frames) => { while (frames--) connection.sendAudio(new Uint8Array(3200).buffer, 1e6) }
}"""


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A fake server of its own for each test."""
    with running() as started:
        yield started


@pytest.fixture
def page(browser: Browser, server: FakeServer) -> Iterator[Page]:
    """A tab with a connection that tests speak through."""
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(server.url)
        tab.evaluate(OPEN_CONNECTION)
        yield tab


@pytest.fixture
def until(page: Page) -> Callable[[Callable[[], object]], None]:
    """Wait while the page goes on."""

    def wait(holds: Callable[[], object]) -> None:
        eventually(holds, lambda seconds: page.wait_for_timeout(seconds * 1000))

    return wait


@pytest.mark.slow
def test_start_says_what_the_frames_hold_and_frames_are_numbered_from_zero(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.evaluate("speak(5)")
    until(lambda: server.stored == 5)
    (connection,) = server.connections
    assert connection.start == {
        "type": "start",
        "version": 1,
        "source": {"name": "test", "kind": "room"},
        "audio": {"encoding": "pcm_s16le", "sample_rate": 16000, "channels": 1},
        "resume": None,
    }
    assert connection.frames == [(seq, 1_000_000, BYTES_OF_A_FRAME) for seq in range(5)]
    until(lambda: page.evaluate("connection.unsent") == 0)


@pytest.mark.slow
def test_after_a_cut_exactly_the_unconfirmed_frames_are_sent_again(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.evaluate("speak(6)")
    until(lambda: server.stored == 6)
    server.acking = False
    page.evaluate("speak(4)")
    until(lambda: len(server.connections[0].frames) == 10)
    server.stored = 8  # two of the four reached the disk, but their acks were lost with the line
    server.cut()
    page.evaluate("speak(3)")
    server.acking = True
    until(lambda: server.stored == 13)
    first, second = server.connections
    assert second.start is not None
    assert second.start["resume"] == {"source_id": "src1", "token": "secret"}
    assert [seq for seq, _, _ in first.frames] == list(range(10))
    assert [seq for seq, _, _ in second.frames] == list(range(8, 13))
    until(lambda: page.evaluate("connection.unsent") == 0)
    assert page.evaluate("changes") == ["connecting", "live", "reconnecting", "reconnecting", "live"]


@pytest.mark.slow
def test_frames_wait_until_the_server_has_answered_start(server: FakeServer, page: Page) -> None:
    page.evaluate("speak(2)")
    server.cut()
    page.evaluate("speak(2)")
    eventually(lambda: server.stored == 4, lambda seconds: page.wait_for_timeout(seconds * 1000))
    numbers = [seq for connection in server.connections for seq, _, _ in connection.frames]
    assert sorted(set(numbers)) == [0, 1, 2, 3]
    for connection in server.connections:
        assert all(b == a + 1 for (a, _, _), (b, _, _) in pairwise(connection.frames))


@pytest.mark.slow
def test_stop_waits_for_the_last_frame_and_survives_a_cut(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.evaluate("speak(2)")
    until(lambda: server.stored == 2)
    server.acking = server.ending = False
    page.evaluate("speak(3); connection.stop()")
    until(lambda: len(server.connections[0].frames) == 5)
    server.acking = server.ending = True
    server.cut()
    until(lambda: page.evaluate("connection.state") == "closed")
    assert [seq for seq, _, _ in server.connections[1].frames] == [2, 3, 4]
    assert page.evaluate("[heard.at(-1), connection.unsent]") == ["ended", 0]


@pytest.mark.slow
def test_a_refusal_is_final(server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]) -> None:
    until(lambda: page.evaluate("connection.state") == "live")
    server.refuse = 4409
    server.cut()
    until(lambda: page.evaluate("connection.state") == "failed")
    assert page.evaluate("connection.problem.close") == 4409
    assert len(server.connections) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("close", "error"), [(1011, "storage"), (1011, "internal"), (4429, "too_many"), (4401, "too_many")]
)
def test_a_recording_waits_for_a_server_that_has_no_room_for_it_now(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None], close: int, error: str
) -> None:
    page.evaluate("speak(1)")
    until(lambda: server.stored == 1)
    server.refuse, server.refusal = close, error
    server.cut()
    page.evaluate("speak(2)")
    until(lambda: server.refused >= 2)
    assert page.evaluate("connection.state") == "reconnecting"
    server.refuse = None
    until(lambda: server.stored == 3)
    assert page.evaluate("connection.state") == "live"


@pytest.mark.slow
def test_a_server_that_lost_confirmed_audio_gets_what_comes_behind_it(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.evaluate("speak(4)")
    until(lambda: page.evaluate("connection.outbox.first") == 4)
    server.stored = 1
    server.cut()
    page.evaluate("speak(2)")
    until(lambda: len(server.connections) == 2 and len(server.connections[1].frames) == 2)
    assert [seq for seq, _, _ in server.connections[1].frames] == [4, 5]
    assert page.evaluate("connection.state") == "live"


@pytest.mark.slow
def test_a_recording_that_is_sent_on_to_a_server_that_is_gone_comes_back_and_loses_nothing(
    server: FakeServer, page: Page, until: Callable[[Callable[[], object]], None]
) -> None:
    page.evaluate("speak(2)")
    until(lambda: server.stored == 2)
    server.acking = False
    server.tell({"type": "moved", "address": f"{server.url}/servers/gone", "wait": 0})
    until(lambda: page.evaluate("heard.includes('moved')"))
    server.cut()
    page.evaluate("speak(3)")
    server.acking = True
    until(lambda: server.stored == 5)
    assert page.evaluate("connection.unsent") == 0 or page.evaluate("connection.state") == "live"
    assert server.connections[-1].start is not None
    assert server.connections[-1].start["resume"] == {"source_id": "src1", "token": "secret"}
