"""The seam of the engine with models elsewhere: what is sent, what comes back, what is told of failures."""

from __future__ import annotations

import numpy as np
import pytest

from meeting.cluster.shared_models import wire
from meeting.cluster.shared_models.calls import SPEAKERS, SPEECH
from meeting.cluster.shared_models.errors import NoAnswer, OtherModels
from meeting.cluster.shared_models.remote import RemoteRecogniser, RemoteSpeakerFinder
from meeting.cluster.shared_models.wire import Array, Head
from pipelines.asr.recogniser import Recogniser, RecogniserInfo, RecognitionRequest
from pipelines.errors import BlockError, MeetingError
from pipelines.types import WINDOW, LocalSpeakers, Window
from tests.fakes.recogniser_fakes import heard

SHAPE = (7, 3)


class Far:
    """Answers calls, and keeps them."""

    def __init__(self, head: Head, arrays: list[Array] | None = None, error: MeetingError | None = None) -> None:
        self.head, self.arrays, self.error = head, arrays or [], error
        self.asked: list[tuple[str, str, bytes]] = []

    def __call__(self, application: str, method: str, message: bytes) -> tuple[Head, list[Array]]:
        """What it was made with."""
        self.asked.append((application, method, message))
        if self.error:
            raise self.error
        return self.head, self.arrays


def recogniser(far: Far) -> RemoteRecogniser:
    """One that asks it."""
    return RemoteRecogniser(far, RecogniserInfo("small", 16, languages=("en",), translates=True), 0.25)


def request() -> RecognitionRequest:
    """A second of silence."""
    return RecognitionRequest(np.zeros(16_000, np.float32))


def test_a_batch_is_one_call() -> None:
    far = Far({"results": wire.results_head([heard("one"), heard("two")])})
    assert [result.text for result in recogniser(far).recognise_batch([request(), request()])] == ["one", "two"]
    ((application, method, message),) = far.asked
    assert (application, method, len(wire.unpack_requests(message))) == (SPEECH, "Recognise", 2)


def test_it_says_of_itself_what_the_shared_one_says_and_takes_several_calls_at_once() -> None:
    remote = recogniser(Far({}))
    assert isinstance(remote, Recogniser)
    assert remote.info == RecogniserInfo("small", 16, False, True, True, ("en",), True)
    assert remote.measure_rtf() == 0.25


@pytest.mark.parametrize("error", [NoAnswer("nobody"), OtherModels("others")])
def test_a_call_that_came_to_nothing_is_a_failed_block(error: MeetingError) -> None:
    with pytest.raises(BlockError, match=str(error)):
        recogniser(Far({}, error=error)).recognise(request())
    with pytest.raises(BlockError, match=str(error)):
        RemoteSpeakerFinder(Far({}, error=error), SHAPE)([loud(0)])


def test_too_few_results_are_a_failed_block() -> None:
    with pytest.raises(BlockError, match="as many"):
        recogniser(Far({"results": []})).recognise(request())


def loud(index: int) -> Window:
    """A window with a voice."""
    return Window(index, 10 * index, np.full(WINDOW, 0.1, np.float32), np.ones(5, np.bool_))


def test_windows_in_which_nobody_speaks_are_not_sent() -> None:
    found = LocalSpeakers(0, 0, np.full(SHAPE, 9, np.uint8), np.zeros((3, 4), np.float32), np.ones(3))
    far = Far({}, wire.speakers_arrays([found, found]))
    silent = Window(1, 10, np.zeros(WINDOW, np.float32), np.zeros(5, np.bool_))
    results = RemoteSpeakerFinder(far, SHAPE)([loud(0), silent, loud(2)])
    assert [(one.index, one.start, int(one.activity[0, 0])) for one in results] == [(0, 0, 9), (1, 10, 0), (2, 20, 9)]
    assert results[1].activity.shape == SHAPE
    assert np.isnan(results[1].embeddings).all()
    ((application, method, message),) = far.asked
    assert (application, method, len(wire.unpack_windows(message))) == (SPEAKERS, "FindSpeakers", 2)


def test_silence_alone_is_no_call() -> None:
    far = Far({})
    silent = Window(1, 10, np.zeros(WINDOW, np.float32), np.zeros(5, np.bool_))
    assert RemoteSpeakerFinder(far, SHAPE)([silent])[0].index == 1
    assert far.asked == []
