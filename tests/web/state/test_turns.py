"""How much each speaker of a transcript has said."""

from __future__ import annotations

from tests.fakes.web_fakes import segment, speaker
from tests.web.conftest import Run


def test_talk_time_is_the_length_of_all_lines_also_of_those_that_nobody_is_known_to_have_said(javascript: Run) -> None:
    lines = [
        segment(1, 0, 2, "one", "spk2"),
        segment(2, 2, 5, "two"),
        segment(3, 5, 6.5, "three", "spk1"),
        segment(4, 30, 31, "four", "spk3"),
    ]
    told = javascript(
        """async ([lines, speakers]) => {
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const { speakingSeconds, toBlocks } = await load('state/turns.js')
          return [...speakingSeconds(toBlocks([...speakers, ...lines].reduce(reduce, EMPTY_TRANSCRIPT)))]
        }""",
        [lines, [speaker("spk1", 0), speaker("spk2", 1), speaker("spk3", 2, merged_into="spk2")]],
    )
    assert told == [["spk2", 3], [None, 3], ["spk1", 1.5]]


def test_gaps_of_two_sources_at_one_moment_are_two_and_say_whose_they_are(javascript: Run) -> None:
    def gap(source: str, end: float) -> dict[str, object]:
        return {"type": "gap", "source_id": source, "start": 3.0, "end": end, "reason": ""}

    told = javascript(
        """async (gaps) => {
          const { EMPTY_TRANSCRIPT, reduce } = await load('state/transcript.js')
          const { toBlocks } = await load('state/turns.js')
          const transcript = gaps.reduce(reduce, EMPTY_TRANSCRIPT)
          const several = toBlocks(transcript, [], new Map([['src1', 'Ann'], ['src2', 'Ben']]))
          return [several, toBlocks(transcript)].map((blocks) => blocks.map(({ who, end, key }) => [who, end, key]))
        }""",
        [gap("src1", 4.0), gap("src2", 5.0), gap("src2", 6.0)],
    )
    assert [row[:2] for row in told[0]] == [["Ann", 4], ["Ben", 6]]
    assert [row[0] for row in told[1]] == ["", ""]
    assert len({row[2] for row in told[0]}) == 2
