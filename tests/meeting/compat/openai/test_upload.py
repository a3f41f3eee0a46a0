"""A form with a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from meeting.compat.openai.upload import Upload, passed_over, uploaded
from meeting.compat.uploads import PIECE_BYTES, Uploads, pieces_of
from meeting.core.errors import ErrorCode, ProtocolError
from pipelines.errors import StoreError

FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../a.wav"\r\n\r\n'
MODEL = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
END = b"\r\n--x--\r\n"


def request_of(*pieces: bytes, whole: bool = True) -> Request:
    """A request whose body comes in pieces; a client that goes after them where it is not whole."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b""} if whole else {"type": "http.disconnect"})
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "app": None}, receive)


def read(
    pieces: Iterable[bytes], uploads: Uploads | None = None, **options: Any
) -> tuple[list[str], list[bytes], Upload]:
    async def run() -> tuple[list[str], list[bytes], Upload]:
        async with uploaded(request_of(*pieces, **options), uploads or Uploads()) as found:
            return found.fields.texts("model"), [piece async for piece in pieces_of(found.file)], found

    return asyncio.run(run())


def test_the_fields_and_the_file_are_read_in_any_order_and_the_file_goes() -> None:
    for pieces in ((MODEL, FILE, b"abc", END), (FILE, b"a", b"bc\r\n", MODEL, b"--x--\r\n")):
        fields, content, found = read(pieces)
        assert (fields, b"".join(content)) == (["whisper-1"], b"abc")
        assert found.file.file.closed


def test_a_large_file_is_read_in_pieces() -> None:
    _, content, _ = read((FILE, bytes(PIECE_BYTES), bytes(PIECE_BYTES), bytes(5), END))
    assert [len(piece) for piece in content] == [PIECE_BYTES, PIECE_BYTES, 5]


def test_a_form_without_a_file_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"^file is missing"):
        read((MODEL, b"--x--\r\n"))


def test_a_client_that_goes_is_not_counted_any_more() -> None:
    uploads = Uploads(1)
    for _ in range(3):
        with pytest.raises(ClientDisconnect):
            read((FILE, b"abc"), uploads, whole=False)
    with uploads.one(), pytest.raises(ProtocolError) as refused:
        read((FILE, b"abc", END), uploads)
    assert refused.value.code == ErrorCode.TOO_MANY
    assert read((FILE, b"abc", END), uploads)[1] == [b"abc"]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("starlette.datastructures.UploadFile.write", full)
    with pytest.raises(StoreError, match="No space left"):
        read((FILE, b"abc", END))


def test_a_body_that_is_not_wanted_is_taken_to_its_end() -> None:
    async def taken() -> bool:
        request = request_of(b"a", b"b")
        await passed_over(request)
        return request._stream_consumed

    assert asyncio.run(taken())
