"""The picture of who spoke when."""

from __future__ import annotations

from tests.web.conftest import Run

BLOCKS = """[
  { kind: 'turn', speaker: null, segments: [{ start: 0, end: 1 }] },
  { kind: 'turn', speaker: 'spk2', segments: [{ start: 2, end: 4 }, { start: 4.5, end: 6 }, { start: 9, end: 10 }] },
  { kind: 'gap', start: 10, end: 11 },
  { kind: 'turn', speaker: 'spk1', segments: [{ start: 5, end: 7 }] },
]"""


def test_each_speaker_has_a_lane_and_the_unknown_come_last(javascript: Run) -> None:
    lanes = javascript(
        f"""async () => {{
          const {{ toLanes }} = await load('state/playback/strip.js')
          return toLanes({BLOCKS})
        }}"""
    )
    assert lanes == [
        {"speaker": "spk2", "spans": [[2, 6], [9, 10]]},
        {"speaker": "spk1", "spans": [[5, 7]]},
        {"speaker": None, "spans": [[0, 1]]},
    ]


def test_who_speaks_at_a_second_is_known(javascript: Run) -> None:
    assert javascript(
        f"""async () => {{
          const {{ speakingAt, toLanes }} = await load('state/playback/strip.js')
          return [0.5, 1.5, 3, 5.5, 10].map((second) => speakingAt(toLanes({BLOCKS}), second))
        }}"""
    ) == [[None], [], ["spk2"], ["spk2", "spk1"], []]
