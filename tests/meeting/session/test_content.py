"""What a meeting consists of: saved, then told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meeting.core.editing.changes import SegmentChange, SpeakerChange
from meeting.core.messages import GapMessage, SegmentMessage, SpeakerMessage, SpeakerRevisionMessage, StateMessage
from meeting.core.records import Edits, Gap, State
from meeting.session.content import Content
from meeting.session.events import (
    Answer,
    Broadcast,
    ClientJoined,
    EditRequested,
    Effect,
    FrameAppended,
    GapFound,
    Log,
    OutputReceived,
    SaveGap,
    SaveSegment,
    SaveSpeaker,
    SaveTurns,
    SendSnapshot,
    SourceFinished,
    StopReceived,
    TitleChanged,
    VoicesChanged,
)
from meeting.session.session import Session
from meeting.voices.matching import VoiceProfile
from pipelines.errors import NotFound
from pipelines.types import (
    SAMPLE_RATE,
    BlockFailed,
    LabelChange,
    Span,
    Speaker,
    Turn,
    TurnsRevised,
    Voice,
    VoicesHeard,
)
from tests.meeting.session.sessions import HOST, MODELS, VIEWER, live_session, only, segment


def test_a_late_joiner_sees_everything_said_so_far() -> None:
    session = live_session()
    session.handle(FrameAppended("src1", 0, SAMPLE_RATE * 2), 0.0)
    session.handle(OutputReceived("src1", segment()), 0.0)
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert [s.text for s in session.transcript.segments] == ["Hello"]
    assert (effect.message.audio, effect.message.state) == (2.0, "live")


def test_a_final_line_is_saved_before_it_is_told() -> None:
    assert live_session().handle(OutputReceived("src1", segment()), 0.0) == [
        SaveSegment(segment()),
        Broadcast(SegmentMessage.of(segment())),
    ]


def test_audio_that_never_arrived_is_kept_told_once_and_shown_to_late_joiners() -> None:
    session, gap = live_session(), Gap("src1", Span(16_000, 40_000), "lost")
    told = GapMessage(1.0, 2.5, "lost", "src1")
    assert session.handle(GapFound(gap), 0.0) == [SaveGap(gap), Broadcast(told)]
    assert session.handle(GapFound(gap), 0.0) == []
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert effect.message.gaps == (told,)


def test_a_gap_that_grows_takes_its_own_place_and_never_shrinks() -> None:
    session, gap = live_session(), Gap("src1", Span(16_000, 40_000), "lost")
    grown = replace(gap, span=Span(16_000, 80_000), reason="more lost")
    session.handle(GapFound(gap), 0.0)
    assert SaveGap(grown) in session.handle(GapFound(grown), 0.0)
    assert session.handle(GapFound(gap), 0.0) == []
    assert session.handle(GapFound(replace(gap, source_id="nobody")), 0.0) == []
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert effect.message.gaps == (GapMessage.of(grown),)


def test_gaps_of_two_sources_are_two_and_one_that_is_told_again_a_little_elsewhere_is_one() -> None:
    content, gap = Content("Monday"), Gap("src1", Span(16_000, 40_000), "lost")
    other = replace(gap, source_id="src2")
    assert content.add_gap(gap)
    assert content.add_gap(other)
    assert content.add_gap(replace(other, span=Span(16_040, 40_000))) == []
    assert content.gaps == (gap, other)


def test_a_new_title_reaches_everyone_and_later_joiners() -> None:
    session = live_session()
    assert session.handle(TitleChanged("Tuesday"), 0.0) == [Broadcast(StateMessage("live", "Tuesday"))]
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert effect.message.title == "Tuesday"


def test_nothing_is_told_after_the_end() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 0), 0.0)
    assert session.handle(OutputReceived("src1", segment()), 0.0) == []


def test_failed_blocks_are_noted_without_what_they_read() -> None:
    failed = BlockFailed("asr", "secret words", Span(0, SAMPLE_RATE))
    (note,) = live_session().handle(OutputReceived("src1", failed), 0.0)
    assert isinstance(note, Log)
    assert "secret" not in note.text


def saves_and_tells(effects: list[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def test_a_name_is_stored_before_it_is_told_and_before_it_is_answered() -> None:
    session = live_session()
    session.handle(OutputReceived("src1", Speaker("spk1")), 0.0)
    effects = session.handle(EditRequested(5, SpeakerChange("spk1", True, "Ann")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveSpeaker", "Broadcast", "Answer"]
    assert only(effects, Broadcast) == [Broadcast(SpeakerMessage("spk1", "Ann", 0, None))]
    assert effects[-1] == Answer(5, (SpeakerMessage("spk1", "Ann", 0, None),))
    assert session.handle(OutputReceived("src1", Speaker("spk1")), 0.0) == []


def test_a_labelled_line_is_told_once_and_withstands_the_pipeline() -> None:
    session = live_session()
    session.handle(OutputReceived("src1", Speaker("spk1")), 0.0)
    session.handle(OutputReceived("src1", segment()), 0.0)
    effects = session.handle(EditRequested(6, SegmentChange("s1", 1, True, "spk1")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveLabels", "Broadcast", "Answer"]
    change = LabelChange("s1", 2, None, "spk1")
    assert only(effects, Broadcast) == [Broadcast(SpeakerRevisionMessage.of((change,), "edit"))]
    assert session.handle(OutputReceived("src1", segment(9, words=("Other",))), 0.0) == []
    assert [s.speaker for s in session.transcript.segments] == ["spk1"]


def test_a_written_line_is_stored_and_told_as_a_segment() -> None:
    session = live_session()
    session.handle(OutputReceived("src1", segment()), 0.0)
    effects = session.handle(EditRequested(7, SegmentChange("s1", 1, text="Hallo")), 0.0)
    assert saves_and_tells(effects) == ["SaveEdits", "SaveSegment", "Broadcast", "Answer"]


def test_a_change_that_cannot_be_is_answered_with_why_and_nothing_else() -> None:
    session = live_session()
    (refused,) = session.handle(EditRequested(8, SpeakerChange("spk1", True, "Ann")), 0.0)
    assert isinstance(refused, Answer)
    assert isinstance(refused.outcome, NotFound)


def test_a_change_in_a_meeting_that_is_over_is_for_others_to_make() -> None:
    session = live_session()
    session.handle(StopReceived(HOST), 0.0)
    session.handle(SourceFinished("src1", 9), 0.0)
    assert session.handle(EditRequested(9, SpeakerChange("spk1", True, "Ann")), 0.0) == [Answer(9, None)]


def test_a_change_that_makes_no_sense_changes_and_stores_nothing() -> None:
    content = Content("Monday")
    with pytest.raises(NotFound):
        content.edit(SpeakerChange("spk1", True, "Ann"))
    assert content.edits == Edits()


def test_what_was_stored_of_lost_audio_stays_whatever_is_said_of_it_later() -> None:
    content, turns = Content("Monday"), (Turn(Span(0, 400), "spk1"),)
    content.lose("src1", Span(100, 200))
    assert content.lost == (("src1", Span(100, 200)),)
    assert content.on_output("src1", TurnsRevised(Span(0, 400), turns)) == [
        SaveTurns("src1", TurnsRevised(Span(0, 100), turns)),
        SaveTurns("src1", TurnsRevised(Span(200, 400), turns)),
    ]


def test_a_snapshot_shows_all_but_the_lines() -> None:
    content = Content("Monday")
    content.on_output("src1", segment())
    content.on_output("src1", Speaker("spk1"))
    content.add_gap(Gap("src1", Span(16_000, 40_000), "lost"))
    shown = content.snapshot(State.LIVE, 16_000, MODELS)
    assert shown.segments == ()
    assert (shown.title, shown.state, shown.audio, shown.models) == ("Monday", "live", 1.0, MODELS)
    assert shown.speakers == (SpeakerMessage("spk1", None, 0, None),)
    assert shown.gaps == (GapMessage(1.0, 2.5, "lost", "src1"),)


ANN, BEN = np.eye(2, dtype=np.float32)


def kept(name: str, embedding: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = ANN) -> VoiceProfile:
    """A voice that is kept."""
    return VoiceProfile(f"voice of {name}", name, "ge2e", embedding, 20.0)


def heard(session: Session, *embeddings: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[Effect]:
    """Speakers sound so, after a minute of speech."""
    voices = tuple(Voice(f"spk{number}", one, 60.0) for number, one in enumerate(embeddings, 1))
    return session.handle(OutputReceived("src1", VoicesHeard(voices, "ge2e")), 0.0)


def names(session: Session) -> dict[str, tuple[str | None, bool]]:
    """What the speakers are called, and whether that was recognised."""
    return {one.id: (one.name, one.recognized) for one in session.transcript.speakers}


def with_speakers(*profiles: VoiceProfile) -> Session:
    """A meeting that knows voices, with two speakers of whom it does not know yet how they sound."""
    session = live_session()
    session.handle(VoicesChanged(profiles), 0.0)
    for number in (1, 2):
        session.handle(OutputReceived("src1", Speaker(f"spk{number}", color=number - 1)), 0.0)
    return session


def test_a_voice_that_is_kept_is_named_told_as_recognised_and_its_sound_is_stored_nowhere() -> None:
    session = with_speakers(kept("Ann"))
    known = Speaker("spk1", "Ann", 0, None, True, "voice of Ann")
    told = SpeakerMessage("spk1", "Ann", 0, None, recognized=True)
    assert heard(session, ANN, BEN) == [SaveSpeaker(known), Broadcast(told)]
    assert heard(session, ANN, BEN) == []
    assert names(session) == {"spk1": ("Ann", True), "spk2": (None, False)}
    assert session.handle(OutputReceived("src1", Speaker("spk1")), 0.0) == []  # told again, still the same
    (effect,) = session.handle(ClientJoined(VIEWER), 0.0)
    assert isinstance(effect, SendSnapshot)
    assert told in effect.message.speakers


def test_a_name_that_a_person_gives_wins_and_one_that_is_confirmed_is_no_longer_in_doubt() -> None:
    session = with_speakers(kept("Ann"), kept("Ben", BEN))
    heard(session, ANN, BEN)
    session.handle(EditRequested(1, SpeakerChange("spk1", True, "Ann")), 0.0)
    session.handle(EditRequested(2, SpeakerChange("spk2", True, "Bert")), 0.0)
    heard(session, ANN, BEN)
    assert names(session) == {"spk1": ("Ann", False), "spk2": ("Bert", False)}
    assert [one.profile for one in session.transcript.speakers] == ["voice of Ann", None]


def test_a_wrong_recognition_that_was_taken_away_does_not_come_back() -> None:
    session = with_speakers(kept("Ann"))
    heard(session, ANN, BEN)
    session.handle(EditRequested(1, SpeakerChange("spk1", True, None)), 0.0)
    heard(session, ANN, BEN)
    session.handle(VoicesChanged((kept("Ann"), kept("Ben", BEN))), 0.0)
    assert names(session) == {"spk1": (None, False), "spk2": ("Ben", True)}


def test_nobody_is_recognised_by_a_name_that_a_person_gave_to_somebody_else() -> None:
    session = with_speakers(kept("Ann"))
    heard(session, ANN, BEN)
    session.handle(EditRequested(1, SpeakerChange("spk2", True, "ANN")), 0.0)
    assert names(session) == {"spk1": (None, False), "spk2": ("ANN", False)}


def test_a_voice_that_is_forgotten_names_nobody_from_then_on() -> None:
    session = with_speakers(kept("Ann"), kept("Ben", BEN))
    heard(session, ANN, BEN)
    session.handle(EditRequested(1, SpeakerChange("spk2", True, "Ben")), 0.0)
    session.handle(VoicesChanged(()), 0.0)
    assert names(session) == {"spk1": (None, False), "spk2": ("Ben", False)}


def test_a_voice_that_turns_out_to_be_another_one_brings_its_name_along() -> None:
    session = with_speakers(kept("Ann"), kept("Ben", BEN))
    heard(session, np.array([0.7, 0.7], np.float32), ANN)
    assert names(session)["spk1"] == (None, False)
    session.handle(OutputReceived("src1", Speaker("spk2", color=1, merged_into="spk1")), 0.0)
    assert names(session)["spk1"] == ("Ann", True)
    session.handle(EditRequested(1, SpeakerChange("spk2", True, "Anna")), 0.0)
    assert names(session)["spk1"] == ("Anna", False)


def test_how_a_speaker_sounds_is_known_while_the_meeting_runs() -> None:
    session = with_speakers()
    assert session.voice("spk1") is None
    heard(session, ANN, BEN)
    found = session.voice("spk2")
    assert found is not None
    assert (found[0].speaker, found[0].seconds, found[1]) == ("spk2", 60.0, "ge2e")
    session.handle(OutputReceived("src1", Speaker("spk1", merged_into="spk2")), 0.0)
    assert session.voice("spk1") is not None
    assert session.voice("spk3") is None
