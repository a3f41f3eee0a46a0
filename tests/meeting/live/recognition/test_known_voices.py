"""Which voices the meetings that run know; tests/meeting/server/speakers asks for the rest over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from meeting.core.errors import Conflict, ErrorCode
from meeting.core.records import State
from meeting.live.recognition.known_voices import KnownVoices
from meeting.live.rooms import Rooms
from meeting.session.events import OutputReceived
from meeting.storage.transcript_store import TranscriptStore
from meeting.voices.matching import VoiceProfile
from pipelines.errors import NotFound
from pipelines.types import Speaker, Voice, VoicesHeard
from tests.fakes.stored import kept
from tests.meeting.live.test_rooms import A, B, among, entered, go_live

ANN = VoiceProfile("v1", "Ann", "ge2e", np.array([1.0, 0.0], np.float32), 20.0)


async def shows(rooms: Rooms, meeting_id: str, name: str | None) -> None:
    """Wait until the one who sounds like Ann is called so in a meeting; never returns otherwise."""
    room = await entered(rooms, meeting_id)
    if not room.sources:
        await go_live(rooms, meeting_id)
    room.post(OutputReceived(room.sources[0], Speaker("spk1")))
    room.post(OutputReceived(room.sources[0], VoicesHeard((Voice("spk1", ANN.embedding, 20.0),), "ge2e")))
    while [speaker.name for speaker in room.session.transcript.speakers] != [name]:
        await asyncio.sleep(0.001)


@pytest.mark.timeout(60)
def test_every_meeting_that_is_opened_knows_what_another_program_has_kept_or_forgotten(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        voices = KnownVoices(rooms)
        kept(rooms.store)
        voices.store.keep(ANN, "m1", "spk1").result()
        await shows(rooms, A, "Ann")
        voices.store.forget("v1").result()
        await entered(rooms, B)  # that is when it is read again
        await shows(rooms, A, None)
        await shows(rooms, B, None)

    among(tmp_path, body)


def test_a_database_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        voices = KnownVoices(rooms)
        rooms.store.close()
        await voices.refresh()
        rooms.store.open()

    among(tmp_path, body)


def test_of_a_meeting_that_is_over_a_voice_needs_a_speaker_with_a_name_and_its_audio(tmp_path: Path) -> None:
    async def body(rooms: Rooms) -> None:
        voices = KnownVoices(rooms)
        kept(rooms.store)
        transcripts = TranscriptStore(rooms.store)
        transcripts.save_speakers("m1", [Speaker("spk1"), Speaker("spk2", "Ann")]).result()
        with pytest.raises(Conflict, match="at rest"):
            await voices.remember("m1", "spk2")
        rooms.store.set_state("m1", State.ENDED).result()
        with pytest.raises(Conflict) as no_name:
            await voices.remember("m1", "spk1")
        with pytest.raises(Conflict) as no_audio:
            await voices.remember("m1", "spk2")
        assert (no_name.value.code, no_audio.value.code) == (ErrorCode.NO_NAME, ErrorCode.NO_AUDIO)
        with pytest.raises(NotFound):
            await voices.remember("m1", "spk3")
        assert voices.store.profiles() == ()

    among(tmp_path, body)
