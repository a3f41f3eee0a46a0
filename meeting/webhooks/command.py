"""What the command `webhooks` does: tells what waits and what failed, and sends a signed ping."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Iterator
from datetime import datetime

from meeting.config.settings import Webhooks
from meeting.config.webhooks import split_url
from meeting.storage.webhook_store import EndpointCounts, StoredDelivery, WebhookStore
from meeting.webhooks.addresses import AddressPolicy
from meeting.webhooks.announcements import ping
from meeting.webhooks.endpoints import Endpoint
from meeting.webhooks.http_sender import HttpSender, Outcome
from meeting.webhooks.signature import PREFIX, parse_secret
from meeting.webhooks.wiring import check_webhooks
from pipelines.errors import MeetingError, SettingsError


def overview(config: Webhooks, store: WebhookStore, most: int) -> list[str]:
    """A line for each endpoint, and one for each of at most so many deliveries that did not succeed, newest first."""
    counts = store.counts()
    lines = [
        f"{one.name}  {one.host}  {', '.join(one.events)}  {_counted(counts.pop(one.name, None))}"
        for one in config.endpoints
    ]
    lines += [f"{name}  (not in the settings)  {_counted(each)}" for name, each in sorted(counts.items())]
    lines += [_trouble(delivery, due) for delivery, due in store.troubled(most)]
    return lines or ["no webhooks: webhooks.endpoints in the settings is empty"]


def _counted(counts: EndpointCounts | None) -> str:
    return f"{counts.waiting if counts else 0} waiting, {counts.failed if counts else 0} failed"


def _trouble(delivery: StoredDelivery, due: datetime | None) -> str:
    when = f"{delivery.created_at.astimezone():%Y-%m-%d %H:%M}"
    then = "given up" if due is None else f"tried again at {due.astimezone():%Y-%m-%d %H:%M}"
    told = f"  {when}  {delivery.endpoint}  {delivery.event}  {delivery.meeting_id}  {delivery.tries} tries"
    return f"{told}, {then}: {delivery.problem}"


def send_ping(config: Webhooks, which: str) -> Iterator[str]:
    """Send a signed ping to an endpoint of the settings, or to any URL; raises MeetingError where it is not taken."""
    endpoints, policy = check_webhooks(config)
    endpoint = next((one for one in endpoints if which in (one.name, one.url)), None)
    if endpoint is None:
        if "://" not in which:
            known = ", ".join(one.name for one in endpoints) or "none"
            raise SettingsError(f"there is no webhook called {which!r}; known are {known}")
        host = split_url(which).netloc
        secret = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        endpoint = Endpoint(host, which, host, (), parse_secret(secret))
        yield f"signed with a secret that was made for this test: {secret}"
    began = time.monotonic()
    outcome = asyncio.run(_try_once(endpoint, policy))
    if outcome.problem is not None:
        raise MeetingError(f"webhook {endpoint.name}: {outcome.problem}")
    yield f"webhook {endpoint.name}: answered {outcome.status} after {time.monotonic() - began:.2f} s"


async def _try_once(endpoint: Endpoint, policy: AddressPolicy) -> Outcome:
    sender = HttpSender(policy)
    try:
        return await sender.send(endpoint, *ping())
    finally:
        await sender.close()
