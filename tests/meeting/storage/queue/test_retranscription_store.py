"""Another transcript in the place of a meeting's, in a real database."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.editing.changes import SpeakerChange
from meeting.core.errors import Conflict
from meeting.core.records import Edits, Meeting, Source, State
from meeting.storage.edit_store import EditStore
from meeting.storage.queue.retranscription_store import NewTranscript, RetranscriptionStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.types import ModelInfo, Segment, Span, Speaker, Turn, TurnsRevised, Word

pytestmark = pytest.mark.usefixtures("every_database")

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
LINE = Segment("s0", 1, True, "a", Span(0, 10), "spk1", (Word("old", Span(0, 10), 0.5),), 3)
NEW = Segment("x-s0", 1, True, "a", Span(0, 12), "spk1", (Word("new", Span(0, 12), 0.5),), 3)


@pytest.mark.parametrize("state", [State.ENDED, State.LIVE])
def test_all_is_replaced_at_once_unless_it_was_edited_or_is_not_at_rest(tmp_path: Path, state: State) -> None:
    with Store(tmp_path) as store:
        store.create_meeting(Meeting("m", "Talk", state, NOW)).result()
        transcripts = TranscriptStore(store)
        transcripts.save_source("m", Source("a", "", "room", "wav", 0, 0, "en")).result()
        transcripts.save_segments("m", [LINE]).result()
        transcripts.save_speakers("m", [Speaker("spk1")]).result()
        transcripts.save_source("m", Source("b", "", "room", "wav", 0, 0, "en", number=2)).result()
        gone = TurnsRevised(Span(20, 30), (Turn(Span(20, 30), "spk1"),))
        transcripts.save_turns("m", "b", gone).result()
        transcripts.save_turns("m", "a", TurnsRevised(Span(0, 10), (Turn(Span(0, 10), "spk1"),))).result()
        turns = (Turn(Span(0, 12), "spk1"),)
        new = NewTranscript((NEW,), (Speaker("spk1"),), {"a": turns}, {"a": {"spk2": "spk1"}})

        def replace(edits: Edits) -> bool:
            return RetranscriptionStore(store).replace("m", edits, new, ModelInfo(speech="x"), "de").result()

        if state is State.LIVE:
            with pytest.raises(Conflict):
                replace(Edits())
            return
        EditStore(store).change("m", SpeakerChange("spk1", rename=True, name="Ann"))
        assert not replace(Edits())
        assert transcripts.record("m").segments == (LINE,)
        assert replace(EditStore(store).edits("m"))
        record = transcripts.record("m")
        assert record.segments == (NEW,)
        assert transcripts.source_turns("m") == {"a": turns, "b": gone.turns}, "what is not heard again stays"
        assert (record.meeting.models, [source.language for source in record.sources]) == (
            {"speech": "x"},
            ["de", "en"],
        )
        assert record.sources[0].speakers == {"spk2": "spk1"}
