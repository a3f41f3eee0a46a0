"""How many people will speak, in a browser: said before a meeting starts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.fakes.web_fakes import FakeServer
from tests.web.test_terms import page, server

__all__ = ["page", "server"]

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_how_many_people_will_speak_can_be_said_by_keyboard_alone(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("options").press("Enter")
    page.keyboard.press("Tab")
    field = page.get_by_role("textbox", name="How many people will speak?")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("For example 4, or 2-5"))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.keyboard.type("2 to 5")
    page.get_by_test_id("new-meeting").press("Enter")
    page.wait_for_url("**/m/m1")
    assert server.requests == [("POST", "/api/meetings", {"speakers": "2-5"})]


@pytest.mark.slow
def test_a_wrong_number_is_told_before_anything_is_made_and_the_field_is_found(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("options").click()
    field = page.get_by_label("How many people will speak?")
    field.fill("a few")
    page.get_by_test_id("options").click()
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_role("alert")).to_contain_text("Write a number such as 4")
    expect(page.get_by_role("alert")).to_be_in_viewport(ratio=1)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert server.requests == []
    field.fill("4")
    page.get_by_test_id("new-meeting").click()
    page.wait_for_url("**/m/m1")
    assert server.requests == [("POST", "/api/meetings", {"speakers": "4"})]


@pytest.mark.slow
def test_what_a_button_does_not_use_may_be_wrong(server: FakeServer, page: Page) -> None:
    page.goto(server.url)
    page.get_by_test_id("options").click()
    page.get_by_label("Only me").check()
    empty = {"name": "Empty.wav", "mimeType": "audio/wav", "buffer": b""}
    page.get_by_test_id("recording-file").set_input_files(empty)
    expect(page.locator(".job")).to_contain_text("Empty.wav")
    page.get_by_test_id("new-meeting").click()
    expect(page.get_by_role("alert")).to_contain_text("Write your name")
    page.get_by_label("When was the recording made?").fill("2190-01-01T10:00")
    page.get_by_test_id("recording-file").set_input_files(empty)
    expect(page.get_by_role("alert")).to_contain_text("It cannot be later than now.")
    expect(page.locator(".job")).to_have_count(1)
    page.get_by_test_id("sample-meeting").click()
    page.wait_for_url("**/m/m1")
