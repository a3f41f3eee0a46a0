"""The exports: right to the millisecond, and nothing that was said can break a format."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core.export import (
    FORMATS,
    LINE_CHARACTERS,
    cues,
    export,
    export_file,
    format_named,
    paragraphs,
    timestamp,
)
from meeting.core.records import Gap, Meeting, MeetingNotes, NotedLine, Record, Source, State, Statement
from pipelines.errors import MeetingError
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Turn, Word, milliseconds, samples

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
MODELS = {"speech": "moonshine tiny-en", "languages": ["en"], "device": "cpu", "hub": None, "why": "no hub answered"}
MEETING = Meeting("m1", "Plans & <budget>", State.ENDED, NOON, NOON, None, samples(75), 3, MODELS)


def word(text: str, start: float, end: float, confidence: float | None = 0.9) -> Word:
    """A word between two seconds."""
    return Word(text, Span(samples(start), samples(end)), confidence)


def segment(id_: str, speaker: str | None, *words: Word) -> Segment:
    """A final segment."""
    return Segment(id_, 1, True, "a", Span(words[0].span.start, words[-1].span.end), speaker, words)


def spoken(text: str, start: float = 0.0, speaker: str | None = "spk1") -> Segment:
    """A segment of words of 0.4 s each."""
    words = [word(t, start + i * 0.4, start + (i + 1) * 0.4) for i, t in enumerate(text.split(" "))]
    return segment("s1", speaker, *words)


def record(*segments: Segment, turns: tuple[Turn, ...] = (), name: str | None = "Ann", title: str = "Plans") -> Record:
    """A meeting of Ann, speaker 2, and one who was merged."""
    speakers = (Speaker("spk1", name), Speaker("spk2", None, 1), Speaker("spk3", None, 2, "spk1"))
    source = Source("a", "Room", "room", "pcm_s16le", 48000, 1)
    return Record(replace(MEETING, title=title), (source,), speakers, segments, turns)


SHORT = record(
    segment("s1", "spk1", word("Hello", 0.5, 0.9), word("there.", 0.9, 59.9996)),
    segment("s2", None, word("Who?", 59.9996, 60.5, None)),
    segment("s3", "spk2", word("Me.", 61, 61.25)),
    turns=(Turn(Span(8000, 16_000), "spk1"), Turn(Span(samples(61), samples(61.25)), "spk2")),
    title="Plans & <budget>",
)


NOTES = MeetingNotes(
    (Statement("They said hello.", (NotedLine("s1", samples(0.5)), NotedLine("s3", samples(61))), False),),
    (),
    (Statement("Ask <b>who</b> it was", (), True, "Ann & Ben", "#1 of May"),),
    "tiny_model",
    "127.0.0.1:11434",
    NOON,
    "print",
)


# Times


@settings(deadline=None)
@given(st.integers(0, 10**12))
def test_milliseconds_are_the_nearest_whole_ones(count: int) -> None:
    exact = Fraction(count * 1000, SAMPLE_RATE)
    assert abs(milliseconds(count) - exact) <= Fraction(1, 2)
    assert milliseconds(count) <= milliseconds(count + 1)


@settings(deadline=None)
@given(st.integers(0, 10**10))
def test_a_clock_reads_back_as_what_it_shows(ms: int) -> None:
    found = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})", timestamp(ms, ","))
    assert found
    h, m, s, thousandths = map(int, found.groups())
    assert ((h * 60 + m) * 60 + s) * 1000 + thousandths == ms


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "00:00:00,000"),
        (59.9996, "00:01:00,000"),
        (3599.9996, "01:00:00,000"),
        (0.0004, "00:00:00,000"),
        (61.001, "00:01:01,001"),
        (360_000, "100:00:00,000"),
    ],
)
def test_a_carry_goes_through_every_place(seconds: float, shown: str) -> None:
    assert timestamp(milliseconds(samples(seconds)), ",") == shown


# Each format, whole


def test_srt_names_the_speaker_before_the_text() -> None:
    assert export(SHORT, "srt") == (
        "1\n00:00:00,500 --> 00:00:00,900\nAnn: Hello\n\n"
        "2\n00:00:00,900 --> 00:01:00,000\nAnn: there.\n\n"
        "3\n00:01:00,000 --> 00:01:00,500\nSpeaker ?: Who?\n\n"
        "4\n00:01:01,000 --> 00:01:01,250\nSpeaker 2: Me.\n"
    )


def test_vtt_has_voices_and_says_what_transcribed_it() -> None:
    text = export(SHORT, "vtt")
    assert text.startswith(
        "WEBVTT\n\nNOTE\nPlans & <budget>\nDate: 2026-05-04 12:00 UTC\nLength: 00:01:15\n"
        "Models: speech moonshine tiny-en, languages en, device cpu\nChosen: no hub answered\n\n"
    )
    assert text.endswith(
        "\n00:01:00.000 --> 00:01:00.500\n<v Speaker ?>Who?\n\n00:01:01.000 --> 00:01:01.250\n<v Speaker 2>Me.\n"
    )


def test_txt_is_read_like_a_script() -> None:
    assert export(SHORT, "txt") == (
        "Plans & <budget>\nDate: 2026-05-04 12:00 UTC\nLength: 00:01:15\n"
        "Models: speech moonshine tiny-en, languages en, device cpu\nChosen: no hub answered\n\n"
        "[00:00:00] Ann: Hello there.\n[00:00:59] Speaker ?: Who?\n[00:01:01] Speaker 2: Me.\n"
    )


def test_md_is_a_page() -> None:
    text = export(SHORT, "md")
    assert text.startswith("# Plans \\& \\<budget\\>\n\n- Date: 2026-05-04 12:00 UTC\n")
    assert text.endswith("\n**Speaker ?** (00:00:59)\n\nWho?\n\n**Speaker 2** (00:01:01)\n\nMe.\n")


def test_md_has_the_notes_before_the_transcript() -> None:
    text = export(replace(SHORT, notes=NOTES), "md")
    assert text == export(SHORT, "md").replace(
        "\n\n**Ann** (00:00:00)",
        "\n\n*Notes by tiny\\_model at 127.0.0.1:11434, 2026-05-04 12:00 UTC*\n"
        "\n## Summary\n\n- They said hello. (00:00:00; 00:01:01)\n"
        "\n## Decisions\n\nNone.\n"
        "\n## Actions\n\n- Ask \\<b\\>who\\</b\\> it was (who: Ann \\& Ben; when: \\#1 of May; doubtful)\n"
        "\n## Transcript\n\n**Ann** (00:00:00)",
    )
    assert "broke off" in export(replace(SHORT, notes=replace(NOTES, incomplete=True)), "md")


def test_json_has_the_notes_where_there_are_some() -> None:
    assert "notes" not in json.loads(export(SHORT, "json"))
    assert json.loads(export(replace(SHORT, notes=NOTES), "json"))["notes"] == {
        "model": "tiny_model",
        "host": "127.0.0.1:11434",
        "made_at": "2026-05-04T12:00:00.000Z",
        "incomplete": False,
        "summary": [
            {
                "text": "They said hello.",
                "lines": [{"id": "s1", "start": 0.5}, {"id": "s3", "start": 61.0}],
                "doubtful": False,
            }
        ],
        "decisions": [],
        "actions": [
            {
                "text": "Ask <b>who</b> it was",
                "lines": [],
                "doubtful": True,
                "who": "Ann & Ben",
                "when": "#1 of May",
            }
        ],
    }


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"md", "json", "html", "docx"}))
def test_the_other_formats_are_the_same_with_notes(name: str) -> None:
    assert export(replace(SHORT, notes=NOTES), name) == export(SHORT, name)


def test_audio_that_never_arrived_is_named_where_there_is_room_for_it() -> None:
    gap = Gap("src", Span(61 * SAMPLE_RATE, 63 * SAMPLE_RATE + 8000), "lost")
    with_gap = replace(SHORT, gaps=(gap,))
    assert json.loads(export(with_gap, "json"))["gaps"] == [{"start": 61.0, "end": 63.5, "reason": "lost"}]
    for name in ("txt", "md"):
        assert "Missing: 00:01:01 to 00:01:04, lost" in export(with_gap, name)


def test_json_marks_lines_with_two_voices_and_lines_that_a_person_changed() -> None:
    first, second = spoken("One two."), replace(spoken("Three.", 2.0), id="s2", overlap=True)
    marked = replace(record(first, second, replace(second, id="s3")), edited=frozenset({"s1", "s3", "gone"}))
    lines = json.loads(export(marked, "json"))["segments"]
    marks = [{name: line[name] for name in ("overlap", "edited") if name in line} for line in lines]
    assert marks == [{"edited": True}, {"overlap": True}, {"overlap": True, "edited": True}]


def test_json_is_the_contract() -> None:
    body = json.loads(export(SHORT, "json", "libri2"))
    assert list(body) == ["version", "meeting", "models", "speakers", "segments", "gaps"]
    assert body["version"] == 1
    assert body["models"] == MODELS
    assert body["speakers"] == [{"id": "spk1", "name": "Ann"}, {"id": "spk2", "name": None}]
    assert body["meeting"] == {
        "id": "m1",
        "title": "Plans & <budget>",
        "recording": "libri2",
        "state": "ended",
        "created_at": "2026-05-04T12:00:00.000Z",
        "started_at": "2026-05-04T12:00:00.000Z",
        "ended_at": None,
        "duration": 75.0,
        "sources": [{"id": "a", "number": 1, "name": "Room", "kind": "room"}],
    }
    assert body["segments"][1:] == [
        {
            "id": "s2",
            "start": 60.0,
            "end": 60.5,
            "speaker": None,
            "text": "Who?",
            "words": [{"text": "Who?", "start": 60.0, "end": 60.5, "confidence": None}],
        },
        {
            "id": "s3",
            "start": 61.0,
            "end": 61.25,
            "speaker": "spk2",
            "text": "Me.",
            "words": [{"text": "Me.", "start": 61.0, "end": 61.25, "confidence": 0.9}],
        },
    ]


def test_rttm_is_made_of_the_turns() -> None:
    assert export(SHORT, "rttm", "board room") == (
        "SPEAKER board_room 1 0.500 0.500 <NA> <NA> spk1 <NA> <NA>\n"
        "SPEAKER board_room 1 61.000 0.250 <NA> <NA> spk2 <NA> <NA>\n"
    )


def test_rttm_leaves_out_turns_too_short_to_show() -> None:
    assert export(record(turns=(Turn(Span(0, 3), "spk1"),)), "rttm") == ""


def test_seglst_is_what_scorers_read() -> None:
    assert json.loads(export(SHORT, "seglst", "libri2")) == [
        {"session_id": "libri2", "speaker": "spk1", "start_time": 0.5, "end_time": 60.0, "words": "Hello there."},
        {"session_id": "libri2", "speaker": "?", "start_time": 60.0, "end_time": 60.5, "words": "Who?"},
        {"session_id": "libri2", "speaker": "spk2", "start_time": 61.0, "end_time": 61.25, "words": "Me."},
    ]


def test_a_meeting_in_which_nobody_spoke_has_every_format() -> None:
    for name in FORMATS:
        export_file(record(), name)
    assert export(record(), "srt") == export(record(), "rttm") == ""
    assert json.loads(export(record(), "seglst")) == []


def test_a_confidence_that_is_no_number_is_none() -> None:
    text = export(record(segment("s1", None, word("x", 0, 1, float("nan")))), "json")
    assert json.loads(text)["segments"][0]["words"][0]["confidence"] is None


# Subtitles


def test_long_segments_are_split_at_words_into_two_lines() -> None:
    text = "we should talk about the budget of the next year, and of course about everything else that is due " * 3
    made = cues(record(spoken(text.strip())), prefixed=True)
    assert " ".join(line for cue in made for line in cue.lines) == text.strip()
    assert all(len(cue.lines) <= 2 for cue in made)
    assert all(len(line) <= LINE_CHARACTERS for cue in made for line in cue.lines)
    assert all(len(f"Ann: {cue.lines[0]}") <= LINE_CHARACTERS for cue in made)
    assert [cue.start for cue in made[1:]] == [cue.end for cue in made[:-1]]


def test_subtitles_are_cut_after_a_sentence_where_there_is_one() -> None:
    first = "one two three four five six seven eight nine ten eleven."
    made = cues(record(spoken(f"{first} Twelve thirteen.")), prefixed=False)
    assert [" ".join(cue.lines) for cue in made] == [first, "Twelve thirteen."]


def test_cues_of_a_script_without_spaces_have_none_and_are_cut_at_their_width() -> None:
    made = cues(record(spoken("今 " * 60)), prefixed=False)
    assert max(len(text) for cue in made for text in cue.lines) <= LINE_CHARACTERS
    assert "".join(text for cue in made for text in cue.lines) == "今" * 60


def test_a_subtitle_does_not_stand_through_a_long_pause() -> None:
    made = cues(record(segment("s1", "spk1", word("Well", 0, 0.5), word("yes.", 20, 20.5))), prefixed=True)
    assert [(cue.start, cue.end) for cue in made] == [(0, 500), (20_000, 20_500)]


def test_a_long_name_leaves_room_for_words() -> None:
    made = cues(record(spoken("one two three four five six"), name="N" * 200), prefixed=True)
    assert made[0].lines[0] == "one two three four"


# Hostile text

NASTY = st.text(alphabet="ab-> <&\n\r\u2028\0*_#`[]|~$.1+=\\:", min_size=1, max_size=30) | st.text(min_size=1)
STARTS = st.integers(0, 10**6)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Meetings with any text, names and titles, and words of any length in any order."""
    segments = []
    for i in range(draw(st.integers(0, 3))):
        words = [
            Word(draw(NASTY), Span(start, start + draw(st.integers(0, 10**5))), draw(st.none() | st.floats()))
            for start in draw(st.lists(STARTS, min_size=1, max_size=8))
        ]
        span = Span(words[0].span.start, words[-1].span.end)
        speaker = draw(st.sampled_from([None, "spk1", "spk9"]))
        segments.append(Segment(f"s{i}", 1, True, "a", span, speaker, tuple(words)))
    return record(*segments, name=draw(NASTY), title=draw(NASTY))


TIMES = r"(\d{2,}):(\d\d):(\d\d)[,.](\d{3}) --> (\d{2,}):(\d\d):(\d\d)[,.](\d{3})"


def spans(text: str) -> list[tuple[int, int]]:
    """The times of all cues."""
    found = []
    for groups in re.findall(f"^{TIMES}$", text, re.MULTILINE):
        n = list(map(int, groups))
        found.append(tuple(((n[i] * 60 + n[i + 1]) * 60 + n[i + 2]) * 1000 + n[i + 3] for i in (0, 4)))
    return found


@settings(deadline=None)
@given(records())
def test_no_text_can_break_srt(record: Record) -> None:
    text = export(record, "srt")
    blocks = text[:-1].split("\n\n") if text else []
    assert text.count("-->") == len(blocks)
    assert [block.split("\n")[0] for block in blocks] == [str(i + 1) for i in range(len(blocks))]
    assert all(3 <= len(block.split("\n")) <= 4 and all(block.split("\n")) for block in blocks)
    assert all(end > start for start, end in spans(text))
    assert len(spans(text)) == len(blocks)
    assert spans(text) == sorted(spans(text))


@pytest.mark.parametrize("name", ["--", "Ann--", "Ann-->"])
def test_a_name_that_ends_like_an_arrow_begins_no_cue_of_vtt(name: str) -> None:
    text = export(record(spoken("one"), name=name), "vtt")
    assert text.count("-->") == len(spans(text)) == 1


@settings(deadline=None)
@given(records())
def test_no_text_can_break_vtt(record: Record) -> None:
    text = export(record, "vtt")
    head, note, *blocks = text[:-1].split("\n\n")
    assert head == "WEBVTT"
    assert note.startswith("NOTE\n")
    assert "-->" not in note
    assert all(end > start for start, end in spans(text))
    assert len(spans(text)) == len(blocks) == text.count("-->")
    for block in blocks:
        payload = block.split("\n", 1)[1]
        voice = re.fullmatch(r"<v ([^<>\n]+)>([^<>]+)", payload)
        assert voice
        assert not re.search(r"&(?!amp;|lt;|gt;)", payload)
        assert all(payload.split("\n"))


@settings(deadline=None)
@given(records())
def test_no_text_can_break_the_lines_of_txt(record: Record) -> None:
    lines = export(record, "txt").split("\n")
    said = lines[lines.index("") + 1 : -1]
    assert len(said) == len(paragraphs(record))
    assert all(re.match(r"\[\d\d:\d\d:\d\d\] .+: .", line) for line in said)


@settings(deadline=None)
@given(records())
def test_json_and_seglst_keep_every_character(record: Record) -> None:
    body = json.loads(export(record, "json"))
    assert [s["text"] for s in body["segments"]] == [s.text for s in record.segments]
    assert [s["words"] for s in json.loads(export(record, "seglst"))] == [s.text for s in record.segments]


@settings(deadline=None)
@given(records())
def test_nothing_said_becomes_markup_in_markdown(record: Record) -> None:
    markdown = pytest.importorskip("markdown_it", reason="reads Markdown like a page would; not a dependency of ours")
    tokens = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(export(record, "md"))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    assert sum(token.type == "heading_open" for token in tokens) == 1
    assert sum(token.type == "bullet_list_open" for token in tokens) == 1
    shown = [
        "".join(child.content for child in token.children or [])
        for at, token in enumerate(tokens)
        if token.type == "inline" and tokens[at - 1].type == "paragraph_open" and tokens[at - 1].level == 0
    ]
    assert shown[1::2] == [paragraph.text for paragraph in paragraphs(record)]


EVIL = (
    "<font color=red>",
    "{\\an8}",
    "{y:i}",
    "line\\Nbreak",
    "<b>&lt;i&gt;</b>",
    "--> 00:00:01,000",
    "[a](javascript:b)",
    "<script>alert(1)</script>",
    "`code`",
    "# head",
    "=1+1",
    "1. item",
    "a\n\nb",
    "www.evil.example",
    "https://evil.example",
    "a@evil.example",
    "NOTE",
    "&amp;",
    "\x1b[2J\x9b",
)
"""Names and words that a program which shows a transcript would obey"""


def plain(text: str) -> str:
    """What is read of a text, whatever stands for the characters that a format may not hold."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split()).replace("-->", "→")


def evil(text: str) -> Record:
    """A meeting whose title, name and words are one text."""
    return record(segment("s1", "spk1", word(text, 0, 1), word("end", 1, 2)), name=text, title=text)


@pytest.mark.parametrize("text", EVIL)
def test_players_of_srt_obey_nothing_and_show_every_word(text: str) -> None:
    written = export(evil(text), "srt")
    _, payload = written.split("\n", 2)[1:]
    assert not re.search(r"[<>{}\\]", payload)
    like = plain(text).translate(str.maketrans("<>{}\\", "‹›()/"))
    assert " ".join(payload.split()) == f"{like}: {like} end"


@pytest.mark.parametrize("text", EVIL)
def test_vtt_reads_back_as_what_was_said(text: str) -> None:
    cue = export(evil(text), "vtt").split("\n\n", 2)[2]
    found = re.fullmatch(r"<v ([^<>&\n]*(?:&(?:amp|lt|gt);[^<>&\n]*)*)>([^<>]+)\n", cue.split("\n", 1)[1])
    assert found
    assert html.unescape(found[1]) == plain(text)
    assert " ".join(html.unescape(found[2]).split()) == f"{plain(text)} end"


@pytest.mark.parametrize("text", EVIL)
def test_txt_keeps_every_word_on_its_line_and_no_cell_is_a_formula(text: str) -> None:
    lines = export(evil(text), "txt").split("\n")
    assert lines[0].strip() == plain(text)
    assert lines[-2] == f"[00:00:00] {plain(text)}: {plain(text)} end"
    assert not any(line.startswith(("=", "+", "-", "@")) for line in lines)


@pytest.mark.parametrize("text", EVIL)
def test_md_shows_every_word_and_nothing_of_it_is_markup_or_a_link(text: str) -> None:
    markdown = pytest.importorskip("markdown_it", reason="reads Markdown like a page would; not a dependency of ours")
    written = export(evil(text), "md")
    parser = markdown.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    shown = [
        "".join(child.content for child in token.children) for token in parser.parse(written) if token.type == "inline"
    ]
    assert shown[0] == plain(text)
    assert shown[-2:] == [f"{plain(text)} (00:00:00)", f"{plain(text)} end"]
    # What some programs make links of without any markup
    assert not re.search(r"https?://|www\.|\w@", written, re.IGNORECASE)


@pytest.mark.parametrize("text", EVIL)
def test_rttm_has_ten_fields_whatever_the_recording_is_called(text: str) -> None:
    spoken_ = replace(evil(text), turns=(Turn(Span(0, 16_000), "spk1"),))
    (line,) = export(spoken_, "rttm", text).splitlines()
    assert len(line.split(" ")) == 10
    assert line.split(" ")[1] == plain(text).replace(" ", "_")


@settings(deadline=None)
@given(records())
def test_no_format_holds_what_a_terminal_obeys(record: Record) -> None:
    for name in sorted(set(FORMATS) - {"docx"}):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", export(record, name, "a\x1b"))


# Text in paragraphs


def test_one_speakers_segments_become_one_paragraph_until_it_is_long() -> None:
    said = [spoken("one", 0), spoken("two", 5), spoken("three", 6, "spk2"), spoken("four", 7), spoken("five", 70)]
    assert [p.text for p in paragraphs(record(*said))] == ["one two", "three", "four", "five"]


# Files and names


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(MeetingError, match="there is no format 'doc'; there are srt, vtt, json, txt, md, docx, html"):
        format_named("doc")


def test_a_format_that_is_no_text_says_so_where_one_is_asked_for() -> None:
    with pytest.raises(MeetingError, match="docx is no text: it can only be written to a file"):
        export(SHORT, "docx")


def test_a_file_holds_what_the_text_says_in_utf_8_whatever_was_said() -> None:
    hostile = record(spoken("\ud800 é"))
    assert export_file(hostile, "srt") == export(hostile, "srt").encode("utf-8", "replace")
    assert "? é".encode() in export_file(hostile, "srt")


def test_every_format_says_how_it_is_served() -> None:
    assert {name: format_.suffix for name, format_ in FORMATS.items()} == {
        "srt": ".srt",
        "vtt": ".vtt",
        "json": ".json",
        "txt": ".txt",
        "md": ".md",
        "docx": ".docx",
        "html": ".html",
        "csv": ".csv",
        "rttm": ".rttm",
        "seglst": ".seglst.json",
    }
    assert FORMATS["vtt"].content_type == "text/vtt; charset=utf-8"


def test_the_json_marks_names_that_were_recognised_and_nobody_has_confirmed() -> None:
    speakers = (Speaker("spk1", "Ann", recognized=True, profile="v1"), Speaker("spk2", "Ben", 1, profile="v2"))
    body = json.loads(export(replace(record(), speakers=speakers), "json"))
    assert body["speakers"] == [{"id": "spk1", "name": "Ann", "name_recognized": True}, {"id": "spk2", "name": "Ben"}]
