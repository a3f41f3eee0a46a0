"""File descriptors: how many the process may have, what they are kept for, and how many connections that leaves."""

from __future__ import annotations

import sys

from meeting.config.settings import Limits
from meeting.transport.connections import MAX_SILENT

BASE_FILES = 128
"""Descriptors of a server without meetings and connections: models, the database, what libraries open at times"""
FILES_PER_MEETING = 16
"""Descriptors of a live meeting: journals, FLAC, reading them again, a decoder process"""
ASSUMED_MEETINGS = 16
"""Live meetings to expect where no number is set: as many as are admitted before this machine was measured"""
MIN_CONNECTIONS = 16
"""Connections that are always allowed"""
MAX_FILES = 1 << 20
"""Descriptors to ask for where the system sets no limit"""


def raise_limit() -> int | None:
    """Raise the limit of open files as far as the system allows; the limit then, None where there is none."""
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
    """Connections that so many live meetings leave room for."""
    return max(MIN_CONNECTIONS, files - BASE_FILES - FILES_PER_MEETING * live)


def files_needed(limits: Limits) -> int:
    """Descriptors that all meetings with all their readers take, and connections that wait."""
    meetings = expected_meetings(limits)
    return BASE_FILES + FILES_PER_MEETING * meetings + meetings * (limits.viewers + 1) + limits.pending + MAX_SILENT


def expected_meetings(limits: Limits) -> int:
    """Live meetings to expect: as set, or as many as are admitted before this machine was measured."""
    return limits.meetings or ASSUMED_MEETINGS


def shortage(limits: Limits, files: int | None) -> str | None:
    """A sentence where the limit of open files is too low for the settings; None where it is not, or is unknown."""
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
