"""A meeting that an earlier process left: rebuilt, gone on with, given up; events in, effects out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from meeting.config.settings import Limits
from meeting.core.access import digest
from meeting.core.continuity.resumption import GRACE
from meeting.core.editing.changes import JoinChange, SeenLine, SegmentChange, SplitChange, Undo
from meeting.core.messages import (
    Ack,
    AudioFrame,
    AudioInfo,
    ErrorMessage,
    ResumeInfo,
    SegmentMessage,
    SessionMessage,
    SourceInfo,
    Start,
)
from meeting.core.records import (
    EditedLine,
    Edits,
    Gap,
    Meeting,
    Record,
    Restored,
    RestoredSource,
    Resume,
    Source,
    State,
)
from meeting.session.content import Content
from meeting.session.events import (
    AbandonSource,
    Answer,
    AppendFrame,
    Broadcast,
    ClientJoined,
    ClientLeft,
    CloseRequested,
    Disconnect,
    EditRequested,
    Effect,
    ExpectHotwords,
    FinishSource,
    FrameAppended,
    FrameReceived,
    HotwordsChanged,
    Log,
    MeetingRestored,
    OpenSource,
    OutputReceived,
    SaveEdits,
    SaveResume,
    SaveSegment,
    SaveState,
    SaveTranscript,
    SaveTurns,
    Send,
    SendSnapshot,
    SourceFailed,
    SourceFinished,
    SourceRecovered,
    SourceReopened,
    StartReceived,
    StopReceived,
    Tick,
    VoicesChanged,
)
from meeting.session.notices import RECOVERING
from meeting.session.recovery import Recovery
from meeting.session.session import Session
from meeting.voices.matching import VoiceProfile
from pipelines.types import (
    SAMPLE_RATE,
    PipelineStats,
    Segment,
    Span,
    Speaker,
    Turn,
    TurnsRevised,
    Voice,
    VoicesHeard,
    Word,
)
from tests.meeting.session.sessions import StoringSession, only

LIMITS = Limits(resume_window=600.0)
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
SOURCE = Source("src", "Ann", "room", "pcm_s16le", 16000, 1)
FOUND = SourceReopened("src", 7)
BACK = SourceRecovered("src", {"set": "fake"}, "m.src.flac", 3 * SAMPLE_RATE)
HOST, VIEWER = 1, 2


def segment(text: str, rev: int = 1, final: bool = True) -> Segment:
    span = Span(0, SAMPLE_RATE)
    return Segment("s1", rev, final, "src", span, None, (Word(text, span),))


def restored(
    state: str = "live", token: str | None = "secret", remaining: float = 500.0, edits: Edits | None = None
) -> Session:
    """A session that has just been made for a meeting that was cut off."""
    record = Record(Meeting("m", "Monday", State(state), NOW), (SOURCE,), (), (segment("stored", 9),), ())
    resume = Resume("src", None if token is None else digest(token), ("Ypsilon",), NOW)
    session = StoringSession("m", "Monday", LIMITS)
    effects = session.handle(
        MeetingRestored(Restored(record, (RestoredSource(SOURCE, resume, remaining),), None, edits or Edits())), 1000.0
    )
    assert effects == [OpenSource("src", AudioInfo(), None, ("Ypsilon",), recover=True, processed=16000)]
    return session


def test_a_meeting_is_heard_again_with_the_terms_of_its_hosts_as_they_are_now() -> None:
    record = Record(Meeting("m", "Monday", State.LIVE, NOW), (SOURCE,), (), (), ())
    session = StoringSession("m", "Monday", LIMITS, hotwords=("Okapi",))
    found = Restored(record, (RestoredSource(SOURCE, Resume("src", digest("secret"), ("Ypsilon",), NOW), 500.0),))
    (opened,) = session.handle(MeetingRestored(found), 1000.0)
    assert isinstance(opened, OpenSource)
    assert opened.hotwords == ("Ypsilon", "Okapi")
    assert session.handle(HotwordsChanged(()), 1001.0) == [ExpectHotwords("src", ("Ypsilon",))]


def resuming(token: str = "secret") -> StartReceived:
    return StartReceived(HOST, Start(1, AudioInfo(), resume=ResumeInfo("src", token)), "new", "other")


def shown(session: Session, effects: list[Effect]) -> list[str]:
    """Texts of the lines that a snapshot shows, if one is sent."""
    snapshots = [effect for effect in effects if isinstance(effect, SendSnapshot)]
    return [line.text for line in session.transcript.segments] if snapshots else []


def test_until_it_is_rebuilt_everyone_sees_what_was_stored() -> None:
    session = restored()
    assert (session.state, session.recovering, session.busy) == (State.LIVE, True, True)
    assert session.wake_at is None
    assert session.handle(OutputReceived("src", segment("again", final=False)), 1000.0) == []
    assert shown(session, session.handle(ClientJoined(VIEWER), 1000.0)) == ["stored"]


def test_turns_are_stored_at_once_because_they_replace_by_their_span() -> None:
    revised = TurnsRevised(Span(0, 9), (Turn(Span(0, 9), "spk1"),))
    assert restored().handle(OutputReceived("src", revised), 1000.0) == [SaveTurns("src", revised)]


def test_what_was_rebuilt_is_stored_and_then_told_as_a_whole() -> None:
    session = restored()
    session.handle(ClientJoined(VIEWER), 1000.0)
    session.handle(OutputReceived("src", segment("again", 2)), 1000.0)
    effects = session.handle(BACK, 1010.0)
    (saved,) = [effect for effect in effects if isinstance(effect, SaveTranscript)]
    assert [s.text for s in saved.segments] == ["again"]
    assert shown(session, effects) == ["again"]
    stored = [effects.index(e) for e in effects if isinstance(e, (SaveTranscript, SaveState))]
    assert max(stored) < next(i for i, e in enumerate(effects) if isinstance(e, SendSnapshot))
    assert not session.recovering
    assert session.samples == 3 * SAMPLE_RATE


def test_who_starts_anew_comes_back_once_it_is_known_whether_the_source_had_spoken() -> None:
    start = Start(1, AudioInfo(), SourceInfo("Ann", "room"))
    session, anew = restored(), StartReceived(HOST, start, "new", "other")
    session.handle(ClientJoined(HOST), 1000.0)
    assert session.handle(anew, 1000.0) == [Disconnect(HOST, 1013, "try again")]
    session.handle(SourceReopened("src", 0), 1001.0)
    session.handle(ClientJoined(VIEWER), 1002.0)
    effects = session.handle(replace(anew, client=VIEWER), 1002.0)
    told = [effect.message for effect in effects if isinstance(effect, Send)]
    assert told == [SessionMessage("m", "src", "other", 0, {}), RECOVERING]


def test_its_source_waits_and_goes_on_behind_the_last_frame_on_disk() -> None:
    session = restored()
    session.handle(ClientJoined(HOST), 1000.0)
    (answer,) = session.handle(resuming(), 1000.0)
    assert isinstance(answer, Send)
    assert session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1000.0) == []
    told = [e.message for e in session.handle(FOUND, 1001.0) if isinstance(e, Send) and e.client == HOST]
    assert told == [SessionMessage("m", "src", "secret", 7, {}), RECOVERING]
    assert session.handle(FrameReceived(HOST, AudioFrame(6, 0, bytes(2))), 1001.0) == []
    assert session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1001.0) == [
        AppendFrame("src", AudioFrame(7, 0, bytes(2)))
    ]


def test_what_arrives_while_it_is_rebuilt_is_acknowledged_and_survives_the_next_connection() -> None:
    session = restored()
    session.handle(FOUND, 1000.0)
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1001.0)
    assert Send(HOST, Ack(7, 0.5)) in session.handle(FrameAppended("src", 7, 8000), 1001.0)
    session.handle(BACK, 1010.0)
    assert session.handle(FrameReceived(HOST, AudioFrame(8, 0, bytes(2))), 1011.0) == [
        AppendFrame("src", AudioFrame(8, 0, bytes(2)))
    ]


def test_a_source_may_stop_before_it_is_rebuilt() -> None:
    session = restored()
    session.handle(FOUND, 1000.0)
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    assert FinishSource("src") in session.handle(StopReceived(HOST), 1001.0)
    session.handle(BACK, 1010.0)
    assert SaveState(State.ENDED, 5, {"set": "fake"}) in session.handle(SourceFinished("src", 5), 1020.0)


def test_its_source_may_leave_again_while_it_is_rebuilt() -> None:
    session = restored()
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    assert session.handle(ClientLeft(HOST), 1005.0) == []
    session.handle(FOUND, 1006.0)
    effects = session.handle(BACK, 1010.0)
    assert SaveResume(Resume("src", digest("secret"), ("Ypsilon",)), True) in effects
    assert session.wake_at == 1605.0


@pytest.mark.parametrize(("remaining", "due"), [(500.0, 1500.0), (0.0, 1100.0 + GRACE)])
def test_it_is_ended_when_the_rest_of_the_window_is_over_but_never_at_once(remaining: float, due: float) -> None:
    session = restored(remaining=remaining)
    session.handle(BACK, 1100.0)
    assert session.wake_at == due
    assert session.handle(Tick(), due - 1) == []
    assert FinishSource("src") in session.handle(Tick(), due)


@pytest.mark.parametrize(("state", "token"), [("ending", "secret"), ("live", None)])
def test_one_that_nobody_can_come_back_to_is_finished(state: str, token: str | None) -> None:
    session = restored(state, token)
    assert FinishSource("src") in session.handle(BACK, 1010.0)
    assert session.state is State.ENDING
    assert SaveState(State.ENDED, 5, {"set": "fake"}) in session.handle(SourceFinished("src", 5), 1020.0)


@pytest.mark.parametrize("code", ["lost", "bad_audio"])
def test_what_cannot_be_read_is_ended_with_what_was_stored(code: str) -> None:
    session = restored()
    session.handle(ClientJoined(VIEWER), 1000.0)
    effects = session.handle(SourceFailed("src", code, "gone"), 1001.0)
    assert AbandonSource("src") in effects
    assert SaveState(State.ENDED, SAMPLE_RATE, {}) in effects
    assert not [effect for effect in effects if isinstance(effect, SaveTranscript)]
    assert session.closed
    assert not session.unfinished


@pytest.mark.parametrize("code", ["storage", "models", "internal"])
def test_what_cannot_be_read_now_is_left_for_later(code: str) -> None:
    session = restored()
    session.handle(ClientJoined(VIEWER), 1000.0)
    effects = session.handle(SourceFailed("src", code, "no room"), 1001.0)
    assert Disconnect(VIEWER, 1013, "try again later") in effects
    assert not [effect for effect in effects if isinstance(effect, SaveState)]
    assert (session.closed, session.unfinished, session.busy, session.state) == (True, True, False, State.LIVE)


def test_a_server_that_stops_leaves_it_for_later() -> None:
    session = restored()
    assert AbandonSource("src") in session.handle(CloseRequested(1001, "stop"), 1001.0)
    assert (session.closed, session.unfinished, session.recovering) == (True, True, False)
    assert session.handle(BACK, 1002.0) == [] or session.closed


def test_audio_that_is_not_whole_on_disk_is_left_for_later() -> None:
    session = restored("ending")
    session.handle(BACK, 1010.0)
    effects = session.handle(SourceFinished("src", 5, complete=False), 1020.0)
    assert not [effect for effect in effects if isinstance(effect, SaveState)]
    assert session.unfinished


def test_what_people_had_set_is_in_what_was_rebuilt_and_what_they_set_meanwhile_too() -> None:
    mine = EditedLine(replace(segment("mine", 5), speaker="spk1"), segment("again").words, True)
    session = restored(edits=Edits({"spk1": "Ann"}, {}, {"s1": mine}))
    session.handle(OutputReceived("src", Speaker("spk1")), 1000.0)
    session.handle(OutputReceived("src", segment("again", 2)), 1000.0)
    span = Span(SAMPLE_RATE, 2 * SAMPLE_RATE)
    later = Segment("s2", 1, True, "src", span, None, (Word("later", span),))
    session.handle(OutputReceived("src", later), 1000.0)
    answers = session.handle(EditRequested(1, SegmentChange("s1", 9, text="meanwhile")), 1000.0)
    assert answers[-1] == Answer(1, (SegmentMessage.of(session.transcript.segments[0]),))
    (saved,) = [effect for effect in session.handle(BACK, 1010.0) if isinstance(effect, SaveTranscript)]
    assert [s.text for s in saved.segments] == ["meanwhile", "later"]
    assert [(voice.id, voice.name) for voice in saved.speakers] == [("spk1", "Ann")]


def test_an_edit_whose_line_was_not_stored_is_not_lost_with_the_audio() -> None:
    mine = EditedLine(segment("mine", 10), segment("stored").words, False)
    session = restored(edits=Edits({}, {}, {"s1": mine}))
    effects = session.handle(SourceFailed("src", "lost", "gone"), 1000.0)
    assert [e.segment.text for e in effects if isinstance(e, SaveSegment)] == ["mine"]
    assert session.state is State.ENDED


def test_while_it_is_rebuilt_gaps_and_models_are_told_as_they_were_stored() -> None:
    gap = Gap("src", Span(16000, 48000), "sound that never arrived")
    meeting = Meeting("m", "Monday", State.LIVE, NOW, models={"set": "earlier"})
    record = Record(meeting, (SOURCE,), (), (segment("stored"),), (), gaps=(gap,))
    session = StoringSession("m", "Monday", LIMITS)
    source = RestoredSource(SOURCE, Resume("src"), 500.0)
    session.handle(MeetingRestored(Restored(record, (source,), None, Edits())), 1000.0)
    (told,) = [e for e in session.handle(ClientJoined(VIEWER), 1000.0) if isinstance(e, SendSnapshot)]
    assert told.message.models == {"set": "earlier"}
    assert [(one.start, one.end) for one in told.message.gaps] == [(1.0, 3.0)]


def test_a_rebuilt_meeting_has_the_hours_that_its_audio_leaves() -> None:
    session = restored()
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    session.handle(FOUND, 1001.0)
    session.handle(BACK, 50_000.0)
    assert session.wake_at == 50_000.0 - 3 + LIMITS.meeting_hours * 3600


def test_the_client_of_a_source_that_cannot_be_read_again_is_told_why() -> None:
    session = restored()
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    effects = session.handle(SourceFailed("src", "lost", "nothing is left"), 1001.0)
    told = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, ErrorMessage)]
    assert [(message.code, message.fatal) for message in told] == [("lost", False)]
    assert session.state is State.ENDED


def test_a_meeting_whose_source_did_not_come_back_is_not_called_too_long() -> None:
    session = restored(remaining=100.0)
    session.handle(ClientJoined(VIEWER), 1000.0)
    session.handle(BACK, 1010.0)
    assert session.wake_at is not None
    effects = session.handle(Tick(), session.wake_at)
    assert session.state is State.ENDING
    assert not [e for e in effects if isinstance(e, Broadcast) and isinstance(e.message, ErrorMessage)]


def test_the_first_frame_of_who_comes_back_may_be_ahead_of_what_is_left_and_none_later() -> None:
    session = restored()
    for event in (
        FOUND,
        ClientJoined(HOST),
        StartReceived(HOST, Start(1, AudioInfo(), resume=ResumeInfo("src", "secret")), "n", "o"),
    ):
        session.handle(event, 1000.0)
    assert session.handle(FrameReceived(HOST, AudioFrame(12, 0, b"")), 1000.0) == [
        AppendFrame("src", AudioFrame(12, 0, b""))
    ]
    assert session.wake_at is None or session.wake_at >= 1005.0
    told = session.handle(FrameReceived(HOST, AudioFrame(14, 0, b"")), 1000.0)
    assert [drop.code for drop in told if isinstance(drop, Disconnect)] == [4400]


def test_an_end_that_is_not_on_disk_waits_for_what_its_client_still_has() -> None:
    session = restored("ending")
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    session.handle(FOUND, 1001.0)
    assert not session.ending
    assert session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1001.0) == [
        AppendFrame("src", AudioFrame(7, 0, bytes(2)))
    ]
    assert FinishSource("src") not in session.handle(BACK, 1010.0)
    assert session.handle(FrameReceived(HOST, AudioFrame(8, 0, bytes(2))), 1011.0) == [
        AppendFrame("src", AudioFrame(8, 0, bytes(2)))
    ]
    assert only(session.handle(StopReceived(HOST), 1012.0), FinishSource) == [FinishSource("src")]
    assert session.ending
    assert session.handle(FrameReceived(HOST, AudioFrame(9, 0, bytes(2))), 1012.0) == []
    assert SaveState(State.ENDED, 5, {"set": "fake"}) in session.handle(SourceFinished("src", 5), 1020.0)


@pytest.mark.parametrize("comes", [True, False])
def test_an_end_that_is_not_on_disk_comes_in_half_a_minute_at_the_latest(comes: bool) -> None:
    session = restored("ending")
    session.handle(FOUND, 1000.0)
    session.handle(BACK, 1010.0)
    if comes:
        session.handle(ClientJoined(HOST), 1011.0)
        session.handle(resuming(), 1011.0)
        session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1012.0)
        session.handle(FrameAppended("src", 7, 8000), 1012.0)
    assert session.handle(Tick(), 1010.0 + GRACE - 1) == []
    assert FinishSource("src") in session.handle(Tick(), 1010.0 + GRACE)
    if comes:
        assert session.handle(FrameReceived(HOST, AudioFrame(8, 0, bytes(2))), 1050.0) == []
    assert session.state is State.ENDING


def test_a_client_that_stops_again_while_its_ending_meeting_is_rebuilt_ends_it() -> None:
    session = restored("ending")
    session.handle(FOUND, 1000.0)
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    assert only(session.handle(StopReceived(HOST), 1001.0), FinishSource) == [FinishSource("src")]
    assert FinishSource("src") in session.handle(BACK, 1010.0)
    assert SaveState(State.ENDED, 5, {"set": "fake"}) in session.handle(SourceFinished("src", 5), 1020.0)


def test_an_end_that_is_on_disk_takes_nothing_more() -> None:
    session = restored("ending")
    session.handle(replace(FOUND, stopped=True), 1000.0)
    session.handle(ClientJoined(HOST), 1000.0)
    session.handle(resuming(), 1000.0)
    assert session.handle(FrameReceived(HOST, AudioFrame(7, 0, bytes(2))), 1001.0) == []
    assert FinishSource("src") in session.handle(BACK, 1010.0)


# Recovery itself


def finished(recovery: Recovery, samples: int, stored_samples: int) -> list[Effect]:
    """The one source is replayed, so many samples of it where others were stored."""
    recovery.source_through("src", Span(0, samples), Span(0, stored_samples))
    return recovery.finish()


def stored(*lines: Segment, edits: Edits | None = None) -> Content:
    """What an earlier process stored of a meeting."""
    content, meeting = Content("Monday"), Meeting("m", "Monday", State.LIVE, NOW)
    content.restore(Record(meeting, (SOURCE,), (Speaker("spk1"),), lines, ()), edits or Edits())
    return content


def test_what_is_replayed_is_neither_shown_nor_stored_before_the_end() -> None:
    content = stored(segment("stored"))
    recovery = Recovery(content, ["src"])
    for output in (segment("again", 2), Speaker("spk2"), PipelineStats(0.1, 0.1, 0.1, 0)):
        assert recovery.on_output("src", output) == []
    assert [line.text for line in content.transcript.segments] == ["stored"]
    log, saved = finished(recovery, 2 * SAMPLE_RATE, SAMPLE_RATE)
    assert log == Log("rebuilt from 2.0 s of audio")
    assert saved == SaveTranscript((segment("again", 2),), (Speaker("spk2"),), ())
    assert [line.text for line in content.transcript.segments] == ["again"]


def test_stored_lines_whose_audio_is_lost_are_kept_with_their_speakers() -> None:
    content = stored(replace(segment("stored"), speaker="spk1"))
    recovery = Recovery(content, ["src"])
    content.lose("src", Span(0, SAMPLE_RATE))
    _, kept, edits, saved = finished(recovery, SAMPLE_RATE, SAMPLE_RATE)
    assert kept == Log("1 line(s) kept whose sound is lost")
    assert isinstance(edits, SaveEdits)
    assert edits.lines == ("s1",)
    assert isinstance(saved, SaveTranscript)
    assert [(line.text, line.speaker) for line in saved.segments] == [("stored", "spk1")]
    assert saved.speakers == (Speaker("spk1"),)


def test_what_was_stored_behind_the_end_of_the_audio_is_lost_audio_too() -> None:
    recovery = Recovery(stored(segment("stored")), ["src"])
    _, kept, _, _ = finished(recovery, SAMPLE_RATE // 2, SAMPLE_RATE)
    assert kept == Log("1 line(s) kept whose sound is lost")


def test_edits_of_the_stored_text_are_laid_over_the_rebuilt_one() -> None:
    content = stored(segment("stored"))
    recovery = Recovery(content, ["src"])
    recovery.on_output("src", segment("again", 2))
    content.edit(SegmentChange("s1", 1, text="mine"))
    recovery.take_edits()
    finished(recovery, SAMPLE_RATE, SAMPLE_RATE)
    assert [line.text for line in content.transcript.segments] == ["mine"]


@pytest.mark.parametrize("given_up", [False, True])
def test_what_was_split_and_joined_before_a_crash_is_so_afterwards_and_can_still_be_taken_back(given_up: bool) -> None:
    """The server died after the edits were stored, and before the lines that they made were."""
    words = tuple(Word(text, Span(at, at + 100)) for at, text in enumerate("abcd"))
    lines = [
        replace(segment("", 1), id=id_, span=Span(at, at + 100), words=words[at : at + 2])
        for id_, at in (("s1", 0), ("s2", 2))
    ]
    before = stored(*lines)
    split, _ = before.edit(SplitChange("s2", 1, ("c", "d")))
    join, _ = before.edit(JoinChange(SeenLine("s1", 1), SeenLine("s2", 2)))
    content = stored(*lines, edits=before.edits)
    recovery = Recovery(content, ["src"])
    if given_up:
        recovery.give_up()
    else:
        for line in lines:
            recovery.on_output("src", line)
        finished(recovery, SAMPLE_RATE, SAMPLE_RATE)
    assert [line.text for line in content.transcript.segments] == ["a b c", "d"]
    content.edit(Undo(join))
    assert [line.text for line in content.transcript.segments] == ["a b", "c", "d"]
    content.edit(Undo(split))
    assert [line.text for line in content.transcript.segments] == ["a b", "c d"]


@pytest.mark.parametrize("when", [0, 1, 2])
def test_what_is_taken_back_while_a_meeting_is_rebuilt_is_rebuilt_as_it_is_heard(when: int) -> None:
    words = tuple(Word(text, Span(at * 100, at * 100 + 100)) for at, text in enumerate("abcd"))
    lines = [
        replace(segment("", 1), id=id_, span=Span(at * 100, at * 100 + 200), words=words[at : at + 2])
        for id_, at in (("s1", 0), ("s2", 2))
    ]
    before = stored(*lines)
    join, _ = before.edit(JoinChange(SeenLine("s1", 1), SeenLine("s2", 1)))
    content = stored(*before.transcript.segments, edits=before.edits)
    recovery = Recovery(content, ["src"])
    heard = [replace(line, speaker="spk1") for line in lines]
    for at in range(3):
        if at == when:
            content.edit(Undo(join))
            recovery.take_edits()
        if at < len(heard):
            recovery.on_output("src", heard[at])
    assert [line.text for line in content.transcript.segments] == ["a b", "c d"]
    finished(recovery, SAMPLE_RATE, SAMPLE_RATE)
    rebuilt = content.transcript.segments
    assert [(line.text, line.speaker) for line in rebuilt] == [("a b", "spk1"), ("c d", "spk1")]


def test_a_recovery_that_is_given_up_leaves_the_stored_text_with_every_edit() -> None:
    mine = EditedLine(segment("mine", 10), segment("stored").words, False)
    content = stored(segment("stored"), edits=Edits({}, {}, {"s1": mine}))
    effects = Recovery(content, ["src"]).give_up()
    assert [effect.segment.text for effect in effects if isinstance(effect, SaveSegment)] == ["mine"]
    assert [line.text for line in content.transcript.segments] == ["mine"]


def test_voices_that_are_kept_are_recognised_again_in_what_is_rebuilt() -> None:
    session, sound = restored(), np.ones(1, np.float32)
    session.handle(VoicesChanged((VoiceProfile("v1", "Ann", "ge2e", sound, 20.0),)), 1000.0)
    session.handle(FOUND, 1000.0)
    session.handle(OutputReceived("src", Speaker("spk1")), 1001.0)
    session.handle(OutputReceived("src", VoicesHeard((Voice("spk1", sound, 20.0),), "ge2e")), 1001.0)
    session.handle(OutputReceived("src", segment("again", 10)), 1001.0)
    effects = session.handle(BACK, 1002.0)
    known = Speaker("spk1", "Ann", 0, None, True, "v1")
    assert session.transcript.speakers == (known,)
    assert [effect.speakers for effect in effects if isinstance(effect, SaveTranscript)] == [(known,)]
