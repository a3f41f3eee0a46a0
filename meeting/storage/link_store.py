"""The links into meetings in the database: tokens as digests only, gone with their meeting."""

from __future__ import annotations

from concurrent.futures import Future

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from meeting.core.access import Link
from meeting.core.errors import Conflict, ErrorCode
from meeting.storage.store import Store
from meeting.storage.tables import LinkRow
from pipelines.errors import NotFound

MAX_LINKS = 200
"""Links that one meeting may have"""


class LinkStore:
    """Keeps links by the digests of their tokens; answers and fails as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, links: dict[str, Link]) -> Future[None]:
        """Keep new links, by the digests of their tokens; Conflict where a meeting would have more than `MAX_LINKS`."""
        rows = [
            {
                "id": link.id,
                "meeting_id": link.meeting_id,
                "role": link.role.name.lower(),
                "digest": digest,
                "created_at": link.created_at,
                "expires_at": link.expires_at,
            }
            for digest, link in links.items()
        ]
        into = {link.meeting_id for link in links.values()}

        def work(session: Session) -> None:
            # Statements, no objects: those of a try that was in vain would not be inserted again by the next one.
            session.execute(insert(LinkRow), rows)
            # In the transaction: of two at once the second one counts the first.
            for meeting_id in into:
                count = session.scalar(select(func.count()).where(LinkRow.meeting_id == meeting_id))
                if count is not None and count > MAX_LINKS:
                    raise Conflict(f"a meeting has at most {MAX_LINKS} links: revoke some first", ErrorCode.TOO_MANY)

        return self._store.write(work)

    def remove(self, meeting_id: str, link_id: str) -> Future[None]:
        """Forget a link of a meeting: its token opens nothing any more."""

        def work(session: Session) -> None:
            gone = delete(LinkRow).where(LinkRow.meeting_id == meeting_id, LinkRow.id == link_id).returning(LinkRow.id)
            if session.scalars(gone).first() is None:
                raise NotFound("there is no such link")

        return self._store.write(work, erase=True)

    def find(self, digest: str) -> Link | None:
        """The link whose token has this digest."""
        with self._store.read() as session:
            row = session.scalars(select(LinkRow).where(LinkRow.digest == digest)).first()
            return row.value() if row is not None else None

    def has(self, link_id: str) -> bool:
        """Whether there still is a link."""
        with self._store.read() as session:
            return session.get(LinkRow, link_id) is not None

    def of(self, meeting_id: str) -> list[Link]:
        """A meeting's links, oldest first."""
        query = select(LinkRow).where(LinkRow.meeting_id == meeting_id).order_by(LinkRow.created_at, LinkRow.id)
        with self._store.read() as session:
            return [row.value() for row in session.scalars(query)]
