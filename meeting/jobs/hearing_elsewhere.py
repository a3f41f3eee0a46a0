"""A job that is heard with other models than the server's, in a process of its own; the server's end of it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from meeting.config.settings import Config
from meeting.core.errors import Conflict, ErrorCode, ProtocolError
from meeting.core.records import Job
from meeting.jobs.hearing_process import ordered
from meeting.jobs.retranscribing import MeetingSound
from meeting.jobs.rules import MOST_ATTEMPTS, Progress
from meeting.live.rooms import Rooms
from pipelines.errors import MeetingError, StoreError
from pipelines.options import ModelChoice, language_codes
from pipelines.types import seconds

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "meeting.hearing_worker")
"""What runs in the process"""


class AvailableModels:
    """The models that meetings may be heard again with, beside those that the server has loaded."""

    def __init__(
        self, config: Config, find: Callable[[], Sequence[ModelChoice]], running: Callable[[], str | None]
    ) -> None:
        """`find` looks what there is, and may take a moment; `running` says which recogniser the server has loaded."""
        self.config = config
        self.find = find
        self.command: Sequence[str] = COMMAND
        self._running = running

    @property
    def refusal(self) -> str | None:
        """Why none can be had by this server, if that is so."""
        # Which process may write what is a matter of leases there.
        several = self.config.cluster.address is not None
        if several or self.config.models.engine != "local":
            return (
                "with several servers, or shared models, a meeting is transcribed with others by the command: "
                "python -m meeting retranscribe MEETING --models NAME"
            )
        return None

    async def choices(self) -> list[ModelChoice]:
        """Those that this machine can load without fetching anything."""
        return [] if self.refusal else list(await asyncio.to_thread(self.find))

    def is_running(self, choice: ModelChoice) -> bool:
        """Whether they are those of the server."""
        return choice.speech == self._running()

    async def chosen(self, name: str | None, language: str | None) -> str | None:
        """Which ones a job is to have by this name, None for those of the server.

        Raises Conflict where there can be no others, and ProtocolError where none are called so, or read the language.
        """
        if name is None:
            return None
        if self.refusal:
            raise Conflict(self.refusal, ErrorCode.REFUSED)
        known = {choice.name: choice for choice in await self.choices()}
        choice = known.get(name)
        if choice is None:
            there = ", ".join(known) or "none"
            raise ProtocolError(
                f"models must be one of those that this server's machine has: {there}", ErrorCode.BAD_REQUEST
            )
        if choice.languages is not None and not set(choice.languages).issuperset(language_codes(language)):
            read = ", ".join(choice.languages)
            raise ProtocolError(f"language must be one that these models read: {read}", ErrorCode.BAD_REQUEST)
        return None if self.is_running(choice) else name


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process says that it has come to an end."""

    problem: str | None
    """Why the meeting stays as it is"""
    remark: str | None
    """What is to be said of it otherwise"""


class HearingElsewhere:
    """A meeting's sound on its way through models in another process; lives on the event loop."""

    def __init__(self, rooms: Rooms, job: Job, sound: MeetingSound, others: AvailableModels) -> None:
        self._rooms = rooms
        self._job = job
        self._others = others
        self._told: tuple[float, float | None] | None = None
        """Seconds that are heard, and that there are, as the process said last"""
        self.progress = Progress(sum(seconds(source.samples) for source, _ in sound.sources))

    def update(self, now: float) -> Progress:
        """How far it is at time `now` of a steady clock, in seconds of all sources together."""
        if self._told is not None:
            heard, self.progress.total = self._told
            self.progress.update(now, heard)
        return self.progress

    async def run(self) -> str | None:
        """Have it heard, and its lines replaced; what is to be said of it. Raises MeetingError: it is as it was.

        Whatever ends it, when it returns the process has ended, and nothing is left of it but what the next start of
        the server removes.
        """
        if self._others.refusal:
            raise Conflict(self._others.refusal, ErrorCode.REFUSED)  # the settings were others when it was asked for
        for _ in range(MOST_ATTEMPTS):
            try:
                ended, code = await self._heard()
            finally:
                if not self._rooms.stopping:  # else the next start does it
                    await asyncio.wait([self._rooms.unkept.delete_soon(self._job.meeting.id, None)])
            if ended is not None and ended.problem is not None:
                raise MeetingError(ended.problem)
            if ended is not None:
                return ended.remark
            log.warning("job %s: its process was ended from outside, or by a crash (%d)", self._job.id, code)
        raise MeetingError(
            f"the process that heard this meeting again was ended {MOST_ATTEMPTS} times, perhaps for lack of memory, "
            "and the meeting stays as it was"
        )

    async def _heard(self) -> tuple[Ended | None, int]:
        """What a process says in the end, None where it was ended before, and its exit code."""
        order = pickle.dumps(await asyncio.to_thread(ordered, self._others.config, self._job))
        process = _start(self._others.command)
        thread = ThreadPoolExecutor(1, "other-models")
        talking = asyncio.wrap_future(thread.submit(self._talk, process, order))
        try:
            return await asyncio.shield(talking)
        finally:
            process.kill()
            await asyncio.wait({talking})
            thread.shutdown(wait=False)

    def _talk(self, process: subprocess.Popen[bytes], order: bytes) -> tuple[Ended | None, int]:
        """Send the order, and read until the process has ended; in a thread."""
        ended = None
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.write(order)
                process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if "heard" in message:
                    self._told = (message["heard"], message["total"])
                else:
                    ended = Ended(message.get("problem"), message.get("remark"))
        return ended, process.returncode


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl+C is for the server, which then ends this
        )
    except OSError as error:
        raise StoreError(f"no further process can be started on the server: {error.strerror}") from error


def _environment() -> dict[str, str]:
    """Where modules are found, and that nothing is to be fetched; settings come with the order, tokens among them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEETING_")}
    path = os.pathsep.join(dict.fromkeys(os.path.abspath(part) for part in sys.path))
    return {**kept, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
