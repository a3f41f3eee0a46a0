"""Text messages of Deepgram's clients."""

from __future__ import annotations

import pytest

from meeting.compat.deepgram.control import kind_of


@pytest.mark.parametrize("text", ["", "rubbish", "[]", "{}", '{"type":1}', '{"type":null}', "[" * 100_000])
def test_what_is_no_control_message_has_no_type(text: str) -> None:
    assert kind_of(text) is None
    assert kind_of('{"type":"KeepAlive"}') == "KeepAlive"
