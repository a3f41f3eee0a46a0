"""How a speaker of a meeting that is over sounds, found in its stored audio: nothing of it was kept before."""

from __future__ import annotations

from collections import Counter

import numpy as np

from meeting.core.errors import Conflict, ErrorCode
from meeting.core.placing import span_in_source
from meeting.core.records import Record, Source
from meeting.sources.earlier_audio import EarlierAudio
from meeting.sources.engine_loader import EngineLoader
from meeting.storage.kept_sound import kept_sound
from meeting.storage.store import Store
from meeting.voices.speech import spans_alone
from pipelines.engine.voices import find_voice
from pipelines.types import SAMPLE_RATE, Samples, Turn, Voice

LONGEST = 60 * SAMPLE_RATE
"""Samples of a speaker that are listened to"""


def past_voice(store: Store, loader: EngineLoader, record: Record, speaker: str) -> tuple[Voice, str] | None:
    """How a speaker sounds, and the embedding model that says so; None where nothing of it can be heard alone.

    Waits for models that are being loaded, and computes for a second or two. Raises Conflict where no audio was kept,
    ModelError, AudioError, and BlockError where too much waits.
    """
    audio = _audio_of(store, record, speaker)
    engine = loader.wait()
    heard = find_voice(engine.assign(), speaker, audio) if len(audio) else None
    return None if heard is None else (heard, engine.models.get("embedding", ""))


def _audio_of(store: Store, record: Record, speaker: str) -> Samples:
    """What a speaker says alone, joined, shape (samples,)."""
    kept = {source.id: source for source in record.sources if source.audio is not None}
    heard_by = Counter(line.source_id for line in record.segments if line.speaker == speaker and line.source_id in kept)
    found = [kept[id_] for id_, _ in heard_by.most_common(1)]
    paths = [kept_sound(store, record.meeting, source.id) for source in found]
    if not paths or not paths[0].is_file():
        raise Conflict(
            "the audio of this meeting is not kept, so that the voice cannot be heard again", ErrorCode.NO_AUDIO
        )
    stored = EarlierAudio(paths[0])
    alone = spans_alone(_turns_in(found[0], record, speaker), speaker, LONGEST)
    placed = [span_in_source(found[0].anchors, span) for span in alone]
    parts = [stored.read(span.start, len(span)) for span in placed]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _turns_in(source: Source, record: Record, speaker: str) -> list[Turn]:
    """All turns; of the speaker's, where there are several sources, what is shown as heard by this one."""
    if len(record.sources) == 1:
        return list(record.turns)
    lines = (line for line in record.segments if line.speaker == speaker and line.source_id == source.id)
    others = (turn for turn in record.turns if turn.speaker != speaker)
    return [*others, *(Turn(line.span, speaker) for line in lines)]
