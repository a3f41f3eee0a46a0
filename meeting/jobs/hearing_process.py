"""A meeting heard again with other models than the server's: what the process does that is made for it.

The server sends an `Order` to its standard input and leaves that open; it tells how far it is, and in the end what came
of it, as JSON objects on lines of its standard output. It ends with the server, whatever ended that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TextIO

from meeting.config.settings import Config
from meeting.core.error_text import fault_message
from meeting.core.records import Job
from meeting.jobs.command import LOOK_EVERY, hear_here
from meeting.jobs.hearing_again import HearingAgain
from meeting.jobs.retranscribing import sound_of
from meeting.sources.backend import Backend, LocalBackend, with_models
from meeting.storage.store import Store
from pipelines.errors import MeetingError

log = logging.getLogger(__name__)

NICENESS = 19
"""Whoever speaks now needs the processor more: it gets what is left of it"""
OOM_SCORE = 1000
"""Where memory runs out, this process goes first (Linux), and no meeting that is live"""


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to do; sent by the server that has started it, in no other way."""

    config: Config
    job: Job


def ordered(config: Config, job: Job) -> Order:
    """The order for a job, with the settings of its models and of its language."""
    assert job.models is not None, "others are heard by the server itself"
    # ray's models are those of the server: these are loaded where they are used
    models = replace(with_models(config.models, job.models), engine="local")
    speech = replace(config.speech, language=job.language or config.speech.language)
    return Order(replace(config, models=models, speech=speech), job)


def take_order() -> tuple[Order, TextIO]:
    """Become a process of little weight that ends with its server; what to do, and where to tell of it."""
    _step_back()
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no message
    order = pickle.load(sys.stdin.buffer)
    assert isinstance(order, Order)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), name="server", daemon=True).start()
    return order, told


def carry_out(order: Order, told: TextIO, backend: Backend | None = None) -> None:
    """Hear the meeting again and put what was heard in the place of its lines, or tell why not.

    What was not foreseen is raised, for `tell_fault`.
    """
    config, job = order.config, order.job
    assert job.again_of is not None
    end: dict[str, str | None]
    try:
        with Store.configured(config.storage) as store:
            sound = sound_of(store, job.again_of)
            backend = backend or LocalBackend(config)
            end = {"remark": hear_here(config, store, backend, job, sound, lambda hearing: _tell(hearing, told))}
    except MeetingError as error:
        end = {"problem": str(error)}
    _write(told, end)


def tell_fault(order: Order, told: TextIO, error: Exception) -> None:
    """The end of a job by a fault of this program, which its log describes."""
    log.error("job %s: ended by a fault of this program", order.job.id, exc_info=error)
    _write(told, {"problem": fault_message(error)})


async def _tell(hearing: HearingAgain, told: TextIO) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY)
        progress = hearing.update(time.monotonic())
        _write(told, {"heard": progress.heard, "total": progress.total})


def _write(told: TextIO, message: object) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more: `_end_with` sees to it
        told.write(json.dumps(message) + "\n")


def _step_back() -> None:
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def _end_with(server: BinaryIO) -> None:
    """End at once when the server has gone, or wants no more of this: what is left then, the server removes."""
    while server.read(1):
        pass
    os._exit(1)
