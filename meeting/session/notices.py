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
    return [*messages, *language_notices(live, models)]


def language_notices(live: LiveSource, models: ModelInfo) -> list[Effect]:
    """Tell a source that the models, once they are loaded, do not know its language or cannot translate it.

    They transcribe all the same.
    """
    known, wanted = models.get("languages"), live.start.language
    told = []
    if wanted is not None and known and set(known).isdisjoint(language_codes(wanted)):
        told.append(f"the models of this server read {', '.join(known)} only: what is said in {wanted} comes out wrong")
    if live.start.translate and models and not models.get("translates"):
        told.append("the models of this server cannot translate: what is said is written down in its own language")
    if live.client is None:
        return []
    return [Send(live.client, ErrorMessage(ErrorCode.LANGUAGE, message, False)) for message in told]
