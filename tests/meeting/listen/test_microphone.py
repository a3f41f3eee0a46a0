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


class Library(ModuleType):
    """As much of sounddevice as is used: gives `blocks` as fast as it can."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self, blocks: int, problem: bool = False) -> None:
        super().__init__("sounddevice")
        self.closed = False
        library = self

        class RawInputStream:
            def __init__(self, callback: Any, **options: Any) -> None:
                if problem:
                    raise Library.PortAudioError("Invalid number of channels")
                assert (options["samplerate"], options["channels"], options["dtype"]) == (16_000, 1, "int16")
                self._callback, self._size = callback, options["blocksize"]

            def __enter__(self) -> None:
                def run() -> None:
                    for number in range(blocks):
                        self._callback(bytearray([number % 256]) * (2 * self._size), self._size, None, None)

                threading.Thread(target=run).start()

            def __exit__(self, *_: object) -> None:
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

    return asyncio.run(run())


def test_blocks_come_in_order_and_the_device_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(5)
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    assert first(5) == [bytes([number]) * 3200 for number in range(5)]
    assert library.closed


def test_sound_that_nobody_takes_for_a_minute_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Library(MAX_BLOCKS + 50))
    with pytest.raises(AudioError, match="lost from here on"):
        first(MAX_BLOCKS + 50, pause=0.001)


def test_a_device_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Library(0, problem=True))
    with pytest.raises(AudioError, match="no microphone that can be used: Invalid number"):
        first(1)


@pytest.mark.parametrize(
    ("problem", "told"), [(ImportError, "pip install sounddevice"), (OSError, "apt install libportaudio2")]
)
def test_what_is_missing_is_named(problem: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *more: Any) -> Any:
        if name == "sounddevice":
            raise problem
        return load(name, *more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(AudioError, match=told):
        open_library()
