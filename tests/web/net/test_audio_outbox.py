"""Numbered frames, and those that wait for the server to confirm them."""

from __future__ import annotations

from tests.web.conftest import Run


def test_a_frame_has_its_number_and_its_capture_time_little_endian(javascript: Run) -> None:
    frame = javascript(
        """async () => {
          const { encodeFrame } = await load('net/audio-outbox.js')
          return [...encodeFrame(258, 1_700_000_000_123_456, new Int16Array([1, -1]).buffer)]
        }"""
    )
    assert bytes(frame) == (258).to_bytes(4, "little") + (1_700_000_000_123_456).to_bytes(8, "little") + b"\1\0\xff\xff"


def test_an_outbox_drops_what_is_confirmed_and_keeps_the_rest_in_order(javascript: Run) -> None:
    result = javascript(
        """async () => {
          const { AudioOutbox } = await load('net/audio-outbox.js')
          const box = new AudioOutbox({ bytesPerSecond: 20, limit: 100 })
          const seen = []
          for (let i = 0; i < 4; i += 1) box.push(new Uint8Array([i, i]).buffer, 0)
          seen.push([box.first, box.next, box.seconds])
          box.ack(1)
          box.ack(0)
          seen.push([box.first, box.next, box.at(2)[12], box.at(1) === undefined])
          box.ack(99)
          seen.push([box.empty, box.first, box.bytes])
          while (box.push(new Uint8Array(8).buffer, 0));
          seen.push([box.bytes <= 100, box.lost])
          return seen
        }"""
    )
    assert result == [[0, 4, 0.4], [2, 4, 2, True], [True, 4, 0], [True, 0.4]]


def test_a_reloaded_page_takes_up_the_numbers_of_its_old_source(javascript: Run) -> None:
    result = javascript(
        """async () => {
          const { AudioOutbox } = await load('net/audio-outbox.js')
          const box = new AudioOutbox({ bytesPerSecond: 20 })
          box.push(new Uint8Array(2).buffer, 0)
          box.push(new Uint8Array(2).buffer, 0)
          const first = box.align(300)
          const numbers = [300, 301].map((seq) => new DataView(box.at(seq).buffer).getUint32(0, true))
          return [first, numbers, box.next, box.align(301), box.first, box.align(300)]
        }"""
    )
    assert result == [True, [300, 301], 302, True, 301, False]
