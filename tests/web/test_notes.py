"""Notes in a real browser, on a real server with a stand-in for a language model."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import SAMPLE_RATE, Segment, Span, Word
from tests.fakes.access_fakes import TOKEN, Given, Locked
from tests.fakes.server_fakes import config, serving
from tests.meeting.notes.model_server import ModelServer, Reply

pytestmark = pytest.mark.browser
XSS = "<img src=x onerror=\"document.title='owned'\">"
COME_BACK = "window.dispatchEvent(new Event('focus'))"


@pytest.fixture(scope="module")
def server(running_model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A server that asks for tokens and may ask the stand-in."""
    settings = config(tmp_path_factory.mktemp("data"))
    settings = replace(settings, server=replace(settings.server, token=TOKEN), notes=running_model.settings())
    with serving(settings) as running:
        yield Locked(running)


def held(server: Locked) -> Given:
    """A meeting that is over, with forty further lines; the thirtieth is about a parser."""
    meeting = server.held("Release")
    lines = []
    for number in range(1, 41):
        span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
        text = "the parser is ready" if number == 30 else f"line {number}"
        lines.append(
            Segment(f"x{number}", 1, True, "a", span, f"spk{number}", tuple(Word(w, span) for w in text.split()))
        )
    TranscriptStore(server.serving.app.state.rooms.store).save_segments(meeting.id, lines).result()
    return meeting


def notes(*texts: str) -> str:
    """An answer with a sentence on the parser, and others that rest on nothing."""
    parser = {"text": "Parser is ready.", "lines": [31]}
    return json.dumps({"summary": [parser], "decisions": [], "actions": [
        {"text": text, "who": "Ben", "when": "Friday", "lines": [999]} for text in texts
    ]})  # fmt: skip


def make(page: Page) -> None:
    """Have notes made, from the keyboard."""
    button = page.get_by_test_id("notes-make")
    expect(button).to_be_visible()  # a key that is pressed before goes nowhere
    button.press("Enter")
    page.get_by_test_id("confirm").press("Enter")


@pytest.mark.slow
def test_a_host_is_told_where_text_goes_and_a_reader_sees_what_comes_of_it(
    server: Locked, model: ModelServer, tab: Any
) -> None:
    meeting = held(server)
    host, reader = tab(meeting.path("host"), 390), tab(meeting.path("view"))
    expect(reader.get_by_test_id("end")).to_be_visible()
    expect(reader.get_by_test_id("notes")).to_be_hidden()

    button = host.get_by_role("button", name="Make notes")
    expect(host.get_by_test_id("notes-where")).to_contain_text(f"tiny at 127.0.0.1:{model.port}, on this server’s own")
    button.press("Enter")
    expect(host.get_by_test_id("dialog")).to_contain_text("the names and all that was said")
    host.keyboard.press("Escape")
    expect(button).to_be_focused()
    assert model.asked == []

    released = threading.Event()
    model.replies.append(Reply(notes(XSS), until=released))
    make(host)
    expect(host.get_by_test_id("notes-progress")).to_have_text("Notes are being written…")
    released.set()
    doubtful = host.locator(".statement[data-doubtful]")
    expect(doubtful).to_contain_text(f"Ben, Friday: {XSS}", timeout=60_000)
    expect(doubtful.locator(".doubtful")).to_have_text("doubtful")
    expect(host.get_by_test_id("announcer")).to_contain_text("The notes are ready.")
    assert host.title() == "Release · Meeting transcriber"
    assert host.evaluate("document.documentElement.scrollWidth") == 390

    host.get_by_role("button", name="Go to the line at 00:30").press("Enter")
    line = host.locator("[data-segment=x30]")
    expect(line).to_be_focused()
    expect(line).to_be_in_viewport()

    reader.evaluate(COME_BACK)
    expect(reader.get_by_role("region", name="Notes")).to_contain_text("Parser is ready.")
    expect(reader.get_by_test_id("notes-make")).to_be_hidden()
    expect(reader.get_by_test_id("notes-delete")).to_be_hidden()

    server.call("PATCH", f"/api/meetings/{meeting.id}/speakers/spk1", json={"name": "Ann"})
    reader.evaluate(COME_BACK)
    expect(reader.get_by_test_id("notes-made")).to_contain_text("has changed since")

    host.get_by_test_id("notes-delete").click()
    host.get_by_test_id("confirm").click()
    expect(host.get_by_text("Parser is ready.")).to_have_count(0)
    reader.evaluate(COME_BACK)
    expect(reader.get_by_test_id("notes")).to_be_hidden()


@pytest.mark.slow
def test_a_model_that_fails_is_told_on_the_page_and_one_that_is_slow_can_be_stopped(
    server: Locked, model: ModelServer, tab: Any
) -> None:
    page = tab(held(server).path("host"))
    released = threading.Event()
    model.replies += [Reply("out of memory", 500), Reply(notes(), until=released)]
    make(page)
    problem = page.get_by_test_id("notes-problem")
    expect(problem).to_have_text(
        re.compile(r"The notes were not made\. The language model at .*\(500\); it says: out of memory\.$")
    )
    expect(page.locator("[data-segment=x30]")).to_have_text("the parser is ready")
    make(page)
    stop = page.get_by_role("button", name="Stop")
    stop.click()
    expect(page.get_by_test_id("notes-delete")).to_be_hidden()
    expect(page.get_by_test_id("notes-make")).to_be_visible()
    expect(problem).to_have_text("The notes were not made. Somebody stopped it.")
    released.set()


@pytest.mark.slow
def test_a_voice_without_a_name_is_called_in_the_notes_as_on_the_page_in_the_language_that_is_chosen(
    server: Locked, model: ModelServer, tab: Any
) -> None:
    model.forget()
    page = tab(held(server).path("host"))
    model.replies.append(Reply(notes("Ask again.").replace("Ben", "Speaker 2")))
    make(page)
    action = page.locator(".statement[data-doubtful]")
    expect(action).to_contain_text("Speaker 2, Friday: Ask again.", timeout=60_000)
    page.get_by_test_id("languages").select_option("de")
    expect(action).to_contain_text("Person 2, Friday: Ask again.")
    expect(page.get_by_test_id("notes-made")).to_contain_text("das sich irren kann")
