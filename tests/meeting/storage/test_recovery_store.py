"""What is kept of running meetings, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from meeting.core.records import Gap, Meeting, Resume, State
from meeting.storage.recovery_store import ROWS_AT_ONCE, RecoveryStore
from meeting.storage.store import Store
from meeting.storage.transcript_store import TranscriptStore
from pipelines.errors import NotFound
from pipelines.types import SAMPLE_RATE, Segment, Span, Speaker, Word

pytestmark = pytest.mark.usefixtures("every_database")

A, B = "a" * 16, "b" * 16
NOW = datetime(2026, 1, 2, 3, tzinfo=timezone.utc)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        for id_ in (A, B):
            opened.create_meeting(Meeting(id_, "t", State.OPEN, NOW)).result()
        yield opened


def segment(number: int, rev: int = 1, text: str = "one", final: bool = True) -> Segment:
    span = Span(number * SAMPLE_RATE, (number + 1) * SAMPLE_RATE)
    return Segment(f"s{number}", rev, final, "src", span, "spk1", (Word(text, span),))


def test_running_meetings_are_found(store: Store) -> None:
    assert RecoveryStore(store).unfinished() == []
    store.set_state(B, State.LIVE).result()
    assert RecoveryStore(store).unfinished() == [B]


def test_a_resume_comes_back_as_it_was_and_can_be_changed(store: Store) -> None:
    recovery_store, resume = RecoveryStore(store), Resume("src", "0" * 64, ("Ypsilon",), None)
    recovery_store.save_resume(A, resume).result()
    assert recovery_store.resumes(A) == {"src": resume}
    away = replace(resume, lost_at=NOW)
    recovery_store.save_resume(A, away).result()
    assert recovery_store.resumes(A) == {"src": away}
    assert recovery_store.resumes(B) == {}


def test_a_digest_is_not_shown_where_values_are_printed() -> None:
    assert "secret" not in repr(Resume("src", "secret"))


def test_a_gap_is_kept_once_and_read_with_the_meeting(store: Store) -> None:
    gap = Gap("src", Span(5, 9), "lost")
    for reason in ("first", "lost"):
        RecoveryStore(store).save_gap(A, replace(gap, reason=reason)).result()
    assert TranscriptStore(store).record(A).gaps == (gap,)
    assert TranscriptStore(store).record(B).gaps == ()


def test_what_was_rebuilt_takes_the_place_of_everything_even_of_higher_revisions(store: Store) -> None:
    TranscriptStore(store).save_segments(A, [segment(0, 9, "old"), segment(7, 1, "stale")]).result()
    TranscriptStore(store).save_segments(B, [segment(0)]).result()
    TranscriptStore(store).save_speakers(A, [Speaker("spk1"), Speaker("spk9", color=8)]).result()
    rebuilt = [segment(0, 2, "new"), segment(1, 2), segment(2, 1, final=False)]
    RecoveryStore(store).replace_transcript(
        A, rebuilt, [Speaker("spk1", "Ann", 3)], [Gap("src", Span(1, 2), "x")]
    ).result()
    record = TranscriptStore(store).record(A)
    assert [(s.id, s.rev, s.text) for s in record.segments] == [("s0", 2, "new"), ("s1", 2, "one")]
    assert record.speakers == (Speaker("spk1", "Ann", 3),)
    assert record.gaps == (Gap("src", Span(1, 2), "x"),)
    assert len(TranscriptStore(store).record(B).segments) == 1


def test_a_long_meeting_is_replaced_at_once(store: Store) -> None:
    RecoveryStore(store).replace_transcript(A, [segment(n) for n in range(2 * ROWS_AT_ONCE + 1)], [], []).result()
    assert store.meeting(A).segments == 2 * ROWS_AT_ONCE + 1


def test_it_all_goes_with_the_meeting(store: Store) -> None:
    recovery_store = RecoveryStore(store)
    recovery_store.save_resume(A, Resume("src", "x")).result()
    recovery_store.save_gap(A, Gap("src", Span(1, 2), "x")).result()
    store.delete_meeting(A).result()
    assert recovery_store.resumes(A) == {}
    with pytest.raises(NotFound):
        recovery_store.save_resume(A, Resume("src", "x")).result()
