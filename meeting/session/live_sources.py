"""The sources of one meeting, those that have ended included; pure."""

from __future__ import annotations

from collections.abc import Iterator

from meeting.core.messages import SourceMessage
from meeting.core.records import Source
from meeting.session.source import LiveSource


class LiveSources:
    """Sources by their ids, in the order in which they began."""

    def __init__(self) -> None:
        self._sources: dict[str, LiveSource] = {}
        self.past: tuple[Source, ...] = ()
        """Those of an earlier process of which nothing is left to be heard"""

    def __iter__(self) -> Iterator[LiveSource]:
        return iter(tuple(self._sources.values()))

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, live: LiveSource) -> None:
        """One more; it gets the next number where it has none from an earlier process or an earlier meeting."""
        if not (live.restored or live.placed):
            known = [*self.past, *(one.source for one in self)]
            live.number(1 + max((source.number for source in known), default=0))
        self._sources[live.source.id] = live

    def remove(self, live: LiveSource) -> None:
        """One that came to nothing."""
        self._sources.pop(live.source.id, None)

    def get(self, source_id: str) -> LiveSource | None:
        """A source by its id."""
        return self._sources.get(source_id)

    def of_client(self, client: int) -> LiveSource | None:
        """The source that comes through a client."""
        return next((live for live in self._sources.values() if live.client == client), None)

    @property
    def clients(self) -> frozenset[int]:
        """Clients through which sources come."""
        return frozenset(live.client for live in self._sources.values() if live.client is not None)

    @property
    def current(self) -> list[LiveSource]:
        """Those of which something is still to come: audio, or text."""
        return [live for live in self if not live.ended]

    @property
    def received(self) -> list[LiveSource]:
        """Those whose audio may still come."""
        return [live for live in self if not live.finishing]

    def messages(self) -> tuple[SourceMessage, ...]:
        """All as clients are told; those that are not ready yet are nobody's business."""
        told = [SourceMessage.of(source) for source in self.past]
        told += [live.message() for live in self if live.opened or live.ended]
        return tuple(sorted(told, key=lambda source: source.number))
