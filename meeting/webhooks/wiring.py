"""What makes the settings of webhooks work: endpoints with their keys, the store that queues for them, the worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

from meeting.config.settings import Webhooks
from meeting.storage.store import Store
from meeting.storage.webhook_queue import WebhookQueue
from meeting.storage.webhook_store import WebhookStore
from meeting.webhooks.addresses import AddressPolicy
from meeting.webhooks.announcements import Announcements
from meeting.webhooks.dispatcher import LOOK_AGAIN, Dispatcher
from meeting.webhooks.endpoints import Endpoint, with_keys
from meeting.webhooks.http_sender import HttpSender


def check_webhooks(config: Webhooks) -> tuple[tuple[Endpoint, ...], AddressPolicy]:
    """The endpoints, and where they may lie; raises SettingsError where a secret or a network is none."""
    return with_keys(config.endpoints, os.environ), AddressPolicy(config.private_networks)


def connect_webhooks(
    config: Webhooks, store: Store, count: Callable[[str, int], None], look_again: float = LOOK_AGAIN
) -> Dispatcher:
    """From now on the store queues what its changes are to tell; the dispatcher sends it once it runs.

    It looks for what is due every `look_again` seconds at least. `count` is told results: delivered, retried, failed,
    left_out; from any thread. Raises SettingsError.
    """
    endpoints, policy = check_webhooks(config)
    announcements = Announcements(endpoints, config.unkept_text)
    dispatcher = Dispatcher(
        endpoints,
        WebhookStore(store),
        lambda: HttpSender(policy),
        timedelta(hours=config.give_up_after),
        count,
        look_again=look_again,
    )
    store.webhooks = WebhookQueue(
        announcements, announcements.lines, dispatcher.wake, on_left_out=lambda: count("left_out", 1)
    )
    return dispatcher
