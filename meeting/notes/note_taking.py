"""The notes of a meeting: its transcript read part by part, what comes of it put together, every sentence checked."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from meeting.config.settings import Notes
from meeting.core.records import MeetingNotes, Record
from meeting.notes.chat import Chat
from meeting.notes.checking import check_sentences
from meeting.notes.drafts import Draft, read_draft
from meeting.notes.endpoint import Endpoint
from meeting.notes.errors import NotesError, UnusableAnswer
from meeting.notes.planning import Budget, group_answers, numbered_lines, split_lines
from meeting.notes.prompts import Question, ask_about_lines, ask_to_merge

log = logging.getLogger(__name__)

OnProgress = Callable[[int, int], Awaitable[None]]
"""Is told before each question how many parts were read, of how many; raises what is to end the job"""


async def take_notes(
    record: Record, fingerprint: str, endpoint: Endpoint, settings: Notes, on_progress: OnProgress
) -> MeetingNotes:
    """Notes of a meeting as its record is now, whose transcript has that fingerprint.

    Raises NotesError with a sentence on what to do.
    """
    budget = Budget(settings.context)
    parts = split_lines(numbered_lines(record), budget)
    if not parts:
        raise NotesError("nothing was said in this meeting, so there is nothing to note")
    log.info("meeting %s: notes, %d part(s) to %s", record.meeting.id, len(parts), endpoint.host)
    async with Chat(endpoint, settings.timeout, budget.answer) as chat:
        drafts = []
        for number, lines in enumerate(parts, 1):
            await on_progress(number - 1, len(parts))
            drafts.append(await _ask(chat, ask_about_lines(record, lines, number, len(parts))))
        while len(drafts) > 1:
            groups = group_answers([draft.to_json() for draft in drafts], budget)
            merged = []
            for group in groups:
                await on_progress(len(parts), len(parts))
                merged.append(await _merge(chat, record, [drafts[at] for at in group]))
            drafts = merged
    (draft,) = drafts
    return MeetingNotes(
        check_sentences(draft.summary, record.segments),
        check_sentences(draft.decisions, record.segments),
        check_sentences(draft.actions, record.segments),
        endpoint.model,
        endpoint.host,
        datetime.now(timezone.utc),
        fingerprint,
        draft.incomplete,
    )


async def _merge(chat: Chat, record: Record, drafts: Sequence[Draft]) -> Draft:
    if len(drafts) == 1:
        return drafts[0]
    merged = await _ask(chat, ask_to_merge(record, drafts))
    return replace(merged, incomplete=merged.incomplete or any(draft.incomplete for draft in drafts))


async def _ask(chat: Chat, question: Question) -> Draft:
    """A draft in answer to a question, which is asked once more where the answer is no use or broke off."""
    draft, problem = await _try(chat, question)
    if draft is None or draft.incomplete:
        second, problem = await _try(chat, question.again(problem))
        draft = second or draft
    if draft is None:
        raise NotesError(
            f"the language model does not answer in the form that was asked for, twice in a row: {problem}; "
            "try another model"
        )
    return draft


async def _try(chat: Chat, question: Question) -> tuple[Draft | None, str]:
    """A draft, if the answer is one, and what is wrong with it."""
    answer = await chat.ask(question)
    try:
        return read_draft(answer.text, answer.broke_off), "it broke off: write less"
    except UnusableAnswer as error:
        return None, str(error)
