"""What a source's client is told about models and their languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meeting.core.messages import SessionMessage
from meeting.core.records import State
from meeting.session.events import (
    AppendFrame,
    ClientJoined,
    FrameReceived,
    ModelsLoaded,
    OpenSource,
    SaveState,
    Send,
    StartReceived,
)
from meeting.session.notices import LOADING
from tests.meeting.session.sessions import (
    HOST,
    MODELS,
    OPENED,
    OTHER,
    START,
    errors,
    frame,
    new_session,
    only,
    resumed,
    started,
)


def test_a_source_may_speak_while_the_models_load_and_is_told_so() -> None:
    session = new_session(ClientJoined(HOST), started())
    effects = session.handle(replace(OPENED, models=None), 5.0)
    assert session.state is State.LIVE
    assert only(effects, SaveState) == [SaveState(State.LIVE, 0, {})]
    answer, told = only(effects, Send)
    assert isinstance(answer.message, SessionMessage)
    assert (answer.message.next_seq, answer.message.models) == (0, {})
    assert told == Send(HOST, LOADING)
    assert only(session.handle(FrameReceived(HOST, frame(0)), 5.0), AppendFrame)
    session.handle(ClientJoined(OTHER), 6.0)
    back = session.handle(resumed(OTHER), 6.0)
    assert errors(back) == [("loading", False)]


def asking(language: str | None) -> StartReceived:
    return started(start=replace(START, language=language))


@pytest.mark.parametrize(
    ("language", "told"), [("de", True), ("de,fr", True), ("de,en", False), ("en", False), (None, False)]
)
def test_a_source_learns_that_the_models_do_not_read_its_language(language: str | None, told: bool) -> None:
    english = {**MODELS, "languages": ["en"]}
    at_once = new_session(ClientJoined(HOST), asking(language)).handle(replace(OPENED, models=english), 0.0)
    waiting = new_session(ClientJoined(HOST), asking(language), replace(OPENED, models=None))
    later = waiting.handle(ModelsLoaded("src1", english), 5.0)
    for effects in (at_once, later):
        assert errors(effects) == ([("language", False)] if told else [])
        assert only(effects, OpenSource) == []
    assert waiting.state is State.LIVE


@pytest.mark.parametrize("able", [True, False])
def test_a_source_learns_that_the_models_cannot_translate_once_they_are_known(able: bool) -> None:
    asked, models = started(start=replace(START, translate=True)), {**MODELS, "translates": able}
    at_once = new_session(ClientJoined(HOST), asked).handle(replace(OPENED, models=models), 0.0)
    waiting = new_session(ClientJoined(HOST), asked)
    assert ("language", False) not in errors(waiting.handle(replace(OPENED, models=None), 0.0))
    for effects in (at_once, waiting.handle(ModelsLoaded("src1", models), 5.0)):
        assert errors(effects) == ([] if able else [("language", False)])


def test_models_that_read_many_languages_are_asked_for_any() -> None:
    many = {**MODELS, "languages": None}
    assert errors(new_session(ClientJoined(HOST), asking("de")).handle(replace(OPENED, models=many), 0.0)) == []
