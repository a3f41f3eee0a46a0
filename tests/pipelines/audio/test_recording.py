"""Recorded files: read sample by sample, refused in a sentence, and never taken for an address or a list of others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.audio.recording import DEMUXERS, read_recording, recording_seconds
from pipelines.errors import AudioError
from pipelines.formats import CONTAINERS
from pipelines.types import SAMPLE_RATE
from tests.conftest import Sample
from tests.fakes.containers import ENCODERS, encoded, picture

every_container = pytest.mark.parametrize("encoding", CONTAINERS)


@every_container
def test_a_recording_is_read_in_chunks_of_about_a_second(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / f"recording.{ENCODERS[encoding][0]}"
    path.write_bytes(encoded(encoding, 2.5, 2))
    chunks = list(read_recording(path))
    assert len(chunks) == 3
    assert all(chunk.dtype == np.float32 and len(chunk) >= SAMPLE_RATE for chunk in chunks[:-1])
    assert sum(map(len, chunks)) == pytest.approx(2.5 * SAMPLE_RATE, abs=1500)


def test_the_sample_recording_is_read_sample_by_sample(sample: Sample) -> None:
    np.testing.assert_allclose(np.concatenate(list(read_recording(sample.audio))), sample.samples(), atol=1e-6)
    assert recording_seconds(sample.audio) == pytest.approx(sample.about["seconds"], abs=0.01)


def test_a_silent_recording_is_read_as_silence(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    audio = np.concatenate(list(read_recording(tmp_path / "silence.wav")))
    assert len(audio) == SAMPLE_RATE
    assert not audio.any()


def unreadable(tmp_path: Path) -> dict[str, Path]:
    """Files that are no recordings, by what is wrong with them."""
    import soundfile

    files = {"empty": b"", "garbage": np.random.default_rng(2).bytes(50_000), "text": b"Minutes of Monday.\n" * 100}
    files |= {"picture": picture("image2pipe", "png"), "film": picture("mp4", "mpeg4"), "cut": encoded("m4a")[:60]}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), SAMPLE_RATE)
    (tmp_path / "folder").mkdir()
    return {name: tmp_path / name for name in [*files, "nothing.wav", "folder", "missing.wav"]}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "empty is not audio that can be read"),
        ("garbage", "garbage is not audio that can be read"),
        ("text", "audio"),
        ("picture", "picture is not audio that can be read"),
        ("film", "no audio"),
        ("cut", "audio"),
        ("nothing.wav", r"nothing.wav holds no audio: its length is zero"),
        ("folder", "folder is not audio that can be read"),
        ("missing.wav", "there is no file .*missing.wav"),
    ],
)
def test_what_is_no_recording_is_refused_in_a_sentence(name: str, says: str, tmp_path: Path) -> None:
    path = unreadable(tmp_path)[name]
    with pytest.raises(AudioError, match=says):
        list(read_recording(path))


@pytest.mark.parametrize("name", ["empty", "garbage", "picture", "folder", "missing.wav"])
def test_what_is_no_recording_has_no_length_either(name: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        recording_seconds(unreadable(tmp_path)[name])


def test_a_recording_that_was_cut_off_is_read_up_to_the_cut(tmp_path: Path) -> None:
    for encoding in ("flac", "m4a", "webm"):
        data = encoded(encoding, 4.0)
        path = tmp_path / encoding
        path.write_bytes(data[: len(data) // 2])
        assert 1.0 * SAMPLE_RATE < sum(map(len, read_recording(path))) < 3.0 * SAMPLE_RATE


NAMES = [
    "10:30 standup.wav",
    "http:example.org.wav",
    "concat:a.wav|b.wav",
    "pipe:",
    "pipe:0",
    "-",
    "data:audio",
    "file:other.wav",
    "crypto:x",
    "subfile,,start,0,end,9,,:a.wav",
    "tcp:127.0.0.1:9",
    "%d.wav",
    "a.m3u8",
    "a.sdp",
    "caf\u00e9 \U0001f3a4.wav",
    "two\nlines.wav",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_taken_for_anything_but_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path(name), tmp_path / name):
        with pytest.raises(AudioError, match="there is no file"):
            list(read_recording(path))
        with pytest.raises(AudioError, match="there is no file"):
            recording_seconds(path)
    Path(name).write_bytes(encoded("wav"))
    for path in (Path(name), tmp_path / name):
        assert sum(map(len, read_recording(path))) == SAMPLE_RATE
        assert recording_seconds(path) == pytest.approx(1.0)


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.wav"))
    path.write_bytes(encoded("wav"))
    assert sum(map(len, read_recording(path))) == SAMPLE_RATE


def test_a_recording_that_cannot_be_read_twice_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code = "import sys; from pathlib import Path; Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "pipe"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(encoded("flac"))
        writer.stdin.close()
        assert sum(map(len, read_recording(tmp_path / "pipe"))) == SAMPLE_RATE


MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT1S" type="static"><Period><AdaptationSet
mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>TARGET</BaseURL></Representation></AdaptationSet>
</Period></MPD>"""
PLAYLISTS = {
    "list.ffconcat": "ffconcat version 1.0\nfile TARGET\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nTARGET\n#EXT-X-ENDLIST\n",
    "list.mpd": MPD,
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "list.asx": '<asx version="3.0"><entry><ref href="TARGET"/></entry></asx>',
    "list.pls": "[playlist]\nFile1=TARGET\nNumberOfEntries=1\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_what_names_other_files_or_addresses_opens_none_of_them(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.mp3").write_bytes(encoded("mp3"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/secret.mp3"
        for target in ("secret.mp3", str(tmp_path / "secret.mp3"), f"file:{tmp_path}/secret.mp3", address):
            for written in (name, "innocent.wav"):
                (tmp_path / written).write_text(PLAYLISTS[name].replace("TARGET", target))
                with pytest.raises(AudioError, match=r"is not audio .*: WAV, FLAC, .* are taken, playlists are not"):
                    list(read_recording(tmp_path / written))
        with pytest.raises(TimeoutError):
            server.accept()


def test_every_format_that_is_taken_is_one_of_this_ffmpeg_and_none_lists_others() -> None:
    import av

    names = set(DEMUXERS.split(","))
    assert names - {"m4a"} <= av.formats_available
    assert not names & {
        "concat",
        "hls",
        "dash",
        "sdp",
        "rtsp",
        "rtp",
        "image2",
        "lavfi",
        "imf",
        "applehttp",
        "tedcaptions",
    }
