"""A source while it is heard: what is kept of it, and who may go on with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meeting.core.access import digest
from meeting.core.messages import AudioInfo, ResumeInfo, SourceInfo, Start
from meeting.core.records import Resume, Source
from meeting.session.source import LiveSource, known_source, new_source

START = Start(1, AudioInfo("pcm_f32le", 48000, 2), SourceInfo("Ann", "solo"), "en", ("Ypsilon",))


def made(resumable: bool = True) -> LiveSource:
    return new_source(START, "src", "secret", 3, resumable)


def again(source_id: str = "src", token: str = "secret") -> Start:
    return replace(START, resume=ResumeInfo(source_id, token))


def test_what_is_kept_of_a_source_makes_the_same_one_again() -> None:
    live = made()
    back = known_source(live.source, live.resume, 5.0)
    assert (back.source, back.start, back.resume, back.lost_at) == (live.source, START, live.resume, 5.0)
    assert live.source == Source("src", "Ann", "solo", "pcm_f32le", 48000, 2, "en")


def test_the_token_is_kept_as_a_digest_only_and_never_printed() -> None:
    assert made().resume == Resume("src", digest("secret"), ("Ypsilon",))
    assert "secret" not in repr(made())
    assert digest("secret") not in repr(made())


def test_whoever_has_the_token_may_go_on() -> None:
    assert made().refusal(again()) is None
    assert known_source(made().source, made().resume, 0.0).refusal(again()) is None


@pytest.mark.parametrize("start", [START, again("other"), again(token="wrong"), again(token=digest("secret"))])
def test_others_may_not(start: Start) -> None:
    refusal = made().refusal(start)
    assert refusal is not None
    assert (refusal.code, refusal.close) == ("unauthorized", 4401)


def test_a_source_that_is_not_to_be_resumed_has_nothing_to_guess() -> None:
    assert made(resumable=False).resume.digest is None
    assert made(resumable=False).refusal(again()) is not None


def test_another_audio_format_is_refused() -> None:
    refusal = made().refusal(replace(again(), audio=AudioInfo()))
    assert refusal is not None
    assert refusal.code == "bad_message"
