"""The pure rules of turns: how a revision replaces what was known, and how people's labels change it; of spans alone
what they are together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from pipelines.types import Span, Turn, TurnsRevised


def replace_turns(turns: Iterable[Turn], revised: TurnsRevised) -> list[Turn]:
    """What is known of the turns after a revision, in order of time: inside its span the new ones, clipped to it, and
    outside of it the old ones, cut at its edges. None are joined (`join_turns`)."""
    span = revised.span
    if not span:
        return sorted(turns)
    known = []
    for turn in turns:
        before = Span(turn.span.start, min(turn.span.end, span.start))
        after = Span(max(turn.span.start, span.end), turn.span.end)
        known += [Turn(part, turn.speaker) for part in (before, after) if part]
    known += [Turn(turn.span & span, turn.speaker) for turn in revised.turns if turn.span & span]
    return sorted(known)


def join_turns(turns: Iterable[Turn]) -> list[Turn]:
    """The same turns in order of time, those of one speaker that touch or overlap made one; empty ones left out."""
    last: dict[str, int] = {}
    joined: list[Turn] = []
    for turn in sorted(turn for turn in turns if turn.span):
        at = last.get(turn.speaker)
        if at is not None and turn.span.start <= joined[at].span.end:
            joined[at] = Turn(joined[at].span | turn.span, turn.speaker)
        else:
            last[turn.speaker] = len(joined)
            joined.append(turn)
    return joined


def join_spans(spans: Iterable[Span], pause: int = 0) -> list[Span]:
    """Spans in order of time, those that are at most a pause apart made one; empty ones count as any other."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end + pause:
            joined[-1] = joined[-1] | span
        else:
            joined.append(span)
    return joined


def covered(spans: Iterable[Span]) -> int:
    """How many samples one of the spans, or several, cover."""
    total, end = 0, 0
    for span in sorted(spans):
        total += max(0, span.end - max(span.start, end))
        end = max(end, span.end)
    return total


def assign_turns(turns: Iterable[Turn], span: Span, speaker: str) -> list[Turn]:
    """The turns, joined, when a person says that `speaker` is who mostly speaks within a span; others in it stay."""
    turns = list(turns)
    spoken: dict[str, int] = {}
    for turn in turns:
        spoken[turn.speaker] = spoken.get(turn.speaker, 0) + len(turn.span & span)
    # Of two who speak as long the first by name, however their turns are cut.
    most = min(spoken, key=lambda one: (-spoken[one], one), default=None)
    if most is None or not spoken[most]:
        inside = [Turn(span, speaker)]
    else:
        shared = (turn for turn in turns if turn.span & span)
        inside = [replace(turn, speaker=speaker) if turn.speaker == most else turn for turn in shared]
    return join_turns(replace_turns(turns, TurnsRevised(span, tuple(inside))))


def assign_lines(turns: Iterable[Turn], lines: Iterable[tuple[Span, str]]) -> list[Turn]:
    """The turns, joined, when people gave lines to speakers: `assign_turns` for each line in order of time.

    Each line is compared with the turns near it only, so that the time taken grows with their number alone.
    """
    waiting, near, past = deque(sorted(turns)), list[Turn](), list[Turn]()
    for span, speaker in sorted(lines):
        while waiting and waiting[0].span.start < span.end:
            near.append(waiting.popleft())
        # No later line begins before this one, so that none changes what has ended by now.
        past += [turn for turn in near if turn.span.end <= span.start]
        near = assign_turns((turn for turn in near if turn.span.end > span.start), span, speaker)
    return join_turns([*past, *near, *waiting])
