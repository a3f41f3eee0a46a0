"""Signatures are those of the specification, as its own library checks them."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from meeting.webhooks.signature import parse_secret, signed_headers
from pipelines.errors import SettingsError


def secret(size: int, byte: bytes = b"k") -> str:
    return "whsec_" + base64.b64encode(byte * size).decode()


def test_the_example_of_the_specifications_libraries_is_signed_as_they_do() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_library_takes_what_is_signed_and_nothing_that_was_changed() -> None:
    now, body = int(time.time()), '{"text":"grüße"}'
    headers = signed_headers(parse_secret(secret(32)), "msg_1", now, body.encode())
    assert Webhook(secret(32)).verify(body.encode(), headers) == {"text": "grüße"}
    for changed in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(now + 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret(32)).verify(body.encode(), {**headers, **changed})
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(32)).verify(b'{"text":"no"}', headers)


def test_a_secret_may_be_changed_while_receivers_still_have_the_old_one() -> None:
    headers = signed_headers(parse_secret(f"{secret(32)}\n{secret(32, b'o')}\n"), "msg_1", int(time.time()), b"{}")
    for one in (secret(32), secret(32, b"o")):
        Webhook(one).verify(b"{}", headers)


@pytest.mark.parametrize("text", ["", "  ", "hush", secret(23), secret(65), "whsec_hush!", f"{secret(32)} hush"])
def test_a_secret_that_is_none_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_secret(text)
    assert "hush" not in str(caught.value)
    assert secret(23)[6:20] not in str(caught.value)


@pytest.mark.parametrize("size", [24, 64])
def test_keys_may_be_as_long_as_the_specification_has_them(size: int) -> None:
    assert parse_secret(secret(size)) == (b"k" * size,)
