"""The voices that are kept, as the meetings that run know them, and how one is remembered or forgotten.

How the people of a meeting sound is in memory while it runs, and nowhere else: a voice is stored only where somebody
asks for it. Of a meeting that is over it is found in the stored audio.
"""

from __future__ import annotations

import asyncio

from meeting.cluster.ownership import holding
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.ids import new_id
from meeting.core.records import State
from meeting.core.transcript import resolve
from meeting.live.recognition.past_voice import past_voice
from meeting.live.room import Room
from meeting.live.rooms import Rooms
from meeting.session.events import VoicesChanged
from meeting.storage.profiles.voice_store import VoiceStore
from meeting.storage.transcript_store import TranscriptStore
from meeting.voices.matching import ENROL_SECONDS, VoiceProfile
from pipelines.errors import NotFound, StoreError
from pipelines.types import Speaker, Voice


class KnownVoices:
    """Tells running meetings which voices are kept; lives on the event loop."""

    def __init__(self, rooms: Rooms) -> None:
        self.store = VoiceStore(rooms.store)
        self._rooms = rooms
        self._profiles: tuple[VoiceProfile, ...] = ()
        self._refreshing = asyncio.Lock()
        self._listening = asyncio.Semaphore(1)  # one at a time: each takes the models for a second or two
        self._tasks: set[asyncio.Task[None]] = set()
        rooms.on_opened = self._opened

    def _opened(self, room: Room) -> None:
        room.post(VoicesChanged(self._profiles))
        task = asyncio.create_task(self.refresh())  # another program may have forgotten one
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def refresh(self) -> None:
        """Read which voices are kept, and tell the meetings that run where others are than before."""
        async with self._refreshing:
            try:
                profiles = await asyncio.to_thread(self.store.profiles)
            except StoreError:
                return  # the next meeting tries again; until then what is known goes on to be
            if profiles == self._profiles:
                return
            self._profiles = profiles
            for room in self._rooms.open:
                room.post(VoicesChanged(profiles))

    async def remember(self, meeting_id: str, speaker_id: str) -> VoiceProfile:
        """Keep the voice of a speaker that has a name, from now on.

        Raises NotFound, ModelError, AudioError, StoreError, and Conflict where it has no name, too little of it was
        heard, no audio is left, or another voice that is kept has its name; Elsewhere or Moving where the meeting is
        another server's.
        """
        async with holding(self._rooms.ownership, meeting_id) as claim:
            profile, speaker = await self._profile(meeting_id, speaker_id)
            await asyncio.wrap_future(VoiceStore(claim.store).keep(profile, meeting_id, speaker.id))
        await self.refresh()
        return profile

    async def _profile(self, meeting_id: str, speaker_id: str) -> tuple[VoiceProfile, Speaker]:
        room = self._rooms.get(meeting_id)
        if room is not None and room.session.state is not State.ENDED:
            speaker = _speaker(room.session.transcript.speakers, speaker_id)
            name, found = _name(speaker), room.session.voice(speaker_id)
        else:
            name, speaker, found = await self._listen(meeting_id, speaker_id)
        if found is None or found[0].seconds < ENROL_SECONDS:
            seconds = 0.0 if found is None else found[0].seconds
            raise Conflict(
                f"{seconds:.0f} s of this voice alone were heard: {ENROL_SECONDS:.0f} s are needed to remember it",
                ErrorCode.TOO_LITTLE,
            )
        voice, model = found
        return VoiceProfile(new_id(), name, model, voice.embedding, voice.seconds), speaker

    async def _listen(self, meeting_id: str, speaker_id: str) -> tuple[str, Speaker, tuple[Voice, str] | None]:
        store, loader = self._rooms.store, self._rooms.services.engine
        async with self._listening:
            record = await asyncio.to_thread(TranscriptStore(store).record, meeting_id)
            speaker = _speaker(record.speakers, speaker_id)
            name = _name(speaker)
            if record.meeting.state != State.ENDED:
                raise Conflict("the meeting is not at rest: remember the voice once it has ended")
            return name, speaker, await asyncio.to_thread(past_voice, store, loader, record, speaker.id)

    async def rename(self, profile_id: str, name: str) -> None:
        """Give a voice another name, from now on; raises NotFound, Conflict and StoreError."""
        await asyncio.wrap_future(self.store.rename(profile_id, name))
        await self.refresh()

    async def forget(self, profile_id: str) -> None:
        """Remove a voice and all that was kept of it; raises NotFound and StoreError."""
        await asyncio.wrap_future(self.store.forget(profile_id))
        await self.refresh()

    async def forget_made_from(self, meeting_id: str, speaker_id: str) -> None:
        """The same for what was remembered from a speaker of a meeting; raises NotFound and StoreError."""
        async with holding(self._rooms.ownership, meeting_id) as claim:
            await asyncio.wrap_future(VoiceStore(claim.store).forget_made_from(meeting_id, speaker_id))
        await self.refresh()


def _speaker(speakers: tuple[Speaker, ...], speaker_id: str) -> Speaker:
    """Who a speaker turned out to be; raises NotFound."""
    stands_for = resolve(speakers).get(speaker_id)
    for speaker in speakers:
        if speaker.id == stands_for:
            return speaker
    raise NotFound("there is no such speaker in this meeting")


def _name(speaker: Speaker) -> str:
    if speaker.name is None:
        raise Conflict("this voice has no name: give it one before it is remembered", ErrorCode.NO_NAME)
    if speaker.recognized:
        raise Conflict("this voice was recognised: say first that the name is right", ErrorCode.NO_NAME)
    return speaker.name
