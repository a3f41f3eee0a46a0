"""What is said of several sources, made into what one meeting says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meeting.core.access import Role
from meeting.core.messages import StatsMessage
from meeting.core.records import Gap
from meeting.session.events import (
    Broadcast,
    ClientJoined,
    GapFound,
    OutputReceived,
    SaveSource,
    SaveSpeaker,
    SaveTurns,
    SourceOpened,
)
from pipelines.types import LevelsHeard, PipelineStats, Span, Speaker, Turn, TurnsRevised
from tests.meeting.session.sessions import (
    HOST,
    MODELS,
    OTHER,
    SECOND,
    line_of,
    live_session,
    new_session,
    only,
    started,
    two_sources,
)


def test_speakers_of_two_sources_are_two_and_who_they_are_is_stored_before_they_are_told() -> None:
    session = two_sources()
    for id_ in ("src1", "src2"):
        session.handle(OutputReceived(id_, Speaker("spk1")), 1.0)
    session.handle(OutputReceived("src1", line_of("src1", "s1", "spk1")), 1.0)
    effects = session.handle(OutputReceived("src2", line_of("src2", "m2s1", "spk1")), 1.0)
    assert [one.source.speakers for one in only(effects, SaveSource)] == [{"spk1": "spk2"}]
    assert [one.speaker for one in only(effects, SaveSpeaker)] == [Speaker("spk2", color=1)]
    assert effects.index(only(effects, SaveSource)[0]) < effects.index(only(effects, SaveSpeaker)[0])


def test_the_second_source_lets_it_be_stored_who_the_speakers_of_the_first_are() -> None:
    session = live_session()
    assert not only(session.handle(OutputReceived("src1", Speaker("spk1")), 1.0), SaveSource)
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    effects = session.handle(SourceOpened("src2", MODELS, None), 0.0)
    assert {"spk1": "spk1"} in [one.source.speakers for one in only(effects, SaveSource)]


def test_turns_are_stored_by_source() -> None:
    session, turn = two_sources(), Turn(Span(0, 9000), "spk1")
    session.handle(OutputReceived("src2", line_of("src2", "m2s1", "spk1")), 1.0)
    (saved,) = only(session.handle(OutputReceived("src2", TurnsRevised(turn.span, (turn,))), 1.0), SaveTurns)
    assert (saved.source_id, saved.revision.span, saved.revision.turns) == ("src2", turn.span, (turn,))


def test_turns_that_change_because_of_what_another_source_says_are_stored_as_those_of_their_own() -> None:
    session, turn = two_sources(), Turn(Span(0, 9000), "spk1")
    session.handle(OutputReceived("src1", TurnsRevised(turn.span, (turn,))), 1.0)
    session.handle(OutputReceived("src1", line_of("src1", "s1")), 1.0)
    quiet = LevelsHeard(0, np.full((5, 5), -70, np.float32))
    session.handle(OutputReceived("src2", quiet), 1.0)
    saved = only(session.handle(OutputReceived("src2", replace(quiet, start=160_000)), 1.0), SaveTurns)
    assert {one.source_id for one in saved} == {"src1", "src2"}


def test_how_a_pipeline_keeps_up_is_told_with_its_source_and_how_loud_that_is() -> None:
    session, stats = two_sources(), PipelineStats(0.2, 0.1, 0.3, 0)
    levels = np.array([[-50.0, -100, -100], [-100, -34.27, -34.27]], np.float32)
    levels = np.pad(levels, ((0, 0), (0, 2)), constant_values=-100)
    assert session.handle(OutputReceived("src2", LevelsHeard(0, levels)), 1.0) == []
    assert session.handle(OutputReceived("src2", stats), 1.0) == [Broadcast(StatsMessage.of(stats, "src2", -31.26))]
    assert session.handle(OutputReceived("src1", stats), 1.0) == [Broadcast(StatsMessage.of(stats, "src1"))]
    assert StatsMessage.of(stats, "src1").models_answer
    assert not StatsMessage.of(replace(stats, models_answer=False), "src1").models_answer


def test_what_is_said_of_a_source_that_is_not_ready_is_nothing() -> None:
    session = new_session(ClientJoined(HOST), started())
    assert session.handle(OutputReceived("src1", Speaker("spk1")), 1.0) == []
    assert session.handle(GapFound(Gap("src1", Span(0, 9), "lost")), 1.0) == []


def test_what_is_said_of_a_source_that_is_gone_is_nothing() -> None:
    assert two_sources().handle(OutputReceived("nobody", Speaker("spk9")), 1.0) == []
