"""MP4 files with their index at the end."""

from __future__ import annotations

import io
import struct
from typing import Any

import av
import numpy as np
import pytest

from meeting.compat import mp4
from meeting.compat.mp4 import parts_of
from pipelines.audio.decoding import open_decoder
from tests.fakes.containers import encoded


def recorded(seconds: float = 5.0) -> bytes:
    """A tone as a program writes it that can go back in its file."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("aac", rate=16000, layout="mono")
        tone = 0.3 * np.sin(np.arange(round(seconds * 16000)) / 6)
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


def box(kind: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def places(kind: bytes, code: str, *values: int) -> bytes:
    return box(
        b"moov",
        box(
            b"trak",
            box(
                b"mdia",
                box(b"minf", box(b"stbl", box(kind, struct.pack(f">II{len(values)}{code}", 0, len(values), *values)))),
            ),
        ),
    )


def sent(content: bytes) -> bytes:
    """The file in the order in which it is sent."""
    return b"".join(
        part if isinstance(part, bytes) else content[part.start : part.stop] for part in parts_of(io.BytesIO(content))
    )


def heard(content: bytes) -> float:
    """Seconds of sound that come of a file that is read as it comes."""
    decoder = open_decoder("m4a", 0, 0)
    pieces = [*decoder.decode(content), *decoder.flush()]
    return sum(map(len, pieces)) / 16000


def test_a_file_as_most_programs_write_it_can_be_read_as_it_comes() -> None:
    content = recorded()
    assert content.find(b"mdat") < content.find(b"moov")
    assert len(sent(content)) == len(content)
    assert heard(sent(content)) == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize("content", [sent(recorded(1.0)), encoded("m4a"), encoded("flac"), b"", b"ftyp", bytes(100)])
def test_what_can_be_read_already_stays_as_it_is(content: bytes) -> None:
    assert sent(content) == content


@pytest.mark.parametrize(("kind", "code"), [(b"stco", "I"), (b"co64", "Q")])
def test_only_places_of_what_is_moved_change(kind: bytes, code: str) -> None:
    front, sound, behind = box(b"ftyp", b"M4A "), box(b"mdat", bytes(20)), box(b"free", bytes(4))
    index = places(kind, code, 4, 20, 39, 500)
    moved = places(kind, code, 4, 20 + len(index), 39 + len(index), 500)
    assert sent(front + sound + index + behind) == front + moved + sound + behind


def test_a_sound_of_more_than_four_gigabytes_says_so_in_another_place() -> None:
    front, sound = box(b"ftyp", b"M4A "), struct.pack(">I4sQ", 1, b"mdat", 36) + bytes(20)
    index = places(b"stco", "I", 28)
    assert sent(front + sound + index) == front + places(b"stco", "I", 28 + len(index)) + sound


@pytest.mark.parametrize(
    "index",
    [
        box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stco", b"\0")))))),
        places(b"stco", "I", 20)[:-8] + struct.pack(">II", 2**31, 20),
        box(b"moov", box(b"free") * 20_000),
    ],
)
def test_an_index_that_makes_no_sense_stays_where_it_is(index: bytes) -> None:
    content = box(b"ftyp", b"M4A ") + box(b"mdat", bytes(20)) + index
    assert sent(content) == content


def test_an_index_that_is_too_large_stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "MOST_INDEX", 50)
    content = box(b"ftyp", b"M4A ") + box(b"mdat", bytes(20)) + places(b"stco", "I", 20)
    assert sent(content) == content


def test_no_file_takes_long_or_raises_whatever_it_holds() -> None:
    random = np.random.default_rng(1)
    whole = bytearray(recorded(1.0))
    for _ in range(200):
        damaged = bytearray(whole)
        for at in random.integers(whole.find(b"moov") - 4, len(whole), 5):
            damaged[at] = random.integers(256)
        assert len(sent(bytes(damaged))) == len(whole)
    assert len(list(mp4._top_level(io.BytesIO(box(b"free") * 20_000), 160_000))) == mp4.MOST_BOXES
