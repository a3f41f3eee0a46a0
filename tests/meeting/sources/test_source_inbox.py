"""What a source's thread is told."""

from __future__ import annotations

import threading

from meeting.sources.source_inbox import SourceInbox
from tests.fakes.source_fakes import frame


def test_frames_come_in_order_and_the_end_behind_them() -> None:
    inbox = SourceInbox()
    frames = [frame(seq, b"") for seq in range(3)]
    for one in frames:
        inbox.put(one)
    inbox.finish()
    assert [inbox.take() for _ in range(3)] == frames
    assert not inbox.ended
    assert inbox.take() is None
    assert inbox.ended
    assert inbox.empty
    assert not inbox.no_waiting.is_set()


def test_whoever_waits_for_a_frame_looks_again_when_it_is_woken() -> None:
    inbox, taken = SourceInbox(), []
    thread = threading.Thread(target=lambda: taken.append(inbox.take()))
    thread.start()
    inbox.settle_models()
    thread.join(20)
    assert taken == [None]
    assert inbox.models_settled.is_set()
    assert not inbox.ended


def test_a_fast_end_lets_nobody_wait_for_disk_or_models_but_for_the_files() -> None:
    inbox = SourceInbox()
    inbox.finish(shutdown_fast=True)
    assert inbox.no_waiting.is_set()
    assert inbox.models_settled.is_set()
    assert not inbox.released.is_set()


def test_an_abandoned_source_waits_for_nothing() -> None:
    inbox = SourceInbox()
    inbox.put(frame(0, b""))
    inbox.abandon()
    assert all(one.is_set() for one in (inbox.abandoned, inbox.no_waiting, inbox.models_settled, inbox.released))
    assert inbox.take() == frame(0, b"")
    assert inbox.take() is None
    assert inbox.ended
