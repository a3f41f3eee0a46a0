"""Files that the process may have open: how many, what they are kept for, and how many connections that leaves."""

from __future__ import annotations

import sys

from meeting.config.settings import Limits
from meeting.transport.connections import MAX_SILENT

BASE_FILES = 128
"""Files of a server without meetings and connections: models, the database, what libraries open now and then"""
FILES_PER_MEETING = 16
"""Files of a live meeting: journals, FLAC, reading them again, a process that decodes"""
ASSUMED_MEETINGS = 16
"""Live meetings to reckon with where no number is set: as many as are taken on before this machine was measured"""
MIN_CONNECTIONS = 16
"""Connections that there may always be"""
MAX_FILES = 1 << 20
"""More files than this are not asked for where there is no limit"""


def raise_limit() -> int | None:
    """Have as many files open as the system lets this user; how many these are, None where it does not say."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # some systems have a lower bound that they do not tell
        return soft
    return wanted


def connections_allowed(files: int, live: int) -> int:
    """Connections that there may be beside so many live meetings."""
    return max(MIN_CONNECTIONS, files - BASE_FILES - FILES_PER_MEETING * live)


def files_needed(limits: Limits) -> int:
    """Files that all meetings with all readers take, and those who are not in yet."""
    meetings = expected_meetings(limits)
    return BASE_FILES + FILES_PER_MEETING * meetings + meetings * (limits.viewers + 1) + limits.pending + MAX_SILENT


def expected_meetings(limits: Limits) -> int:
    """Live meetings to reckon with: as set, or as many as are taken on before this machine was measured."""
    return limits.meetings or ASSUMED_MEETINGS


def shortage(limits: Limits, files: int | None) -> str | None:
    """What the limit of open files does not allow of the settings, in a sentence; None where it does, or is unknown."""
    if files is None or files >= files_needed(limits):
        return None
    meetings = expected_meetings(limits)
    places = max(0, connections_allowed(files, meetings) - limits.pending - MAX_SILENT)
    return (
        f"this user may have {files} files open, which leaves room for {places} people in meetings, while {meetings} "
        f"meetings with {limits.viewers} viewers each need {files_needed(limits)} files"
    )


ADVICE = (
    "raise the limit (`ulimit -n`, LimitNOFILE= of the service, --ulimit nofile= of the container), "
    "or lower limits.viewers or limits.meetings"
)
"""What to do about it"""
