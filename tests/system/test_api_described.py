"""The HTTP API keeps to its own description: statuses, content types and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.access_fakes import TOKEN, Locked

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from benchmarks.torture.described import Outcome


@pytest.fixture(scope="module")
def outcome(server: Locked) -> Outcome:
    """A few requests to every operation."""
    from benchmarks.torture.described import conform

    held = server.held()
    described = server.call("GET", "/openapi.json", None).json()
    return conform(
        f"http://127.0.0.1:{server.serving.port}",
        described,
        6,
        [TOKEN, TOKEN, held.host, held.view, None],
        lambda doomed: server.create().id if doomed else held.id,
        repeatable=True,
    )


def test_every_answer_is_as_described(outcome: Outcome) -> None:
    assert outcome.problems == []


def test_every_operation_was_asked_and_most_have_answered_well(outcome: Outcome, server: Locked) -> None:
    described = server.call("GET", "/openapi.json", None).json()
    operations = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    assert {label for label, _ in outcome.answers} == operations
    assert {label for label, status in outcome.answers if status < 300} >= operations - {
        "DELETE /api/meetings/{meeting_id}/links/{link_id}",  # nobody guesses the id of a link
        "POST /api/meetings/{meeting_id}/links/qr",  # or the address of one
        "GET /api/jobs/{job_id}",  # or of a job
        "DELETE /api/jobs/{job_id}",
        "GET /api/jobs/{job_id}/recording",
        "PATCH /api/jobs/{job_id}/recording",
        "PATCH /api/meetings/{meeting_id}/segments/{segment_id}",  # nor the revision of a line
        "GET /api/meetings/{meeting_id}/segments/{segment_id}",  # nor its id
        "PATCH /api/meetings/{meeting_id}/segments",
        "POST /api/meetings/{meeting_id}/segments/{segment_id}/split",
        "POST /api/meetings/{meeting_id}/segments/{segment_id}/join",
        "POST /api/meetings/{meeting_id}/changes/{change_id}/undo",
        "PATCH /api/meetings/{meeting_id}/sources/{source_id}",  # or that of a source, while its meeting is live
        "DELETE /api/meetings/{meeting_id}/sources/{source_id}",
        "PUT /api/meetings/{meeting_id}/speakers/{speaker_id}/voice",  # nobody has said enough to be remembered
        "DELETE /api/meetings/{meeting_id}/speakers/{speaker_id}/voice",
        "PATCH /api/voices/{voice_id}",
        "DELETE /api/voices/{voice_id}",
        "POST /api/meetings/{meeting_id}/notes",  # this server knows no language model
    }
