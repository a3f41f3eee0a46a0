"""Links into a meeting: made, listed, revoked."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Annotated, Literal, TypedDict

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meeting.core.access import LINK_ROLES, Link
from meeting.core.errors import Conflict, ErrorCode
from meeting.core.messages import JsonObject
from meeting.core.records import iso_time
from meeting.server.api.context import authenticator_of, changing, grant_of, meeting_url, store_of
from meeting.server.api.description import meetings_router
from meeting.storage.link_store import LinkStore
from pipelines.errors import MeetingError

router = meetings_router()


YEAR = 365 * 86_400


class NewLink(BaseModel):
    """A link into a meeting."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["host", "speak", "view"]
    expires_in: Annotated[float, Field(ge=60, le=YEAR)] | None = None
    """Seconds; null for as long as the meeting is kept"""


class DrawnLink(BaseModel):
    """A link to be drawn."""

    model_config = ConfigDict(extra="forbid")
    link: Annotated[str, StringConstraints(max_length=1000, pattern=r"^https?://[!-~]+$")]
    """The whole address"""


class LinkFacts(TypedDict):
    """A link, without its token."""

    id: str
    role: str
    created_at: str | None
    expires_at: str | None


class ListedLink(LinkFacts):
    """A link in the list."""

    mine: bool
    """Whether it is the one with which its reader came"""


class Listing(TypedDict):
    """All links into a meeting."""

    links: list[ListedLink]


class NewLinkFacts(LinkFacts):
    """A link that was just made."""

    url: str


@router.get("/{meeting_id}/links", response_model=JsonObject)
def links(request: Request, meeting_id: str) -> Listing:
    """The links into a meeting, oldest first; their tokens are not known any more."""
    store_of(request).meeting(meeting_id)
    own = grant_of(request).link
    found = authenticator_of(request).links(meeting_id)
    return {"links": [{**_link(link), "mine": own is not None and own.id == link.id} for link in found]}


@router.post("/{meeting_id}/links", status_code=201, response_model=JsonObject)
async def invite(request: Request, meeting_id: str, body: NewLink) -> NewLinkFacts:
    """A new link; its address is told only now."""
    authenticator = authenticator_of(request)
    await asyncio.to_thread(store_of(request).meeting, meeting_id)
    if not authenticator.required:
        raise Conflict("this server asks for no tokens: a meeting's address is its link", ErrorCode.NO_TOKENS)
    async with changing(request, meeting_id) as store:
        made = await authenticator.create_links(meeting_id, [LINK_ROLES[body.role]], body.expires_in, LinkStore(store))
    ((token, link),) = made.items()
    return {**_link(link), "url": meeting_url(request, meeting_id, token)}


@router.post("/{meeting_id}/links/qr", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
def draw(meeting_id: str, body: DrawnLink) -> Response:
    """The QR code of a link into this meeting, as SVG; it is made here, and kept nowhere."""
    address = re.split("[?#]", body.link)[0]
    if address.rpartition("/m/")[2].split("/")[0] != meeting_id:
        raise MeetingError("only links into this meeting are drawn")
    import segno

    drawn = io.BytesIO()
    segno.make_qr(body.link, error="m").save(drawn, kind="svg", xmldecl=False, omitsize=True, light="#fff")
    return Response(drawn.getvalue(), media_type="image/svg+xml")


@router.delete("/{meeting_id}/links/{link_id}", status_code=204)
async def revoke(request: Request, meeting_id: str, link_id: str) -> Response:
    """Make a link worthless; whoever is in the meeting with it is sent out."""
    async with changing(request, meeting_id) as store:
        await authenticator_of(request).revoke(meeting_id, link_id, LinkStore(store))
    return Response(status_code=204)


def _link(link: Link) -> LinkFacts:
    return {
        "id": link.id,
        "role": link.role.name.lower(),
        "created_at": iso_time(link.created_at),
        "expires_at": iso_time(link.expires_at),
    }
