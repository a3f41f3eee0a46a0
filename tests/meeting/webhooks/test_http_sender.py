"""One request to a real receiver: signed, to an address that was checked, and over in time whatever is answered."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpcore
import pytest

from meeting.webhooks import http_sender
from meeting.webhooks.addresses import AddressPolicy
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.http_sender import LARGEST_ANSWER, HttpSender, Outcome, resolve
from tests.meeting.webhooks.receivers import Answer, Receiver, receiving

HERE = AddressPolicy(["127.0.0.1", "::1"])
BODY = '{"type":"ping","timestamp":"2026-05-04T12:00:00.000Z","data":{"text":"grüße"}}'
TIMEOUT = 0.5


def send(
    endpoint: Endpoint,
    policy: AddressPolicy = HERE,
    resolve: Callable[[str, int], list[str]] = resolve,
    times: int = 1,
    timeout: float = TIMEOUT,
) -> list[Outcome]:
    async def sent() -> list[Outcome]:
        sender = HttpSender(policy, timeout, resolve)
        try:
            return [await sender.send(endpoint, f"msg_{number}", BODY) for number in range(times)]
        finally:
            await sender.close()

    return asyncio.run(sent())


def answered(*answers: Answer) -> tuple[Outcome, Receiver]:
    with receiving(*answers) as receiver:
        began = time.monotonic()
        (outcome,) = send(receiver.endpoint)
        assert time.monotonic() - began < 3
        return outcome, receiver


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What is loaded at first use is loaded, so that the tests' short times are enough."""
    with receiving() as receiver:
        send(receiver.endpoint, timeout=60)


def test_a_message_arrives_as_it_was_written_signed_and_named() -> None:
    outcome, receiver = answered()
    assert outcome == Outcome(204)
    ((headers, body),) = receiver.requests
    assert body == BODY.encode()
    assert headers["webhook-id"] == "msg_0"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("meeting-transcriber/")
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_any_other_status_is_no_success(status: int) -> None:
    assert answered(status)[0] == Outcome(status, f"answered {status}")


def test_a_receiver_that_is_gone_or_wants_to_be_left_alone_says_so() -> None:
    assert answered(410)[0].gone
    assert answered((429, {"retry-after": "90"}, b"slow down"))[0].asked_wait == 90
    assert not answered(404)[0].gone


def test_a_redirect_is_not_followed() -> None:
    with receiving() as other:
        outcome, _ = answered((307, {"location": other.url}, b""))
        assert other.requests == []
    assert outcome.problem == "answered 307: redirects are not followed, change the url"


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_a_receiver_that_answers_nothing_or_for_ever_is_given_up_in_time(answer: str) -> None:
    assert answered(answer)[0] == Outcome(None, "no answer within 0.5 s")


@pytest.mark.parametrize("answer", ["cut", "half"])
def test_a_receiver_that_closes_in_the_middle_has_not_taken_it(answer: str) -> None:
    assert "closed the connection without an answer" in (answered(answer)[0].problem or "")


def test_of_an_answer_no_more_is_read_than_has_a_meaning() -> None:
    assert answered((200, {}, b"x" * LARGEST_ANSWER * 20))[0] == Outcome(200)
    assert answered((200, {"content-length": "1000"}, b"short"))[0] == Outcome(200)


def test_an_answer_without_end_is_read_up_to_a_bound() -> None:
    read = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 2 * LARGEST_ANSWER:
            read += 1024
            yield bytes(1024)

    asyncio.run(http_sender._read_on(httpcore.Response(200, content=parts())))
    assert read == LARGEST_ANSWER + 1024


def test_a_status_that_came_in_time_counts_however_long_the_rest_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sender, "READ_ON_TIMEOUT", TIMEOUT + 0.1)
    assert answered((200, {"content-length": "1000"}, b"short"))[0] == Outcome(200)


def test_a_receiver_that_is_not_there_cannot_be_reached() -> None:
    with receiving() as receiver:
        pass
    assert "cannot be reached" in (send(receiver.endpoint)[0].problem or "")


def test_a_connection_is_used_again() -> None:
    asked: list[str] = []

    def noting(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving((200, {}, b"ok"), (200, {}, b"ok")) as receiver:
        assert [outcome.status for outcome in send(receiver.endpoint, resolve=noting, times=3)] == [200, 200, 204]
    assert len(asked) == 1


def test_a_certificate_must_be_trusted_and_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hook.example"
    made = [*command.split(), "-addext", "subjectAltName=DNS:hook.example", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with receiving(tls=context) as receiver:

        def outcome(host: str) -> Outcome:
            endpoint = Endpoint("crm", f"https://{host}:{receiver.port}/", host, (), receiver.endpoint.keys)
            return send(endpoint, resolve=lambda host, port: ["127.0.0.1"], timeout=10)[0]

        assert "CERTIFICATE_VERIFY_FAILED" in (outcome("hook.example").problem or "")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert outcome("hook.example") == Outcome(204)
        assert "CERTIFICATE_VERIFY_FAILED" in (outcome("other.example").problem or "")
        assert len(receiver.requests) == 1


# Where it may connect to


def at(host: str, receiver: Receiver) -> Endpoint:
    """The receiver by another name."""
    return Endpoint("crm", f"http://{host}:{receiver.port}/", host, (), receiver.endpoint.keys)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"])
def test_this_machine_is_not_connected_to_by_any_of_its_names(host: str) -> None:
    with receiving() as receiver:
        (outcome,) = send(at(host, receiver), AddressPolicy())
        assert receiver.requests == []
    assert "it has no public address: name its network in webhooks.private_networks" in (outcome.problem or "")


def test_what_is_connected_to_is_the_address_that_was_checked_whatever_the_name_leads_to_then() -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1"]  # where nobody is

    with receiving() as receiver:
        (outcome,) = send(at("localhost", receiver), AddressPolicy(["192.0.2.1"]), once)
        assert receiver.requests == []
    assert asked == ["localhost"]
    assert outcome.status is None


def test_of_several_addresses_those_alone_are_tried_that_may_be() -> None:
    with receiving() as receiver:
        found = ["169.254.169.254", "::1", "127.0.0.1"]
        outcomes = send(at("many.example", receiver), HERE, lambda host, port: found)
        assert outcomes == [Outcome(204)]


def test_a_name_that_nobody_knows_is_told_as_that() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    (outcome,) = send(Endpoint("crm", "http://nowhere.example/", "nowhere.example", (), (b"k",)), resolve=unknown)
    assert outcome.problem == "cannot be reached: its name cannot be resolved"


def test_a_resolver_that_hangs_holds_up_nothing_but_the_request() -> None:
    def hanging(host: str, port: int) -> list[str]:
        time.sleep(3)
        return ["127.0.0.1"]

    began = time.monotonic()
    (outcome,) = send(Endpoint("crm", "http://slow.example/", "slow.example", (), (b"k",)), resolve=hanging)
    assert outcome.problem == "no answer within 0.5 s"
    assert time.monotonic() - began < 2


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.endpoint) == [Outcome(204)]
        assert proxy.requests == []
