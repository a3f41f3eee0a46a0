"""Names for voices of which there are samples, which are heard before the recording."""

from __future__ import annotations

from collections.abc import Iterable

from meeting.compat.lines import Lines
from meeting.compat.live_stream import StreamMessage
from meeting.compat.openai.known_speakers import PAUSE_SECONDS, KnownSpeakers
from meeting.compat.openai.shapes import speaker_label
from meeting.core.messages import Ack, Ended, SpeakerMessage
from tests.meeting.compat.openai.spoken import line, relabel

BEN = 3.0 + PAUSE_SECONDS
RECORDING = BEN + 4.0 + PAUSE_SECONDS


def voice(id_: str, merged_into: str | None = None) -> SpeakerMessage:
    return SpeakerMessage(id_, None, 0, merged_into)


def known() -> KnownSpeakers:
    return KnownSpeakers(["Ann", "Ben"], [3.0, 4.0])


def told(speakers: KnownSpeakers, messages: Iterable[StreamMessage]) -> list[tuple[str, float, str]]:
    """Who says what when, in the end."""
    lines = Lines()
    for message in messages:
        for one in speakers.apply(message):
            lines.apply(one)
    return [(speaker_label(lines, one.speaker), one.start, one.text) for one in lines]


def test_who_speaks_in_a_sample_has_its_name_in_the_recording_and_others_have_letters() -> None:
    assert told(
        known(),
        [
            *(voice(id_) for id_ in ("spk1", "spk2", "spk3")),
            line("1", "My name is Ann.", 0.5, "spk1"),
            line("2", "And Ben it is.", BEN + 0.5, "spk2"),
            line("3", "Good morning.", RECORDING + 1.0, "spk2"),
            line("4", "Morning all.", RECORDING + 2.5, "spk3"),
            line("5", "Hello.", RECORDING + 4.0, "spk1"),
        ],
    ) == [("Ben", 1.0, "Good morning."), ("A", 2.5, "Morning all."), ("Ann", 4.0, "Hello.")]


def test_a_name_follows_its_voice_when_that_turns_out_to_be_another() -> None:
    heard = [voice("spk1"), line("1", "My name is Ann.", 0.5), line("3", "Hello.", RECORDING, "spk1")]
    assert told(known(), heard) == [("A", 0.0, "Hello.")]
    assert told(known(), [*heard, relabel("1", 2, "spk1")]) == [("Ann", 0.0, "Hello.")]
    assert told(known(), [*heard, relabel("1", 2, "spk1"), relabel("1", 3, None)]) == [("A", 0.0, "Hello.")]
    merged = [relabel("1", 2, "spk2"), voice("spk2"), voice("spk2", "spk1")]
    assert told(known(), [*heard, *merged]) == [("Ann", 0.0, "Hello.")]


def test_of_two_samples_of_one_voice_the_longer_one_gives_the_name() -> None:
    heard = [
        voice("spk1"),
        line("1", "Ann.", 0.5, "spk1"),
        line("2", "And Ben it is.", BEN + 0.5, "spk1"),
        line("3", "Hello.", RECORDING, "spk1"),
    ]
    assert told(known(), heard) == [("Ben", 0.0, "Hello.")]


def test_times_are_those_of_the_recording() -> None:
    speakers = known()
    assert speakers.seconds == RECORDING
    assert speakers.apply(Ack(3, 2.0)) == [Ack(3, 0.0)]
    assert speakers.apply(Ack(9, RECORDING + 2.5)) == [Ack(9, 2.5)]
    assert speakers.apply(Ended(3)) == [Ended(3)]
    (moved,) = speakers.apply(line("1", "Good morning.", RECORDING + 1.0))
    assert [(word.start, word.end) for word in moved.words] == [(1.0, 1.5), (1.5, 2.0)]  # type: ignore[union-attr]
