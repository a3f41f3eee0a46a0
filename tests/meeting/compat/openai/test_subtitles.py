"""Subtitles."""

from __future__ import annotations

from meeting.compat.lines import Lines
from meeting.compat.openai.subtitles import srt, vtt
from tests.meeting.compat.openai.spoken import talk


def test_subrip_has_numbers_times_and_text_that_players_do_not_obey() -> None:
    first, second, third = srt(talk(), named=False).split("\n\n")
    assert first == "1\n00:00:00,000 --> 00:00:01,000\nGood morning."
    assert second.splitlines()[1:] == ["00:00:02,000 --> 00:00:03,500", "‹Hello› & welcome."]
    assert third.endswith("Hm.\n")


def test_webvtt_has_voices_where_they_are_asked_for() -> None:
    head, first, second, _ = vtt(talk(), named=False).split("\n\n")
    assert head == "WEBVTT"
    assert first == "00:00:00.000 --> 00:00:01.000\nGood morning."
    assert second.endswith("&lt;Hello&gt; &amp; welcome.")
    assert "<v Speaker 2>&lt;Hello&gt;" in vtt(talk(), named=True)


def test_subrip_has_names_in_front() -> None:
    text = srt(talk(), named=True)
    assert "\nSpeaker 1: Good morning.\n" in text
    assert "\nSpeaker ?: Hm.\n" in text


def test_silence_has_no_subtitles() -> None:
    assert (srt(Lines(), True), vtt(Lines(), True)) == ("", "WEBVTT\n")
