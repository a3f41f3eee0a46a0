"""The HTTP API against its own description, by schemathesis: requests that fit it, and requests that do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    FailureGroup,
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
"""What each answer must keep to. What is refused for the meeting's sake, such as making a voice one with itself, no
description can tell, so that requests that fit it may be refused"""


@dataclass
class Outcome:
    """What came of it."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By operation and status"""
    problems: list[str] = field(default_factory=list)
    """Answers that are not as described"""

    @property
    def sent(self) -> int:
        """Requests so far."""
        return sum(self.answers.values())


def conform(
    address: str,
    description: dict[str, Any],
    examples: int,
    tokens: list[str | None],
    meeting: Callable[[bool], str],
    repeatable: bool = False,
) -> Outcome:
    """Send so many requests of each kind to every operation of a server.

    `meeting` gives the id of one that is there; it is told whether that one is to be deleted. `repeatable` sends the
    same requests each time.
    """
    quiet = settings(
        max_examples=examples,
        deadline=None,
        derandomize=repeatable,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    schema, outcome = schemathesis.openapi.from_dict(description), Outcome()
    schema.config.base_url = address
    for found in schema.get_all_operations():
        operation = found.ok()
        modes = [GenerationMode.POSITIVE]
        if operation.body or operation.query:
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            quiet(_sending(operation, mode, tokens, meeting, outcome))()
    return outcome


def _sending(
    operation: Any,
    mode: GenerationMode,
    tokens: list[str | None],
    meeting: Callable[[bool], str],
    outcome: Outcome,
) -> Callable[[], None]:
    @given(
        case=operation.as_strategy(generation_mode=mode),
        token=st.sampled_from(tokens),
        there=st.sampled_from([1, 1, 0]),
    )
    def send(case: Any, token: str | None, there: int) -> None:
        if there and "meeting_id" in case.path_parameters:
            ours = {"meeting_id": meeting(operation.method == "delete"), "speaker_id": "spk1", "segment_id": "s0"}
            case.path_parameters.update((name, ours[name]) for name in case.path_parameters if name in ours)
        answer = case.call(headers={"Authorization": f"Bearer {token}"} if token else {})
        outcome.answers[operation.label, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for one in group.exceptions:
                outcome.problems.append(f"{operation.label}: {answer.status_code}: {one}")

    function: Callable[[], None] = send
    return function
