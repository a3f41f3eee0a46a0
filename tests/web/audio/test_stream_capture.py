"""A stream of the browser as frames of sound: which tracks stay on."""

from __future__ import annotations

from tests.web.conftest import Run

STREAMS = """
  const { StreamCapture } = await load('audio/stream-capture.js')
  const context = {
    sampleRate: 16_000,
    state: 'running',
    createMediaStreamSource() {
      if (this.state === 'closed') throw new Error('the context is closed')
      return { connect() {}, disconnect() {} }
    },
    close: async () => { context.state = 'closed' },
  }
  const stream = () => {
    const tracks = [{ on: true, stop() { this.on = false } }]
    return { getTracks: () => tracks, getAudioTracks: () => tracks, isOn: () => tracks[0].on }
  }
  const [first, second] = [stream(), stream()]
  const capture = new StreamCapture(context)
  capture.take(first, () => {})
"""


def test_a_stream_that_takes_the_place_of_another_stops_it(javascript: Run) -> None:
    on = javascript(f"""async () => {{
      {STREAMS}
      capture.take(second, () => {{}})
      return [first.isOn(), second.isOn()]
    }}""")
    assert on == [False, True]


def test_a_stream_that_comes_when_the_capture_is_closed_is_stopped(javascript: Run) -> None:
    on = javascript(f"""async () => {{
      {STREAMS}
      await capture.close()
      capture.take(second, () => {{}})
      return [first.isOn(), second.isOn()]
    }}""")
    assert on == [False, False]
