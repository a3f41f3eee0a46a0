"""Recordings in a real browser, on a real server that is slow, loses connections and is killed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.harness.server import Server
from tests.fakes.containers import wav
from tests.fakes.models.other_models import SLOW
from tests.fakes.server_fakes import tone
from tests.web.accessibility.test_accessibility import check

pytestmark = pytest.mark.browser
PATIENCE = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as a process, whose fake models take a fifth of a second for one of audio."""
    running = Server(tmp_path_factory.mktemp("server"), "fake", {"FAKE_SLOW": "0.2"})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 900, "height": 800}) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        yield page


def recording(folder: Path, name: str, seconds: float) -> Path:
    """A recording of a tone."""
    path = folder / name
    path.write_bytes(wav(tone(seconds)))
    return path


@pytest.mark.slow
def test_recordings_are_sent_followed_stopped_and_become_meetings_although_the_server_is_killed(
    server: Server, page: Page, tmp_path: Path
) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.headers["upload-offset"])
        route.abort() if len(lost) == 2 else route.continue_()

    page.route("**/recording", lambda route: lose(route) if route.request.method == "PATCH" else route.continue_())
    files = [recording(tmp_path, "Plans.wav", 40.0), recording(tmp_path, "Gone.wav", 10.0)]
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Transcribe a recording").press("Enter")
    choosing.value.set_files(files)
    plans, gone = page.locator(".job", has_text="Plans"), page.locator(".job", has_text="Gone")
    expect(plans.get_by_text(re.compile(r"\d+% transcribed, about \d+ s left"))).to_be_visible(timeout=PATIENCE)
    assert lost[:3] == ["0", "1048576", "1048576"], "what had arrived is not sent again"
    expect(gone).to_contain_text("Waiting for its turn")
    gone.get_by_role("button", name="Stop Gone").press("Enter")
    expect(gone).to_have_count(0)

    plans.get_by_role("link", name="Plans").click()
    expect(page.get_by_test_id("title")).to_have_value("Plans")
    expect(page.locator("[data-segment]").first).to_be_visible(timeout=PATIENCE)
    page.go_back()
    expect(plans).to_contain_text("transcribed")
    server.kill()
    server.start()
    expect(page.locator(".row", has_text="Plans")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("announcer")).to_have_text("Plans is transcribed.", timeout=PATIENCE)
    expect(page.locator(".job")).to_have_count(0)
    (meeting,) = server.get("/api/meetings")["meetings"]
    assert (meeting["state"], meeting["duration"], meeting["segments"]) == ("ended", 40.0, 40)


@pytest.mark.slow
def test_a_file_that_is_dropped_and_is_no_audio_says_so_until_it_is_dismissed(server: Server, page: Page) -> None:
    page.evaluate(
        """() => {
          const data = new DataTransfer()
          data.items.add(new File(['a text'], 'Letter.txt'))
          for (const type of ['dragover', 'drop']) {
            const options = { dataTransfer: data, bubbles: true, cancelable: true }
            document.querySelector('.hero').dispatchEvent(new DragEvent(type, options))
          }
        }"""
    )
    letter = page.locator(".job", has_text="Letter")
    expect(letter).to_contain_text("Not transcribed: Letter.txt is not audio that can be read", timeout=PATIENCE)
    page.get_by_test_id("languages").select_option("de")
    expect(letter).to_contain_text("Nicht transkribiert")
    letter.get_by_role("button", name="Letter aus dieser Liste entfernen").click()
    expect(letter).to_have_count(0)
    assert "Letter.txt" not in [job["name"] for job in server.get("/api/jobs")["jobs"]]


@pytest.mark.slow
def test_a_file_that_was_sent_in_part_goes_on_when_it_is_chosen_again(
    server: Server, page: Page, tmp_path: Path
) -> None:
    path = recording(tmp_path, "Again.wav", 40.0)
    sent: list[str] = []

    def stall(route: Route) -> None:
        sent.append(route.request.headers["upload-offset"])
        if len(sent) != 2:
            route.continue_()

    page.route("**/recording", lambda route: stall(route) if route.request.method == "PATCH" else route.continue_())
    page.get_by_test_id("recording-file").set_input_files(path)
    expect(page.locator(".job")).to_contain_text(re.compile(r"8\d% sent"))
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    again = page.locator(".job", has_text="Again")
    expect(again).to_contain_text("Choose the same file again", timeout=PATIENCE)
    page.get_by_test_id("recording-file").set_input_files(path)
    expect(again).to_contain_text("transcribed", timeout=PATIENCE)
    assert sent == ["0", "1048576", "1048576"]
    again.get_by_role("button", name="Stop Again").click()
    page.get_by_test_id("confirm").click()
    expect(again).to_have_count(0, timeout=PATIENCE)


@pytest.mark.slow
def test_a_recording_is_dated_by_its_file_unless_somebody_says_when_it_was(
    server: Server, page: Page, tmp_path: Path
) -> None:
    path = recording(tmp_path, "Old.wav", 2.0)
    os.utime(path, (1_000_000_000, 1_000_000_000))  # the 9th of September 2001
    page.get_by_test_id("recording-file").set_input_files(path)
    row = page.locator(".row", has_text="Old")
    expect(row).to_contain_text("2001", timeout=PATIENCE)
    page.get_by_test_id("options").click()
    field = page.get_by_label("When was the recording made?")
    field.fill("2190-01-01T10:00")
    said = recording(tmp_path, "Said.wav", 2.0)
    page.get_by_test_id("recording-file").set_input_files(said)
    expect(page.get_by_text("It cannot be later than now.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("1999-12-31T10:00")
    page.get_by_test_id("recording-file").set_input_files(said)
    expect(page.locator(".row", has_text="Said")).to_contain_text("1999", timeout=PATIENCE)
    dates = {one["title"]: one["started_at"] for one in server.get("/api/meetings")["meetings"]}
    assert dates["Old"] == "2001-09-09T01:46:40.000Z"


@pytest.mark.slow
def test_a_meeting_is_transcribed_again_and_shows_its_new_lines_under_the_names_that_it_had(
    server: Server, page: Page, tmp_path: Path
) -> None:
    page.get_by_test_id("recording-file").set_input_files(recording(tmp_path, "Twice.wav", 3.0))
    page.get_by_role("link", name="Twice").last.click(timeout=PATIENCE)
    expect(page.get_by_test_id("export")).to_be_visible(timeout=PATIENCE)
    before = page.locator("[data-segment]").first.get_attribute("data-segment")
    page.get_by_test_id("models").locator("summary").press("Enter")
    page.get_by_test_id("again").press("Enter")
    command = f"python -m meeting retranscribe {page.url.split('/m/')[1]} --models whisper"
    expect(page.get_by_test_id("again-dialog").locator("code")).to_have_text(command)
    page.get_by_label("How many people speak in it?").fill("many")
    page.get_by_test_id("again-begin").click()
    expect(page.get_by_test_id("again-problem")).to_contain_text("Write a number such as 4")
    page.get_by_label("How many people speak in it?").fill("2")
    page.get_by_test_id("again-begin").click()
    expect(page.get_by_test_id("again-dialog")).to_contain_text("It is on its way")
    page.get_by_role("button", name="Done").click()
    expect(page.locator(f"[data-segment={before}]")).to_have_count(0, timeout=PATIENCE)
    expect(page.locator("[data-segment]")).to_have_count(3)
    expect(page.get_by_test_id("title")).to_have_value("Twice")


@pytest.fixture
def choosing(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of a meeting whose server can load other models, too."""
    running = Server(tmp_path / "choosing", "fake", {SLOW: "0"})
    running.start()
    try:
        with browser.new_context(viewport={"width": 900, "height": 800}) as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{running.port}/")
            page.get_by_test_id("recording-file").set_input_files(recording(tmp_path, "Twice.wav", 3.0))
            page.get_by_role("link", name="Twice").last.click(timeout=PATIENCE)
            expect(page.get_by_test_id("export")).to_be_visible(timeout=PATIENCE)
            yield page
    finally:
        running.stop()


@pytest.mark.slow
def test_other_models_are_chosen_in_the_dialog_by_keyboard_and_their_lines_are_shown(choosing: Page) -> None:
    page = choosing
    before = page.locator("[data-segment]").first.get_attribute("data-segment")
    page.get_by_test_id("models").locator("summary").press("Enter")
    page.get_by_test_id("again").press("Enter")
    models, spoken = page.get_by_label("Models that listen"), page.get_by_label("What is spoken")
    expect(models.locator("option")).to_have_text(["fake, which the server has loaded", "Owl", "Fox"])
    expect(page.get_by_test_id("again-dialog").locator("code")).to_have_count(0)
    expect(spoken).to_be_hidden()
    # What can be chosen below depends on it.
    assert page.get_by_test_id("again-dialog").locator("select").first.get_attribute("id") == "again-model"
    check(page)
    page.set_viewport_size({"width": 900, "height": 800})
    models.focus()
    page.keyboard.press("o")
    expect(models).to_have_value("owl")
    expect(models).to_have_attribute("aria-describedby", "again-elsewhere")
    expect(spoken.locator("option")).to_have_text(["Found out while listening", "German", "English"])
    spoken.select_option("de")
    check(page)
    page.get_by_label("How many people speak in it?").press("Enter")
    expect(page.get_by_test_id("again-dialog")).to_contain_text("It is on its way")
    page.keyboard.press("Enter")
    expect(page.locator(f"[data-segment={before}]")).to_have_count(0, timeout=PATIENCE)
    expect(page.locator("[data-segment]")).to_have_count(3)
    expect(page.get_by_test_id("models")).to_contain_text("Owl")
