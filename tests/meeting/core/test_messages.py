"""The wire protocol: every message there and back, and nothing but ProtocolError for what is no message."""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting.core import messages
from meeting.core.errors import CloseCode, ErrorCode, ProtocolError
from meeting.core.messages import (
    FRAME_HEADER,
    MAX_TEXT,
    VERSION,
    AudioFrame,
    AudioInfo,
    Auth,
    ChangeMessage,
    ClientMessage,
    EarlierMessage,
    ErrorMessage,
    ResumeInfo,
    SegmentMessage,
    ServerMessage,
    SnapshotMessage,
    SourceInfo,
    SpeakerMessage,
    SpeakerRevisionMessage,
    Start,
    StatsMessage,
    Stop,
    as_dict,
    decode,
    encode,
    encode_with_lines,
    parse_json,
)
from pipelines.options import LANGUAGES
from pipelines.types import LabelChange, PipelineStats, Segment, Span, Speaker, Word

SERVER = get_args(ServerMessage)
CLIENT = get_args(ClientMessage)
WIRE_NAMES = {ChangeMessage: {"before": "from", "after": "to"}}
"""Fields that are called differently on the wire"""

START: dict[str, Any] = {
    "type": "start",
    "version": 1,
    "source": {"name": "Ann", "kind": "solo"},
    "audio": {"encoding": "webm_opus", "sample_rate": 48000, "channels": 1},
    "language": "en",
    "hotwords": ["diart"],
    "resume": {"source_id": "a", "token": "secret"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
starts = st.builds(
    Start,
    st.just(VERSION),
    st.builds(AudioInfo, st.text(), st.integers(4_000, 384_000), st.integers(1, 32)),
    st.builds(SourceInfo, st.text(max_size=200), st.sampled_from(["room", "solo"])),
    st.none() | st.sampled_from(sorted(LANGUAGES)),
    st.lists(st.text(max_size=100), max_size=5).map(tuple),
    st.none() | st.builds(ResumeInfo, st.text(), st.text()),
)
clients = starts | st.builds(Auth, st.text()) | st.just(Stop())


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type; numbers that JSON can carry."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([values_of(arg) for arg in args])
    if origin is tuple:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if is_typeddict(kind):
        return st.fixed_dictionaries({}, optional={name: values_of(of) for name, of in get_type_hints(kind).items()})
    if origin is list:
        return st.lists(values_of(args[0]), max_size=3)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(0, 10**6),
        float: st.floats(0, 10**5, allow_nan=False).map(lambda value: round(value, 3)),
        str: st.text(max_size=20),
        ErrorCode: st.sampled_from(ErrorCode),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return plain[kind] if kind in plain else message_of(kind)


def message_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any message of a kind, made from its fields."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{spec.name: values_of(hints[spec.name]) for spec in fields(kind)})


def rebuilt(kind: Any, body: Any) -> Any:
    """A message from its JSON by the types of its fields alone: an independent reader of the protocol."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if body is None else rebuilt(next(arg for arg in args if arg is not type(None)), body)
    if origin is tuple:
        return tuple(rebuilt(args[0], item) for item in body)
    if not hasattr(kind, "__dataclass_fields__"):
        return body
    hints, renamed = get_type_hints(kind), WIRE_NAMES.get(kind, {})
    names = {spec.name: renamed.get(spec.name, spec.name) for spec in fields(kind)}
    assert set(body) - {"type"} == set(names.values())
    return kind(**{name: rebuilt(hints[name], body[wire]) for name, wire in names.items()})


@pytest.mark.parametrize("kind", SERVER + CLIENT, ids=lambda kind: kind.__name__)
def test_every_message_says_its_type_and_no_two_say_the_same(kind: Any) -> None:
    assert [other for other in SERVER + CLIENT if other.type == kind.type] == [kind]


def test_every_kind_with_a_type_is_in_one_of_the_two_unions() -> None:
    typed = {value for value in vars(messages).values() if isinstance(value, type) and hasattr(value, "type")}
    assert typed == set(SERVER + CLIENT)


@pytest.mark.parametrize("kind", SERVER, ids=lambda kind: kind.__name__)
def test_every_server_message_carries_all_its_fields(kind: Any) -> None:
    @given(message_of(kind))
    @settings(max_examples=20, deadline=None)
    def there_and_back(message: Any) -> None:
        body = json.loads(encode(message))
        assert body["type"] == kind.type
        assert rebuilt(kind, body) == message

    there_and_back()


@given(clients)
@settings(deadline=None)
def test_every_client_message_survives_the_way_there_and_back(message: ClientMessage) -> None:
    assert decode(encode(message)) == message


def test_a_start_may_leave_out_all_but_version_and_audio() -> None:
    assert decode('{"type":"start","version":1,"audio":{}}') == Start(VERSION, AudioInfo())
    assert decode('{"type":"start","version":1,"audio":{},"source":null,"resume":null}') == Start(VERSION, AudioInfo())


def test_fields_of_a_later_protocol_are_ignored() -> None:
    assert decode('{"type":"stop","why":"lunch"}') == Stop()
    assert decode(json.dumps({**START, "mood": 3, "audio": {"bits": 24}})) == decode(json.dumps({**START, "audio": {}}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one JSON object"),
        ("hello", "one JSON object"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ("7", "one JSON object"),
        ('"start"', "one JSON object"),
        ('{"type":"stop"', "one JSON object"),
        ("[" * 60_000, "one JSON object"),
        ('{"type":"auth","token":' + "9" * 5000 + "}", "one JSON object"),
        ('{"type":"auth","token":"\\ud800"}', "one JSON object"),
        ("{}", "unknown message type None"),
        ('{"type":"shout"}', "unknown message type 'shout'"),
        ('{"type":["start"]}', "unknown message type"),
        ('{"type":"segment"}', "unknown message type"),
        ('{"type":"auth"}', "auth lacks the field token"),
        ('{"type":"auth","token":7}', "auth.token must be str, not 7"),
        ('{"type":"start"}', "start lacks the field"),
        ('{"type":"start","version":1}', "start lacks the field audio"),
    ],
)
def test_what_is_no_message_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ProtocolError, match=says) as caught:
        decode(text)
    assert (caught.value.code, caught.value.close) == ("bad_message", CloseCode.BAD_MESSAGE)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"version": 2}, "version 1, not 2"),
        ({"version": "1"}, "start.version must be int"),
        ({"version": True}, "start.version must be int"),
        ({"version": 1.0}, "start.version must be int"),
        ({"audio": None}, "lacks the field audio"),
        ({"audio": "pcm"}, "start.audio must be AudioInfo"),
        ({"audio": []}, "start.audio must be AudioInfo"),
        ({"audio": {"sample_rate": "48000"}}, "audio.sample_rate must be int"),
        ({"audio": {"channels": 1.5}}, "audio.channels must be int"),
        ({"audio": {"channels": False}}, "audio.channels must be int"),
        ({"audio": {"sample_rate": 3999}}, "audio.sample_rate must be from 4000 to 384000, not 3999"),
        ({"audio": {"sample_rate": 10**100}}, "audio.sample_rate must be from 4000 to 384000, not 1000"),
        ({"audio": {"channels": 33}}, "audio.channels must be from 1 to 32, not 33"),
        ({"audio": {"encoding": "wav", "sample_rate": 2**63}}, "audio.sample_rate must be from 0 to 384000, not 9223"),
        ({"audio": {"encoding": "wav", "sample_rate": -1}}, "audio.sample_rate must be from 0 to 384000, not -1"),
        ({"audio": {"encoding": "flac", "channels": 2**31}}, "audio.channels must be from 0 to 32, not 2147483648"),
        ({"source": 3}, "start.source must be SourceInfo"),
        ({"source": {"kind": "hall"}}, "source.kind must be room or solo, not 'hall'"),
        ({"source": {"name": "A" * 201}}, "at most 200 characters"),
        ({"language": 3}, "start.language must be"),
        ({"translate": 1}, "start.translate must be bool"),
        ({"translate": None}, "start.translate must be bool"),
        ({"pause": "0.5"}, "start.pause must be"),
        ({"pause": True}, "start.pause must be"),
        ({"pause": -0.1}, "start.pause must be null or a number of seconds from 0 to 60"),
        ({"pause": 61}, "start.pause must be null or a number of seconds from 0 to 60"),
        ({"pause": float("nan")}, "start.pause must be null or a number of seconds from 0 to 60"),
        ({"language": "xx"}, "such as en, de or zh, or several with commas, not 'xx'"),
        ({"language": ""}, "language must be null or a code"),
        ({"language": "en,xx"}, "language must be null or a code"),
        ({"language": "en,"}, "language must be null or a code"),
        ({"language": []}, "language must be null or a code"),
        ({"language": [3]}, "language must be null or a code"),
        ({"language": "de-DE"}, "language must be null or a code"),
        ({"language": "d" * 60_000}, "language must be null or a code"),
        ({"source": {"name": "n" * 201}}, "source.name must have at most 200"),
        ({"hotwords": "diart"}, "start.hotwords must be"),
        ({"hotwords": [1]}, "hotwords must be at most"),
        ({"hotwords": ["w" * 101]}, "hotwords must be at most"),
        ({"hotwords": ["w"] * 201}, "hotwords must be at most"),
        ({"resume": {"source_id": "a"}}, "resume lacks the field token"),
        ({"resume": "a"}, "start.resume must be"),
    ],
)
def test_a_wrong_field_of_start_is_named(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ProtocolError, match=says) as caught:
        decode(json.dumps({**START, **changed}))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("audio", [{"sample_rate": 0, "channels": 0}, {"sample_rate": 384_000, "channels": 32}, {}])
@pytest.mark.parametrize("encoding", ["webm_opus", "wav", "m4a"])
def test_a_container_may_leave_its_rate_and_channels_to_itself(encoding: str, audio: dict[str, int]) -> None:
    start = decode(json.dumps({**START, "audio": {"encoding": encoding, **audio}}))
    assert isinstance(start, Start)
    assert start.audio == AudioInfo(encoding, **audio)


def only_protocol_errors(text: str) -> None:
    """Decode; what is accepted can be sent on and stored as UTF-8."""
    try:
        message = decode(text)
    except ProtocolError as error:
        str(error).encode()
    else:
        encode(message).encode()
        assert decode(encode(message)) == message


@given(st.text() | st.text(alphabet='{}[]":,0123456789eE+-.truefalsnl\\ud ', max_size=60))
@settings(deadline=None)
def test_arbitrary_text_raises_nothing_but_a_protocol_error(text: str) -> None:
    only_protocol_errors(text)


@given(json_values)
@settings(deadline=None)
def test_arbitrary_json_raises_nothing_but_a_protocol_error(value: Any) -> None:
    only_protocol_errors(json.dumps(value))


@given(st.sampled_from(sorted(START)), st.sampled_from(["", "name", "kind", "channels", "token"]), json_values)
@settings(deadline=None)
def test_a_start_with_anything_in_it_raises_nothing_but_a_protocol_error(name: str, inner: str, value: Any) -> None:
    changed = {**START[name], inner: value} if inner and isinstance(START[name], dict) else value
    only_protocol_errors(json.dumps({**START, name: changed}))


@given(st.data())
@settings(deadline=None)
def test_a_damaged_message_raises_nothing_but_a_protocol_error(data: st.DataObject) -> None:
    text = json.dumps(START)
    at = data.draw(st.integers(0, len(text) - 1))
    until = data.draw(st.integers(at, min(at + 5, len(text))))
    only_protocol_errors(text[:at] + data.draw(st.text(max_size=5)) + text[until:])


def test_a_long_text_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def loads(text: str) -> Any:
        parsed.append(len(text))
        return json.JSONDecoder().decode(text)

    monkeypatch.setattr(messages, "json", SimpleNamespace(loads=loads, dumps=json.dumps))
    with pytest.raises(ProtocolError, match="at most 65536 characters, this one 65561") as caught:
        decode(json.dumps({"type": "stop", "x": "y" * MAX_TEXT}))
    assert (caught.value.code, caught.value.close, parsed) == ("too_large", 4413, [])
    fits = json.dumps({"type": "stop", "x": ""})
    assert decode(fits.replace('""', '"' + "y" * (MAX_TEXT - len(fits)) + '"')) == Stop()
    assert parsed == [MAX_TEXT]


def test_a_message_of_the_longest_names_and_words_in_any_script_fits() -> None:
    words = tuple("字" * 100 for _ in range(200))
    start = Start(VERSION, AudioInfo(), SourceInfo("名" * 200), "zh", words)
    assert decode(encode(start)) == start


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_of_whisper_may_be_asked_for(language: str) -> None:
    asked = decode(json.dumps({**START, "language": language}))
    assert isinstance(asked, Start)
    assert asked.language == language


@pytest.mark.parametrize("language", ["en,de", ["en", "de"]])
def test_several_languages_may_be_asked_for(language: object) -> None:
    asked = decode(json.dumps({**START, "language": language}))
    assert isinstance(asked, Start)
    assert asked.language == "en,de"


@pytest.mark.parametrize("translate", [True, False])
def test_a_translation_may_be_asked_for(translate: bool) -> None:
    asked = decode(json.dumps({**START, "translate": translate}))
    assert isinstance(asked, Start)
    assert asked.translate is translate


@pytest.mark.parametrize("half", [r"\ud83e", r"\uDDA9", "\ud83e", r"a\ud83eb", r"\udda9\ud83e"])
def test_half_a_surrogate_pair_is_no_json_and_a_whole_one_is(half: str) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        parse_json(f'{{"{half}": 1}}')
    assert parse_json(r'["\ud83e\udda9", "🦩", "\\ud83e"]') == ["🦩", "🦩", r"\ud83e"]


@pytest.mark.parametrize("pause", [None, 0, 0.7, 60])
def test_which_silence_is_a_pause_may_be_said(pause: float | None) -> None:
    asked = decode(json.dumps({**START, "pause": pause}))
    assert isinstance(asked, Start)
    assert asked.pause == pause


@pytest.mark.parametrize("kind", ["type", "version", "audio", "hotwords", "language"])
def test_deep_nesting_at_any_depth_raises_nothing_but_a_protocol_error(kind: str) -> None:
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 10):
        deep = "[" * depth + "]" * depth
        with pytest.raises(ProtocolError):
            decode(json.dumps({**START, kind: "@"}).replace('"@"', deep))


def test_text_of_any_script_is_sent_as_it_is() -> None:
    text = encode(ErrorMessage("bad_audio", 'Zoë sagt "hé" \u2028 😀', True))
    assert "Zoë" in text
    assert "😀" in text
    assert json.loads(text)["message"] == 'Zoë sagt "hé" \u2028 😀'


def test_tokens_are_not_shown() -> None:
    start = decode(json.dumps(START))
    assert "secret" not in repr(start)
    assert "secret" not in repr(Auth("secret"))
    assert "secret" not in repr(messages.SessionMessage("m", "a", "secret", 0, {}))


def test_a_segment_is_sent_in_seconds_with_three_decimals() -> None:
    word = Word("Hello", Span(49_927, 54_565), 0.98765)
    segment = Segment("s17", 3, False, "a", Span(49_927, 76_800), None, (word,), 5)
    assert as_dict(SegmentMessage.of(segment)) == {
        "type": "segment",
        "id": "s17",
        "rev": 3,
        "final": False,
        "source_id": "a",
        "start": 3.12,
        "end": 4.8,
        "speaker": None,
        "text": "Hello",
        "stable_chars": 5,
        "words": ({"text": "Hello", "start": 3.12, "end": 3.41, "confidence": 0.988},),
        "overlap": False,
        "pause": False,
    }


def test_a_word_without_confidence_has_none() -> None:
    segment = Segment("s1", 1, True, "a", Span(0, 16), "spk1", (Word("a", Span(0, 16)),))
    assert SegmentMessage.of(segment).words[0].confidence is None


def test_changed_labels_are_sent_with_from_and_to() -> None:
    message = SpeakerRevisionMessage.of((LabelChange("s17", 4, "spk2", None),), "recluster")
    assert json.loads(encode(message)) == {
        "type": "speaker_revision",
        "changes": [{"id": "s17", "rev": 4, "from": "spk2", "to": None}],
        "reason": "recluster",
    }


def test_speakers_and_figures_are_sent_field_by_field() -> None:
    assert SpeakerMessage.of(Speaker("spk2", "Ann", 3, "spk1")) == SpeakerMessage("spk2", "Ann", 3, "spk1")
    assert StatsMessage.of(PipelineStats(0.21049, 0.4, 1.1, 2, 0.91234, "rare_partials", "de")) == StatsMessage(
        0.21, 0.4, 1.1, 2, 0.912, "rare_partials", "de"
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=100))
def test_an_audio_frame_survives_the_way_there_and_back(seq: int, capture_us: int, payload: bytes) -> None:
    frame = AudioFrame(seq, capture_us, payload)
    assert AudioFrame.decode(frame.encode()) == frame


def test_an_audio_frame_is_little_endian_with_twelve_bytes_of_head() -> None:
    data = b"\x01\x00\x00\x00" + b"\x02\x00\x00\x00\x00\x00\x00\x00" + b"pcm"
    assert FRAME_HEADER.size == 12
    assert AudioFrame.decode(data) == AudioFrame(1, 2, b"pcm")
    assert AudioFrame.decode(data[:12]).payload == b""


@given(st.binary(max_size=11))
def test_a_frame_shorter_than_its_head_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"this one has {len(data)}"):
        AudioFrame.decode(data)


@given(message_of(SnapshotMessage) | message_of(EarlierMessage))
def test_a_message_put_together_from_encoded_lines_is_the_same_as_encoded_at_once(
    message: SnapshotMessage | EarlierMessage,
) -> None:
    lines = [encode(segment) for segment in message.segments]
    assert encode_with_lines(replace(message, segments=()), lines) == encode(message)
