"""How often one may guess a token."""

from __future__ import annotations

import pytest

from meeting.server.security.guess_limiter import GuessLimiter


def test_too_many_wrong_tokens_make_one_wait_and_waiting_helps() -> None:
    limiter = GuessLimiter(tries=3, seconds=30)
    for _ in range(3):
        assert limiter.wait("10.0.0.1", 0) == 0
        limiter.failed("10.0.0.1", 0)
    assert limiter.wait("10.0.0.1", 0) == pytest.approx(10)
    assert limiter.wait("10.0.0.1", 9) == pytest.approx(1)
    assert limiter.wait("10.0.0.1", 10) == 0
    assert limiter.wait("10.0.0.2", 0) == 0


def test_guessing_on_while_blocked_does_not_block_for_longer() -> None:
    limiter = GuessLimiter(tries=3, seconds=30)
    for _ in range(1000):
        limiter.failed("10.0.0.1", 0)
    assert limiter.wait("10.0.0.1", 10) == 0


def test_the_memory_of_guessers_is_bounded() -> None:
    limiter = GuessLimiter(addresses=100)
    for i in range(10_000):
        limiter.failed(f"10.0.{i // 256}.{i % 256}", i)
    assert len(limiter) == 100
