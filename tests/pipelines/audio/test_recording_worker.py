"""What runs in the process of a recording's reader, run here: its length, its audio, and why there is none."""

from __future__ import annotations

import io
from pathlib import Path

from pipelines.audio.decoder_worker import AUDIO, DONE, FAILED, FORMAT, LENGTH, LENGTH_BODY, OUTPUT_HEADER, DecoderPipes
from pipelines.audio.recording_worker import read
from tests.fakes.containers import wav
from tests.fakes.server_fakes import tone
from tests.pipelines.audio.test_decoder_worker import NoLimits


def told(path: Path, data: bytes) -> list[tuple[bytes, bytes]]:
    """All that is told of a file with this content."""
    path.write_bytes(data)
    sink = io.BytesIO()
    read(path, DecoderPipes(io.BytesIO(), sink, NoLimits()))
    messages, rest = [], sink.getvalue()
    while rest:
        kind, size = OUTPUT_HEADER.unpack_from(rest)
        messages.append((kind, rest[OUTPUT_HEADER.size : OUTPUT_HEADER.size + size]))
        rest = rest[OUTPUT_HEADER.size + size :]
    return messages


def test_a_file_is_told_with_its_length_and_all_of_its_audio(tmp_path: Path) -> None:
    messages = told(tmp_path / "a", wav(tone(2.5)))
    assert [kind for kind, _ in messages if kind != AUDIO] == [LENGTH, FORMAT, DONE]
    assert LENGTH_BODY.unpack(messages[0][1]) == (2.5,)
    assert sum(len(content) for kind, content in messages if kind == AUDIO) == 4 * 40_000


def test_a_file_that_is_no_audio_is_told_with_a_sentence(tmp_path: Path) -> None:
    ((kind, content),) = told(tmp_path / "a", b"a text")
    assert kind == FAILED
    assert b"a is not audio that can be read" in content
