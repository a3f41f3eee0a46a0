"""What a program that uses a server is told when that does not go on."""

from __future__ import annotations

import json
import os
import ssl

from pipelines.errors import MeetingError


class ClientError(MeetingError):
    """A server could not be used as it was asked for; `code` is the server's word for it, empty where it gave none."""

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        super().__init__(message)


class ServerUnreachable(ClientError):
    """Nobody answers at the address, or something that is no meeting server."""


class TokenRefused(ClientError):
    """The server asks for a token, and was given none, a wrong one, or one that does not allow this."""


class NoSuchMeeting(ClientError):
    """The server has no meeting with this id, or has it no longer."""


class RequestRefused(ClientError):
    """The server understood and will not: the meeting has a source already, is over, or the server is full."""


class AudioRefused(ClientError):
    """The server cannot hear what it is sent: it is not the audio that was declared."""


class SourceLost(ClientError):
    """The meeting went on or ended without this source, and audio that it had may be missing."""


_BY_STATUS: dict[int, type[ClientError]] = {401: TokenRefused, 403: TokenRefused, 404: NoSuchMeeting}
_BY_CLOSE_CODE: dict[int, type[ClientError]] = {
    4401: TokenRefused,
    4404: NoSuchMeeting,
    4409: RequestRefused,
    4413: AudioRefused,
    4429: RequestRefused,
    1009: AudioRefused,
}


def error_for_status(status: int, code: str, message: str) -> ClientError:
    """The error for an HTTP answer that is one, with the code and the sentence that stood in it."""
    kind = _BY_STATUS.get(status, RequestRefused)
    if status == 403 and code == "wrong_origin":
        kind = RequestRefused
    return kind(message or f"the server answered with HTTP status {status}", code)


def error_for_answer(status: int, body: bytes) -> ClientError:
    """The error for an HTTP answer that is one, as it came."""
    try:
        detail = json.loads(body)["error"]
        return error_for_status(status, str(detail["code"]), str(detail["message"]))
    except (ValueError, KeyError, TypeError):
        return ServerUnreachable(f"no meeting server answers there: HTTP status {status}")


def error_for_close(close: int, code: str, message: str) -> ClientError:
    """The error for a closed connection, with the code and the sentence of the fatal `error` before it, if any."""
    kind = _BY_CLOSE_CODE.get(close, ClientError)
    if code == "bad_audio":
        kind = AudioRefused
    elif code == "too_many":
        kind = RequestRefused
    return kind(message or f"the server closed the connection ({close})", code)


def explained(error: BaseException) -> str:
    """Why the system or a library could not reach somebody, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not known here: {error.verify_message}"
    if isinstance(error, ssl.SSLError):  # whose numbers are not those of the system
        return f"it does not speak TLS as this program does: {getattr(error, 'reason', None) or error}"
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
