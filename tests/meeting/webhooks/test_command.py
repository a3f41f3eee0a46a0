"""The command: what waits and what failed, and a signed ping that says whether it was taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from meeting.cli import EXIT_ERROR, main
from meeting.config.settings import Webhooks
from meeting.config.webhooks import read_endpoints
from meeting.core.records import Meeting, State
from meeting.storage.store import Store
from meeting.storage.webhook_queue import Delivery, WebhookQueue
from meeting.storage.webhook_store import WebhookStore
from meeting.webhooks.command import overview
from tests.fakes.stored import NOON, kept
from tests.meeting.webhooks.receivers import SECRET, Receiver, receiving


@contextmanager
def configured(monkeypatch: pytest.MonkeyPatch, *answers: int) -> Iterator[Receiver]:
    """A receiver that the settings name."""
    with receiving(*answers) as receiver:
        monkeypatch.setenv("MEETING_WEBHOOKS_ENDPOINTS", json.dumps([receiver.setting]))
        monkeypatch.setenv("MEETING_WEBHOOKS_PRIVATE_NETWORKS", "127.0.0.1")
        yield receiver


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["webhooks", *arguments])
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert "hidden" not in out + err
    return code, out, err


@pytest.mark.parametrize("by", ["name", "url"])
def test_a_webhook_is_tested_by_its_name_or_its_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    with configured(monkeypatch) as receiver:
        code, out, _ = run(capsys, "test", "crm" if by == "name" else receiver.url)
    assert code == 0
    assert out.startswith("webhook crm: answered 204 after ")
    assert receiver.events() == ["ping"]


def test_one_that_does_not_take_it_is_one_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured(monkeypatch, 401):
        assert run(capsys, "test", "crm") == (EXIT_ERROR, "", "error: webhook crm: answered 401\n")


def test_any_url_is_tested_with_a_secret_of_its_own_and_only_where_may_be_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with receiving() as receiver:
        code, out, err = run(capsys, "test", receiver.url)
    assert code == EXIT_ERROR
    assert out.startswith("signed with a secret that was made for this test: whsec_")
    assert "it has no public address" in err
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ((), "name the webhook to test"),
        (("bot",), "there is no webhook called 'bot'; known are none"),
        (("ftp://h",), "url"),
    ],
)
def test_what_is_no_webhook_is_told(capsys: pytest.CaptureFixture[str], which: tuple[str, ...], said: str) -> None:
    code, _, err = run(capsys, "test", *which)
    assert code == EXIT_ERROR
    assert said in err


def test_without_webhooks_the_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys) == (0, "no webhooks: webhooks.endpoints in the settings is empty\n", "")


def test_the_list_tells_what_waits_and_what_failed_and_why(tmp_path: Path) -> None:
    endpoints = read_endpoints([{"name": "crm", "url": "https://example.org/?key=hidden", "secret": "s"}], "x")
    with Store(tmp_path) as store:
        kept(store)

        def announce(meeting: Meeting, spoken: object) -> list[Delivery]:
            return [Delivery(name, f"{name}{state}", state, "words", NOON) for name in ("crm", "old") for state in "ab"]

        def queue(session: Session) -> None:
            WebhookQueue(announce).tell_state(session, Meeting("m1", "Plans", State.LIVE, NOON), State.OPEN)

        store.write(queue).result()
        webhooks = WebhookStore(store)
        (first,) = webhooks.due("crm", NOON, 1)
        webhooks.try_again(first, NOON + timedelta(hours=1), "answered 500").result()
        webhooks.give_up_others(["crm"], "no such endpoint").result()
        lines = overview(Webhooks(endpoints), webhooks, 20)
        assert len(overview(Webhooks(endpoints), webhooks, 0)) == 2
    assert lines[0] == "crm  example.org  meeting.started, meeting.ended  2 waiting, 0 failed"
    assert lines[1] == "old  (not in the settings)  0 waiting, 2 failed"
    assert [line.split("  ")[2:5] for line in lines[2:]] == [["old", "b", "m1"], ["old", "a", "m1"], ["crm", "a", "m1"]]
    assert lines[2].endswith("0 tries, given up: no such endpoint")
    assert "1 tries, tried again at 2026-" in lines[4]
    assert lines[4].endswith(": answered 500")
