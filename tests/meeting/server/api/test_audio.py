"""Audio over HTTP, whole and in ranges."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.core.placing import in_meeting
from meeting.core.records import Source
from meeting.server.api.audio import byte_range
from meeting.storage.files.flac import FlacWriter
from meeting.storage.files.mix_gains import FULL, SOFT
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from tests.fakes.server_fakes import Serving, tone
from tests.fakes.stored import keep_two_sources


def test_audio_can_be_had_whole_and_in_ranges(served: Serving) -> None:
    path = f"/api/meetings/{served.held()}/audio"
    whole = served.http.get(path)
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.content[:4] == b"fLaC"
    part = served.http.get(path, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"LaC")
    assert part.headers["content-range"] == f"bytes 1-3/{len(whole.content)}"


@pytest.mark.parametrize("asked", ["bytes=9-8", "bytes=-", "bytes=", "bytes=0-1,5-6", "seconds=1-2", "3", "bytes=a-b"])
def test_a_range_that_asks_for_no_one_part_is_ignored(served: Serving, asked: str) -> None:
    path = f"/api/meetings/{served.held()}/audio"
    whole = served.http.get(path)
    answer = served.http.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert answer.headers["content-type"] == "audio/flac"


def test_audio_is_that_of_the_source_that_spoke_not_of_one_that_was_cut_off_before(served: Serving) -> None:
    meeting_id = served.held()
    silent = Source("0", "", "room", "pcm_s16le", 16000, 1, audio=f"{meeting_id}.0.flac")
    TranscriptStore(served.app.state.rooms.store).save_source(meeting_id, silent).result()
    assert served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"] == "0"
    assert served.http.get(f"/api/meetings/{meeting_id}/audio").content[:4] == b"fLaC"


def test_a_source_that_joined_and_sent_nothing_makes_no_meeting_of_several(served: Serving) -> None:
    meeting_id = served.held()
    store: Store = served.app.state.rooms.store
    with FlacWriter(store.files.audio_path(meeting_id, "late")) as writer:
        pass
    assert writer.samples == 1
    late = Source("late", "", "room", "pcm_s16le", 16000, 1, audio=writer.path.name, number=2, anchors=((0, 90_000),))
    TranscriptStore(store).save_source(meeting_id, late).result()
    assert served.http.get(f"/api/meetings/{meeting_id}/audio").content[:4] == b"fLaC"
    assert len(heard(served, f"/api/meetings/{meeting_id}/audio?format=wav")) == 16_000


def test_audio_of_one_source_can_be_asked_for(served: Serving) -> None:
    meeting_id = served.held()
    source = served.http.get(f"/api/meetings/{meeting_id}").json()["sources"][0]["id"]
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source={source}").status_code == 200
    assert served.http.get(f"/api/meetings/{meeting_id}/audio?source=other").status_code == 404
    assert served.http.get(f"/api/meetings/{served.create()}/audio").status_code == 404


def test_as_wav_every_second_has_its_place(served: Serving) -> None:
    path = f"/api/meetings/{served.held(seconds=3.0)}/audio?format=wav"
    whole = served.http.get(path)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert (len(whole.content), whole.content[:4]) == (44 + 96_000, b"RIFF")
    part = served.http.get(path, headers={"Range": f"bytes={44 + 32_000}-{44 + 63_999}"})
    assert (part.status_code, part.content) == (206, whole.content[44 + 32_000 : 44 + 64_000])
    assert part.headers["content-range"] == f"bytes 32044-64043/{len(whole.content)}"
    beyond = served.http.get(path, headers={"Range": f"bytes={len(whole.content)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")


def test_while_a_meeting_is_live_what_was_said_so_far_can_be_had_as_wav_alone(served: Serving) -> None:
    meeting_id = served.create()
    path = f"/api/meetings/{meeting_id}/audio"
    with served.connect(meeting_id) as source:
        source.start()
        source.frame(0, tone(5.0))
        source.until("stats")
        assert served.http.get(path).status_code == 409
        part = served.http.get(f"{path}?format=wav", headers={"Range": f"bytes={44 + 32_000}-{44 + 63_999}"})
        assert (part.status_code, part.content) == (206, tone(5.0)[32_000:64_000])
        source.send("stop")
        source.close_code()
    assert served.http.get(path).status_code == 200
    assert served.http.get(f"{path}?format=mp3").status_code == 422


def heard(served: Serving, path: str, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """The samples of a WAV from one second to another."""
    last = "" if end is None else f"{43 + round(32_000 * end)}"
    answer = served.http.get(path, headers={"Range": f"bytes={44 + round(32_000 * start)}-{last}"})
    assert answer.status_code == 206
    return np.frombuffer(answer.content, "<i2")


def test_of_several_sources_all_are_heard_together_on_the_clock_of_the_meeting_or_one_on_its_own(
    served: Serving,
) -> None:
    store: Store = served.app.state.rooms.store
    path = f"/api/meetings/{keep_two_sources(store, 'two').id}/audio"
    assert len(served.http.get(f"{path}?format=wav").content) == 44 + 8 * 32_000
    assert set(heard(served, f"{path}?format=wav", 0, 2)) == {8192}
    # From 3 to 5 s the words of the second source are shown, and the first one is heard softly.
    assert set(heard(served, f"{path}?format=wav", 3.1, 4.9)) == {8192 * SOFT // FULL + 4096}
    assert set(heard(served, f"{path}?format=wav", 5.5, 6)) == {8192 + 4096}
    assert set(heard(served, f"{path}?format=wav", 6)) == {4096}
    alone = heard(served, f"{path}?format=wav&source=b")
    assert (len(alone), set(alone)) == (6 * 16_000, {4096})


def test_of_several_sources_a_flac_is_one_of_them(served: Serving) -> None:
    store: Store = served.app.state.rooms.store
    path = f"/api/meetings/{keep_two_sources(store, 'flacs').id}/audio"
    refused = served.http.get(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")
    assert "name one of them (source=)" in refused.json()["error"]["message"]
    assert served.http.get(f"{path}?source=b").content == store.files.audio_path("flacs", "b").read_bytes()
    store.files.audio_path("flacs", "a").unlink()
    assert served.http.get(path).content[:4] == b"fLaC"
    later = heard(served, f"{path}?format=wav")
    assert (len(later), set(later[:32_000]), set(later[32_000:])) == (8 * 16_000, {0}, {4096})


def test_while_a_meeting_of_several_is_live_all_that_is_on_the_disk_is_heard(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which words are stored by now, and so who is softer, is a matter of time.
    monkeypatch.setattr("meeting.storage.files.mix_gains.SOFT", FULL)
    meeting_id = served.create()
    path = f"/api/meetings/{meeting_id}/audio?format=wav"
    with served.connect(meeting_id) as first, served.connect(meeting_id) as second:
        first.start()
        first.frame(0, tone(5.0))
        first.until("stats")
        second.start(source={"name": "Ben", "kind": "solo"})
        second.frame(0, tone(4.0))
        second.until("stats")
        together = heard(served, path, 0, 3)
        for source in (first, second):
            source.send("stop")
        first.close_code()
        second.close_code()
    _, ben = TranscriptStore(served.app.state.rooms.store).record(meeting_id).sources
    sound = np.frombuffer(tone(5.0), "<i2")
    expected = sound[:48_000].astype(int)
    begins = in_meeting(ben.anchors, 0)
    expected[begins:] += sound[: max(0, 48_000 - begins)]
    assert np.array_equal(together, expected)
    assert 0 < len(heard(served, path)) == max(5 * 16_000, in_meeting(ben.anchors, 4 * 16_000))


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (None, (0, 100)),
        ("bytes=0-", (0, 100)),
        ("Bytes = 10 - 19 ", (10, 20)),
        ("bytes=10-900", (10, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-900", (0, 100)),
        ("bytes=99-99", (99, 100)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=9-8", (0, 100)),
        ("bytes=-", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("seconds=1-2", (0, 100)),
        (f"bytes={'9' * 5000}-", (0, 100)),
        ("bytes=٣-", (0, 100)),
    ],
)
def test_one_part_is_given_and_what_is_not_understood_is_the_whole(asked: str, part: tuple[int, int] | None) -> None:
    assert byte_range(asked, 100) == part
