"""Several sources in one meeting: they come and go, and the meeting goes on until the last one has ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.access import Role, digest
from meeting.core.errors import ErrorCode
from meeting.core.ids import new_id
from meeting.core.messages import Ack, Ended, ResumeInfo, SourceMessage
from meeting.core.records import Edits, Meeting, Record, Restored, RestoredSource, Resume, Source, State
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    CloseRequested,
    Disconnect,
    Effect,
    EndRequested,
    Event,
    FinishSource,
    FrameAppended,
    FrameReceived,
    MeetingRestored,
    MuteRequested,
    MuteSource,
    OpenSource,
    OutputReceived,
    RemoveRequested,
    SaveSource,
    SaveState,
    SaveTranscript,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceOpened,
    SourceRecovered,
    SourceReopened,
    StartReceived,
    StopReceived,
    Tick,
)
from meeting.session.session import MOST_SOURCES, Session
from pipelines.errors import NotFound
from pipelines.types import Span, Speaker, Word
from tests.meeting.session.sessions import (
    HOST,
    LIMITS,
    MODELS,
    OTHER,
    SECOND,
    START,
    VIEWER,
    StoringSession,
    disconnects,
    errors,
    frame,
    line_of,
    live_session,
    only,
    resumed,
    two_sources,
)


def test_a_second_source_is_opened_beside_the_first_under_a_number_of_its_own() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    (opened,) = session.handle(SECOND, 0.0)
    assert isinstance(opened, OpenSource)
    assert (opened.source_id, opened.number) == ("src2", 2)
    effects = session.handle(SourceOpened("src2", MODELS, "m1.src2.flac"), 0.0)
    assert not only(effects, SaveState)
    assert Broadcast(SourceMessage("src2", "Bob", "room", 2, "live")) in effects
    assert [one.message.source_id for one in only(effects, Send) if one.client == OTHER] == ["src2"]
    assert len(session.sources.current) == 2


def test_sources_that_come_and_go_are_bounded_too() -> None:
    session = live_session()
    for number in range(1, MOST_SOURCES):
        session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
        session.handle(replace(SECOND, source_id=f"x{number}"), 0.0)
        session.handle(SourceOpened(f"x{number}", MODELS, None), 0.0)
        session.handle(StopReceived(OTHER), 0.0)
        session.handle(SourceFinished(f"x{number}", 9), 0.0)
        session.handle(ClientLeft(OTHER), 0.0)
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    assert errors(session.handle(SECOND, 0.0)) == [("too_many", True)]


def test_each_client_feeds_its_own_source_and_is_acknowledged_by_its_own_length() -> None:
    session = two_sources()
    assert session.handle(FrameReceived(OTHER, frame(0)), 1.0) == [AppendFrame("src2", frame(0))]
    assert session.handle(FrameReceived(HOST, frame(0)), 1.0) == [AppendFrame("src1", frame(0))]
    assert Send(HOST, Ack(0, 1.0)) in session.handle(FrameAppended("src1", 0, 16_000), 1.0)
    assert Send(OTHER, Ack(0, 0.1)) in session.handle(FrameAppended("src2", 0, 1600), 1.0)


def test_everybody_is_shown_all_sources() -> None:
    session = two_sources()
    session.handle(ClientLeft(OTHER), 1.0)
    (shown,) = only(session.handle(ClientJoined(VIEWER), 1.0), SendSnapshot)
    assert [(one.name, one.state) for one in shown.message.sources] == [("Ann", "live"), ("Bob", "away")]


def test_the_meeting_goes_on_while_one_of_its_sources_is_received() -> None:
    session = two_sources()
    assert session.handle(StopReceived(HOST), 1.0) == [
        FinishSource("src1"),
        Broadcast(SourceMessage("src1", "Ann", "room", 1, "ending")),
    ]
    assert session.state is State.LIVE
    assert session.handle(StopReceived(HOST), 1.0) == []
    assert session.handle(FrameReceived(HOST, frame(0)), 1.0) == []
    effects = session.handle(SourceFinished("src1", 1600), 2.0)
    assert (effects[-1], only(effects, SaveState)) == (Broadcast(SourceMessage("src1", "Ann", "room", 1, "ended")), [])
    assert only(session.handle(FrameReceived(OTHER, frame(0)), 2.0), AppendFrame)
    assert FinishSource("src2") in session.handle(StopReceived(OTHER), 3.0)
    assert session.state is State.ENDING
    effects = session.handle(SourceFinished("src2", 3200), 4.0)
    assert Broadcast(Ended(0)) in effects
    assert session.state is State.ENDED


def test_the_meeting_ends_only_once_the_last_output_of_every_source_has_come() -> None:
    session = two_sources()
    session.handle(StopReceived(HOST), 1.0)
    session.handle(StopReceived(OTHER), 1.0)
    session.handle(SourceFinished("src2", 3200), 2.0)
    assert session.state is State.ENDING
    session.handle(SourceFinished("src1", 1600), 3.0)
    assert session.state is State.ENDED


def test_a_source_that_does_not_come_back_ends_alone() -> None:
    session = two_sources()
    session.handle(ClientLeft(OTHER), 10.0)
    assert session.wake_at == 70.0
    assert only(session.handle(Tick(), 70.0), FinishSource) == [FinishSource("src2")]
    assert session.state is State.LIVE
    assert only(session.handle(FrameReceived(HOST, frame(0)), 71.0), AppendFrame)


def test_each_source_is_resumed_by_its_own_token() -> None:
    session = two_sources()
    session.handle(ClientLeft(OTHER), 10.0)
    session.handle(ClientJoined(VIEWER, Role.SPEAK), 11.0)
    assert errors(session.handle(resumed(VIEWER, "secret", "src2"), 11.0)) == [("unauthorized", True)]
    session.handle(ClientJoined(4, Role.SPEAK), 11.0)
    session.handle(resumed(4, "token2", "src2"), 11.0)
    assert (session.source_of(4), session.source_of(HOST)) == ("src2", "src1")


def test_a_host_that_is_no_source_ends_the_meeting_for_all() -> None:
    session = two_sources()
    session.handle(ClientJoined(VIEWER, Role.HOST), 1.0)
    assert only(session.handle(StopReceived(VIEWER), 1.0), FinishSource) == [FinishSource("src1"), FinishSource("src2")]
    assert session.state is State.ENDING


def test_ending_from_outside_waits_for_a_source_that_is_not_ready_yet() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    session.handle(EndRequested(1), 1.0)
    assert (session.state, session.ending) == (State.LIVE, True)
    session.handle(SourceOpened("src2", MODELS, None), 2.0)
    assert session.state is State.ENDING


def test_a_source_that_is_refused_leaves_the_others_alone() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    effects = session.handle(SourceFailed("src2", "bad_audio", "no audio"), 1.0)
    assert only(effects, AbandonSource) == [AbandonSource("src2")]
    assert disconnects(effects) == [(OTHER, 4400)]
    assert (session.state, len(session.sources.current)) == (State.LIVE, 1)


def test_a_meeting_whose_other_source_ended_meanwhile_ends_with_one_that_is_refused() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    session.handle(StopReceived(HOST), 1.0)
    session.handle(SourceFinished("src1", 1600), 1.0)
    assert session.state is State.LIVE
    session.handle(SourceFailed("src2", "bad_audio", "no audio"), 2.0)
    assert session.state is State.ENDED


def test_a_source_that_fails_later_ends_alone() -> None:
    session = two_sources()
    assert FinishSource("src2") in session.handle(SourceFailed("src2", "bad_audio", "no audio"), 1.0)
    assert session.state is State.LIVE


def test_a_host_mutes_a_source_and_lets_it_be_heard_again() -> None:
    session = two_sources()
    muted = SourceMessage("src2", "Bob", "room", 2, "live", True)
    effects = session.handle(MuteRequested(5, "src2", True), 1.0)
    assert effects[0] == MuteSource("src2", True)
    assert [one.source.muted for one in only(effects, SaveSource)] == [True]
    assert effects[-2:] == [Broadcast(muted), Answer(5, (muted,))]
    assert session.handle(MuteRequested(6, "src2", True), 1.0) == [Answer(6, (muted,))]
    assert session.handle(MuteRequested(7, "src2", False), 1.0)[0] == MuteSource("src2", False)


def test_a_host_removes_a_source_to_which_nobody_comes_back() -> None:
    session = two_sources()
    effects = session.handle(RemoveRequested(5, "src2"), 1.0)
    assert (errors(effects), disconnects(effects)) == ([("removed", True)], [(OTHER, 4409)])
    assert FinishSource("src2") in effects
    assert effects[-1] == Answer(5, (SourceMessage("src2", "Bob", "room", 2, "ending"),))
    session.handle(ClientJoined(4, Role.SPEAK), 2.0)
    assert errors(session.handle(resumed(4, "token2", "src2"), 2.0)) == [("unauthorized", True)]
    assert session.state is State.LIVE


def test_nobody_mutes_or_removes_a_source_that_there_is_not() -> None:
    session = two_sources()
    for request in (MuteRequested(5, new_id(), True), RemoveRequested(5, new_id())):
        (answer,) = session.handle(request, 1.0)
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, NotFound)


def test_a_server_that_stops_finishes_every_source() -> None:
    session = two_sources()
    session.handle(StopReceived(HOST), 1.0)
    effects = session.handle(CloseRequested(1001, "bye"), 1.0)
    assert only(effects, FinishSource) == [FinishSource("src1", True), FinishSource("src2", True)]


def restored(*sources: Source, heard: int = 2, state: State = State.LIVE) -> tuple[Session, list[OpenSource]]:
    """A session of a meeting that was cut off, of whose sources the first `heard` are still there."""
    record = Record(
        Meeting("m", "Monday", state, None),  # type: ignore[arg-type]
        sources,
        (),
        (replace(line_of("src2", "m2s1"), words=(Word("stored", Span(0, 1600)),)),),
        (),
    )
    session = StoringSession("m", "Monday", LIMITS)
    known = tuple(
        RestoredSource(source, Resume(source.id, digest("secret")), 500.0, 1600) for source in sources[:heard]
    )
    effects = session.handle(MeetingRestored(Restored(record, known, None, Edits())), 0.0)
    return session, only(effects, OpenSource)


ANN = Source("src1", "Ann", "room", "pcm_s16le", 16_000, 1, speakers={"spk1": "spk1"})
BEN = replace(ANN, id="src2", name="Ben", number=2, anchors=((0, 8000),), speakers={"spk1": "spk2"})


def recovered(source_id: str, samples: int = 1600) -> SourceRecovered:
    return SourceRecovered(source_id, {"set": "fake"}, None, samples)


def test_every_source_is_replayed_and_the_meeting_goes_on_when_the_last_one_is_through() -> None:
    session, opened = restored(ANN, BEN)
    assert [(one.source_id, one.number, one.recover) for one in opened] == [("src1", 1, True), ("src2", 2, True)]
    for source_id in ("src1", "src2"):
        session.handle(SourceReopened(source_id, 3), 1.0)
    session.handle(OutputReceived("src2", Speaker("spk1")), 1.0)
    session.handle(OutputReceived("src2", line_of("src2", "m2s1", "spk1")), 1.0)
    assert session.handle(recovered("src2"), 2.0) == []
    assert session.recovering
    effects = session.handle(recovered("src1"), 3.0)
    (saved,) = only(effects, SaveTranscript)
    assert [(one.text, one.span, one.speaker) for one in saved.segments] == [("Hello", Span(8000, 9600), "spk2")]
    assert not session.recovering
    assert session.samples == 9600


def test_a_source_of_which_nothing_is_left_keeps_its_lines() -> None:
    session, opened = restored(ANN, BEN, heard=1)
    assert [one.source_id for one in opened] == ["src1"]
    session.handle(SourceReopened("src1", 3), 1.0)
    (saved,) = only(session.handle(recovered("src1"), 2.0), SaveTranscript)
    assert [one.text for one in saved.segments] == ["stored"]
    (shown,) = only(session.handle(ClientJoined(VIEWER), 3.0), SendSnapshot)
    assert [(one.name, one.state) for one in shown.message.sources] == [("Ann", "away"), ("Ben", "ended")]


def test_a_source_that_cannot_be_replayed_keeps_its_lines_and_the_others_go_on() -> None:
    session, _ = restored(ANN, BEN)
    session.handle(SourceReopened("src1", 3), 1.0)
    session.handle(SourceFailed("src2", "lost", "gone"), 1.0)
    (saved,) = only(session.handle(recovered("src1"), 2.0), SaveTranscript)
    assert [one.text for one in saved.segments] == ["stored"]
    assert (session.state, len(session.sources.current)) == (State.LIVE, 1)


def attached_to_lost() -> Session:
    """A meeting whose second source cannot be heard again, while its client waits for that."""
    session, _ = restored(ANN, BEN)
    session.handle(SourceReopened("src1", 3), 1.0)
    session.handle(ClientJoined(OTHER, Role.SPEAK), 1.0)
    session.handle(resumed(OTHER, source_id="src2"), 1.0)
    effects = session.handle(SourceFailed("src2", "lost", "gone"), 1.0)
    assert errors(effects) == [("lost", False)]
    assert only(effects, Broadcast)[-1].message == SourceMessage.of(BEN, "ended")
    session.handle(recovered("src1"), 2.0)
    return session


def test_the_client_of_a_source_that_cannot_be_replayed_reads_on_and_leaves_without_a_trace() -> None:
    session = attached_to_lost()
    assert session.handle(FrameReceived(OTHER, frame(0)), 3.0) == []
    assert session.handle(ClientLeft(OTHER), 3.0) == []
    assert (session.state, len(session.sources.current)) == (State.LIVE, 1)


def test_who_comes_back_to_a_source_that_cannot_be_replayed_is_told_so_and_nobody_else() -> None:
    session = attached_to_lost()
    session.handle(ClientJoined(HOST, Role.SPEAK), 3.0)
    session.handle(ClientJoined(VIEWER, Role.SPEAK), 3.0)
    guessed = session.handle(resumed(VIEWER, "guess", "src2"), 3.0)
    assert (errors(guessed), disconnects(guessed)) == ([("unauthorized", True)], [(VIEWER, 4401)])
    effects = session.handle(resumed(HOST, source_id="src2"), 3.0)
    assert (errors(effects), disconnects(effects)) == ([("lost", True)], [(HOST, 4400)])
    assert session.handle(ClientLeft(HOST), 4.0) == []


def test_a_further_source_waits_until_the_meeting_is_rebuilt() -> None:
    session, _ = restored(ANN, BEN)
    for source_id in ("src1", "src2"):
        session.handle(SourceReopened(source_id, 3), 1.0)
    session.handle(ClientJoined(OTHER, Role.SPEAK), 1.0)
    assert disconnects(session.handle(replace(SECOND, source_id="src3"), 1.0)) == [(OTHER, 1013)]


IDS = ("src1", "src2")
CLIENTS = st.integers(1, 2)
ACTIONS = st.one_of(
    st.tuples(st.just("join"), CLIENTS, st.just(Role.HOST)),
    st.tuples(st.just("start"), CLIENTS, st.sampled_from(IDS)),
    st.tuples(st.just("opened"), st.just(0), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(["frame", "appended", "stop", "finished"]), CLIENTS, st.sampled_from(IDS)),
    st.tuples(st.sampled_from(["leave", "resume", "failed"]), CLIENTS, st.sampled_from(IDS)),
    st.tuples(st.sampled_from(["mute", "remove", "end", "tick"]), CLIENTS, st.sampled_from(IDS)),
)


@dataclass
class Driver:
    """Does to a session what a room does: it reports of sources only what they were told to do."""

    session: Session = field(default_factory=lambda: StoringSession("m1", "t", replace(LIMITS, sources=2), MODELS))
    now: float = 0.0
    connected: set[int] = field(default_factory=set)
    workers: dict[str, str] = field(default_factory=dict)
    """By source: what its thread is at"""
    frames: dict[str, list[int]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """By source: the last state that clients were told"""

    def event(self, action: str, client: int, argument: Any) -> Event | None:
        """The event, where it can happen."""
        worker = self.workers.get(argument) if isinstance(argument, str) else None
        here = client in self.connected
        match action:
            case "join" if not here:
                return ClientJoined(client, argument)
            case "leave" if here:
                return ClientLeft(client)
            case "start" if argument not in self.workers:
                return StartReceived(client, START, argument, f"token {argument}")
            case "resume":
                resume = ResumeInfo(argument, f"token {argument}")
                return StartReceived(client, replace(START, resume=resume), new_id(), "fresh")
            case "stop":
                return StopReceived(client)
            case "frame":
                source_id = self.session.source_of(client)
                return FrameReceived(client, frame(len(self.frames.get(source_id or "", []))))
            case "opened" if worker == "opening":
                self.workers[argument] = "open"
                return SourceOpened(argument, MODELS, None)
            case "failed" if worker in ("opening", "open"):
                return SourceFailed(argument, ErrorCode.BAD_AUDIO, "no")
            case "appended" if worker == "open" and self.frames[argument]:
                return FrameAppended(argument, self.frames[argument][-1], 1600 * len(self.frames[argument]))
            case "finished" if worker == "finishing":
                self.workers[argument] = "over"
                return SourceFinished(argument, 1600 * len(self.frames[argument]))
            case "mute":
                return MuteRequested(1, argument, bool(self.now % 2))
            case "remove":
                return RemoveRequested(1, argument)
            case "end":
                return EndRequested(1)
            case "tick":
                self.now += 100
                return Tick()
        return None

    def carry_out(self, effects: list[Effect]) -> None:
        """Note what a room would do."""
        for effect in effects:
            match effect:
                case OpenSource(source_id):
                    assert source_id not in self.workers
                    self.workers[source_id], self.frames[source_id] = "opening", []
                case AppendFrame(source_id, taken):
                    assert self.workers[source_id] in ("opening", "open")
                    self.frames[source_id].append(taken.seq)
                case FinishSource(source_id):
                    assert self.workers[source_id] == "open"
                    self.workers[source_id] = "finishing"
                case AbandonSource(source_id):
                    del self.workers[source_id]
                case MuteSource(source_id):
                    assert self.workers[source_id] in ("open", "finishing")
                case Send(client):
                    assert client in self.connected
                case Broadcast(SourceMessage() as source):
                    self.told[source.id] = source.state
                case Disconnect(client):
                    self.connected.discard(client)


@settings(max_examples=400, deadline=None)
@given(st.lists(ACTIONS, min_size=20, max_size=60))
def test_no_order_of_events_of_several_sources_breaks_the_rules(actions: list[tuple[str, int, Any]]) -> None:
    driver = Driver()
    session = driver.session
    for action, client, argument in actions:
        event = driver.event(action, client, argument)
        if event is None or session.closed:
            continue
        before, driver.now = session.state, driver.now + 1
        if isinstance(event, ClientJoined):
            driver.connected.add(event.client)
        if isinstance(event, ClientLeft):
            driver.connected.discard(event.client)
        effects = session.handle(event, driver.now)
        driver.carry_out(effects)
        if session.state is not before:
            assert [one.state for one in only(effects, SaveState)][-1] == session.state
        states = set(driver.workers.values())
        assert (session.state is State.ENDED) == (states == {"over"} and before is not State.OPEN)
        assert session.state is not State.ENDING or states <= {"finishing", "over"}
        assert session.state is not State.LIVE or states & {"open", "opening"}
        for live in session.sources:
            if live.opened and session.state is not State.ENDED:
                assert driver.told[live.source.id] == live.state
        assert all(seqs == list(range(len(seqs))) for seqs in driver.frames.values())


def test_a_source_that_is_played_again_is_what_it_was_and_its_arrival_tells_nothing_of_its_place() -> None:
    anchors = ((0, 48_000), (96_000, 145_000))
    known = Source("src2", "Bea", "solo", "webm_opus", 48_000, 2, "de", 9, "x.flac", number=5, anchors=anchors)
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(replace(SECOND, known=known), 0.0)
    session.handle(SourceOpened("src2", MODELS, None), 0.0)
    live = session.sources.get("src2")
    assert live is not None
    for seq in range(8):
        session.handle(FrameReceived(HOST, frame(seq)), 1.0 + seq)
        session.handle(FrameAppended("src1", seq, 16_000 * (seq + 1)), 1.0 + seq)
    for seq in range(4):
        session.handle(FrameReceived(OTHER, frame(seq)), 7.0 + seq)
        session.handle(FrameAppended("src2", seq, 16_000 * (seq + 1)), 7.0 + seq)
    now = live.source
    assert (now.number, now.name, now.kind, now.anchors) == (5, "Bea", "solo", anchors)
    assert (now.encoding, now.language, now.samples, now.audio) == ("pcm_s16le", None, 0, None)
    assert session.samples == 8 * 16_000
    session.handle(FrameReceived(OTHER, frame(4)), 20.0)
    session.handle(FrameAppended("src2", 4, 192_000), 20.0)
    assert session.samples == 145_000 + 96_000, "where its anchors say"


def test_a_source_whose_client_is_gone_before_it_is_ready_is_given_up_once_it_is() -> None:
    session = live_session()
    session.handle(ClientJoined(OTHER, Role.SPEAK), 0.0)
    session.handle(SECOND, 0.0)
    session.handle(FrameReceived(OTHER, frame(0)), 0.0)
    session.handle(ClientLeft(OTHER), 1.0)
    assert not only(session.handle(Tick(), 100.0), FinishSource)
    assert session.wake_at == 3600.0, "it is not looked at again and again meanwhile"
    session.handle(SourceOpened("src2", MODELS, None), 101.0)
    assert session.wake_at == 61.0
    assert only(session.handle(Tick(), 101.0), FinishSource) == [FinishSource("src2")]
