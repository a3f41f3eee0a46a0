"""How a refused request is told at each address: clients of other services read errors as those write them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from meeting.compat.deepgram import shapes as deepgram
from meeting.compat.openai import shapes as openai
from meeting.core.errors import ErrorCode, error_body

DEEPGRAM = ("/v1/listen", "/v2/listen")
OTHERS = "/v1/"
"""Beginning of the addresses that are OpenAI's, but for those"""


def error_shape(path: str, status: int, code: ErrorCode, message: str) -> Mapping[str, object]:
    """The body of an answer with an error."""
    if path in DEEPGRAM:
        return deepgram.refusal(code, message, str(uuid.uuid4()))
    if path.startswith(OTHERS):
        return {"error": openai.error_detail(status, code, message)}
    return error_body(code, message)
