"""Which role each route takes."""

from __future__ import annotations

import re
from functools import cache

from meeting.core.access import Role

REQUIRED_ROLES: dict[tuple[str, str], Role] = {
    ("GET", "/"): Role.ANYONE,
    ("GET", "/search"): Role.ANYONE,
    ("GET", "/voices"): Role.ANYONE,
    ("GET", "/m/{meeting_id}"): Role.ANYONE,
    ("GET", "/m/{meeting_id}/"): Role.ANYONE,
    ("GET", "/m/{meeting_id}/captions"): Role.ANYONE,
    ("GET", "/static/{path:path}"): Role.ANYONE,
    ("GET", "/docs"): Role.ANYONE,
    ("GET", "/openapi.json"): Role.ANYONE,
    ("GET", "/healthz"): Role.ANYONE,
    ("GET", "/readyz"): Role.ANYONE,
    ("GET", "/metrics"): Role.SERVER,
    ("GET", "/api/meetings"): Role.SERVER,
    ("POST", "/api/meetings"): Role.SERVER,
    ("GET", "/api/models"): Role.SERVER,
    ("GET", "/api/jobs"): Role.SERVER,
    ("POST", "/api/jobs"): Role.SERVER,
    ("GET", "/api/jobs/{job_id}"): Role.SERVER,
    ("DELETE", "/api/jobs/{job_id}"): Role.SERVER,
    ("GET", "/api/jobs/{job_id}/recording"): Role.SERVER,
    ("PATCH", "/api/jobs/{job_id}/recording"): Role.SERVER,
    ("GET", "/api/search"): Role.VIEW,
    ("GET", "/api/meetings/{meeting_id}"): Role.VIEW,
    ("PATCH", "/api/meetings/{meeting_id}"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/hotwords"): Role.HOST,
    ("PUT", "/api/meetings/{meeting_id}/hotwords"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/end"): Role.HOST,
    ("PATCH", "/api/meetings/{meeting_id}/sources/{source_id}"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}/sources/{source_id}"): Role.HOST,
    ("PATCH", "/api/meetings/{meeting_id}/speakers/{speaker_id}"): Role.HOST,
    ("PATCH", "/api/meetings/{meeting_id}/segments/{segment_id}"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/speakers/{speaker_id}/voice"): Role.HOST,
    ("PUT", "/api/meetings/{meeting_id}/speakers/{speaker_id}/voice"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}/speakers/{speaker_id}/voice"): Role.HOST,
    ("GET", "/api/voices"): Role.SERVER,
    ("PATCH", "/api/voices/{voice_id}"): Role.SERVER,
    ("DELETE", "/api/voices/{voice_id}"): Role.SERVER,
    ("GET", "/api/meetings/{meeting_id}/segments/{segment_id}"): Role.VIEW,
    ("PATCH", "/api/meetings/{meeting_id}/segments"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/segments/{segment_id}/split"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/segments/{segment_id}/join"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/changes/{change_id}/undo"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/transcript"): Role.VIEW,
    ("POST", "/api/meetings/{meeting_id}/transcription"): Role.SERVER,
    ("GET", "/api/meetings/{meeting_id}/export"): Role.VIEW,
    ("GET", "/api/meetings/{meeting_id}/statistics"): Role.VIEW,
    ("GET", "/api/meetings/{meeting_id}/notes"): Role.VIEW,
    ("POST", "/api/meetings/{meeting_id}/notes"): Role.HOST,
    ("DELETE", "/api/meetings/{meeting_id}/notes"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/audio"): Role.HOST,
    ("GET", "/api/meetings/{meeting_id}/links"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/links"): Role.HOST,
    ("POST", "/api/meetings/{meeting_id}/links/qr"): Role.VIEW,
    ("DELETE", "/api/meetings/{meeting_id}/links/{link_id}"): Role.HOST,
    ("WEBSOCKET", "/ws/meetings/{meeting_id}"): Role.ANYONE,  # asks by itself, since it may be told by a message
    ("WEBSOCKET", "/transcribe"): Role.ANYONE,  # these too
    ("WEBSOCKET", "/transcription"): Role.ANYONE,
    ("WEBSOCKET", "/v1/listen"): Role.ANYONE,
    ("WEBSOCKET", "/v2/listen"): Role.ANYONE,
    ("WEBSOCKET", "/v1/realtime"): Role.ANYONE,
    ("POST", "/v1/listen"): Role.SERVER,
    ("POST", "/v1/audio/transcriptions"): Role.SERVER,
    ("POST", "/v1/audio/translations"): Role.SERVER,
    ("GET", "/v1/models"): Role.SERVER,
    ("POST", "/mcp"): Role.VIEW,
    ("GET", "/v1/models/{model_id}"): Role.SERVER,
}
"""(method, path) -> who may; what is not here takes the server token. The pages hold nothing of any meeting."""

OF_WHAT_ONE_MAY_READ = frozenset({"/api/search", "/mcp"})
"""Paths of no one meeting: a link comes in, too, and the endpoint answers of what that opens"""


def required_role(method: str, path: str) -> tuple[Role, str | None]:
    """The role that a request takes, and the id of the meeting that it is about, if it is about one."""
    method = "GET" if method == "HEAD" else method
    for known, pattern, role in _patterns():
        if known == method and (found := pattern.fullmatch(path)):
            return role, found.groupdict().get("meeting_id")
    return Role.SERVER, None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], Role], ...]:
    return tuple((method, _pattern(path), role) for (method, path), role in REQUIRED_ROLES.items())


def _pattern(path: str) -> re.Pattern[str]:
    named = re.sub(r"\{(\w+):path\}", r"(?P<\1>.*)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", named))
