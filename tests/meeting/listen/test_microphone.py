"""The microphone, with a stand-in for PortAudio."""

from __future__ import annotations

import asyncio
import builtins
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from meeting.listen import microphone
from meeting.listen.microphone import MAX_BLOCKS, open_library
from pipelines.errors import AudioError

PATIENCE = 30.0
"""Seconds after which nothing more is expected"""


class Library(ModuleType):
    """As much of sounddevice as is used: gives `blocks` as fast as it can, then ends if it is `unplugged`.

    `problem` is the method of a stream that fails.
    """

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self, blocks: int, problem: str = "", unplugged: bool = False) -> None:
        super().__init__("sounddevice")
        self.closed = False
        library = self

        class RawInputStream:
            def __init__(self, callback: Any, finished_callback: Any, **options: Any) -> None:
                self._check("__init__")
                assert (options["samplerate"], options["channels"], options["dtype"]) == (16_000, 1, "int16")
                self._callback, self._on_end, self._size = callback, finished_callback, options["blocksize"]

            def _check(self, step: str) -> None:
                if problem == step:
                    raise Library.PortAudioError("Invalid number of channels")

            def start(self) -> None:
                self._check("start")

                def run() -> None:
                    for number in range(blocks):
                        self._callback(bytearray([number % 256]) * (2 * self._size), self._size, None, None)
                    if unplugged:
                        self._on_end()

                threading.Thread(target=run).start()

            def close(self) -> None:
                library.closed = True

        self.RawInputStream = RawInputStream


def first(count: int, pause: float = 0.0) -> list[bytes]:
    async def run() -> list[bytes]:
        blocks = []
        sound = microphone.microphone()
        async for block in sound:
            await asyncio.sleep(pause)
            blocks.append(block)
            if len(blocks) == count:
                break
        await sound.aclose()  # type: ignore[attr-defined]
        return blocks

    return asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_blocks_come_in_order_and_the_device_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(5)
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    assert first(5) == [bytes([number]) * 3200 for number in range(5)]
    assert library.closed


def test_sound_that_nobody_takes_for_a_minute_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Library(MAX_BLOCKS + 50))
    with pytest.raises(AudioError, match="lost from here on"):
        first(MAX_BLOCKS + 50, pause=0.001)


@pytest.mark.parametrize("step", ["__init__", "start"])
def test_a_device_that_is_missing_or_busy_is_told(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", library := Library(0, problem=step))
    with pytest.raises(AudioError, match=r"no microphone that can be used: Invalid number.*; connect one"):
        first(1)
    assert library.closed == (step == "start")


def test_a_device_that_is_unplugged_is_told_once_what_came_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", library := Library(3, unplugged=True))
    assert len(first(3)) == 3
    with pytest.raises(AudioError, match="the microphone is gone"):
        first(4)
    assert library.closed


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ImportError(), "pip install sounddevice"),
        (OSError("PortAudio library not found"), r"apt install libportaudio2` \(PortAudio library not found\)"),
        (Library.PortAudioError("Unanticipated host error"), "does not start: Unanticipated host error; look whether"),
    ],
)
def test_what_is_missing_or_does_not_start_is_named(
    problem: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def refuse(name: str, *more: Any) -> Any:
        if name == "sounddevice":
            raise problem
        return load(name, *more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(AudioError, match=told):
        open_library()
