"""Calls to the shared models over gRPC, repeated until one is answered, for a bounded time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from meeting.cluster.shared_models.errors import Broken, NoAnswer, OtherModels, Unanswered, WireError
from meeting.cluster.shared_models.stalls import STALL_AFTER, Stalls
from meeting.cluster.shared_models.wire import Array, Head, unpack
from pipelines.errors import BlockError, ModelError

Result = TypeVar("Result")

log = logging.getLogger(__name__)

SERVICE = "meeting.SharedModels"
"""The gRPC service, whose methods are those of the deployments"""
SPEECH, SPEAKERS = "speech", "speakers"
"""The Serve applications: the recogniser, and the finder of local speakers"""
ATTEMPT_SECONDS = 30.0
"""Seconds that one attempt may take: longer than any model takes for its longest utterance"""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two attempts, doubled each time"""

MAX_BREAKS = 3
"""Replicas that may break over a call before it is given up"""

Send = Callable[[str, str, bytes, float], bytes]
"""Application, method, message and seconds to its answer; raises Unanswered"""


class Caller(Protocol):
    """What asks the shared models."""

    def __call__(self, application: str, method: str, message: bytes) -> tuple[Head, list[Array]]:
        """Head and arrays of the answer."""


class Calls:
    """Asks the shared models; from any thread, several at once.

    All calls are pure, so that one whose answer was lost is simply made again, and perhaps by another replica.
    """

    def __init__(
        self,
        send: Send,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        """A call is given up after `patience` seconds without an answer."""
        self._send = send
        self._patience = patience
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._stalls = Stalls()
        self._told = False
        self._closed = threading.Event()
        self.expected: dict[str, str] = {}
        """Application to the fingerprint that its answers must bear; none for one that is not here"""

    def __call__(self, application: str, method: str, message: bytes) -> tuple[Head, list[Array]]:
        """Head and arrays of the answer.

        Raises BlockError where the model cannot read this, NoAnswer or OtherModels where the time is over, and
        ModelError once this is closed.
        """
        call, deadline = object(), self._clock() + self._patience
        self._note(lambda now: self._stalls.begin(call, now))
        try:
            return self._until(application, method, message, deadline)
        finally:
            self._note(lambda now: self._stalls.end(call, now))

    def stalled_seconds(self) -> float:
        """Seconds so far in which no answer came though one was overdue."""
        return self._note(self._stalls.seconds)

    def answering(self) -> bool:
        """Whether no answer is overdue."""
        return not self._note(self._stalls.stalled)

    def close(self) -> None:
        """Give up what waits to be tried again."""
        self._closed.set()

    def _until(self, application: str, method: str, message: bytes, deadline: float) -> tuple[Head, list[Array]]:
        pause, breaks = FIRST_PAUSE, 0
        while True:
            if self._closed.is_set():
                raise ModelError("the connection to the shared models is closed")
            try:
                seconds = max(FIRST_PAUSE, min(ATTEMPT_SECONDS, deadline - self._clock()))
                return self._read(application, self._send(application, method, message, seconds))
            except (Unanswered, OtherModels) as error:
                reason: Exception = error
            breaks += isinstance(reason, Broken)
            if breaks == MAX_BREAKS:
                raise BlockError(application, f"the shared models fail over it ({reason})") from reason
            if self._clock() + pause >= deadline:
                if isinstance(reason, OtherModels):
                    raise reason
                raise NoAnswer(f"no shared model has answered for {self._patience:g} seconds") from reason
            self._note(self._tell)
            self._wait(self._closed, pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _read(self, application: str, answer: bytes) -> tuple[Head, list[Array]]:
        try:
            head, arrays = unpack(answer)
        except WireError as error:
            raise Unanswered(str(error)) from error
        if head.get("application") != application:
            # while there is only one, Serve takes it for any that is asked for
            raise Unanswered("another application answered")
        if "broken" in head:
            raise Broken(str(head["broken"]))
        if "failed" in head:
            raise BlockError(application, str(head["failed"]))
        expected = self.expected.get(application)
        if expected is not None and head.get("fingerprint") != expected:
            raise OtherModels(
                f"the shared models for {application} are others than when this server started: restart it, or deploy "
                "the earlier ones again"
            )
        return head, arrays

    def _note(self, what: Callable[[float], Result]) -> Result:
        with self._lock:
            now = self._clock()
            found = what(now)
            self._tell(now)
            return found

    def _tell(self, now: float) -> None:
        """Say in the log when answers cease to come, and when they come again."""
        stalled = self._stalls.stalled(now)
        if stalled and not self._told:
            log.warning("no shared model has answered for %g seconds; calls are repeated meanwhile", STALL_AFTER)
        elif self._told and not stalled:
            log.warning("the shared models answer again")
        self._told = stalled


def open_channel(address: str) -> tuple[Send, Callable[[], None]]:
    """How messages are sent to the shared models at HOST:PORT, and how that is ended.

    Where a name stands for several addresses calls take turns between them.
    """
    import grpc

    channel = grpc.insecure_channel(
        f"dns:///{address}",
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2000),
            # a machine that is gone without a word would else be found out by the time limit of each call
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
        ],
    )
    methods: dict[str, Any] = {}

    def send(application: str, method: str, message: bytes, seconds: float) -> bytes:
        path = f"/{SERVICE}/{method}"
        call = methods.get(path) or methods.setdefault(path, channel.unary_unary(path))
        try:
            answer: bytes = call(message, timeout=seconds, metadata=(("application", application),))
            return answer
        except grpc.RpcError as error:
            code = getattr(error, "code", lambda: None)()
            raise Unanswered(getattr(code, "name", type(error).__name__)) from error
        except ValueError as error:  # the channel is closed
            raise Unanswered("closed") from error

    return send, channel.close
