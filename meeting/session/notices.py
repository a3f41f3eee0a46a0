"""What a source's client is told before it may speak, and why its text does not come at once; pure."""

from __future__ import annotations

from meeting.core.errors import ErrorCode
from meeting.core.messages import ErrorMessage, SessionMessage
from meeting.session.events import Effect, Send
from meeting.session.source import LiveSource
from pipelines.options import language_codes
from pipelines.types import ModelInfo

RECOVERING = ErrorMessage(
    ErrorCode.RECOVERING,
    "the server was interrupted and reads again what it has; nothing is lost, and the text follows",
    False,
)
"""What a source is told that comes back before its meeting is rebuilt"""

LOADING = ErrorMessage(
    ErrorCode.LOADING,
    "the models are being loaded; what is said is saved, and its text follows as soon as they are",
    False,
)
"""What a source is told while there are no models yet"""


def welcome(live: LiveSource, meeting_id: str, models: ModelInfo, recovering: bool) -> list[Effect]:
    """Tell a source's client that it may speak, and why its text does not come at once, if so."""
    if live.client is None:
        return []
    session = SessionMessage(meeting_id, live.source.id, live.resumption.token, live.appended, models)
    why = RECOVERING if recovering else None if models else LOADING
    messages: list[Effect] = [Send(live.client, session), *([] if why is None else [Send(live.client, why)])]
    return [*messages, *other_language(live, models)]


def other_language(live: LiveSource, models: ModelInfo) -> list[Effect]:
    """Tell a source that it asked for a language that the models do not know; they transcribe theirs all the same."""
    known, wanted = models.get("languages"), live.start.language
    if live.client is None or wanted is None or not known or not set(known).isdisjoint(language_codes(wanted)):
        return []
    message = f"the models of this server read {', '.join(known)} only: what is said in {wanted} comes out wrong"
    return [Send(live.client, ErrorMessage(ErrorCode.LANGUAGE, message, False))]
